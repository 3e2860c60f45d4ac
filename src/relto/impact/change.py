"""Which instruments differ between two sides, and which pairs of parties that can touch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from msgspec import Struct

from relto.decide.view import LawView, is_known
from relto.impact.point import Side
from relto.law import STATES_IN_FORCE, Span, State, Terms
from relto.model import Evidence
from relto.units import InstrumentId, PartyCode

Pair = tuple[PartyCode, PartyCode]


class ReadingChange(Struct, frozen=True, kw_only=True):
    """What one party reads on both sides.

    Args:
        party: Whose reading.
        before: The state; `None` where the law does not know the instrument.
        after: The same for the other side.
        cause: Why the state after began, in words.
        evidence: How well that is known.
    """

    party: PartyCode
    before: State | None
    after: State | None
    cause: str
    evidence: Evidence | None


class InstrumentChange(Struct, frozen=True, kw_only=True):
    """An instrument that is not the same on both sides.

    Args:
        instrument: Which.
        short: Its short name.
        readings: One for each party to it, in the order of codes.
        is_reworded: Its terms or its table of levels differ, not only its state.
    """

    instrument: InstrumentId
    short: str
    readings: tuple[ReadingChange, ...]
    is_reworded: bool


def instruments_of(law: LawView) -> tuple[InstrumentId, ...]:
    """Return every instrument that links two parties of the law, sorted.

    Source: docs/spec/impact.md IMP-32.
    """
    found: set[InstrumentId] = set()
    for one, other in combinations(sorted(law.library.parties), 2):
        found.update(law.links(one, other))
    return tuple(sorted(found))


def changes(before: Side, after: Side) -> tuple[InstrumentChange, ...]:
    """Return the instruments that differ: in force or not in some reading, or in what they say.

    Source: docs/spec/impact.md IMP-32.
    """
    return tuple(one for one in _compared(before, after) if _may_matter(one))


def states_alone(before: Side, after: Side) -> tuple[InstrumentChange, ...]:
    """Return the instruments in another state, under which releases are as lawful as before.

    Source: docs/spec/impact.md IMP-32.
    """
    return tuple(
        one
        for one in _compared(before, after)
        if not _may_matter(one) and any(row.before is not row.after for row in one.readings)
    )


def _compared(before: Side, after: Side) -> Iterator[InstrumentChange]:
    """Every instrument on both sides, whether it differs or not."""
    for name in sorted({*instruments_of(before.law), *instruments_of(after.law)}):
        old, new = _terms(before, name), _terms(after, name)
        some = new or old
        assert some is not None
        yield InstrumentChange(
            instrument=name,
            short=some.short,
            readings=tuple(_reading(before, after, name, party) for party in sorted(some.parties)),
            is_reworded=old != new or _version(before, old) != _version(after, new),
        )


def _may_matter(one: InstrumentChange) -> bool:
    return one.is_reworded or any(_is_other(row) for row in one.readings)


def touched_pairs(
    before: Side, after: Side, changed: Sequence[InstrumentChange]
) -> frozenset[Pair]:
    """Return the pairs that a changed instrument links, both ways, those that rely on it included.

    Source: docs/spec/impact.md IMP-33.
    """
    names = {one.instrument for one in changed}
    found: set[Pair] = set()
    for side in (before, after):
        for name in instruments_of(side.law):
            terms = side.law.terms(name)
            if name in names or any(clause.instrument in names for clause in terms.reliance):
                found.update(_pairs(terms.parties))
    return frozenset(found)


def reached_pairs(
    before: Side, after: Side, touched: frozenset[Pair], *, hops_most: int
) -> frozenset[Pair]:
    """Return the pairs whose best way may pass a touched pair.

    Args:
        before: The one side.
        after: The other.
        touched: Pairs with a changed instrument.
        hops_most: With one hop only the touched pairs themselves; with two, those with one linked
            party more at either end; with more, everybody who is linked by any chain.

    Source: docs/spec/impact.md IMP-33.
    """
    near = _neighbours(before, after)
    found = set(touched)
    if hops_most == 2:
        for source, target in touched:
            found.update((source, one) for one in near.get(target, ()))
            found.update((one, target) for one in near.get(source, ()))
    elif hops_most > 2:
        for source, target in touched:
            ends = _linked(near, target)
            found.update((one, other) for one in _linked(near, source) for other in ends)
    return frozenset((one, other) for one, other in found if one != other)


def _neighbours(before: Side, after: Side) -> dict[PartyCode, set[PartyCode]]:
    found: dict[PartyCode, set[PartyCode]] = {}
    for side in (before, after):
        for one, other in combinations(sorted(side.law.library.parties), 2):
            if side.law.links(one, other):
                found.setdefault(one, set()).add(other)
                found.setdefault(other, set()).add(one)
    return found


def _linked(near: Mapping[PartyCode, set[PartyCode]], start: PartyCode) -> set[PartyCode]:
    """Everybody who can be reached over any number of links, the start included."""
    found, new = {start}, [start]
    while new:
        for one in near.get(new.pop(), ()):
            if one not in found:
                found.add(one)
                new.append(one)
    return found


def _pairs(parties: Iterable[PartyCode]) -> list[Pair]:
    ordered = sorted(set(parties))
    return [(one, other) for one in ordered for other in ordered if one != other]


def _terms(side: Side, name: InstrumentId) -> Terms | None:
    return side.law.terms(name) if is_known(side.law, name) else None


def _version(side: Side, terms: Terms | None) -> str | None:
    """The table of levels in use at the instant."""
    for table in () if terms is None else terms.equivalence:
        if (table.valid_from is None or table.valid_from <= side.at) and (
            table.valid_until is None or side.at < table.valid_until
        ):
            return table.id
    return None


def _span(side: Side, name: InstrumentId, party: PartyCode) -> Span | None:
    if not is_known(side.law, name):
        return None
    return side.law.state(name, at=side.at, reading=party)


def _reading(before: Side, after: Side, name: InstrumentId, party: PartyCode) -> ReadingChange:
    old, new = _span(before, name, party), _span(after, name, party)
    return ReadingChange(
        party=party,
        before=None if old is None else old.state,
        after=None if new is None else new.state,
        cause="" if new is None else new.cause,
        evidence=None if new is None else new.evidence,
    )


def _is_other(one: ReadingChange) -> bool:
    """States in which releases are equally lawful do not differ here."""
    return (one.before in STATES_IN_FORCE) is not (one.after in STATES_IN_FORCE)
