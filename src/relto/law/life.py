"""The life of one instrument in one reading, as a value: spans, what each act did, terms.

Worked out by `machine`; here are the nouns and what may be asked of them.
"""

from msgspec import Struct
from whenever import Instant

from relto.law.act import Act, ActKind
from relto.law.deadline import Schedule
from relto.law.force import (
    EndAtOnce,
    EntryKind,
    Instrument,
    NoticeDate,
    SuspendedNotice,
)
from relto.law.span import Span
from relto.model import Evidence
from relto.units import ActId

_WEIGHT = {Evidence.TEXT: 0, Evidence.SECONDARY: 1, Evidence.ASSUMED: 2}


def weakest(*evidence: Evidence) -> Evidence:
    """Return the least certain of several; a conclusion is no better known than its weakest ground.

    Source: docs/spec/law.md LAW-55.
    """
    return max(evidence, key=_WEIGHT.__getitem__)


class Doctrines(Struct, frozen=True, kw_only=True):
    """What a reading answers where the text is silent.

    Args:
        is_declared: The party has declared it; otherwise it is the instrument's own doctrine.
        evidence: How well it is known.
    """

    suspended_notice: SuspendedNotice
    end_at_once: EndAtOnce
    is_declared: bool
    evidence: Evidence


class Remark(Struct, frozen=True, kw_only=True):
    """What one act did, or why it did nothing, in this reading.

    Args:
        at: When it worked or would have worked.
        has_effect: It changed something.
    """

    act: ActId
    at: Instant
    has_effect: bool
    text: str


class Life(Struct, frozen=True, kw_only=True):
    """The whole life in one reading.

    Args:
        spans: Gapless, half-open, from the beginning to the end of time.
        starts: The starts of all spans but the first, for binary search.
        remarks: One for each act, in the order in which they worked.
        schedules: The terms, oldest first; empty where there are none.
        entered: When it entered into force; `None` when it did not.
        doctrines: What the reading answers where the text is silent.
    """

    spans: tuple[Span, ...]
    starts: tuple[Instant, ...]
    remarks: tuple[Remark, ...]
    schedules: tuple[Schedule, ...]
    entered: Instant | None
    doctrines: Doctrines


def works_at(act: Act, instrument: Instrument) -> Instant:
    """Return the instant at which an act counts: given, received where the rule says so.

    Source: docs/spec/law.md LAW-35.
    """
    notice = instrument.notice
    counts_received = (
        act.kind is ActKind.NOTICE
        and notice is not None
        and notice.counts_when is NoticeDate.RECEIVED
    ) or (act.kind is ActKind.NOTIFICATION and instrument.entry.kind is EntryKind.MUTUAL_RECEIPT)
    if counts_received and act.received is not None:
        return act.received
    return act.at
