"""Terms and the last day for a notice: counting conventions as parameters, never as constants."""

from msgspec import Struct
from whenever import Date, Instant

from relto.law import calendar
from relto.law.force import DayRule, NoticeAnchor, NoticeCount, NoticeRule, NoticeUnit
from relto.units import InstrumentId


class Schedule(Struct, frozen=True, kw_only=True):
    """The terms of an instrument from one instant on.

    Args:
        start: From when these terms count.
        anchor: The day from which all of them are counted.
        first_months: Months from there to the first end.
        first_end_at: The instant of the first end.
        renewal_months: Length of each further term; `None` when there is no further one.
    """

    start: Instant
    anchor: Date
    first_months: int
    first_end_at: Instant
    renewal_months: int | None

    def end_day(self, index: int) -> Date:
        """Return the day on which the term of that index, counted from 0, ends.

        Source: docs/spec/law.md LAW-12, LAW-30.
        """
        assert index == 0 or self.renewal_months is not None
        months = self.first_months + index * (self.renewal_months or 0)
        return calendar.anniversary(self.anchor, months=months)

    def end_at(self, index: int, *, days: DayRule) -> Instant:
        """Return the instant at which the term of that index ends.

        Source: docs/spec/law.md LAW-12, LAW-30.
        """
        if index == 0:
            return self.first_end_at
        return calendar.moment(self.end_day(index), days.term_ends_at, zone=days.zone)


class Deadline(Struct, frozen=True, kw_only=True):
    """The last day on which a notice still works for a term.

    Args:
        term: The term's number, counted from 1.
        term_ends: When that term ends.
        last_day: The last day for a notice, in the instrument's zone.
        closes: The first instant at which it is too late.
    """

    instrument: InstrumentId
    term: int
    term_ends: Instant
    last_day: Date
    closes: Instant


def last_day(end: Date, *, notice: NoticeRule) -> Date:
    """Return the last day for a notice that works for a term ending on a day.

    Args:
        end: The day on which the term ends.
        notice: Counted back from the term's end.

    Source: docs/spec/law.md LAW-31.
    """
    assert notice.count is NoticeCount.BACK_FROM_TERM_END
    anchor = end if notice.counting.anchor is NoticeAnchor.EXPIRY_DATE else end.subtract(days=1)
    if notice.unit is NoticeUnit.DAYS:
        return anchor.subtract(days=notice.length)
    return anchor.subtract(months=notice.length)


def closes(schedule: Schedule, index: int, *, notice: NoticeRule, days: DayRule) -> Instant:
    """Return the first instant at which a notice is too late for a term.

    Never after the end of the term itself, however short the period and late the hour.

    Args:
        schedule: The terms.
        index: Which of them, counted from 0.
        notice: Counted back from the term's end.
        days: The zone and hours that count.

    Source: docs/spec/law.md LAW-32.
    """
    after = last_day(schedule.end_day(index), notice=notice).add(days=1)
    day_ends = calendar.moment(after, days.notice_day_ends_at, zone=days.zone)
    return min(day_ends, schedule.end_at(index, days=days))


def term_for(
    at: Instant, schedule: Schedule, *, notice: NoticeRule, days: DayRule, begin: int = 0
) -> int | None:
    """Return the index of the term whose end a notice of that instant brings, or `None`.

    A notice that is too late for this term works for the next (LAW-33).

    Args:
        at: When the notice counts.
        schedule: The terms.
        notice: Counted back from the term's end.
        days: The zone and hours that count.
        begin: An index from which to look; no earlier term may qualify.

    Source: docs/spec/law.md LAW-33.
    """
    index = begin
    while True:
        if index > 0 and schedule.renewal_months is None:
            return None
        if at < closes(schedule, index, notice=notice, days=days):
            return index
        index += 1


def forward_end(at: Instant, *, notice: NoticeRule, days: DayRule) -> Instant:
    """Return when a notice counted forward ends the instrument.

    Args:
        at: When the notice counts: given or received, as the rule says.
        notice: Counted forward.
        days: The zone and hours that count.

    Source: docs/spec/law.md LAW-34.
    """
    assert notice.count is NoticeCount.FORWARD_FROM_NOTICE
    day = calendar.day_of(at, zone=days.zone)
    if notice.unit is NoticeUnit.DAYS:
        end = day.add(days=notice.length)
    else:
        end = calendar.anniversary(day, months=notice.length)
    if notice.counting.anchor is NoticeAnchor.DAY_AFTER:
        end = end.add(days=1)
    return calendar.moment(end, days.term_ends_at, zone=days.zone)


def next_deadline(
    after: Instant,
    schedules: tuple[Schedule, ...],
    *,
    instrument: InstrumentId,
    notice: NoticeRule,
    days: DayRule,
) -> Deadline | None:
    """Return the next last day for a notice that closes after an instant, or `None`.

    Args:
        after: Now.
        schedules: The terms of the life, oldest first; the first began by then.
        instrument: Whose life it is.
        notice: The rule.
        days: The zone and hours that count.

    Source: docs/spec/law.md LAW-31, LAW-32.
    """
    if notice.count is not NoticeCount.BACK_FROM_TERM_END:
        return None
    schedule = [schedule for schedule in schedules if schedule.start <= after][-1]
    index = term_for(after, schedule, notice=notice, days=days)
    if index is None:
        return None
    return Deadline(
        instrument=instrument,
        term=index + 1,
        term_ends=schedule.end_at(index, days=days),
        last_day=last_day(schedule.end_day(index), notice=notice),
        closes=closes(schedule, index, notice=notice, days=days),
    )
