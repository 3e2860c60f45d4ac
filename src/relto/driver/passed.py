"""Partners that a restored node went on without, because an officer said that they are gone.

What such a partner could have given back stays unknown. Where the node then says something new to
it, it says first, by an `epoch` entry, that its log was set back; if the partner comes back and
holds more of that log, there are two histories of it, both signed here.

Among what is unknown may be the partner's new keys. It speaks with those alone, because they had
been acknowledged here; so it is asked for the rest of its log, which begins with the entry that
announces them.

Source: docs/spec/exchange.md EX-47.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from relto.driver.links import partner_values
from relto.driver.recovery import CAUGHT_UP, GAP, ring_through
from relto.errors import LocalError
from relto.journal import ForkError, GapError, KeyRing, LogState, RewoundError, UnknownKeyError
from relto.model import Frame, Rejection
from relto.ports import Transaction
from relto.units import PartyCode

_VALUE: Final = "passed-over/"
_NOTHING_SAID: Final = b"0"


class NothingToPassOverError(LocalError):
    """The node waits for nothing from that partner."""

    code = "local.nothing_to_pass_over"
    hint_default = "`relto link status` says for whom a restored node waits"


class PassedOver:
    """Who was passed over, and where the node's log to it went on; from the store, in memory."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._epochs: dict[PartyCode, int] = {}
        # Of whom entries are missing, perhaps new keys; losing this costs a repetition.
        self._lacking: set[PartyCode] = set()

    def load(self, tx: Transaction, partners: Iterable[PartyCode]) -> None:
        """Read it from the store."""
        found = partner_values(tx, _VALUE, partners)
        self._epochs = {partner: int(value) for partner, value in found.items()}

    def begin(self, tx: Transaction, partner: PartyCode) -> None:
        """Go on without a partner; nothing has been said to it yet."""
        tx.put_value(_VALUE + partner, _NOTHING_SAID)
        self._epochs[partner] = 0

    def is_epoch_due(self, partner: PartyCode) -> bool:
        """Whether the next entry to it must be the one that says that the log was set back."""
        return self._epochs.get(partner) == 0

    def said(self, tx: Transaction, partner: PartyCode, *, number: int) -> None:
        """Note the `epoch` entry with which the log to a partner went on."""
        tx.put_value(_VALUE + partner, str(number).encode())
        self._epochs[partner] = number

    def heard(self, tx: Transaction, partner: PartyCode, *, acknowledged: int) -> None:
        """Note what a partner holds: once it has the `epoch` entry, it had lost nothing of ours."""
        epoch = self._epochs.get(partner, 0)
        if epoch and acknowledged >= epoch:
            tx.put_value(_VALUE + partner, b"")
            del self._epochs[partner]

    @contextmanager
    def hearing(
        self, frame: Frame, *, ring: KeyRing, mirror: LogState, card: bytes
    ) -> Iterator[KeyRing]:
        """Take in a frame; of a partner that was passed over, also with keys that were lost here.

        Its old keys announce the new ones, in an entry that the frame may bring (FL-20). A card
        that was revoked announces nothing.

        Args:
            frame: What it says; nothing about it is believed.
            ring: Its keys as they are known here.
            mirror: What is held of its log.
            card: Its card that is pinned here.

        Yields:
            Its keys, with those that the frame announces.

        Raises:
            GapError: Entries are missing, and what announces the keys may be among them. The next
                frame to it asks for them.
        """
        partner, said = frame.source, frame.rejection
        may_lack = partner in self._epochs and ring.spans[0].revoked_at is None
        if may_lack and frame.batch is not None:
            ring = ring_through(frame.batch, ring=ring, card=card)
        self._lacking.discard(partner)
        try:
            yield ring
        except GapError:
            if may_lack:
                self._lacking.add(partner)
            raise
        except UnknownKeyError as error:
            if not may_lack or (said is not None and said.code == CAUGHT_UP):
                raise
            self._lacking.add(partner)
            raise GapError(log=mirror.log, expected=mirror.size + 1, got=mirror.size + 2) from error

    def asks(self, partner: PartyCode, *, held: int) -> Rejection | None:
        """Give what to say to a partner before anything else."""
        return Rejection(code=GAP, held=held) if partner in self._lacking else None

    @contextmanager
    def watching(self, partner: PartyCode) -> Iterator[None]:
        """Tell a partner that comes back with another history of our log from one that helps.

        Raises:
            ForkError: It holds a head that was signed here before it was passed over, and the log
                went on since.
        """
        try:
            yield
        except RewoundError as error:
            if not self._epochs.get(partner):
                raise
            raise ForkError(
                f"`{partner}` was passed over, and holds another history of `{error.log.origin}`",
                evidence=error.evidence,
            ) from error
