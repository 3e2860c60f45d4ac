"""Facts that no instrument of a law tells apart, so that one search for a way serves them all."""

from collections.abc import Hashable, Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from relto.decide import rules
from relto.decide.view import LawView, Leg, leg_of, table_at
from relto.impact.cells import Places
from relto.impact.change import instruments_of
from relto.impact.facts import LabelFacts, RowFacts
from relto.impact.holdings import Holdings
from relto.impact.point import Side
from relto.model import Form, Label, Verdict
from relto.units import LevelId, TopicId

# Beyond so many comparisons the classes cost more than the searches they spare.
_COMPARISONS_MAX: Final = 200_000


class Classes(Struct, frozen=True, kw_only=True, eq=False):
    """By code, the class of each fact; facts of one class have the same ways."""

    labels: Places
    topics: Places
    caveats: Places

    def of(self, holdings: Holdings, rows: Places) -> tuple[Places, Places, Places, Places]:
        """Return the classes of rows, and their origins, which have no classes.

        Source: docs/spec/impact.md IMP-36.
        """
        return (
            self.labels[holdings.labels[rows]],
            self.topics[holdings.topics[rows]],
            self.caveats[holdings.caveats[rows]],
            holdings.origins[rows].astype(np.int64),
        )


def classes_of(side: Side, facts: RowFacts) -> Classes:
    """Put facts into classes by what every rule says of them, under every instrument and hop.

    Args:
        side: The law and the instant.
        facts: The distinct facts of the holdings.

    Source: docs/spec/impact.md IMP-36.
    """
    legs = _legs(side.law)
    return Classes(
        labels=_numbered(_labels(side, legs, facts.labels)),
        topics=_numbered(_topics(side.law, legs, facts)),
        caveats=_numbered(_caveats(side.law, legs, facts)),
    )


def _numbered(keys: Sequence[Hashable]) -> Places:
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)


def _legs(law: LawView) -> list[Leg]:
    """Every instrument between every two of its parties, both ways."""
    return [
        leg_of(law, name, holder=holder, recipient=recipient)
        for name in instruments_of(law)
        for holder in law.terms(name).parties
        for recipient in law.terms(name).parties
        if holder != recipient
    ]


def _labels(side: Side, legs: Sequence[Leg], facts: Sequence[LabelFacts]) -> list[Hashable]:
    """What form and level say, and how each recipient would mark the item."""
    if len(legs) * len(facts) > _COMPARISONS_MAX:
        return list(facts)
    tables = [table_at(leg, side.at) for leg in legs]
    by_form = _asks_for_form(legs)
    forms: dict[Form, Hashable] = {}
    levels: dict[Hashable, Hashable] = {}
    found: list[Hashable] = []
    for one in facts:
        label, marked, shape = one.label(), one.marked(), one.form
        if shape not in forms:
            forms[shape] = tuple(rules.form(leg, shape).verdict for leg in legs)
        # The holder is left out: it decides which legs count, not what they say.
        key = (label, marked, shape if by_form else None)
        if key not in levels:
            levels[key] = tuple(
                (
                    rules.level(leg, table, label=label, marked=marked, shape=shape).verdict,
                    rules.markings_of(leg, table, label=label, marked=marked),
                )
                for leg, table in zip(legs, tables, strict=True)
            )
        found.append((one.scheme, one.marked_scheme, forms[shape], levels[key]))
    return found


def _asks_for_form(legs: Sequence[Leg]) -> bool:
    """Some cap holds for one form alone."""
    lenders = (one for leg in legs for one in (leg.terms, leg.protecting) if one is not None)
    return any(cap.form is not None for one in lenders for cap in one.caps)


def _topics(law: LawView, legs: Sequence[Leg], facts: RowFacts) -> list[Hashable]:
    """Which instruments cover them all."""
    some = {leg.terms.id: leg for leg in legs}.values()
    covers: dict[TopicId, int] = {}
    found: list[Hashable] = []
    for one in facts.topics:
        mask = (1 << len(some)) - 1 if one.topics else 0
        for topic in one.topics:
            if topic not in covers:
                covers[topic] = sum(
                    1 << index
                    for index, leg in enumerate(some)
                    if rules.topic(leg, (topic,), library=law.library).verdict is Verdict.PASS
                )
            mask &= covers[topic]
        found.append(mask)
    return found


def _caveats(law: LawView, legs: Sequence[Leg], facts: RowFacts) -> list[Hashable]:
    """Which parties may read it."""
    readers = {leg.recipient: leg for leg in legs}.values()
    return [
        tuple(
            rules.caveat(
                leg,
                label=Label(
                    scheme=one.scheme,
                    level=LevelId(""),
                    categories=one.categories,
                    releasable_to=one.releasable_to,
                ),
                marked=None,
                onward=None,
                library=law.library,
            ).verdict
            for leg in readers
        )
        for one in facts.caveats
    ]
