"""The logs of one node in one transaction: appended, mirrored, signed, acknowledged.

Entries are stored in the order in which the node folds them, over all logs, because that is the
order in which a restart folds them again. The heads of own logs are signed once, at the end.
"""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace
from whenever import Instant

from relto.codec import wire_entry
from relto.driver.links import NO_GROWTH, Growth
from relto.journal import (
    Draft,
    KeyRing,
    LogState,
    VerifiedBatch,
    acknowledge,
    acknowledge_anew,
    append,
    empty_log,
    entry_bytes,
    extend,
    frontier_of,
    is_durable_due,
    make_batch,
    make_mirror_batch,
    sign_head,
    verify_acknowledgement,
    verify_batch,
    verify_restored,
)
from relto.limits import BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, BATCH_SHARED_ENTRIES
from relto.model import Batch, Entry, LogId
from relto.ports import Transaction
from relto.seal import Entropy, Signer
from relto.units import PartyCode

_TAIL_ENTRIES_MAX: Final = 4 * BATCH_ENTRIES_MAX


class Logs:
    """What a driver keeps in memory of its logs: their states, never their entries.

    Args:
        party: Whose node.
        is_exercise: All its logs are exercise logs.
        signers_for: Gives the keys that sign in a log: those that its reader knows, and then those
            of which it may not have heard.
        entropy: For salts.
    """

    def __init__(
        self,
        *,
        party: PartyCode,
        is_exercise: bool,
        signers_for: Callable[[LogId], Sequence[Signer]],
        entropy: Entropy,
    ) -> None:
        self._party = party
        self._is_exercise = is_exercise
        self._signers_for = signers_for
        self._entropy = entropy
        # What partners have handed over in this process; what is given back does not count.
        self._growth: dict[PartyCode, Growth] = {}
        self._states: dict[LogId, LogState] = {}
        self._pending: list[tuple[Entry, LogState]] = []
        self._grown: set[LogId] = set()
        self._unsaved: set[LogId] = set()
        self._has_mirrored = False
        # Entries not yet acknowledged, as far as this process has made them: only a cache.
        self._tails: dict[LogId, list[Entry]] = {}
        self._signed: dict[LogId, int] = {}

    def load(self, tx: Transaction) -> None:
        """Read the states of all logs."""
        self._states = {state.log: state for state in tx.logs()}
        self._pending, self._grown, self._unsaved = [], set(), set()
        self._has_mirrored = False
        self._tails, self._signed = {}, {}

    def take_over(self, tx: Transaction) -> None:
        """Read what other workers have written; between transactions nothing else waits here.

        What partners have acknowledged and nobody has written yet is kept. Where a log has grown,
        neither the entries nor the signature that this process remembers are its end any more.
        """
        assert not self._pending
        before, unsaved = self._states, self._unsaved
        self._states = {state.log: state for state in tx.logs()}
        self._unsaved = set()
        for log, state in before.items():
            after = self._state(log)
            if state == after:
                continue
            if state.size != after.size:
                self._tails.pop(log, None)
                self._signed.pop(log, None)
            elif state.note != after.note:
                self._signed.pop(log, None)
            if log in unsaved and state.acknowledged > after.acknowledged:
                self._unsaved.add(log)
                self._states[log] = replace(
                    after,
                    acknowledged=state.acknowledged,
                    acknowledged_frontier=state.acknowledged_frontier,
                    acknowledgement=state.acknowledgement,
                )

    @property
    def has_unsaved(self) -> bool:
        """Whether partners have acknowledged what no transaction has written yet."""
        return bool(self._unsaved)

    def newest(self) -> Instant | None:
        """Give the time of the newest entry that this party wrote; `None` before the first."""
        return max(
            (
                state.at
                for log, state in self._states.items()
                if log.source == self._party and state.at is not None
            ),
            default=None,
        )

    def out(self, partner: PartyCode) -> LogState:
        """The log that this party writes to a partner."""
        return self._state(LogId(source=self._party, target=partner))

    def mirror(self, partner: PartyCode) -> LogState:
        """What is held of the log that a partner writes to this party."""
        return self._state(LogId(source=partner, target=self._party))

    def _state(self, log: LogId) -> LogState:
        return self._states.get(log) or empty_log(log, is_exercise=self._is_exercise)

    def growth(self, partner: PartyCode) -> Growth:
        """By how much a partner has made the journal grow through this process; never less."""
        return self._growth.get(partner, NO_GROWTH)

    def append(self, target: PartyCode, draft: Draft, *, now: Instant) -> Entry:
        """Append to an own log; stored with `flush`, durable with the commit.

        Raises:
            ClockError: The clock stands before the log's last entry (FL-13).
            EntryTooLargeError: Larger than a partner accepts.
        """
        state, entry = append(self.out(target), draft, now=now, entropy=self._entropy)
        self._states[state.log] = state
        self._pending.append((entry, state))
        self._grown.add(state.log)
        if not state.log.is_local:
            self._keep_tail(state.log, entry)
        return entry

    def _keep_tail(self, log: LogId, entry: Entry) -> None:
        tail = self._tails.setdefault(log, [])
        if tail and tail[-1].header.number + 1 != entry.header.number:
            tail.clear()
        if len(tail) == _TAIL_ENTRIES_MAX:
            del tail[:BATCH_ENTRIES_MAX]
        tail.append(entry)

    def take(
        self, tx: Transaction, batch: Batch, *, partner: PartyCode, ring: KeyRing, now: Instant
    ) -> VerifiedBatch:
        """Verify a partner's batch; nothing is stored.

        Raises:
            PeerError: Any step of the verification fails.
        """

        def read(first: int, end: int) -> Sequence[Entry]:
            return tx.entries(state.log, first=first, end=end)

        state = self.mirror(partner)
        return verify_batch(batch, state=state, ring=ring, read=read, now=now)

    def store(self, tx: Transaction, verified: VerifiedBatch, *, now: Instant) -> None:
        """Store a verified batch and cosign it; the acknowledgement may leave after the commit."""
        signer, *newer = self._signers_for(verified.state.log)
        state = acknowledge(verified, signer=signer, newer=newer, party=self._party, now=now)
        self._states[state.log] = state
        if verified.entries:
            self._growth[state.log.source] = self.growth(state.log.source).and_these(
                len(verified.entries), size_bytes=sum(map(entry_bytes, verified.entries))
            )
            self.write(tx)
            tx.append(verified.entries, state)
            self._unsaved.discard(state.log)
            self._has_mirrored = True
        elif verified.checkpoint is not None:
            self._unsaved.add(state.log)

    def cosign_anew(self, *, now: Instant) -> None:
        """Cosign what is held of partners' logs once more: this party's keys have changed.

        It is written with the announcement. A partner that has revoked the former keys would take
        nothing that comes with the former acknowledgement. Logs that are being given back are
        cosigned when all of them is here (`settle`).
        """
        for log, state in self._states.items():
            is_whole = state.acknowledged == state.size
            if log.source != self._party and state.acknowledgement and is_whole:
                signer, *newer = self._signers_for(log)
                self._states[log] = acknowledge_anew(
                    state, signer=signer, newer=newer, party=self._party, now=now
                )
                self._unsaved.add(log)

    def acknowledged(
        self, tx: Transaction, note: bytes, *, partner: PartyCode, ring: KeyRing, own: KeyRing
    ) -> None:
        """Take a partner's acknowledgement of an own log.

        It is saved with the next transaction that writes:
        losing it costs one repeated batch and nothing else.

        Raises:
            PeerError: It is none of this log.
            RewoundError: It is of a head that was signed here and is not here any more (FL-17).
        """
        before = self.out(partner)
        if note == before.acknowledgement:
            return

        def peaks(number: int) -> tuple[bytes, bytes]:
            return tx.peak(before.log, number)

        after = verify_acknowledgement(note, state=before, partner=ring, own=own, peaks=peaks)
        if after is not before:
            self._states[after.log] = after
            self._unsaved.add(after.log)
            tail = self._tails.get(after.log, [])
            while tail and tail[0].header.number <= after.acknowledged:
                del tail[: after.acknowledged - tail[0].header.number + 1]

    def batch(
        self, tx: Transaction, partner: PartyCode, *, begin: int, is_shared: bool = False
    ) -> Batch | None:
        """Make the next batch for a partner; `None` when there is nothing.

        Args:
            tx: Reads the entries; they have been written.
            partner: For whom.
            begin: It begins after this entry: what the partner has acknowledged, or says that it
                holds (FL-41), or what is on its way already (EX-51).
            is_shared: Take half of many entries.
        """
        state = self.out(partner)
        if begin != state.acknowledged and begin <= state.size:

            def peaks(number: int) -> tuple[bytes, bytes]:
                return tx.peak(state.log, number)

            state = replace(
                state, acknowledged=begin, acknowledged_frontier=frontier_of(peaks, size=begin)
            )
        if state.size == state.acknowledged:
            return None
        entries = self._unacknowledged(tx, state)
        if is_shared and len(entries) >= 2 * BATCH_SHARED_ENTRIES:
            entries = entries[: (len(entries) + 1) // 2]
        if len(entries) == state.size - state.acknowledged and self._fits(state, entries):
            # All of it goes out, so the head that is signed anyway is the batch's checkpoint.
            return Batch(
                log=state.log,
                first=state.acknowledged + 1,
                entries=tuple(wire_entry(entry) for entry in entries),
                checkpoint=self._sign(state.log).note,
            )
        signer, *newer = self._signers_for(state.log)
        return make_batch(state, entries, signer=signer, newer=newer)

    def given_back(self, tx: Transaction, partner: PartyCode, *, held: int) -> Batch | None:
        """Give a partner its own entries back, from what it still holds on; `None` without any."""
        state = self.mirror(partner)
        if not state.note or held > state.size:
            return None
        entries = tx.entries(state.log, first=held + 1, end=held + 1 + BATCH_ENTRIES_MAX)
        return make_mirror_batch(state, entries, first=held + 1)

    def restored(
        self,
        tx: Transaction,
        batches: Sequence[Batch],
        *,
        partner: PartyCode,
        own: KeyRing,
        now: Instant,
    ) -> VerifiedBatch:
        """Verify own entries that a partner gives back; nothing is stored.

        Raises:
            PeerError: They are not ours, or not all.
        """
        state = self.out(partner)

        def read(first: int, end: int) -> Sequence[Entry]:
            return tx.entries(state.log, first=first, end=end)

        return verify_restored(batches, state=state, ring=own, read=read, now=now)

    def continued(
        self, tx: Transaction, batch: Batch, *, after: LogState, ring: KeyRing, now: Instant
    ) -> VerifiedBatch:
        """Verify a partner's batch that follows on others not stored yet; nothing is stored.

        Raises:
            PeerError: Any step of the verification fails.
        """

        def read(first: int, end: int) -> Sequence[Entry]:
            return tx.entries(after.log, first=first, end=end)

        return verify_batch(batch, state=after, ring=ring, read=read, now=now)

    def rejoin(self, tx: Transaction, entry: Entry) -> None:
        """Store one entry that was given back, in whichever log it stands."""
        self.write(tx)
        state = extend(self._state(entry.header.log), entry)
        self._states[state.log] = state
        tx.append((entry,), state)
        self._has_mirrored = True

    def settle(self, verified: VerifiedBatch, *, now: Instant) -> None:
        """Take over the head of a log that has been given back; a partner's is cosigned.

        Args:
            verified: The log's newest batch; all its entries have been stored with `rejoin`.
            now: For the cosignature.
        """
        state = verified.state
        assert state.size == self._states[state.log].size
        if state.log.source != self._party:
            signer, *newer = self._signers_for(state.log)
            state = acknowledge(verified, signer=signer, newer=newer, party=self._party, now=now)
        self._states[state.log] = state
        self._unsaved.add(state.log)

    def _unacknowledged(self, tx: Transaction, state: LogState) -> Sequence[Entry]:
        """The next entries for the partner, from memory where this process has just made them."""
        first = state.acknowledged + 1
        tail = self._tails.get(state.log, [])
        if tail and tail[0].header.number <= first and tail[-1].header.number == state.size:
            begin = first - tail[0].header.number
            return tail[begin : begin + BATCH_ENTRIES_MAX]
        self.write(tx)
        return tx.entries(state.log, first=first, end=first + BATCH_ENTRIES_MAX)

    @staticmethod
    def _fits(state: LogState, entries: Sequence[Entry]) -> bool:
        """Whether all entries go into one batch whose checkpoint needs no durable signature."""
        return not is_durable_due(old=state.acknowledged, size=state.size) and (
            sum(map(entry_bytes, entries)) <= BATCH_BYTES_MAX
        )

    def _sign(self, log: LogId) -> LogState:
        """Sign an own log's head as it stands, once."""
        state = self._states[log]
        if self._signed.get(log) != state.size:
            signer, *newer = self._signers_for(log)
            state = self._states[log] = sign_head(state, signer=signer, newer=newer)
            self._signed[log] = state.size
        return state

    def write(self, tx: Transaction) -> None:
        """Write the entries appended so far, in order.

        So that they can be read in this transaction.
        """
        if not self._pending:
            return
        # Of each log the newest state that these entries lead to, with its signature if it has one.
        states: dict[LogId, LogState] = {}
        for _, state in self._pending:
            newest = self._states[state.log]
            states[state.log] = newest if newest.size == state.size else state
        tx.append([entry for entry, _ in self._pending], *states.values())
        self._pending = []

    def flush(self, tx: Transaction, *, is_forced: bool = False) -> None:
        """Write what is left and sign the heads of the own logs that have grown.

        An acknowledgement alone is no reason to write: it waits for the next transaction that does.

        Args:
            tx: The transaction, about to be committed.
            is_forced: Write acknowledgements in any case.
        """
        if not (self._grown or self._has_mirrored or is_forced):
            return
        unwritten = {entry.header.log for entry, _ in self._pending}
        for log in sorted(self._grown):
            if self._signed.get(log) != self._states[log].size:
                self._sign(log)
                self._unsaved.add(log)
        self.write(tx)
        for log in sorted(self._unsaved - unwritten):
            tx.put_log(self._states[log])
        self._grown, self._unsaved, self._has_mirrored = set(), set(), False
