"""What a change of law cannot touch: pairs with the same instruments, terms and lives."""

from collections.abc import Iterable
from itertools import combinations

from relto.decide.view import LawView, is_known
from relto.law import Span, Terms
from relto.units import InstrumentId, PartyCode


def changed_pairs(
    before: LawView, after: LawView, parties: Iterable[PartyCode]
) -> tuple[tuple[PartyCode, PartyCode], ...]:
    """List the pairs of parties for which two laws can decide differently; sound, not tight.

    Every other pair has the same instruments with the same terms and the same lives in every
    reading, their own and those they rely on, and therefore the same tables.

    Args:
        before: One law.
        after: The other; over the same words.
        parties: Whose pairs to look at.

    Returns:
        Each pair once, sorted; both directions are meant.

    Source: docs/spec/decide.md DEC-32.
    """
    change = Change(before, after)
    return tuple(pair for pair in combinations(sorted(set(parties)), 2) if change.concerns(*pair))


class Change:
    """A change from one law to another, asked about one pair at a time.

    Args:
        before: One law.
        after: The other; over the same words.

    Source: docs/spec/decide.md DEC-32.
    """

    def __init__(self, before: LawView, after: LawView) -> None:
        """Compare nothing yet; each story is compared once, when a pair needs it."""
        self._before, self._after = before, after
        self._differs: dict[tuple[InstrumentId, PartyCode], bool] = {}

    def concerns(self, one: PartyCode, other: PartyCode) -> bool:
        """Tell whether the two laws may decide differently between two parties."""
        names = self._after.links(one, other)
        if tuple(names) != tuple(self._before.links(one, other)):
            return True
        relied = {
            clause.instrument for name in names for clause in self._after.terms(name).reliance
        }
        return any(
            self._is_other(name, reading)
            for name in sorted({*names, *relied})
            for reading in (one, other)
        )

    def _is_other(self, name: InstrumentId, reading: PartyCode) -> bool:
        key = (name, reading)
        if key not in self._differs:
            before = _story(self._before, name, reading)
            self._differs[key] = before != _story(self._after, name, reading)
        return self._differs[key]


def _story(
    law: LawView, name: InstrumentId, reading: PartyCode
) -> tuple[Terms, tuple[Span, ...]] | None:
    if not is_known(law, name):
        return None
    return law.terms(name), tuple(law.spans(name, reading=reading))
