"""Partners that have said that they were brought back from a backup, and have not gone on yet.

What such a partner had signed before may still be under way. It says what it lost by asking for it;
the next entry that counts is the `epoch` entry with which its log goes on. Without that, an entry
from before could come between the two, and the log would have two histories.

Source: docs/spec/journal.md JN-36.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from whenever import Instant

from relto.driver.links import partner_values
from relto.journal import StaleError
from relto.limits import LATE_FRAME_SECONDS_MAX
from relto.model import Entry
from relto.ports import Transaction
from relto.units import PartyCode

_VALUE: Final = "set-back/"


class SetBack:
    """Which partners have said so, when, and of which epoch their logs were; from the store."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._since: dict[PartyCode, tuple[int, Instant]] = {}
        # When partners have gone on, as far as this process has seen it.
        self._ended: dict[PartyCode, Instant] = {}

    def load(self, tx: Transaction, partners: Iterable[PartyCode]) -> None:
        """Read it from the store."""
        found = partner_values(tx, _VALUE, partners)
        self._since = {partner: _read(value) for partner, value in found.items()}

    def begin(self, tx: Transaction, partner: PartyCode, *, epoch: int, now: Instant) -> None:
        """A partner asks for its own entries: what else it had signed before does not count.

        Just after it has gone on, its question is only late.

        Args:
            tx: The transaction.
            partner: Who asks.
            epoch: Of its log, as it is held here.
            now: The turn's instant.
        """
        ended = self._ended.get(partner)
        if ended is not None and now <= ended.add(seconds=LATE_FRAME_SECONDS_MAX):
            return
        tx.put_value(_VALUE + partner, f"{epoch} {now.format_iso()}".encode())
        self._since[partner] = epoch, now

    def check(
        self, tx: Transaction, partner: PartyCode, fresh: Sequence[Entry], *, now: Instant
    ) -> None:
        """Let a partner that was set back go on with an `epoch` entry, and with nothing else.

        Args:
            tx: The transaction.
            partner: Whose log.
            fresh: Its next entries, verified and not stored yet.
            now: When nothing from before can be under way any more, anything goes: the partner may
                have got its own disk back.

        Raises:
            StaleError: They were signed before it was set back.
        """
        if partner not in self._since or not fresh:
            return
        epoch, since = self._since[partner]
        header = fresh[0].header
        if header.epoch <= epoch and now <= since.add(seconds=LATE_FRAME_SECONDS_MAX):
            raise StaleError(
                f"entry {header.number} of `{header.log.origin}` is none with which a log goes on "
                "that was set back"
            )
        tx.drop_value(_VALUE + partner)
        del self._since[partner]
        self._ended[partner] = now


def _read(value: bytes) -> tuple[int, Instant]:
    epoch, at = value.decode().split()
    return int(epoch), Instant.parse_iso(at)
