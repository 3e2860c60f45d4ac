"""Days and months of law as instants: all calendar arithmetic of relto, by `whenever`.

A day begins at 00:00 in the instrument's zone. Where a clock change skips or repeats that hour, the
earlier instant that the rules of the zone give is taken ("compatible"); the day is then 23 or 25
hours long.
"""

from whenever import Date, Instant, Time, TimeZoneNotFoundError

MIDNIGHT = Time(0, 0)


def is_zone(zone: str) -> bool:
    """Tell whether the zone exists in the time zone database.

    Args:
        zone: An IANA name.

    Source: docs/spec/law.md LAW-10.
    """
    try:
        Instant.from_utc(2000, 1, 1).to_tz(zone)
    except (TimeZoneNotFoundError, ValueError):
        return False
    return True


def moment(date: Date, time: Time, *, zone: str) -> Instant:
    """Return the instant of an hour on a day in a zone.

    Args:
        date: The day.
        time: The hour; in a gap of the clocks the instant after it, in a fold the first of the two.
        zone: An IANA name that exists.

    Source: docs/spec/law.md LAW-10.
    """
    return date.at(time).assume_tz(zone, disambiguation="compatible").to_instant()


def day_start(date: Date, *, zone: str) -> Instant:
    """Return the first instant of a day in a zone.

    Source: docs/spec/law.md LAW-10.
    """
    return moment(date, MIDNIGHT, zone=zone)


def day_end(date: Date, *, zone: str) -> Instant:
    """Return the first instant after a day in a zone.

    Source: docs/spec/law.md LAW-10.
    """
    return moment(date.add(days=1), MIDNIGHT, zone=zone)


def day_of(instant: Instant, *, zone: str) -> Date:
    """Return the day on which an instant falls in a zone.

    Source: docs/spec/law.md LAW-10.
    """
    return instant.to_tz(zone).date()


def anniversary(anchor: Date, *, months: int) -> Date:
    """Return the day `months` after the anchor; where that month is too short, its last day.

    Always counted from the anchor and never from an anniversary before it: a pact of 29 February
    ends its terms on 28 February in common years and on 29 February in leap years (LAW-12).

    Source: docs/spec/law.md LAW-12.
    """
    return anchor.add(months=months)


def first_of_month_after(date: Date, *, months: int) -> Date:
    """Return the first day of the n-th month after the month of a day.

    Args:
        date: The day of the event.
        months: n, at least 1.

    Source: docs/spec/law.md LAW-22.
    """
    return date.replace(day=1).add(months=months)
