"""A node, running: one writer, one pump for each partner, and answers for whoever calls.

The service knows no socket and no file. It is handed a driver and, for each partner, a way to call
it; it is itself the desk behind the link port and the hands of the officers' port.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import Struct
from whenever import Instant

from relto.adapters.service.allowance import Allowances, Rates
from relto.adapters.service.pump import Caller, Direction, Health, LinkState, Move, Pump
from relto.adapters.service.writer import StoppingError, Writer
from relto.driver import Driver, Job, KeysChangedError, Moved, Result, Told
from relto.errors import PeerError, ReltoError, WorldError
from relto.limits import LINK_PIECE_BYTES_MAX, RESEND_SECONDS
from relto.node import Command
from relto.ports import SharedStore, StoreError, StoreFullError
from relto.seal import digest
from relto.units import Digest, PartyCode

# The driver gives a partner so long to acknowledge what an answer has carried; then we look again.
_LOOK_AGAIN_SECONDS: Final = RESEND_SECONDS + 0.1
_TICK_SECONDS_MAX: Final = 30.0
# So long an acknowledgement waits for a transaction that takes it along; then it gets its own.
_SAVE_SECONDS: Final = 1.0
_POISON_MAX: Final = 1_024
# New objects between two looks for rings of garbage; so many are some ten megabytes at most.
_GARBAGE_OBJECTS: Final = 50_000
# So long after a worker has ended, others take over its links.
_CLAIM_SECONDS: Final = 1.0
# What workers tell each other of the links that they keep.
_TOLD: Final = frozenset({LinkState.UP, LinkState.SLOWED, LinkState.DOWN, LinkState.REFUSED})

T = TypeVar("T")

Report = Callable[[str, PartyCode | None, str], None]


class Calling(Struct, frozen=True, kw_only=True):
    """How a partner is reached.

    Args:
        caller: Calls it; `None` when only the partner calls.
        is_pulling: The partner cannot call us, so we also ask for what it has.
    """

    caller: Caller | None
    is_pulling: bool


class PoisonError(PeerError):
    """A frame broke this node's code; it is kept as evidence and refused from now on."""

    code = "peer.poison"
    hint_default = "both operators compare versions; other links are not affected"


