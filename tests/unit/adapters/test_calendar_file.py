"""Deadlines as a calendar that other programs read."""

from pathlib import Path

import icalendar
import pytest
from whenever import Instant

from relto.adapters.calendar_file import CalendarWriteError, calendar_bytes, write_calendar
from relto.law import Due, DueKind
from relto.model import Evidence
from relto.units import InstrumentId

AT = Instant.from_utc(2019, 8, 24, 15)
DUE = Due(
    kind=DueKind.NOTICE,
    instrument=InstrumentId("aaa-bbb-pact"),
    title="Pact: last day for a notice",
    zone="Asia/Seoul",
    at=AT,
    text="2019-08-24 is the last day",
    evidence=Evidence.SECONDARY,
    reading=None,
)


def test_a_deadline_is_an_event_with_a_weeks_warning() -> None:
    """LAW-56."""
    calendar = icalendar.Calendar.from_ical(calendar_bytes([DUE], stamp=AT))
    (event,) = calendar.walk("VEVENT")
    assert Instant(event["DTSTART"].dt) == AT
    assert str(event["SUMMARY"]) == DUE.title
    assert "secondary" in str(event["DESCRIPTION"])
    (alarm,) = event.walk("VALARM")
    assert alarm["TRIGGER"].dt.days == -7


def test_the_same_deadline_keeps_its_name_from_one_export_to_the_next() -> None:
    """LAW-56: a calendar replaces it and does not show it twice."""
    later = AT.add(hours=5)
    names = [
        icalendar.Calendar.from_ical(calendar_bytes([DUE], stamp=stamp)).walk("VEVENT")[0]["UID"]
        for stamp in (AT, later)
    ]
    assert names[0] == names[1]


def test_a_calendar_that_cannot_be_written_is_the_worlds_fault(tmp_path: Path) -> None:
    with pytest.raises(CalendarWriteError):
        write_calendar(tmp_path / "nowhere" / "x.ics", [DUE], stamp=AT)
