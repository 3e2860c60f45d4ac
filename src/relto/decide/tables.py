"""The rules of a pair as tables of integers, for engines that decide millions of rows at once.

An engine finds the distinct values of each column (its `Facts`), hands them over, and gets for
every rule a table with one pair of masks per distinct value: bit `i` of `passes` says that the
rule passes for the i-th instrument, bit `i` of `asks` that it asks; neither bit means it fails. A
row's masks are found by its codes, the index of each of its values in `Facts`. The row is
permitted where the intersection of `passes` over all rules is not empty, referred where that of
`passes | asks` is not, else denied.

Values unknown to the law need no code of their own: the rules fail them. Nothing here knows an
engine.

Source: docs/spec/decide.md DEC-29 to DEC-32.
"""

from collections.abc import Iterable

from msgspec import Struct
from whenever import Instant

from relto.decide.cell import Cell
from relto.decide.planner import Planner
from relto.model import Assurance, Form, Label
from relto.units import InstrumentId, PartyCode, PurposeId, TopicId


class LevelFact(Struct, frozen=True, kw_only=True):
    """A level as it stands on an item: the originator's, and the holder's own for a received item.

    Args:
        label: The originator's label; categories and readers are ignored.
        marked: The holder's own marking, or `None`.
    """

    label: Label
    marked: Label | None = None


class Facts(Struct, frozen=True, kw_only=True):
    """The distinct values of each column; a row holds their indexes.

    Args:
        provenances: Instruments under which rows came in; `None` for the holder's own.
        topics: Single topics; a row has one or more, and all of them count. One without is denied.
        forms: Forms.
        levels: Levels, with the holder's own marking where it has one.
        caveats: Labels for the sake of their categories and readers, each with the holder's
            marking.
        originators: Who made the rows.
        received_for: Purposes for which rows were received; `None` for the holder's own.
    """

    provenances: tuple[InstrumentId | None, ...]
    topics: tuple[TopicId, ...]
    forms: tuple[Form, ...]
    levels: tuple[LevelFact, ...]
    caveats: tuple[LevelFact, ...]
    originators: tuple[PartyCode, ...]
    received_for: tuple[PurposeId | None, ...]


class Conditions(Struct, frozen=True, kw_only=True):
    """What is the same for all rows: the recipient's side of the question.

    Args:
        purpose: As in `Case`.
        onward: As in `Case`.
        requested: As in `Case`.
        assurance: As in `Case`.
    """

    purpose: PurposeId | None = None
    onward: PartyCode | None = None
    requested: bool = False
    assurance: Assurance | None = None


class Masks(Struct, frozen=True):
    """One rule as a table: by code, the instruments for which it passes and for which it asks."""

    passes: tuple[int, ...]
    asks: tuple[int, ...]


class PairTables(Struct, frozen=True, kw_only=True):
    """Every rule for one holder, one recipient and one stretch of time.

    Args:
        holder: Who would release.
        recipient: Who would receive.
        start: First instant for which the tables hold; `None` from the beginning of time.
        end: First instant after; `None` when nothing changes later.
        instruments: By id; bit `i` of every mask is the i-th. May be more than 64.
        in_force: One entry.
        reliance: One entry.
        topology: By `Facts.provenances`.
        topic: By `Facts.topics`; intersect over a row's topics.
        form: By `Facts.forms`.
        level: By `Facts.forms`, then by `Facts.levels`. All entries are the same table unless
            `is_level_by_form`.
        is_level_by_form: Some cap names a form.
        caveat: By `Facts.caveats`.
        third_party: By `Facts.originators`, for rows without a consent at hand.
        third_party_consented: By `Facts.originators`, for rows with one.
        is_third_party: By `Facts.originators`: the originator is neither of the two.
        purpose_own: One entry: for rows whose originator is one of the two.
        purpose_received: By `Facts.received_for`: for other rows, without a consent at hand.
        purpose_consented: One entry: for other rows, with one.
        assurance: By `Facts.levels`.
        initiative: One entry.
    """

    holder: PartyCode
    recipient: PartyCode
    start: Instant | None
    end: Instant | None
    instruments: tuple[InstrumentId, ...]
    in_force: Masks
    reliance: Masks
    topology: Masks
    topic: Masks
    form: Masks
    level: tuple[Masks, ...]
    is_level_by_form: bool
    caveat: Masks
    third_party: Masks
    third_party_consented: Masks
    is_third_party: tuple[bool, ...]
    purpose_own: Masks
    purpose_received: Masks
    purpose_consented: Masks
    assurance: Masks
    initiative: Masks


def tables_of(
    planner: Planner,
    facts: Facts,
    conditions: Conditions,
    *,
    holder: PartyCode,
    recipient: PartyCode,
    at: Instant,
) -> PairTables:
    """Lay out every rule of a pair for the facts given.

    Args:
        planner: Holds the law; its plans are used and filled.
        facts: The distinct values of each column.
        conditions: The recipient's side.
        holder: Who would release.
        recipient: Who would receive.
        at: An instant of the stretch wanted.

    Source: docs/spec/decide.md DEC-30.
    """
    plan = planner.plan(holder, recipient)
    segment, now = plan.segment(at), conditions
    start, end = plan.stretch(at)
    levels = [
        _masks(
            plan.level(segment.book, label=one.label, marked=one.marked, form=form)
            for one in facts.levels
        )
        for form in (facts.forms if plan.has_form_caps else facts.forms[:1])
    ]
    stranger = _stranger(holder, recipient)

    def purposes(received: Iterable[PurposeId | None], *, is_consented: bool) -> Masks:
        return _masks(
            plan.purpose(now.purpose, one, stranger, is_consented=is_consented) for one in received
        )

    return PairTables(
        holder=holder,
        recipient=recipient,
        start=start,
        end=end,
        instruments=plan.names,
        in_force=_masks((segment.force,)),
        reliance=_masks((segment.reliance,)),
        topology=_masks(plan.topology(now.onward, one) for one in facts.provenances),
        topic=_masks(plan.topic((one,)) for one in facts.topics),
        form=_masks(plan.form(one) for one in facts.forms),
        level=tuple(levels if plan.has_form_caps else levels * len(facts.forms)),
        is_level_by_form=plan.has_form_caps,
        caveat=_masks(plan.caveat(one.label, one.marked, now.onward) for one in facts.caveats),
        third_party=_masks(plan.third_party(one, is_consented=False) for one in facts.originators),
        third_party_consented=_masks(
            plan.third_party(one, is_consented=True) for one in facts.originators
        ),
        is_third_party=tuple(one not in {holder, recipient} for one in facts.originators),
        purpose_own=_masks((plan.purpose(now.purpose, None, holder, is_consented=False),)),
        purpose_received=purposes(facts.received_for, is_consented=False),
        purpose_consented=purposes((None,), is_consented=True),
        assurance=_masks(
            plan.assurance(segment.book, now.assurance, label=one.label, marked=one.marked)
            for one in facts.levels
        ),
        initiative=_masks((plan.initiative(is_requested=now.requested),)),
    )


def _stranger(holder: PartyCode, recipient: PartyCode) -> PartyCode:
    """Some third originator: for the verdict of rule `purpose` it does not matter which."""
    return PartyCode(f"{holder}+{recipient}")


def _masks(cells: Iterable[Cell]) -> Masks:
    found = tuple(cells)
    return Masks(
        tuple(cell.passes for cell in found), tuple(cell.stands & ~cell.passes for cell in found)
    )
