"""What one partner may add to this node's journal in a second, and what happens above that.

A frame is taken whole while its author owes nothing; what it has added is counted then, and may be
more than there was left. So a rate that is smaller than a frame slows a partner down and never
stops it. Each worker of a node keeps its own account of each partner, in memory.
"""

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from relto.driver import NO_GROWTH, Growth
from relto.errors import PeerError
from relto.limits import (
    LINK_BURST_SECONDS,
    LINK_PARTNER_BYTES_PER_SECOND_MAX,
    LINK_PARTNER_ENTRIES_PER_SECOND_MAX,
    LINK_PARTNER_JOURNAL_BYTES_PER_SECOND_MAX,
    LINK_PATIENCE_SECONDS_MAX,
)
from relto.units import PartyCode

_SECOND_NS: Final = 1_000_000_000
# The operator hears of a partner that is over its rate at most so often; `link status` counts.
_ALARM_NS: Final = 3_600 * _SECOND_NS


class Rates(Struct, frozen=True, kw_only=True):
    """What one partner may add in the long run.

    Args:
        entries_per_second: Entries of its log that are taken.
        bytes_per_second: Bytes of these entries.
        frames_per_second: Bytes of its frames and of the answers to them, small packages included.
    """

    entries_per_second: int = LINK_PARTNER_ENTRIES_PER_SECOND_MAX
    bytes_per_second: int = LINK_PARTNER_JOURNAL_BYTES_PER_SECOND_MAX
    frames_per_second: int = LINK_PARTNER_BYTES_PER_SECOND_MAX


class TooFastError(PeerError):
    """The partner adds more to the journal than is taken from it; nothing of the frame was kept.

    Args:
        message: For a person.
        retry_seconds: When its next frame is taken.
    """

    code = "peer.too_fast"
    hint_default = "it is sent again by itself; ask the partner why it has so much to say"

    def __init__(self, message: str, *, retry_seconds: int) -> None:
        """Keep the number apart, so that the caller can be told."""
        super().__init__(message)
        self.retry_seconds = retry_seconds


class Bucket:
    """A rate kept in the long run, of which some seconds' worth may come at once.

    Args:
        per_second: The rate, at least 1.
    """

    __slots__ = ("_paid_at", "_per_second")

    def __init__(self, *, per_second: int) -> None:
        """Begin full."""
        self._per_second = per_second
        # When all that has been taken has been made up for, at this rate.
        self._paid_at = 0

    def take(self, count: int, *, now_ns: int) -> None:
        """Count what has come, also when it is more than there was left."""
        begin = max(self._paid_at, now_ns)
        self._paid_at = begin - (-count * _SECOND_NS // self._per_second)

    def owed_ns(self, *, now_ns: int) -> int:
        """How long nothing more should come; 0 when some may."""
        return max(0, self._paid_at - LINK_BURST_SECONDS * _SECOND_NS - now_ns)


class _Account:
    __slots__ = ("alarm_at", "counted", "entries", "frames", "size", "slowed")

    def __init__(self, rates: Rates) -> None:
        self.entries = Bucket(per_second=rates.entries_per_second)
        self.size = Bucket(per_second=rates.bytes_per_second)
        self.frames = Bucket(per_second=rates.frames_per_second)
        self.counted = NO_GROWTH
        self.slowed = 0
        self.alarm_at = 0


class Allowances:
    """What each partner may add, and has added.

    Args:
        rates: The same for each.
        report: Told an event's name, whom it is about, and words.
        clock: Nanoseconds that never go back.

    Source: docs/spec/link.md LK-24 to LK-26; ADR-0064.
    """

    def __init__(
        self,
        rates: Rates,
        *,
        report: Callable[[str, PartyCode | None, str], None],
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Keep the parts."""
        self._rates = rates
        self._report = report
        self._clock = clock
        self._accounts: dict[PartyCode, _Account] = {}

    def _account(self, partner: PartyCode) -> _Account:
        found = self._accounts.get(partner)
        if found is None:
            found = self._accounts[partner] = _Account(self._rates)
        return found

    def count_frame(self, partner: PartyCode, size_bytes: int) -> None:
        """Count a frame of a partner as it comes, or the answer to it."""
        self._account(partner).frames.take(size_bytes, now_ns=self._clock())

    def count_growth(self, partner: PartyCode, growth: Growth) -> None:
        """Count what a partner has handed over since the last time.

        Args:
            partner: Who.
            growth: All that it has handed over.
        """
        account, now = self._account(partner), self._clock()
        account.entries.take(growth.entries - account.counted.entries, now_ns=now)
        account.size.take(growth.size_bytes - account.counted.size_bytes, now_ns=now)
        account.counted = growth

    def owed_seconds(self, partner: PartyCode) -> float:
        """How long nothing more is taken from a partner; 0 when it is within its rates."""
        account, now = self._account(partner), self._clock()
        buckets = (account.entries, account.size, account.frames)
        return max(bucket.owed_ns(now_ns=now) for bucket in buckets) / _SECOND_NS

    def wait_seconds(self, partner: PartyCode) -> float:
        """The same, where something has to wait for it: that is counted, and told now and then."""
        owed = self.owed_seconds(partner)
        if owed:
            account, now = self._account(partner), self._clock()
            account.slowed += 1
            if now >= account.alarm_at:
                account.alarm_at = now + _ALARM_NS
                self._alarm(partner, account.slowed)
        return owed

    def _alarm(self, partner: PartyCode, slowed: int) -> None:
        rates = f"{self._rates.entries_per_second} entries, {self._rates.bytes_per_second} bytes"
        words = f"more than its share ({rates} a second), made to wait, {slowed} times so far"
        self._report("alarm", partner, f"{TooFastError.code}: {words}")

    def check(self, partner: PartyCode) -> None:
        """Let a frame pass.

        Raises:
            TooFastError: Its author has to wait.
        """
        owed = self.wait_seconds(partner)
        if owed:
            seconds = min(int(owed) + 1, LINK_PATIENCE_SECONDS_MAX)
            raise TooFastError(f"`{partner}` sends too much at once", retry_seconds=seconds)

    def slowed(self, partner: PartyCode) -> int:
        """How often a partner has had to wait since this process began."""
        return self._account(partner).slowed
