"""Acts: dated steps about an instrument, each by named parties, each revocable on its own.

An act is a fact in the world. What it does in law depends on the instrument, on the acts before
it and on the reading; the engine in `life` works that out.
"""

from enum import StrEnum

from msgspec import Struct
from whenever import Instant

from relto.law.force import Channel, EndAtOnce, SuspendedNotice
from relto.model import Ground
from relto.units import ActId, InstrumentId, PartyCode


class ActKind(StrEnum):
    """What kind of step it is (LAW-40)."""

    SIGNATURE = "signature"
    NOTIFICATION = "notification"  # legal requirements fulfilled
    EXCHANGE = "exchange"  # exchange of notes by all parties
    ENTRY = "entry"  # the recorded fact that it entered into force
    ANNOUNCEMENT = "announcement"  # said in public; no legal effect
    NOTICE = "notice"  # notice of termination, served
    NOTICE_SUSPENSION = "notice-suspension"
    RESUMPTION = "resumption"  # of a suspended notice
    WITHDRAWAL = "withdrawal"  # of an act
    END = "end"  # declared ended at once
    AMENDMENT = "amendment"
    SUPERSESSION = "supersession"
    OPERATION_SUSPENSION = "operation-suspension"
    OPERATION_RESUMPTION = "operation-resumption"
    EXTENSION = "extension"  # all parties move the end of the term


class ConditionStatus(StrEnum):
    """What the author of a condition says about it; nobody else's view counts."""

    HOLDS = "holds"
    FAILED = "failed"
    UNSAID = "unsaid"


class Condition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition its author attached to an act. It moves nothing by itself: an act must follow."""

    text: str
    status: ConditionStatus
    ground: Ground


class LinkKind(StrEnum):
    """How an act hangs together with another act or event."""

    ANSWERS = "answers"
    IN_EXCHANGE_FOR = "in-exchange-for"
    DEPENDS_ON = "depends-on"
    SAME_DISPUTE = "same-dispute"


class Link(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tie from an act to another act or to an event beside the law, by id."""

    to: str
    kind: LinkKind


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened beside the instrument and to which acts are tied."""

    id: str
    title: str
    at: Instant
    is_hour_known: bool
    ground: Ground
    file: str


class Act(Struct, frozen=True, kw_only=True):
    """One dated step.

    Args:
        by: Its authors, sorted.
        at: When it was given; for one known by its day alone, the start of that day in the
            instrument's zone, and `is_hour_known` is false.
        received: When the other side received it; `None` when not recorded.
        known: From when it was known to us; never before `at` unless announced.
        effective: From when it works, when that differs from `at`.
        until: The end of a limited suspension, or the new end of the term for an extension.
        of: The acts it suspends, resumes or withdraws.
        channel: How it reached the other side.
        is_written: Whether it was in writing.
        successor: The instrument that supersedes, for a supersession.
        text: One sentence on what it says.
    """

    id: ActId
    instrument: InstrumentId
    kind: ActKind
    by: tuple[PartyCode, ...]
    at: Instant
    is_hour_known: bool = True
    received: Instant | None = None
    known: Instant
    effective: Instant | None = None
    until: Instant | None = None
    of: tuple[ActId, ...] = ()
    channel: Channel | None = None
    is_written: bool = True
    successor: InstrumentId | None = None
    text: str
    conditions: tuple[Condition, ...] = ()
    links: tuple[Link, ...] = ()
    ground: Ground
    file: str


class Reading(Struct, frozen=True, kw_only=True):
    """A party's declared reading of what the text leaves open, for one instrument.

    Args:
        known: From when it was declared; before that the instrument's own doctrine counts for the
            party.
        suspended_notice: `None` leaves the doctrine's answer.
        end_at_once: `None` leaves the doctrine's answer.
    """

    id: str
    instrument: InstrumentId
    party: PartyCode
    known: Instant
    suspended_notice: SuspendedNotice | None
    end_at_once: EndAtOnce | None
    text: str
    ground: Ground
    file: str
