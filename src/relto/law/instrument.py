"""The nouns of law: an instrument as its file states it, each rule with its ground.

A rule is a struct with `ground`. What an instrument borrows (TISA takes its equivalence and its
forms from two bilaterals) is stated by `reliance`, never copied.
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct
from whenever import Instant

from relto.model import Form, Ground, ObligationKind, Weight
from relto.units import ActId, InstrumentId, LevelId, PartyCode, PurposeId, SchemeId, TopicId


class Kind(StrEnum):
    """Binding agreement, or arrangement that does not bind in law."""

    AGREEMENT = "agreement"
    ARRANGEMENT = "arrangement"


class TopologyKind(StrEnum):
    """How information may travel under the instrument."""

    DIRECT = "direct"
    INTERMEDIARY = "intermediary"
    CIRCLE = "circle"


class Sees(StrEnum):
    """What an intermediary gets to see."""

    CONTENT = "content"
    LABELS = "labels"


class Topology(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Direct; through one intermediary; or a closed circle whose members are not third parties."""

    kind: TopologyKind
    intermediary: PartyCode | None = None
    sees: Sees = Sees.CONTENT
    ground: Ground


class InitiativeKind(StrEnum):
    """Who starts a release, and whether each one is decided by itself."""

    ON_REQUEST = "on-request"
    CASE_BY_CASE = "case-by-case"
    STANDING = "standing"


class Initiative(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a release comes about."""

    kind: InitiativeKind
    ground: Ground


class TopicScope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Subjects covered. Open: all but the excluded ones; closed: only the listed subtrees."""

    is_open: bool
    topics: tuple[TopicId, ...] = ()
    excluded: tuple[TopicId, ...] = ()
    ground: Ground


class FormScope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Forms covered; perhaps only those that the leg's protecting instrument covers too."""

    forms: tuple[Form, ...]
    is_within_protecting: bool = False
    ground: Ground


class EquivalenceRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Levels that correspond: per scheme one or more; a receiver marks the first unless it chooses.

    Args:
        id: The instrument's own name for the row (`SECRET`).
        levels: Scheme to levels of that scheme.
    """

    id: str
    levels: Mapping[SchemeId, tuple[LevelId, ...]]


class Equivalence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of the table between schemes. Rows stand from the lowest to the highest.

    Args:
        id: The version's own name (`2016`), so that a person can say which table was used.
        rows: Rows from the lowest to the highest.
        valid_from: From this instant; `None` from the beginning.
        valid_until: Until this instant, half-open; `None` until replaced.
        by_act: The amendment that brings this version into effect; it replaces the version before
            it at that instant. Then both instants are computed and must not be written in the file.
    """

    id: str
    rows: tuple[EquivalenceRow, ...]
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    by_act: ActId | None = None
    ground: Ground

    def row_of(self, scheme: SchemeId, level: LevelId) -> EquivalenceRow | None:
        """Return the row in which a level stands, or `None`: no row, no release.

        Of several rows it is the highest, so that nothing passes under a cap as less than it is.

        Source: docs/spec/law.md LAW-70.
        """
        for row in reversed(self.rows):
            if level in row.levels.get(scheme, ()):
                return row
        return None

    def rank(self, row: str) -> int | None:
        """Return the place of a row, the lowest as 0, or `None` for an unknown one.

        Source: docs/spec/law.md LAW-71.
        """
        for index, candidate in enumerate(self.rows):
            if candidate.id == row:
                return index
        return None

    def allowed(self, *, source: SchemeId, level: LevelId, target: SchemeId) -> tuple[LevelId, ...]:
        """Return the markings among which a receiver may choose; empty where there is none.

        More than one means that the table is no function; the choice is the receiver's, never
        the table's, and it must not be inverted to guess the originator's level.

        Source: docs/spec/law.md LAW-70.
        """
        row = self.row_of(source, level)
        return () if row is None else row.levels.get(target, ())


class LevelCap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The highest row that may be released; per form where the instrument says so."""

    row: str
    form: Form | None = None
    ground: Ground


class ThirdPartyKind(StrEnum):
    """What happens to material that the holder did not make."""

    ORIGINATOR_CONSENT = "originator-consent"  # prior written approval, nothing else
    CONSENT_PROCEDURE = (
        "consent-procedure"  # the instrument itself provides for asking, case by case
    )
    CIRCLE_EXEMPT = "circle-exempt"  # members are not third parties; others need consent


class ThirdPartyRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Release to a third party, and who counts as one."""

    kind: ThirdPartyKind
    covers_nationals: bool = False
    covers_unclassified: bool = False
    ground: Ground


class PurposeRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the information may be used for; a change always needs the originator's consent."""

    is_open: bool
    purposes: tuple[PurposeId, ...] = ()
    ground: Ground


class AssuranceRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The receiver's statement before a release."""

    is_required: bool
    ground: Ground


class Duty(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A duty of the receiver, in data: kind and weight as in `relto.model.Obligation`."""

    kind: ObligationKind
    weight: Weight
    text: str
    ground: Ground


class Reliance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A leg of this instrument is protected by another instrument; if that ends, the leg is gone.

    Args:
        parties: The two parties of the leg, sorted; empty means every pair.
        instrument: The protecting instrument.
    """

    parties: tuple[PartyCode, ...]
    instrument: InstrumentId
    ground: Ground


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an instrument says about a release: the part that a decision reads.

    Life (entry into force, term, notice, acts, survival) is kept beside it in the law room.
    A rule that is `None` is one the instrument does not have; a decision then says so and how it
    counts.
    """

    id: InstrumentId
    title: str
    short: str
    kind: Kind
    parties: tuple[PartyCode, ...]
    topology: Topology
    initiative: Initiative
    topics: TopicScope
    forms: FormScope
    equivalence: tuple[Equivalence, ...] = ()
    caps: tuple[LevelCap, ...] = ()
    third_party: ThirdPartyRule
    purposes: PurposeRule
    assurance: AssuranceRule
    duties: tuple[Duty, ...] = ()
    reliance: tuple[Reliance, ...] = ()
    force_ground: Ground  # entry into force and term: named by the rule `in-force`
