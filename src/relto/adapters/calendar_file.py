"""Deadlines as an iCalendar file, for the calendars that officers already look at."""

from collections.abc import Sequence
from pathlib import Path

from icalendar import Alarm, Calendar, Event
from whenever import Instant, TimeDelta

from relto.errors import WorldError
from relto.law import Due


class CalendarWriteError(WorldError):
    """A calendar file that could not be written."""

    code = "world.calendar_write"


def calendar_bytes(dues: Sequence[Due], *, stamp: Instant) -> bytes:
    """Write deadlines as an iCalendar object (RFC 5545), one event each, with a week's warning.

    Args:
        dues: The deadlines.
        stamp: When the file is made.

    Source: docs/spec/law.md LAW-56.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//relto//law//EN")
    calendar.add("version", "2.0")
    for due in dues:
        event = Event()
        at = due.at.to_stdlib()
        event.add("uid", f"{due.instrument}-{due.kind}-{due.at.timestamp()}-{due.reading or 'all'}")
        event.add("dtstamp", stamp.to_stdlib())
        event.add("dtstart", at)
        event.add("summary", due.title)
        event.add("description", f"{due.text} (evidence: {due.evidence})")
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", due.title)
        alarm.add("trigger", TimeDelta(hours=-168).to_stdlib())
        event.add_component(alarm)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def write_calendar(path: Path, dues: Sequence[Due], *, stamp: Instant) -> None:
    """Write deadlines to a file.

    Raises:
        CalendarWriteError: The disk would not take it.

    Source: docs/spec/law.md LAW-56.
    """
    try:
        path.write_bytes(calendar_bytes(dues, stamp=stamp))
    except OSError as error:
        raise CalendarWriteError(
            f"cannot write `{path}`: {error.strerror}", hint="name a place that may be written"
        ) from error
