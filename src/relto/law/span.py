"""The life of an instrument as spans: from when to when it is in which state, and why."""

from enum import StrEnum

from msgspec import Struct
from whenever import Instant

from relto.model import Evidence
from relto.units import ActId


class State(StrEnum):
    """States of an instrument (design, section 5)."""

    UNKNOWN = "unknown"  # before it was signed, or nothing is known
    SIGNED = "signed"
    IN_FORCE = "in-force"
    NOTICE_GIVEN = "notice-given"  # in force, end known
    NOTICE_SUSPENDED = "notice-suspended"  # in force
    OPERATION_SUSPENDED = "operation-suspended"  # no release
    ENDED = "ended"


STATES_IN_FORCE: frozenset[State] = frozenset(
    {State.IN_FORCE, State.NOTICE_GIVEN, State.NOTICE_SUSPENDED}
)


class Span(Struct, frozen=True, kw_only=True):
    """One stretch of time in one state; spans of one reading follow each other without gap.

    Args:
        start: First instant; `None` for the beginning of time.
        end: First instant after; `None` when no end is known.
        state: What holds.
        cause: Why it began, in words, naming article or act.
        act: The act that caused it, if one did.
        article: The provision it began under; empty where entry into force says all there is.
        evidence: How well the cause is known.
    """

    start: Instant | None
    end: Instant | None
    state: State
    cause: str
    act: ActId | None = None
    article: str = ""
    evidence: Evidence
