"""Entries that a clock which ran ahead has left behind it (FL-13).

Times of a log never go back (JN-8). So an author whose clock was days ahead writes nothing more in
that log before the final entry's time, and its partners take none of those entries before that.

Source: docs/spec/journal.md JN-35; ADR-0056.
"""

from collections.abc import Callable

from msgspec import Struct
from whenever import Instant, TimeDelta

from relto.journal.log import LogState
from relto.limits import CLOCK_SKEW_SECONDS_MAX
from relto.model import LogId


class Ahead(Struct, frozen=True, kw_only=True):
    """The entries of one log that are dated after the clock.

    Args:
        log: The log.
        first: The number of the first of them.
        final: The number of the final one, which is the log's.
        until: The final one's time: from then on its author can write in this log again.
        taken_from: From then on the reader takes all of them, by its own clock; the same as `until`
            in a log that has no reader.
        is_held: The reader has acknowledged some of them: its clock was ahead, too.
    """

    log: LogId
    first: int
    final: int
    until: Instant
    taken_from: Instant
    is_held: bool


def find_ahead(state: LogState, *, now: Instant, time_of: Callable[[int], Instant]) -> Ahead | None:
    """Find the entries of a log that are dated after the clock; `None` when there are none.

    Args:
        state: The log.
        now: The clock.
        time_of: Gives the time of an entry by its number; asked a few times, whatever the length.
    """
    if state.at is None or state.at <= now:
        return None
    low, high = 1, state.size
    while low < high:
        middle = (low + high) // 2
        if time_of(middle) > now:
            high = middle
        else:
            low = middle + 1
    skew = TimeDelta(seconds=0 if state.log.is_local else CLOCK_SKEW_SECONDS_MAX)
    return Ahead(
        log=state.log,
        first=low,
        final=state.size,
        until=state.at,
        taken_from=state.at - skew,
        is_held=not state.log.is_local and state.acknowledged >= low,
    )
