"""Exchanges with partners: frames in, frames out, each side's log acknowledged by the other.

There is no queue to send from: the outbox is the log. What is remembered here between calls can be
lost at any moment and costs a repetition, nothing else.

Source: docs/spec/exchange.md EX-34 to EX-38.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from relto.codec import FORK, FRAME
from relto.driver.facts import fact_of
from relto.driver.faults import Hook, no_fault
from relto.driver.hints import Hints
from relto.driver.identity import KEYS_VALUE, OtherKeysError, keys_value
from relto.driver.laws import LawBook
from relto.driver.links import (
    STOPPED_VALUE,
    LinkCounts,
    RefusedFrameError,
    StoppedError,
    UnpinnedPartnerError,
    alarm_of,
    partner_values,
)
from relto.driver.loop import Turn
from relto.driver.passed import PassedOver
from relto.driver.recovery import (
    CAUGHT_UP,
    GAP,
    GIVEN_BACK,
    HELPFUL,
    RECONCILING,
    RESTORED_VALUE,
    REWOUND,
    Helper,
    NotReconciledError,
    Phase,
    card_of,
    everybody,
    in_order,
    ring_through,
)
from relto.driver.set_back import SetBack
from relto.errors import PeerError, ReltoError
from relto.journal import (
    EPOCH_KIND,
    Draft,
    ForkError,
    GapError,
    KeyRing,
    ProtocolError,
    RewoundError,
    WrongLogError,
    held_size,
)
from relto.limits import SNAPSHOT_ENTRIES
from relto.model import PROTOCOL_MAJOR, Batch, Entry, Frame, Rejection
from relto.model.message import KeyChanged
from relto.node import Append, PackageArrived, Received, Tick
from relto.ports import Kept, Transaction, World
from relto.seal import digest as digest_of
from relto.units import PartyCode

_RESTORED: Final = "restored/"
EPOCH: Final = Draft(kind=EPOCH_KIND)


class Exchanges(Hints):
    """The part of the driver that talks to partners."""

    def __init__(
        self,
        world: World,
        *,
        laws: LawBook | None = None,
        fault: Hook = no_fault,
        snapshot_entries: int = SNAPSHOT_ENTRIES,
    ) -> None:
        self._helpers: dict[PartyCode, Helper] = {}
        self._passed, self._set_back = PassedOver(), SetBack()
        # Links known not to be stopped, so that this is not read for each frame.
        self._running: set[PartyCode] = set()
        super().__init__(world, laws=laws, fault=fault, snapshot_entries=snapshot_entries)
        # What partners have been told or sent in this process; losing it costs a repetition and
        # nothing else.
        self._telling: dict[PartyCode, int] = {}
        self._held: dict[PartyCode, int] = {}
        self._sent_from: dict[PartyCode, int | None] = {}
        self._give_back: dict[PartyCode, int] = {}
        self._reach: dict[PartyCode, int] = {}

    # ------------------------------------------------------------ looking

    def link(self, partner: PartyCode) -> LinkCounts:
        """Tell what each side holds of the other's log, and whether the link is stopped."""
        counts = self.counts(partner)
        with self._world.store.reading() as tx:
            stopped = tx.value(STOPPED_VALUE + partner)
        return replace(counts, stopped=(stopped or b"").decode())

    def counts(self, partner: PartyCode) -> LinkCounts:
        """The same from memory, without whether the link is stopped."""
        self._refresh()
        out, mirror = self._logs.out(partner), self._logs.mirror(partner)
        return LinkCounts(ours=out.size, acknowledged=out.acknowledged, theirs=mirror.size)

    def keep_evidence(self, kind: str, content: bytes) -> None:
        """Keep bytes that a partner sent and that broke something here, for whoever mends it."""
        with self._turn() as turn:
            turn.tx.keep(Kept(kind=kind, at=turn.now, content=content))

    # ------------------------------------------------------------ exchange

    def reconciling(self) -> tuple[PartyCode, ...]:
        """Give the partners from whom a restored node still has to hear, sorted; usually none."""
        self._refresh()
        return tuple(filter(self._is_awaited, sorted(self._helpers)))

    def _is_awaited(self, partner: PartyCode) -> bool:
        helper = self._helpers.get(partner)
        return helper is not None and helper.phase is not Phase.DONE

    def _wait_no_more(self, turn: Turn, partner: PartyCode) -> None:
        """Go on without what a partner could give back (EX-47)."""
        turn.tx.put_value(RESTORED_VALUE, b"")
        for one in self._helpers:
            turn.tx.put_value(_RESTORED + one, b"" if one == partner else b"1")
        del self._helpers[partner]
        self._passed.begin(turn.tx, partner)
        if not self.reconciling_now():
            self._rejoin(turn)

    def reconciling_now(self) -> bool:
        """Whether a partner has not given everything yet, as far as this process knows."""
        return any(map(self._is_awaited, self._helpers))

    def _refreshed(self, tx: Transaction) -> None:
        peers = self._node.state.peers
        is_whole = bool(tx.value(RESTORED_VALUE))
        self._helpers = everybody(peers if is_whole else partner_values(tx, _RESTORED, peers))
        self._passed.load(tx, peers)
        self._set_back.load(tx, peers)
        self._running.clear()

    def _before_saying(self, turn: Turn, partner: PartyCode) -> None:
        if self._helpers:
            raise NotReconciledError(f"a restored node says nothing to `{partner}` yet")
        if self._passed.is_epoch_due(partner):
            entry = self._logs.append(partner, EPOCH, now=turn.now)
            self._fold(turn, entry)
            self._passed.said(turn.tx, partner, number=entry.header.number)

    def pending(self) -> tuple[PartyCode, ...]:
        """Give the partners for whom there is something to send, sorted."""
        return tuple(one for one in self.partners() if self._has_news(one))

    def _has_news(self, partner: PartyCode) -> bool:
        out, mirror = self._logs.out(partner), self._logs.mirror(partner)
        if self._helpers:
            return self._is_awaited(partner)
        return (
            out.size > max(out.acknowledged, self._on_its_way(partner))
            or mirror.acknowledged > self._told.get(partner, 0)
            or partner in self._anew
            or partner in self._held
            or partner in self._give_back
        )

    def next_batch(
        self,
        partner: PartyCode,
        *,
        is_poll: bool = False,
        is_ahead: bool = False,
        is_shared: bool = False,
    ) -> bytes | None:
        """Make the next frame for a partner; its answer goes to `receive_reply`.

        Args:
            partner: A pinned partner.
            is_poll: Make a frame even when there is nothing to say, to fetch what the partner has.
            is_ahead: A frame is on its way; give what is not in it, if there is anything.
            is_shared: Leave half of much to the frame that goes ahead of this one's answer.

        Returns:
            The frame, or `None` when there is nothing to send.

        Raises:
            StoppedError: The link is stopped.

        Source: docs/spec/exchange.md EX-35, EX-51.
        """
        self._refresh()
        if not is_poll and not (self.has_more(partner) if is_ahead else self._has_news(partner)):
            return None
        with self._turn() as turn:
            self._check_partner(turn, partner)
            begin = self._sent.get(partner, 0) if is_ahead else 0
            frame = self._frame(turn, partner, begin=begin, is_shared=is_shared)
        self._anew.discard(partner)
        self._sent[partner] = self._reach[partner]
        self._telling[partner] = self._logs.mirror(partner).acknowledged
        self._fault("before-send")
        return FRAME.encode(replace(frame, is_ahead=True) if is_ahead else frame)

    def has_more(self, partner: PartyCode) -> bool:
        """Whether there are entries beyond those on their way, and they may go ahead."""
        if self._helpers or {partner} & (self._anew | self._held.keys() | self._give_back.keys()):
            return False
        out = self._logs.out(partner)
        sent = max(self._sent.get(partner, 0), self._on_its_way(partner))
        return out.size > max(out.acknowledged, sent)

    def receive_reply(self, partner: PartyCode, data: bytes, *, is_ahead: bool = False) -> bool:
        """Take a partner's answer.

        Args:
            partner: Who answered.
            data: The frame.
            is_ahead: The frame that it answers had left ahead of another one's answer.

        Returns:
            Whether there is more to send now.

        Raises:
            PeerError: The answer breaks a rule, or says that the partner refused what was sent.
        """
        refused: Rejection | None = None
        failure: PeerError | None = None
        with self._turn() as turn:
            try:
                self._check_partner(turn, partner)
                frame = self._decode(partner, data)
                refused = frame.rejection
                if is_ahead and refused is not None and refused.code == GAP:
                    # It came before the one that it follows, or without it.
                    self._anew.add(partner)
                else:
                    self._take(turn, partner, frame)
            except RewoundError as error:
                # This node was set back; what is sent next asks for what it has lost.
                self._stop(turn, partner, error)
            except PeerError as error:
                if isinstance(error, ForkError):
                    self._stop(turn, partner, error)
                if is_ahead and isinstance(error, GapError):
                    self._anew.add(partner)
                else:
                    failure = error
        if failure is not None:
            raise failure
        if refused is not None and refused.code not in HELPFUL:
            raise RefusedFrameError(f"`{partner}` refused the frame: `{refused.code}`")
        self._told[partner] = max(self._told.get(partner, 0), self._telling.pop(partner, 0))
        self._fault("after-reply")
        return self._has_news(partner)

    def handle_exchange(self, partner: PartyCode, data: bytes) -> bytes:
        """Answer a partner's frame: verify, mirror, decide, append, commit, then acknowledge.

        Args:
            partner: Whom the link has identified by its certificate.
            data: The frame.

        Returns:
            The answer. A frame that breaks a rule is answered too, with a code and no echo of it.

        Raises:
            WorldError: Nothing has happened; the partner will send again.

        Source: docs/spec/exchange.md EX-36.
        """
        return self.handle_many(((partner, data),))[0]

    def handle_many(self, frames: Sequence[tuple[PartyCode, bytes]]) -> tuple[bytes, ...]:
        """Answer several partners' frames in one transaction, so that one commit serves them all.

        A frame that breaks a rule changes nothing and does not disturb the others.
        """
        failures: dict[int, ReltoError] = {}
        begins = [0] * len(frames)
        with self._turn() as turn:
            for place, (partner, data) in enumerate(frames):
                turn.inline = {}
                try:
                    self._check_partner(turn, partner)
                    frame = self._decode(partner, data)
                    begins[place] = self._answers_reach(partner) if frame.is_ahead else 0
                    self._take(turn, partner, frame)
                except (PeerError, RewoundError) as error:
                    if isinstance(error, ForkError | RewoundError):
                        self._stop(turn, partner, error)
                    elif not isinstance(error, GapError | StoppedError):
                        turn.notices.append(alarm_of(partner, error))
                    failures[place] = error
            answers = tuple(
                self._answer(turn, partner, failures.get(place), begin=begins[place])
                for place, (partner, _) in enumerate(frames)
            )
            for place, (partner, _) in enumerate(frames):
                if place not in failures:
                    self._tell_answered(turn, partner, reach=self._reach[partner])
        for place, (partner, _) in enumerate(frames):
            self._told[partner] = self._logs.mirror(partner).acknowledged
            if place not in failures:
                self._answered[partner] = (self._reach[partner], turn.now)
        return answers

    def _answer(
        self, turn: Turn, partner: PartyCode, failure: ReltoError | None, *, begin: int
    ) -> bytes:
        if failure is None or isinstance(failure, RewoundError):
            return FRAME.encode(self._frame(turn, partner, begin=begin))
        mirror = self._logs.mirror(partner)
        return FRAME.encode(
            Frame(
                version=PROTOCOL_MAJOR,
                source=self.party,
                target=partner,
                acknowledgement=mirror.acknowledgement,
                rejection=Rejection(code=failure.code, held=mirror.size),
            )
        )

    def _decode(self, partner: PartyCode, data: bytes) -> Frame:
        """Read a frame and check that it is of our protocol, from whom the link says.

        And for us (FL-23).
        """
        frame = FRAME.decode(data)
        if frame.version != PROTOCOL_MAJOR:
            raise ProtocolError(f"protocol {frame.version}, expected {PROTOCOL_MAJOR}")
        if (frame.source, frame.target) != (partner, self.party):
            raise WrongLogError("the frame is of another link")
        return frame

    def _take(self, turn: Turn, partner: PartyCode, frame: Frame) -> None:
        """Take in a frame: its acknowledgement, its entries, its packages."""
        ring = self._ring(partner)
        assert ring is not None
        # A node that is recovering helps others all the same: two may have been set back at once.
        asked = frame.rejection
        if asked is not None and asked.code in {REWOUND, GAP}:
            self._help(turn, partner, asked)
            # Whoever holds more than there is here says so with a signature: then go on with it.
            if asked.code == REWOUND or asked.held <= self._logs.out(partner).size:
                return
        if self._helpers:
            self._recover(turn, partner, frame)
            return
        mirror, card = self._logs.mirror(partner), self._node.state.peers[partner].card
        with self._passed.hearing(frame, ring=ring, mirror=mirror, card=card) as known:
            self._believe(turn, partner, frame, known)

    def _believe(self, turn: Turn, partner: PartyCode, frame: Frame, ring: KeyRing) -> None:
        """Take in a frame of a partner that asks for nothing, to a node that waits for nobody."""
        # 1. What the partner says it holds of our log.
        if frame.acknowledgement:
            with self._passed.watching(partner):
                self._logs.acknowledged(
                    turn.tx, frame.acknowledgement, partner=partner, ring=ring, own=self._own_ring
                )
            self._progress(partner, frame.acknowledgement)
        # 2. Its packages have the digests of their names; they count only for what wants them.
        for package in frame.packages:
            if digest_of(package.content) == package.digest:
                turn.inline[package.digest] = package.content
        # 3. Its entries: verify all, mirror all, fold all, then see to each.
        if frame.batch is not None:
            self._mirror(turn, partner, frame.batch, ring)
        held = self._logs.out(partner).acknowledged
        self._passed.heard(turn.tx, partner, acknowledged=held)
        # 4. Packages for releases that came before.
        for digest in turn.inline:
            if digest in self._node.state.incoming:
                self._feed(turn, PackageArrived(digest=digest))

    def _mirror(self, turn: Turn, partner: PartyCode, batch: Batch, ring: KeyRing) -> None:
        verified = self._logs.take(turn.tx, batch, partner=partner, ring=ring, now=turn.now)
        self._set_back.check(turn.tx, partner, verified.entries, now=turn.now)
        self._fault("after-verify")
        self._logs.store(turn.tx, verified, now=turn.now)
        self._fault("after-mirror")
        faults = [self._fold(turn, entry) for entry in verified.entries]
        facts = turn.facts[len(turn.facts) - len(faults) :]
        for fact, fault in zip(facts, faults, strict=True):
            self._feed(turn, Received(fact=fact, fault=fault))

    def _frame(
        self, turn: Turn, partner: PartyCode, *, begin: int, is_shared: bool = False
    ) -> Frame:
        """Make a frame: our next entries, our acknowledgement, small packages most urgent first.

        Args:
            turn: Reads.
            partner: For whom.
            begin: The entries up to this one are on their way already.
            is_shared: Take half of the entries, if there are many.
        """
        out, mirror = self._logs.out(partner), self._logs.mirror(partner)
        if partner in self._give_back or (self._helpers and partner not in self._held):
            self._reach[partner] = out.acknowledged
            return self._recovery_frame(turn, partner)
        held = self._sent_from[partner] = self._held.get(partner)
        begin = max(begin, out.acknowledged) if begin <= out.size else out.acknowledged
        batch = self._logs.batch(
            turn.tx, partner, begin=begin if held is None else held, is_shared=is_shared
        )
        if held is not None and (held >= out.acknowledged or self._helpers):
            # It has lost nothing that it had acknowledged: from here on it is as ever. And whoever
            # is recovering itself says it once, and then asks for its own.
            del self._held[partner]
        final = begin
        if batch is not None:
            final = batch.first + len(batch.entries) - 1
        self._reach[partner] = final
        return Frame(
            version=PROTOCOL_MAJOR,
            source=self.party,
            target=partner,
            batch=batch,
            acknowledgement=mirror.acknowledgement,
            packages=self._inline(turn, partner, begin=begin, final=final),
            rejection=self._passed.asks(partner, held=mirror.size)
            if held is None
            else Rejection(code=CAUGHT_UP, held=out.size),
        )

    # ------------------------------------------------------------ after a restored backup

    def _help(self, turn: Turn, partner: PartyCode, asked: Rejection) -> None:
        """Begin again where the partner stands, or give back what it has lost (FL-17, FL-41)."""
        if asked.code == REWOUND:
            self._give_back[partner] = asked.held
            epoch = self._logs.mirror(partner).epoch
            self._set_back.begin(turn.tx, partner, epoch=epoch, now=turn.now)
        elif self._helpers or asked.held <= self._logs.out(partner).size:
            if self._held.pop(partner, None) == asked.held == self._sent_from.pop(partner, None):
                # Slowed down, not given up: it may have begun anew after a crash of its own.
                raise RefusedFrameError(f"`{partner}` gets no further than {asked.held}")
            self._held[partner] = asked.held

    def _progress(self, partner: PartyCode, note: bytes) -> None:
        """Follow a partner that gets our log again, until it is where it had been."""
        if partner not in self._held:
            return
        out = self._logs.out(partner)
        size = held_size(note, log=out.log)
        if size >= out.acknowledged:
            del self._held[partner]
        else:
            self._held[partner] = size

    def _recovery_frame(self, turn: Turn, partner: PartyCode) -> Frame:
        """Ask for what was lost, or give what the partner has lost."""
        out, mirror = self._logs.out(partner), self._logs.mirror(partner)
        batch: Batch | None = None
        helper = self._helpers.get(partner)
        if partner in self._give_back:
            held = self._give_back.pop(partner)
            batch = self._logs.given_back(turn.tx, partner, held=held)
            said = Rejection(code=GIVEN_BACK, held=mirror.size)
        elif helper is not None:
            said = helper.asks(ours=out.size, theirs=mirror.size)
        else:
            said = Rejection(code=RECONCILING, held=mirror.size)
        return Frame(
            version=PROTOCOL_MAJOR,
            source=self.party,
            target=partner,
            batch=batch,
            acknowledgement=mirror.acknowledgement,
            rejection=said,
        )

    def _recover(self, turn: Turn, partner: PartyCode, frame: Frame) -> None:
        """Take what a partner gives back; when all have, fold it and go on (EX-42)."""
        helper, said, batch = self._helpers.get(partner), frame.rejection, frame.batch
        ring = self._ring(partner)
        if helper is None or said is None or ring is None:
            return
        out, mirror = self._logs.out(partner), self._logs.mirror(partner)
        if helper.phase is Phase.OURS and said.code == GIVEN_BACK:
            begin = out.size + helper.given_count + 1
            if batch is not None and batch.entries and (batch.log, batch.first) == (out.log, begin):
                helper.batches.append(batch)
            if helper.batches and out.size + helper.given_count == said.held:
                helper.ours = self._logs.restored(
                    turn.tx, helper.batches, partner=partner, own=self._own_ring, now=turn.now
                )
            if helper.ours is not None or said.held <= out.size:
                helper.phase = Phase.THEIRS
                helper.acknowledgement = frame.acknowledgement
        elif helper.phase is Phase.THEIRS and said.code == CAUGHT_UP:
            after = mirror if helper.mirror is None else helper.mirror.state
            if batch is not None and batch.log == mirror.log:
                card = self._node.state.peers[partner].card
                helper.ring = ring_through(batch, ring=helper.ring or ring, card=card)
                helper.mirror = self._logs.continued(
                    turn.tx, batch, after=after, ring=helper.ring, now=turn.now
                )
                helper.theirs += helper.mirror.entries
            if mirror.size + len(helper.theirs) >= said.held:
                helper.phase = Phase.DONE
        if not self.reconciling_now():
            self._rejoin(turn)

    def _rejoin(self, turn: Turn) -> None:
        """Store and fold all that was given back, say so in every log, and go on."""
        helpers, self._helpers = self._helpers, {}

        def take(entry: Entry) -> None:
            self._logs.rejoin(turn.tx, entry)
            self._fold(turn, entry)

        in_order(helpers.values(), fits=self._node.fits, take=take)
        for ours in (helper.ours for helper in helpers.values() if helper.ours is not None):
            self._logs.settle(ours, now=turn.now)
        # What nobody has to give back was signed all the same, and may still be under way (JN-36).
        own = (self.party,) if turn.tx.value(RESTORED_VALUE) else ()  # else it says so already
        for target in (*helpers, *own):
            self._fold(turn, self._logs.append(target, EPOCH, now=turn.now))
        self._announce_again(turn, helpers)
        for partner, helper in helpers.items():
            # What it gave back it holds: keys that were announced there are known to it.
            self._credit(turn, partner, helper)
            if helper.mirror is not None:
                self._logs.settle(helper.mirror, now=turn.now)
            turn.tx.put_value(_RESTORED + partner, b"")
        turn.tx.put_value(RESTORED_VALUE, b"")
        # A partner's new keys count from here on; whatever else came is gone on with by the tick.
        for helper in helpers.values():
            self._carry_out(turn, self._node.destroy_again(helper.returned))
            for fact in map(fact_of, helper.theirs):
                if isinstance(fact.message, KeyChanged):
                    self._feed(turn, Received(fact=fact))
        self._feed(turn, Tick())

    def _credit(self, turn: Turn, partner: PartyCode, helper: Helper) -> None:
        ring, note, own = helper.ring or self._ring(partner), helper.acknowledgement, self._own_ring
        if note and ring is not None:
            with suppress(PeerError, RewoundError):  # said again with the next frame
                self._logs.acknowledged(turn.tx, note, partner=partner, ring=ring, own=own)

    def _announce_again(self, turn: Turn, helpers: Mapping[PartyCode, Helper]) -> None:
        """Stand by keys that were announced after the backup, to whom had not heard of them too."""
        told: dict[PartyCode, KeyChanged] = {}
        for partner, helper in helpers.items():
            for fact in helper.returned:
                if isinstance(fact.message, KeyChanged):
                    told[partner] = fact.message
        if not told:
            return
        newest = max(told.values(), key=lambda one: card_of(one).serial)
        known = [signer.keys for signer in self._signers]
        if card_of(newest).keys not in known:
            raise OtherKeysError("the keys that were announced after the backup are not here")
        for partner in self._node.state.peers:
            if told.get(partner) != newest:
                self._carry_out(turn, (Append(target=partner, case=None, message=newest),))
        self._active = known.index(card_of(newest).keys)
        turn.tx.put_value(KEYS_VALUE, keys_value(self._signers[self._active]))
        self._logs.cosign_anew(now=turn.now)

    def _check_partner(self, turn: Turn, partner: PartyCode) -> None:
        if partner not in self._node.state.peers:
            raise UnpinnedPartnerError(f"`{partner}` is no pinned partner")
        if partner in self._running:
            return
        if turn.tx.value(STOPPED_VALUE + partner):
            raise StoppedError(f"the link with `{partner}` is stopped")
        self._running.add(partner)

    def _stop(self, turn: Turn, partner: PartyCode, error: ForkError | RewoundError) -> None:
        """Let nothing more pass on this link, and keep the evidence; other links go on.

        A partner that holds what was signed here and is not here any more is asked for it: then
        this node was set back, and says nothing new to anybody before (EX-42).

        Source: docs/spec/exchange.md EX-38; FL-17, FL-19.
        """
        self._running.discard(partner)
        if isinstance(error, ForkError):
            content = FORK.encode(error.evidence)
            turn.tx.keep(Kept(kind=error.code, at=turn.now, content=content))
            turn.tx.put_value(STOPPED_VALUE + partner, error.code.encode())
        else:
            turn.tx.put_value(RESTORED_VALUE, b"1")
            self._helpers = everybody(self._node.state.peers)
        turn.notices.append(alarm_of(partner, error))

    def stopped(self, partner: PartyCode) -> str:
        """Give the code of the error that stopped a link; empty while it runs."""
        with self._world.store.reading() as tx:
            return (tx.value(STOPPED_VALUE + partner) or b"").decode()
