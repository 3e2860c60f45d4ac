"""What a key has touched: what a node looks through when a key may be in other hands (FL-21).

A fold of its own over the journal, one entry after another, for one card of one party: it keeps
which cards count in which log and nothing else, so it reads a journal of any length.

While keys change, the former ones and the new ones count side by side (JN-28). Which of the two has
signed a batch is not kept for each entry, so an entry of that time is shown for both.

Spec: docs/spec/journal.md JN-34.
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct
from whenever import Instant, TimeDelta

from relto.codec import CARD, SIGNED_CARD
from relto.errors import PeerError
from relto.exchange import Fact
from relto.journal import (
    KeyRing,
    LogState,
    first_ring,
    verify_checkpoint,
    verify_cosignature,
)
from relto.limits import KEY_OVERLAP_SECONDS
from relto.model import LogId, PartyKeys
from relto.model.message import KeyChanged, Released
from relto.model.partner import PeerAdded
from relto.units import PartyCode

_EVER = Instant.from_timestamp(0)


class How(StrEnum):
    """What a key has to do with an entry or a head."""

    SIGNED = "signed"  # the entry stands in a log whose heads the key signs
    MAYBE = "signed by this or the next"  # the same, while keys were changing
    SEALED_TO = "sealed to"  # the key opens the package of this release
    CONSENT = "rests on a consent"  # the release carries a consent proved by a head of the key
    HEAD = "head"  # the newest head of the log is signed with the key
    ACKNOWLEDGED = "acknowledgement"  # the newest acknowledgement is signed with the key


class _Term(Struct, frozen=True, kw_only=True):
    """Which cards of a party count.

    Args:
        serial: The newest.
        former: Those before, each until the end of its overlap, half-open; `None` where a reader
            has not heard of the change yet.
    """

    serial: int
    former: tuple[tuple[int, Instant | None], ...] = ()


class KeyUses:
    """Looks for one card of one party in the facts of a journal, in the order they were stored.

    Args:
        me: Whose journal.
        party: Whose card.
        serial: Which card.
        keys: Its keys, where they are known before the journal is read: this party's own.
        acknowledged: How many entries of this party's logs their readers have acknowledged.
    """

    def __init__(
        self,
        *,
        me: PartyCode,
        party: PartyCode,
        serial: int,
        keys: PartyKeys | None = None,
        acknowledged: Mapping[PartyCode, int] = {},
    ) -> None:
        """Begin before the first entry."""
        self._acknowledged = acknowledged
        self._me = me
        self._party = party
        self._serial = serial
        self._terms: dict[PartyCode, _Term] = {}
        self.ring: KeyRing | None = None
        self._know(serial, keys)

    def see(self, fact: Fact) -> tuple[How, ...]:
        """Take the next entry and say what the card has to do with it.

        Args:
            fact: From any log of the node.

        Returns:
            Each kind of use once, in the order of `How`; usually nothing.
        """
        found: list[How] = []
        if fact.source == self._party:
            counting = self._counting(fact.target, fact.at)
            if counting == {self._serial}:
                found.append(How.SIGNED)
            elif self._serial in counting:
                found.append(How.MAYBE)
        if isinstance(fact.message, Released):
            found += self._of_release(fact, fact.message)
        self._follow(fact)
        return tuple(found)

    def heads(self, state: LogState) -> tuple[How, ...]:
        """Say whether a log's newest head or acknowledgement, as stored, is signed with the card.

        Args:
            state: After all entries have been seen.
        """
        found: list[How] = []
        if state.log.source == self._party and self._has_signed(state.note, state.log):
            found.append(How.HEAD)
        if not state.log.is_local and state.log.target == self._party and self._has_cosigned(state):
            found.append(How.ACKNOWLEDGED)
        return tuple(found)

    # ------------------------------------------------------------ one release

    def _of_release(self, fact: Fact, release: Released) -> list[How]:
        found: list[How] = []
        if any(item.package.recipient == self._party for item in release.items):
            # This node seals to the newest card; which one a partner had seen is not sure.
            counting = self._counting(fact.source, fact.at)
            newest = max(counting, default=0)
            if self._serial in ({newest} if fact.source == self._me else counting):
                found.append(How.SEALED_TO)
        if any(
            proof.source == self._party
            and self._has_signed(proof.checkpoint, LogId(source=proof.source, target=proof.target))
            for proof in release.consents
        ):
            found.append(How.CONSENT)
        return found

    def _has_signed(self, note: bytes, log: LogId) -> bool:
        if self.ring is None or not note:
            return False
        try:
            verify_checkpoint(
                note, log=log, ring=self.ring, at=None, is_durable=False, is_live=False
            )
        except PeerError:
            return False
        return True

    def _has_cosigned(self, state: LogState) -> bool:
        if self.ring is None or not state.acknowledgement:
            return False
        try:
            verify_cosignature(state.acknowledgement, log=state.log, ring=self.ring, is_live=False)
        except PeerError:
            return False
        return True

    # ------------------------------------------------------------ which cards count

    def _counting(self, reader: PartyCode, at: Instant) -> set[int]:
        """The serials that may have been used towards a reader at an instant."""
        # A partner's cards count for all; one's own, for each reader from when it was told.
        term = self._terms.get(reader if self._party == self._me else self._me)
        if term is None:
            return {1} if self._party == self._me else set()
        late = (serial for serial, until in term.former if until is None or at < until)
        return {term.serial, *late}

    def _follow(self, fact: Fact) -> None:
        """Take note of a card that counts from here on."""
        match fact.message:
            case PeerAdded(party=party) as added if party == self._party:
                self._change(self._me, added.serial, until=_overlap(fact))
                self._know(added.serial, added.keys)
            case KeyChanged() as changed if fact.source == self._me == self._party:
                card = CARD.decode(SIGNED_CARD.decode(changed.card).card)
                has_heard = fact.number <= self._acknowledged.get(fact.target, 0)
                self._change(fact.target, card.serial, until=_overlap(fact) if has_heard else None)
                self._terms[self._me] = _Term(serial=card.serial)
                self._know(card.serial, card.keys)
            case _:
                pass

    def _change(self, reader: PartyCode, serial: int, *, until: Instant | None) -> None:
        before = self._terms.get(reader)
        if before is None and self._party != self._me:
            self._terms[reader] = _Term(serial=serial)
            return
        known = before or _Term(serial=1)
        if serial > known.serial:
            former = (*known.former, (known.serial, until))
            self._terms[reader] = _Term(serial=serial, former=former)

    def _know(self, serial: int, keys: PartyKeys | None) -> None:
        if keys is not None and serial == self._serial:
            self.ring = first_ring(self._party, keys, begins_at=_EVER, serial=serial)


def _overlap(fact: Fact) -> Instant:
    return fact.at + TimeDelta(seconds=KEY_OVERLAP_SECONDS)