class NodeService:
    """Runs a driver in an event loop.

    Args:
        driver: The node.
        card: Its own signed card.
        reach: Says how to call a partner; asked when a partner is new or keys have changed.
        jitter: Gives a number in [0, 1).
        report: Told an event's name, whom it is about, and words.
        crew: The store, where several workers share it; `None` where this process is alone.
        rates: What one partner may add to the journal.

    Source: docs/spec/link.md LK-15 to LK-18, LK-22, LK-24 to LK-26.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        card: bytes,
        reach: Callable[[PartyCode], Calling],
        jitter: Callable[[], float],
        report: Report,
        crew: SharedStore | None = None,
        rates: Rates | None = None,
    ) -> None:
        """Keep the parts; `run` begins."""
        self.driver = driver
        self.allowances = Allowances(Rates() if rates is None else rates, report=report)
        # Another worker has announced keys that this one has not read: open the node anew.
        self.is_outdated = False
        self._crew = crew
        self.heard_at: dict[PartyCode, Instant] = {}
        self._card = card
        self._reach = reach
        self._jitter = jitter
        self._report = report
        self._writer = Writer(driver, after=self._after, on_failure=self._on_failure)
        self._broken: StoreError | None = None
        # Something found no room, and nothing was written since.
        self._has_no_room = False
        self._pumps: dict[PartyCode, tuple[Pump, asyncio.Task[None]]] = {}
        # What each pump was started for: the partner's card, and whether it lacks our newest.
        self._known: dict[PartyCode, tuple[bytes, bytes, bool, int]] = {}
        # A partner's call that waits for news, and what wakes it.
        self._waiters: dict[PartyCode, asyncio.Event] = {}
        self._looking: set[PartyCode] = set()
        # How links are doing that other workers keep, as they have told.
        self._elsewhere: dict[PartyCode, Health] = {}
        # Frames that broke the node, by digest; the oldest are forgotten first.
        self._poison: dict[Digest, None] = {}
        self._stopped = asyncio.Event()
        self._saving: asyncio.Task[None] | None = None
        # The work on a large package that is under way in another thread; one at a time.
        self._working: asyncio.Task[None] | None = None
        # Who has handed over the last piece of a package waits until it has been checked.
        self._checks: dict[Digest, asyncio.Future[None]] = {}

    # ---------------------------------------------------------------- life

    async def run(self) -> None:
        """Run until `stop` is called: pump every link, and tick when something is due.

        Raises:
            StoreError: The store has failed, or belongs to another writer now; a restart checks it.
        """
        loop = asyncio.get_running_loop()
        if self._crew is not None:
            loop.add_reader(self._crew.fileno(), self._after)
        self.driver.put_off_large()
        await self._writer.call(self.driver.tick)
        # What is here now stays: code, and the law. A collection that looks through it again takes
        # fifty milliseconds, and finds nothing. What comes later mostly goes by being counted: to
        # look for rings after every 700 objects took a fifth of a busy node's time.
        gc.freeze()
        gc.set_threshold(_GARBAGE_OBJECTS, *gc.get_threshold()[1:])
        try:
            if self._crew is not None:
                self.driver.tell(self.driver.party, "who")
            while not self._stopped.is_set():
                try:
                    async with asyncio.timeout(self._until_deadline()):
                        await self._stopped.wait()
                except TimeoutError:
                    await self._tick()
        finally:
            if self._crew is not None:
                loop.remove_reader(self._crew.fileno())
            self._writer.stop()
            tasks = [task for _, task in self._pumps.values()]
            for task in tasks:
                task.cancel()
            tasks += [task for task in (self._working, self._saving) if task is not None]
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._broken is None and not self.is_outdated:
                loop.call_soon(self.driver.close)
                await asyncio.sleep(0)
        if self._broken is not None:
            raise self._broken

    def stop(self) -> None:
        """End `run` after what is under way."""
        self._stopped.set()

    def _on_failure(self, error: Exception) -> None:
        """A store that has failed is not tried again in this process (FL-15, FL-18).

        One that has no room is, by whoever comes next; that there is none is said once (FL-14).
        """
        if isinstance(error, StoreFullError) and not self._has_no_room:
            self._has_no_room = True
            self._report("no_room", None, f"{error.code}: {error.message}")
        if isinstance(error, KeysChangedError) and not self.is_outdated:
            self.is_outdated = True
            self._report("keys_changed_elsewhere", None, error.message)
            self.stop()
        if isinstance(error, StoreError) and not error.retryable and self._broken is None:
            self._broken = error
            self._report("store_failed", None, f"{error.code}: {error.message}")
            self.stop()

    async def _tick(self) -> None:
        try:
            await self._writer.call(self.driver.tick)
        except ReltoError as error:
            self._report("tick_failed", None, f"{error.code}: {error.message}")

    def _until_deadline(self) -> float:
        try:
            deadline = self.driver.next_deadline()
        except WorldError as error:
            self._on_failure(error)
            deadline = None
        if deadline is None:
            return _TICK_SECONDS_MAX
        left = deadline.difference(self.driver.now()).total("seconds")
        return min(max(left, 0.0) + 0.001, _TICK_SECONDS_MAX)

    def _after(self) -> None:
        """After each group, and when other workers tell: see what is new, and wake for it."""
        try:
            self._follow()
        except WorldError as error:
            self._on_failure(error)

    def _follow(self) -> None:
        for told in self.driver.heed():
            self._hear(told)
        for notice in self.driver.notices():
            if isinstance(notice, Moved):
                if self._has_no_room:
                    self._has_no_room = False
                    self._report("room_again", None, "what was refused is taken again")
                self._report(notice.kind, notice.source, f"{notice.target} {notice.number}")
                if notice.kind == "release":
                    # Its package may have to be fetched, whoever has called whom.
                    self._wake(notice.source)
            else:
                self._report("alarm", notice.partner, f"{notice.code}: {notice.text}")
        self.follow_partners()
        for partner in self.driver.pending():
            waiter = self._waiters.get(partner)
            if waiter is not None:
                waiter.set()
            self._wake_to_send(partner)
        if self._saving is None and self.driver.has_unsaved and not self._stopped.is_set():
            self._saving = asyncio.get_running_loop().create_task(self._save())
        self._work_on_large()

    async def _save(self) -> None:
        """Write what partners have acknowledged, once nothing else has for a while (EX-37).

        Whoever takes evidence out of the journal finds the partner's word for the last entry, too.
        """
        try:
            async with asyncio.timeout(_SAVE_SECONDS):
                await self._stopped.wait()
        except TimeoutError:
            self._saving = None
            if self.driver.has_unsaved:
                try:
                    await self._writer.call(self.driver.save)
                except ReltoError as error:
                    self._report("save_failed", None, f"{error.code}: {error.message}")

    def _work_on_large(self) -> None:
        """Have the next large package sealed, checked or opened, while the node goes on (LK-23)."""
        if self._working is not None or self._stopped.is_set():
            return
        job = self.driver.next_job()
        if job is not None:
            loop = asyncio.get_running_loop()
            self._working = loop.create_task(self._work(job))

    async def _work(self, job: Job) -> None:
        failed: ReltoError | None = None
        try:
            await asyncio.to_thread(job.run)
            await self._writer.call(lambda: self.driver.finish(job))
        except ReltoError as error:
            failed = error
            if not isinstance(error, StoppingError):
                self._report("package_failed", None, f"{error.code}: {error.message}")
        except Exception as error:  # noqa: BLE001 -- a bug fails this package; others go on
            self._report("package_broke", None, type(error).__name__)
        finally:
            if job.case is None and job.digest is not None:
                self._tell_checked(job.digest, failed)
            self._working = None
            self._work_on_large()

    def _tell_checked(self, digest: Digest, failed: ReltoError | None) -> None:
        waiting = self._checks.pop(digest, None)
        if waiting is None or waiting.done():
            return
        if failed is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(failed)

    async def _checked(self, digest: Digest) -> None:
        """Wait until a package is checked of which every byte has come.

        Raises:
            ReltoError: It is not the package that was named, or the disk failed.
        """
        if self.driver.is_checking(digest):
            loop = asyncio.get_running_loop()
            waiting = self._checks.setdefault(digest, loop.create_future())
            await asyncio.shield(waiting)

    def _hear(self, told: Told) -> None:
        """Take what another worker tells of a link (LK-22)."""
        match told.words.split(maxsplit=3):
            case ["call"]:
                self._wake(told.partner, is_heard=True)
            case ["who"]:
                for partner in self._pumps:
                    self._tell_state(partner)
            case ["state", state, failures, *error] if state in _TOLD and failures.isdecimal():
                self._elsewhere[told.partner] = Health(
                    state=LinkState(state), failures=int(failures), error="".join(error)
                )
            case _:
                # Of another version of this program, perhaps.
                pass

    def _tell_state(self, partner: PartyCode) -> None:
        """Tell the other workers how a link is doing that this one keeps."""
        health = self._pumps[partner][0].health
        if self._crew is not None and health.state in _TOLD:
            self.driver.tell(partner, f"state {health.state} {health.failures} {health.error}")

    def _wake(self, partner: PartyCode, *, is_heard: bool = False) -> None:
        kept = self._pumps.get(partner)
        if kept is not None:
            kept[0].wake(is_heard=is_heard)

    def _wake_to_send(self, partner: PartyCode) -> None:
        kept = self._pumps.get(partner)
        if kept is not None:
            kept[0].wake_to_send()

    def follow_partners(self) -> None:
        """Start a pump for each new partner, and a new one where keys have changed."""
        behind = self.driver.behind()
        for party, peer in self.driver.node.state.peers.items():
            revoked = peer.ring.spans[0].revoked_at is not None
            known = (peer.card, peer.former, revoked, behind.get(party, 0))
            if self._known.get(party) == known:
                continue
            self._known[party] = known
            old = self._pumps.pop(party, None)
            if old is not None:
                old[1].cancel()
            calling = self._reach(party)
            pump = Pump(
                party,
                post=self,
                caller=calling.caller,
                is_pulling=calling.is_pulling,
                jitter=self._jitter,
                report=self._report_link,
            )
            running = pump.run() if calling.caller is None else self._run(pump)
            self._pumps[party] = (pump, asyncio.get_running_loop().create_task(running))

    async def _run(self, pump: Pump) -> None:
        """Run a pump while its link is this worker's; another takes it when this one ends (LK-22).

        What partners give a restored node back is in memory alone, so until then each worker calls.
        """
        if self._crew is None:
            await pump.run()
            return
        name, fresh = f"link/{pump.partner}", pump.health
        try:
            while not self._crew.claim(name):
                if self.driver.reconciling():
                    await self._run_beside(pump, name)
                    return
                pump.health = Health(state=LinkState.ELSEWHERE)
                await asyncio.sleep(_CLAIM_SECONDS)
        except WorldError as error:
            self._on_failure(error)
            return
        pump.health = fresh
        await pump.run()

    async def _run_beside(self, pump: Pump, name: str) -> None:
        """Run a pump that others run as well, until the node has heard from all its partners."""
        assert self._crew is not None
        running = asyncio.create_task(pump.run())
        try:
            while self.driver.reconciling():
                if self._crew.claim(name):
                    await running
                await asyncio.sleep(_CLAIM_SECONDS)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        # A new pump takes its place, and waits for its claim.
        self._known.pop(pump.partner, None)
        asyncio.get_running_loop().call_soon(self._after)

    def _report_link(self, event: str, partner: PartyCode, words: str) -> None:
        self._report(event, partner, words)
        try:
            self._tell_state(partner)
        except WorldError as error:
            self._on_failure(error)

    # ---------------------------------------------------------------- officers

    async def command(self, command: Command) -> Result:
        """Carry out a command, grouped with others that wait."""
        return await self._writer.command(command)

    async def call(self, run: Callable[[], T]) -> T:
        """Run something on the driver, in its turn."""
        return await self._writer.call(run)

    def health(self, partner: PartyCode) -> Health:
        """Tell how a link is doing."""
        kept = self._pumps.get(partner)
        found = Health(state=LinkState.NEW) if kept is None else kept[0].health
        if found.state is LinkState.ELSEWHERE:
            return self._elsewhere.get(partner, found)
        return found

    def reconcile(self, partner: PartyCode) -> None:
        """Call a partner now, whatever it was waiting for, and whichever worker does."""
        self._wake(partner, is_heard=True)
        if self._crew is not None:
            self.driver.tell(partner, "call")

    # ---------------------------------------------------------------- the desk behind the link port

    async def exchange(self, partner: PartyCode, frame: bytes, *, wait_seconds: int) -> bytes:
        """Answer a partner's frame; with nothing to say, wait for news that long (LK-16).

        A frame may be answered twice: the second time it changes nothing and takes the news along.
        That of a partner that has to wait is not taken at all (LK-25).
        """
        self._heard(partner)
        self.allowances.check(partner)
        self.allowances.count_frame(partner, len(frame))
        answer = await self._answer(partner, frame)
        if wait_seconds and partner not in self.driver.pending():
            await self._wait_for_news(partner, wait_seconds)
            answer = await self._answer(partner, frame)
        return answer

    async def _answer(self, partner: PartyCode, frame: bytes) -> bytes:
        answer = await self._handle(partner, frame)
        if partner not in self._looking:
            self._looking.add(partner)
            loop = asyncio.get_running_loop()
            loop.call_later(_LOOK_AGAIN_SECONDS, self._look_again, partner)
        return answer

    async def _handle(self, partner: PartyCode, frame: bytes) -> bytes:
        """Have a frame answered; one that breaks the node is kept and never tried again (FL-42)."""
        if self._poison and digest(frame) in self._poison:
            raise PoisonError("this frame broke the node before")
        try:
            answer = await self._writer.exchange(partner, frame)
            self.allowances.count_growth(partner, self.driver.growth(partner))
            self.allowances.count_frame(partner, len(answer))
        except ReltoError:
            raise
        except Exception as error:
            name = digest(frame)
            self._poison[name] = None
            while len(self._poison) > _POISON_MAX:
                del self._poison[next(iter(self._poison))]
            self._report("poison", partner, f"{type(error).__name__} on frame {name}")
            await self._writer.call(lambda: self.driver.keep_evidence(PoisonError.code, frame))
            raise PoisonError("this frame broke the node") from error
        return answer

    def owed_seconds(self, partner: PartyCode) -> float:
        """See `Post.owed_seconds`."""
        return self.allowances.owed_seconds(partner)

    def wait_seconds(self, partner: PartyCode) -> float:
        """See `Desk.wait_seconds` and `Post.wait_seconds`."""
        return self.allowances.wait_seconds(partner)

    def _look_again(self, partner: PartyCode) -> None:
        self._looking.discard(partner)
        if not self._stopped.is_set() and partner in self.driver.pending():
            self._wake_to_send(partner)

    async def _wait_for_news(self, partner: PartyCode, seconds: int) -> None:
        """Hold one call of a partner; a second one lets the first go."""
        held = self._waiters.get(partner)
        if held is not None:
            held.set()
        news = self._waiters[partner] = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                await news.wait()
        except TimeoutError:
            pass
        finally:
            if self._waiters.get(partner) is news:
                del self._waiters[partner]

    def _heard(self, partner: PartyCode) -> None:
        self.heard_at[partner] = self.driver.now()
        kept = self._pumps.get(partner)
        # Whatever kept us from reaching it may have passed.
        if kept is not None and kept[0].health.failures:
            kept[0].wake(is_heard=True)

    async def card(self) -> bytes:
        """Give the node's card."""
        return self._card

    async def offered_bytes(self, partner: PartyCode, digest: Digest) -> int | None:
        """See `Desk.offered_bytes`."""
        return self.driver.offered_bytes(partner, digest)

    async def read_package(
        self, partner: PartyCode, digest: Digest, *, offset: int, size: int
    ) -> bytes:
        """See `Desk.read_package`."""
        return await self._writer.call(
            lambda: self.driver.read_package(partner, digest, offset=offset, size=size)
        )

    async def wanted_bytes(self, partner: PartyCode, digest: Digest) -> int | None:
        """See `Desk.wanted_bytes`."""
        return self.driver.wanted_bytes(partner, digest)

    async def received_bytes(self, partner: PartyCode, digest: Digest) -> int:
        """See `Desk.received_bytes`."""
        return self.driver.received_bytes(partner, digest)

    async def write_package(
        self, partner: PartyCode, digest: Digest, *, offset: int, piece: bytes
    ) -> int:
        """See `Desk.write_package`."""
        here = await self._writer.call(
            lambda: self.driver.write_package(partner, digest, offset=offset, piece=piece)
        )
        await self._checked(digest)
        return here

    # ---------------------------------------------------------------- what the pumps need

    async def next_frame(
        self, partner: PartyCode, *, is_poll: bool, is_shared: bool = False
    ) -> bytes | None:
        """See `Post.next_frame`."""
        return await self._writer.call(
            lambda: self.driver.next_batch(partner, is_poll=is_poll, is_shared=is_shared),
            is_reading=True,
        )

    async def frame_ahead(self, partner: PartyCode) -> bytes | None:
        """See `Post.frame_ahead`."""
        if not self.driver.has_more(partner):
            return None
        return await self._writer.call(
            lambda: self.driver.next_batch(partner, is_ahead=True), is_reading=True
        )

    async def take_reply(self, partner: PartyCode, frame: bytes, *, is_ahead: bool = False) -> None:
        """See `Post.take_reply`."""
        self.heard_at[partner] = self.driver.now()
        self.allowances.count_frame(partner, len(frame))
        await self._writer.call(
            lambda: self.driver.receive_reply(partner, frame, is_ahead=is_ahead)
        )
        self.allowances.count_growth(partner, self.driver.growth(partner))

    async def moves(self, partner: PartyCode) -> tuple[Move, ...]:
        """See `Post.moves`."""
        incoming = [
            Move(
                digest=parcel.digest,
                size_bytes=parcel.size_bytes,
                direction=Direction.IN,
                precedence=parcel.precedence,
                done_bytes=self.driver.received_bytes(partner, parcel.digest),
            )
            for parcel in self.driver.wanted(partner)
        ]
        outgoing = [
            Move(
                digest=parcel.digest,
                size_bytes=parcel.size_bytes,
                direction=Direction.OUT,
                precedence=parcel.precedence,
            )
            for parcel in self.driver.owed(partner)
        ]
        return tuple(sorted((*incoming, *outgoing), key=lambda move: move.urgency))

    async def is_apart(self, digest: Digest) -> bool:
        """See `Post.is_apart`."""
        return self.driver.is_apart(digest)

    async def outgoing_piece(self, partner: PartyCode, digest: Digest, *, offset: int) -> bytes:
        """See `Post.outgoing_piece`."""
        return await self.read_package(partner, digest, offset=offset, size=LINK_PIECE_BYTES_MAX)

    async def incoming_piece(
        self, partner: PartyCode, digest: Digest, *, offset: int, piece: bytes
    ) -> int:
        """See `Post.incoming_piece`."""
        return await self.write_package(partner, digest, offset=offset, piece=piece)
