"""What a row of holdings says, in four parts, and what is asked of every row.

The parts are cut so that each rule looks at one part only: a part's code then decides its rules
once, for millions of rows.
"""

from msgspec import Struct
from whenever import Instant

from relto.model import Assurance, Case, Consent, Form, Label
from relto.units import (
    CategoryId,
    HoldingId,
    InstrumentId,
    LevelId,
    PartyCode,
    PurposeId,
    SchemeId,
    TopicId,
)


class LabelFacts(Struct, frozen=True, kw_only=True):
    """What the rules `form`, `level` and `assurance` look at; empty text means not stated."""

    holder: PartyCode
    scheme: SchemeId
    level: LevelId
    marked_scheme: SchemeId = SchemeId("")
    marked_level: LevelId = LevelId("")
    form: Form

    def label(self, caveats: "CaveatFacts | None" = None) -> Label:
        """Return the originator's label, with its caveats where they are given.

        Source: docs/spec/impact.md IMP-2.
        """
        return Label(
            scheme=self.scheme,
            level=self.level,
            categories=() if caveats is None else caveats.categories,
            releasable_to=None if caveats is None else caveats.releasable_to,
        )

    def marked(self) -> Label | None:
        """Return the holder's own marking of a received item, if it has one.

        Source: docs/spec/impact.md IMP-2.
        """
        if not self.marked_scheme:
            return None
        return Label(scheme=self.marked_scheme, level=self.marked_level)


class TopicFacts(Struct, frozen=True, kw_only=True):
    """What the rule `topic` looks at: all topics of the row, sorted."""

    holder: PartyCode
    topics: tuple[TopicId, ...]


class CaveatFacts(Struct, frozen=True, kw_only=True):
    """What the rule `caveat` looks at; it speaks alike for every instrument."""

    scheme: SchemeId
    categories: tuple[CategoryId, ...] = ()
    releasable_to: tuple[PartyCode, ...] | None = None


class ItemFacts(Struct, frozen=True, kw_only=True):
    """The one item of a row, with all its topics, sorted; a consent may name it and them."""

    holding: HoldingId
    topics: tuple[TopicId, ...]


class OriginFacts(Struct, frozen=True, kw_only=True):
    """What the rules `topology`, `third-party` and `purpose` look at.

    Args:
        holder: Who has it.
        originator: Who made it.
        provenance: The instrument under which it came in; `None` for the holder's own.
        received_for: The purpose for which it came in; `None` for the holder's own.
        item: The row's own item, where a consent names it; `None` for all other rows.
    """

    holder: PartyCode
    originator: PartyCode
    provenance: InstrumentId | None = None
    received_for: PurposeId | None = None
    item: ItemFacts | None = None


class RowFacts(Struct, frozen=True, kw_only=True):
    """The distinct facts of a table of holdings; a row's codes are places in these.

    Args:
        labels: By code of the label.
        topics: By code of the topics.
        caveats: By code of the caveats.
        origins: By code of the origin; the first is `None`, that of a row whose facts cannot be
            used.
        items: Items that were looked for, so that a consent which names one of them reaches it.
    """

    labels: tuple[LabelFacts, ...]
    topics: tuple[TopicFacts, ...]
    caveats: tuple[CaveatFacts, ...]
    origins: tuple[OriginFacts | None, ...]
    items: frozenset[HoldingId] = frozenset()

    def holders(self) -> tuple[PartyCode, ...]:
        """Return all holders, sorted.

        Source: docs/spec/impact.md IMP-2.
        """
        return tuple(sorted({one.holder for one in self.labels}))


class BulkQuestion(Struct, frozen=True, kw_only=True):
    """What is asked of every row.

    Args:
        recipient: Who would receive on this hop.
        at: The instant decided for.
        purpose: What it is wanted for.
        is_requested: The recipient asked.
        assurance: The recipient's assurance.
        onward: The final recipient, when the recipient is an intermediary.
        consents: Consents at hand, of any originators, for topics or for single items.
    """

    recipient: PartyCode
    at: Instant
    purpose: PurposeId | None = None
    is_requested: bool = True
    assurance: Assurance | None = None
    onward: PartyCode | None = None
    consents: tuple[Consent, ...] = ()

    @property
    def items(self) -> frozenset[HoldingId]:
        """The items that a consent names."""
        return frozenset(one.holding for one in self.consents if one.holding is not None)


def case_of(
    question: BulkQuestion,
    *,
    label: LabelFacts,
    topics: TopicFacts,
    caveats: CaveatFacts,
    origin: OriginFacts,
    holding: HoldingId | None = None,
) -> Case:
    """Put a row's facts together again as a case, for the reference, a route, or an explanation.

    Args:
        question: What is asked of the row.
        label: The row's label.
        topics: The row's topics.
        caveats: The row's caveats.
        origin: The row's origin.
        holding: The item's id, where the row itself does not say it.

    Source: docs/spec/impact.md IMP-7.
    """
    return Case(
        holder=label.holder,
        recipient=question.recipient,
        onward=question.onward,
        originator=origin.originator,
        label=label.label(caveats),
        marked=label.marked(),
        topics=topics.topics,
        form=label.form,
        provenance=origin.provenance,
        purpose=question.purpose,
        received_for=origin.received_for,
        requested=question.is_requested,
        assurance=question.assurance,
        consents=question.consents,
        holding=holding if origin.item is None else origin.item.holding,
    )
