"""The driver: one store transaction per batch of inputs; carries effects out in order.

Knows no socket.

The transaction's `now` is read once, inside it, and is the instant of law for everything it
appends. Nothing is returned before the commit. After any failure the memory may be ahead of the
disk, so it is thrown away and folded again from the store before the next call. Where several
workers share the store, memory may also be behind it: each transaction begins with what the others
have stored (EX-50).

Source: docs/spec/exchange.md EX-34 to EX-40, EX-50; ADR-0021, ADR-0054.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final, assert_never

from msgspec import Struct
from whenever import Instant

from relto.codec.message import encode_message
from relto.codec.pack import PackedError, unpack
from relto.driver.cabinet import Cabinet, Put
from relto.driver.facts import MESSAGE_PART, fact_of, prove
from relto.driver.faults import Hook, no_fault
from relto.driver.identity import (
    IDENTITY_VALUE,
    KEYS_VALUE,
    Identity,
    KeysChangedError,
    NotInitialisedError,
    OtherKeysError,
    keys_value,
    law_value,
    ring_of,
)
from relto.driver.laws import LawBook
from relto.driver.logs import Logs
from relto.driver.packer import Packer, UnfitError
from relto.driver.shelf import Base, Shelf
from relto.driver.workshop import Unpacked, Workshop
from relto.errors import LocalError, PeerError
from relto.exchange import Fact
from relto.journal import Draft, KeyRing
from relto.limits import SIGNERS_MAX, SNAPSHOT_ENTRIES, WORKER_SKEW_SECONDS_MAX
from relto.model import Entry, LogId
from relto.model.message import LawRef, Message, kind_of
from relto.model.party import Precedence
from relto.node import (
    Alarm,
    Append,
    Counsel,
    Drop,
    Effect,
    Fault,
    Input,
    Node,
    Open,
    Opened,
    OpenedItem,
    OpenOrder,
    Proceed,
    Seal,
    Sealed,
    SealedItem,
    State,
    Then,
    Unopenable,
    restore_state,
)
from relto.ports import BlobMissingError, Snapshot, Transaction, World
from relto.seal import PackageTooLargeError, Signer
from relto.units import CaseId, Digest, PartyCode

_SNAPSHOT: Final = "node"
_PAGE_ENTRIES: Final = 4_096
_NOTICES_MAX: Final = 10_000


class Moved(Struct, frozen=True, kw_only=True):
    """A notice for shells: an entry was journaled or mirrored, and is durable.

    Args:
        source: Its author.
        target: Its reader.
        number: Its number.
        kind: What it is.
        case: Its case.
        at: The author's clock.
    """

    source: PartyCode
    target: PartyCode
    number: int
    kind: str
    case: CaseId | None
    at: Instant


Notice = Moved | Alarm


class Turn:
    """One transaction under way: what has been asked, and what has come of it.

    Args:
        tx: The store's transaction.
        now: Its instant.
        inline: Packages that came with the entries, by digest.
    """

    def __init__(self, tx: Transaction, now: Instant) -> None:
        self.tx = tx
        self.now = now
        self.inline: dict[Digest, bytes] = {}
        self.notices: list[Notice] = []
        self.drops: list[Digest] = []
        self.facts: list[Fact] = []


class Engine:
    """The part of the driver that folds, asks the node, and carries effects out.

    Args:
        world: Everything from outside.
        laws: A law cache to share with other drivers of this process; `None` for one's own.
        fault: Called at every named place; raises to crash there.
        snapshot_entries: After so many entries the node forgets what it can look up again.

    Raises:
        NotInitialisedError: The store holds no node.
        WorldError: The store cannot be read.
    """

    def __init__(
        self,
        world: World,
        *,
        laws: LawBook | None = None,
        fault: Hook = no_fault,
        snapshot_entries: int = SNAPSHOT_ENTRIES,
    ) -> None:
        self._world = world
        self._snapshot_entries = snapshot_entries
        self._laws = laws or LawBook()
        self._fault = fault
        self._cabinet = Cabinet(world.blobs)
        self._notices: deque[Notice] = deque(maxlen=_NOTICES_MAX)
        self._tx: Transaction | None = None
        self._folded = 0
        # Whose writing is in memory: the fence of the newest transaction that was folded.
        self._fence = 0
        self._has_others = False
        with world.store.reading() as tx:
            stored = tx.value(IDENTITY_VALUE)
            self._cabinet.drop_again(tx)
        if stored is None:
            raise NotInitialisedError("the store holds no node")
        self._identity = unpack(stored, Identity)
        self._signers = (world.signer, *world.former)
        self._own_ring = ring_of(self._identity.party, self._signers)
        self._active = 0
        self._logs = Logs(
            party=self._identity.party,
            is_exercise=self._identity.is_exercise,
            signers_for=self._signers_for,
            entropy=world.entropy,
        )
        self._packer = Packer(
            world=world,
            cabinet=self._cabinet,
            party=self._identity.party,
            is_exercise=self._identity.is_exercise,
        )
        self._workshop = Workshop(packer=self._packer, cabinet=self._cabinet, keeps=self._keeps)
        self._shelf = Shelf(self._identity.party, reading=self._reading)
        self._node = Node(self._fresh(), counsel_of=self._counsel)
        self._is_stale = True
        self._refresh()

    # ------------------------------------------------------------ what shells read

    @property
    def party(self) -> PartyCode:
        """Whose node this is."""
        return self._identity.party

    @property
    def is_exercise(self) -> bool:
        """It runs on an exercise clock."""
        return self._identity.is_exercise

    @property
    def node(self) -> Node:
        """The node, to look at: its queue, its state. Only the driver changes it."""
        self._refresh()
        return self._node

    def now(self) -> Instant:
        """The node's time: the world's, moved by the exercise offset on an exercise node."""
        offset = self._node.state.clock_offset_seconds if self.is_exercise else 0
        return self._world.clock.now().add(seconds=offset)

    def notices(self) -> tuple[Notice, ...]:
        """Take what has happened since the last call, oldest first; for logs and live pages."""
        taken = tuple(self._notices)
        self._notices.clear()
        return taken

    # ------------------------------------------------------------ the transaction

    @contextmanager
    def _turn(self) -> Iterator[Turn]:
        """Run one transaction; what it promises is kept only when the block has ended."""
        if self._is_stale:
            self._refresh()
        self._is_stale = True
        try:
            with self._world.store.transaction() as tx:
                self._tx = tx
                self._fault("begin")
                self._catch_up(tx)
                turn = Turn(tx, self._instant())
                try:
                    yield turn
                except (LocalError, PeerError):
                    # Somebody broke a rule. Where nothing was folded, nothing is ahead of the disk.
                    self._is_stale = bool(turn.facts) or self._workshop.has_put_away
                    raise
                self._snapshot_if_due(turn)
                self._logs.flush(tx)
                self._cabinet.note_drops(tx, turn.drops)
                self._fault("before-commit")
        finally:
            self._tx = None
            self._packer.forget()
        self._fence = tx.fence
        self._is_stale = False
        self._workshop.committed(size=self._logs.out(self.party).size)
        self._fault("after-commit")
        self._notices.extend(turn.notices)
        for digest in turn.drops:
            self._cabinet.destroy(digest)

    def _refresh(self) -> None:
        """Fold the store again after a failure, or at the start; else what others have stored."""
        store = self._world.store
        if not self._is_stale:
            if store.newest() != self._fence:
                self._is_stale = True
                with self._within(store.reading()) as tx:
                    self._catch_up(tx)
                self._is_stale = False
            return
        with self._within(store.reading()) as tx:
            remembered = self._remembered(tx)
            if remembered is not None:
                self._fold_store(tx, *remembered)
        if remembered is None:
            with self._within(store.transaction()) as tx:
                tx.clear_marks()
                self._fold_store(tx, self._fresh(), 0, is_forgetting=True)
                self._forget(tx, tx.position())
            self._fence = tx.fence
        self._is_stale = False
        self._workshop.folded(size=self._logs.out(self.party).size)

    def _remembered(self, tx: Transaction) -> tuple[State, int] | None:
        """Give the state to begin with, and the final entry in it.

        `None` when the whole journal is to be folded, and is so long that the node has to forget on
        the way: there is no snapshot, or another version wrote it.
        """
        snapshot = tx.snapshot(_SNAPSHOT)
        if snapshot is not None:
            with suppress(PackedError):
                return restore_state(snapshot.content), snapshot.position
        return None if tx.position() > self._snapshot_entries else (self._fresh(), 0)

    def _fold_store(
        self, tx: Transaction, state: State, position: int, *, is_forgetting: bool = False
    ) -> None:
        """Fold what comes after a position, with what was folded before."""
        self._fence = tx.fence
        self._active = self._announced(tx)
        self._logs.load(tx)
        self._node = Node(state, counsel_of=self._counsel)
        self._look_back(position)
        self._folded = 0
        self._fold_after(tx, position, is_forgetting=is_forgetting)
        self._refreshed(tx)

    def _fold_after(self, tx: Transaction, position: int, *, is_forgetting: bool = False) -> None:
        """Fold the journal page by page, in the order in which it was stored."""
        while page := tx.since(position, limit=_PAGE_ENTRIES):
            for placed in page:
                fact = fact_of(placed.entry)
                self._node.apply(fact)
            position = page[-1].position
            self._folded += len(page)
            if is_forgetting:
                self._world.progress(position, tx.position())
            if is_forgetting and self._folded >= self._snapshot_entries:
                self._forget(tx, position)

    def _look_back(self, position: int) -> None:
        """Let the node find what lies up to a position, which it has just folded, in the store."""
        state = self._node.state
        own = state.heads.get(f"{self.party}/{self.party}")
        self._shelf.rebase(Base(position=position, number=0 if own is None else own.number))
        state.archive = self._shelf

    def _catch_up(self, tx: Transaction) -> None:
        """Take over what other workers have stored since this one looked; usually nothing (EX-50).

        Raises:
            KeysChangedError: One of them has announced keys that are not here.
        """
        if tx.fence == self._fence:
            return
        self._has_others = True
        self._active = self._announced(tx)
        self._logs.take_over(tx)
        # Positions have no gaps, so what is folded says how far.
        folded = sum(head.number for head in self._node.state.heads.values())
        self._fold_after(tx, folded)
        self._refreshed(tx)
        self._fence = tx.fence

    def _instant(self) -> Instant:
        """Give the turn's instant: of workers on several machines, the clock that is ahead counts.

        Within a bound: a clock that is wrong must not pass for a colleague's.
        """
        now = self.now()
        if self._has_others:
            newest = self._logs.newest()
            if newest is not None and now < newest <= now.add(seconds=WORKER_SKEW_SECONDS_MAX):
                return newest
        return now

    def _refreshed(self, tx: Transaction) -> None:
        """For what a further part of the driver reads when the store is ahead of its memory."""

    def _before_saying(self, turn: Turn, partner: PartyCode) -> None:
        """For what a further part of the driver forbids, or says first, before a new entry."""

    def _fresh(self) -> State:
        return State(party=self._identity.party, is_exercise=self._identity.is_exercise)

    def _snapshot_if_due(self, turn: Turn) -> None:
        self._folded += len(turn.facts)
        if self._folded >= self._snapshot_entries:
            self._snapshot(turn.tx)

    def _snapshot(self, tx: Transaction) -> None:
        """Keep what folding has given; the position is the last entry folded."""
        self._logs.write(tx)
        self._forget(tx, tx.position())

    def _forget(self, tx: Transaction, position: int) -> None:
        """Let the node forget what it can look up again, and write down the rest."""
        state = self._node.state
        self._shelf.put(tx, state.forget())
        tx.put_snapshot(_SNAPSHOT, Snapshot(position=position, content=state.snapshot()))
        self._look_back(position)
        self._folded = 0

    @contextmanager
    def _reading(self) -> Iterator[Transaction]:
        """Give the transaction under way; shells look at the node between transactions, too."""
        if self._tx is not None:
            yield self._tx
            return
        with self._world.store.reading() as tx:
            yield tx

    @contextmanager
    def _within(self, opening: AbstractContextManager[Transaction]) -> Iterator[Transaction]:
        """Let whatever is looked up meanwhile be read in this transaction."""
        with opening as tx:
            self._tx = tx
            try:
                yield tx
            finally:
                self._tx = None

    def _counsel(self, ref: LawRef) -> Counsel:
        """Give the counsel of an adopted law; its files are in the store."""

        def files() -> Mapping[str, bytes]:
            with self._reading() as tx:
                return self._law_files(tx)

        return self._laws.counsel(ref, files)

    def _law_files(self, tx: Transaction) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for file in self._node.state.law_files:
            content = tx.value(law_value(file.digest))
            assert content is not None
            found[file.name] = content
        return found

    def _announced(self, tx: Transaction) -> int:
        """Find the keys that partners have been told of; newer ones wait for `announce`."""
        stored = tx.value(KEYS_VALUE)
        if stored is None:
            return 0
        for index, signer in enumerate(self._signers):
            if keys_value(signer) == stored:
                return index
        if self._has_others:
            raise KeysChangedError("another worker has announced new keys")
        raise OtherKeysError(
            "these are not the keys that the partners know",
            hint="put the newest keys of this node into `keys`; those before speak for it no more",
        )

    def _signers_for(self, log: LogId) -> tuple[Signer, ...]:
        """Give the keys that a log's reader knows; it learns of new ones by an entry of the log.

        Until it has acknowledged that, later ones sign as well: it may have revoked the others, and
        have been told of those by people (EX-41).
        """
        partner = log.target if log.source == self.party else log.source
        known = self._active + self._behind(partner)
        if known >= len(self._signers):
            raise OtherKeysError(f"the keys that `{partner}` knows are not here any more")
        newest = self._signers[self._active : known][: SIGNERS_MAX - 1]
        return (self._signers[known], *newest)

    def _behind(self, partner: PartyCode) -> int:
        """How many changes of keys a partner has not acknowledged."""
        changes = self._node.state.key_changes.get(partner, ())
        held = self._logs.out(partner).acknowledged
        return sum(number > held for number in changes)

    def _ring(self, partner: PartyCode) -> KeyRing | None:
        peer = self._node.state.peers.get(partner)
        return None if peer is None else peer.ring

    # ------------------------------------------------------------ effects

    def _feed(self, turn: Turn, given: Input) -> None:
        """Give the node an input and carry out what it wants."""
        self._carry_out(turn, self._node.handle(given, now=turn.now))

    def _carry_out(self, turn: Turn, effects: Iterable[Effect]) -> None:
        """Carry effects out in order; what follows from one comes before the next."""
        waiting = deque(effects)
        while waiting:
            effect = waiting.popleft()
            follow: Sequence[Effect] = ()
            match effect:
                case Append():
                    self._append(turn, effect)
                case Seal():
                    follow = self._seal(turn, effect)
                case Open():
                    follow = self._open(turn, effect)
                case Then(case=case):
                    follow = self._node.handle(Proceed(case=case), now=turn.now)
                case Drop(digest=digest, is_content=is_content):
                    if self._cabinet.drop(turn.tx, digest, is_content=is_content):
                        turn.drops.append(digest)
                case Alarm():
                    turn.notices.append(effect)
                case _:
                    assert_never(effect)
            waiting.extendleft(reversed(follow))

    def _append(self, turn: Turn, effect: Append) -> None:
        """Append an entry to an own log and fold it; an own entry out of place is a bug."""
        if effect.target != self.party:
            self._before_saying(turn, effect.target)
        draft = Draft(
            kind=kind_of(effect.message),
            case=effect.case,
            parts=((MESSAGE_PART, encode_message(effect.message)),),
            precedence=effect.precedence,
        )
        entry = self._logs.append(effect.target, draft, now=turn.now)
        self._fault("after-append")
        fault = self._fold(turn, entry, own=effect.message)
        assert fault is None, fault

    def _fold(self, turn: Turn, entry: Entry, *, own: Message | None = None) -> Fault | None:
        fact = fact_of(entry, own=own)
        fault = self._node.apply(fact)
        turn.facts.append(fact)
        turn.notices.append(
            Moved(
                source=fact.source,
                target=fact.target,
                number=fact.number,
                kind=fact.kind,
                case=fact.case,
                at=fact.at,
            )
        )
        return fault

    def _seal(self, turn: Turn, effect: Seal) -> Sequence[Effect]:
        """Seal packages, prove consents, and ask the node again; large ones first become jobs."""
        orders = []
        for order in effect.orders:
            ring = self._ring(order.recipient)
            assert ring is not None
            # Nothing is sealed to a key that may be in other hands (EX-52).
            assert ring.spans[0].revoked_at is None
            orders.append((order, ring.spans[0].keys.sealing))
        items: list[SealedItem] = []
        precedence = self._precedence(effect.case)
        try:
            sealing = self._workshop.seal(turn.tx, orders, case=effect.case, precedence=precedence)
            if sealing is None:
                return ()
            items.extend(sealing)
        except (BlobMissingError, PackageTooLargeError) as error:
            # One item that cannot go out is no reason why a whole link stands still (FL-42).
            made = tuple(Drop(digest=one.package.digest) for one in items)
            broken = Unopenable(case=effect.case, detail=error.message)
            return (*made, *self._node.handle(broken, now=turn.now))
        self._fault("after-seal")
        proofs = tuple(prove(turn.tx, self._logs, entry) for entry in effect.prove)
        sealed = Sealed(case=effect.case, items=tuple(items), proofs=proofs)
        return self._node.handle(sealed, now=turn.now)

    def _open(self, turn: Turn, effect: Open) -> Sequence[Effect]:
        """Open packages if all are here; a package that does not fit is the partner's fault."""
        for order in effect.orders:
            digest = order.package.digest
            if digest not in turn.inline and not self._cabinet.is_here(turn.tx, digest):
                return ()
        unpacked: list[Unpacked] = []
        try:
            if effect.is_sealed_past:
                unpacked.extend(self._keep_sealed(turn, order) for order in effect.orders)
            else:
                opening = self._workshop.open(
                    turn.tx,
                    effect.orders,
                    case=effect.case,
                    precedence=self._precedence(effect.case),
                    inline=turn.inline,
                )
                if opening is None:
                    return ()
                unpacked.extend(opening)
        except PeerError as error:
            self._workshop.throw_away(turn.tx, unpacked, unless=())
            broken = Unopenable(case=effect.case, detail=error.message)
            return self._node.handle(broken, now=turn.now)
        self._fault("after-blob")
        opened = Opened(case=effect.case, items=tuple(item for item, _ in unpacked))
        follow = self._node.handle(opened, now=turn.now)
        self._workshop.throw_away(turn.tx, unpacked, unless=follow)
        return (*follow, *self._spent(turn, effect)) if follow else ()

    def _spent(self, turn: Turn, effect: Open) -> Iterator[Drop]:
        """Drop the sealed bytes of what has been opened: whoever keeps them can open them again.

        Otherwise an item could be had back that its receiver has certified to have destroyed.
        """
        if effect.is_sealed_past:
            return
        state = self._node.state
        for order in effect.orders:
            digest = order.package.digest
            others = (*state.incoming.get(digest, ()), *state.outgoing.get(digest, ()))
            if digest not in turn.inline and all(it.case == effect.case for it in others):
                yield Drop(digest=digest)

    def _keeps(self, content: Digest) -> bool:
        return self._node.state.keeps(content)

    def _precedence(self, case: CaseId) -> Precedence:
        file = self._node.state.open.get(case)
        return Precedence.ROUTINE if file is None else file.precedence

    def _keep_sealed(self, turn: Turn, order: OpenOrder) -> Unpacked:
        """Keep a package that is sealed past this node, to hand it on as it came."""
        reference = order.package
        inline = turn.inline.get(reference.digest)
        if inline is not None:
            self._cabinet.put(turn.tx, inline)
        if self._cabinet.is_content(turn.tx, reference.digest):
            # It would be handed on as it is: an item of this node, to whom it was never released.
            raise UnfitError("what a release names is no sealed package")
        size, name = reference.size_bytes, reference.digest
        item = OpenedItem(holding=order.holding, title="", content=name, size_bytes=size)
        # With what is not registered its package goes as ever.
        return item, Put.NOTHING
