"""Hypothesis strategies for laws, cases and instants, for relto's tests and for a user's own.

Needs Hypothesis, which a test environment has and the product has not.
"""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st
from whenever import Instant

from relto.decide import LawView
from relto.model import Case
from relto.testing.cases import Vocabulary, make_case, make_instant, vocabulary_of
from relto.testing.generate import GRID, make_law
from relto.testing.plain import PlainLaw

T = TypeVar("T")


class DrawDice:
    """Choices that Hypothesis makes and can shrink."""

    def __init__(self, draw: st.DrawFn) -> None:
        """Draw from one example."""
        self._draw = draw

    def pick(self, options: Sequence[T], /) -> T:
        """Choose one; shrinks to the first."""
        return options[self._draw(st.integers(0, len(options) - 1))]

    def some(self, options: Sequence[T], /, *, least: int, most: int) -> tuple[T, ...]:
        """Choose several without repeats, in the given order; shrinks to few."""
        chosen = self._draw(
            st.sets(st.integers(0, len(options) - 1), min_size=least, max_size=most)
        )
        return tuple(options[index] for index in sorted(chosen))

    def chance(self, percent: int, /) -> bool:
        """Choose true about so often; shrinks to false."""
        return self._draw(st.integers(0, 99)) >= 100 - percent


@st.composite
def laws(draw: st.DrawFn, *, most: int = 4) -> PlainLaw:
    """Laws of up to `most` instruments among four parties, some contested, some relying."""
    return make_law(DrawDice(draw), most=most)


def cases(law: LawView) -> st.SearchStrategy[Case]:
    """Cases for any law, a party's own too: mostly lawful, with unknown words and stale consents.

    Args:
        law: The law; gone through once.
    """
    return _cases(law, vocabulary_of(law))


def instants(law: LawView | None = None) -> st.SearchStrategy[Instant]:
    """Instants at cut points, one nanosecond beside them, and outside all.

    Args:
        law: Whose cut points; `None` takes those of made-up laws.
    """
    return _instants(GRID if law is None else vocabulary_of(law).cuts)


@st.composite
def _cases(draw: st.DrawFn, law: LawView, words: Vocabulary) -> Case:
    return make_case(DrawDice(draw), law, words)


@st.composite
def _instants(draw: st.DrawFn, cuts: Sequence[Instant]) -> Instant:
    return make_instant(DrawDice(draw), cuts)


@st.composite
def questions(draw: st.DrawFn, *, most: int = 4) -> tuple[PlainLaw, Case, Instant]:
    """A law, a case for it, and an instant."""
    dice = DrawDice(draw)
    law = make_law(dice, most=most)
    return law, make_case(dice, law), make_instant(dice)
