"""One link's pump: sends what the log holds and the partner does not, and fetches what is owed.

There is no send queue: the outbox is the log. A pump keeps nothing that a restart would lose. It
calls when there is something to say, asks now and then otherwise, and after a failure waits longer
each time, with jitter, so that partners that come back are not met by everybody at once.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from relto.errors import PeerError, ReltoError, WorldError
from relto.limits import (
    FRAMES_IN_FLIGHT_MAX,
    LINK_PATIENCE_SECONDS_MAX,
    PACKAGE_INLINE_BYTES_MAX,
)
from relto.model import PRECEDENCE_ORDER, Precedence
from relto.units import Digest, PartyCode

# A quiet link is asked this often whether anything is new; a pulling one asks with a long wait
# instead.
_QUIET_SECONDS: Final = 60.0
_PULL_WAIT_SECONDS: Final = 20
_RETRY_SECONDS_MIN: Final = 0.2
_RETRY_SECONDS_MAX: Final = 300.0
# After a failure even urgent news wait so long, or a dead partner would be called for each entry.
_RETRY_URGENT_SECONDS: Final = 2.0
# A refusal does not pass by itself; there is no hurry to hear it again.
_RETRY_REFUSED_SECONDS: Final = 5.0


class LinkState(StrEnum):
    """How a link is doing."""

    NEW = "new"
    UP = "up"
    SLOWED = "slowed"  # the partner has said when it takes more
    DOWN = "down"
    REFUSED = "refused"
    WAITING = "waiting"  # only the partner calls
    ELSEWHERE = "elsewhere"  # another worker of this node calls


class Direction(StrEnum):
    """Which way a package goes."""

    OUT = "out"
    IN = "in"


class Move(Struct, frozen=True, kw_only=True):
    """A package that has to move.

    Args:
        digest: Its address.
        size_bytes: Its length.
        direction: From us or to us.
        precedence: How urgent.
        done_bytes: How much of an incoming one is here.
    """

    digest: Digest
    size_bytes: int
    direction: Direction
    precedence: Precedence
    done_bytes: int = 0

    @property
    def urgency(self) -> tuple[int, str]:
        """Sorts the most urgent first; among equals the order that it was listed in is kept."""
        return (-PRECEDENCE_ORDER.index(self.precedence), self.direction)


class Post(Protocol):
    """What a pump needs of its node."""

    async def next_frame(
        self, partner: PartyCode, *, is_poll: bool, is_shared: bool = False
    ) -> bytes | None:
        """Give what the partner has not acknowledged; `None` when nothing, unless polling."""
        ...

    async def frame_ahead(self, partner: PartyCode) -> bytes | None:
        """Give what is not on its way either; `None` when nothing, or when it must not yet."""
        ...

    async def take_reply(self, partner: PartyCode, frame: bytes, *, is_ahead: bool = False) -> None:
        """Take the partner's answer, to a frame that had left ahead of another one's or not."""
        ...

    def owed_seconds(self, partner: PartyCode) -> float:
        """How long the partner is asked for nothing, because it has sent more than its share."""
        ...

    def wait_seconds(self, partner: PartyCode) -> float:
        """The same, where a frame waits for it."""
        ...

    async def moves(self, partner: PartyCode) -> tuple[Move, ...]:
        """List packages that have to move, most urgent first."""
        ...

    async def is_apart(self, digest: Digest) -> bool:
        """Tell whether a package lies in a file, so that no frame takes it along."""
        ...

    async def outgoing_piece(self, partner: PartyCode, digest: Digest, *, offset: int) -> bytes:
        """Read the next piece to hand over; asks the law again (FL-36)."""
        ...

    async def incoming_piece(
        self, partner: PartyCode, digest: Digest, *, offset: int, piece: bytes
    ) -> int:
        """Keep a piece that was fetched; gives how much is here."""
        ...


class Fetched(Protocol):
    """A piece as a caller returns it."""

    @property
    def content(self) -> bytes:
        """Its bytes."""
        ...

    @property
    def total(self) -> int:
        """The size of the whole package."""
        ...


class Caller(Protocol):
    """How a partner is called; the HTTPS caller is one, the tests' wire another."""

    async def exchange(self, frame: bytes, *, wait_seconds: int = 0) -> bytes:
        """Hand over a frame, get one back."""
        ...

    async def fetch(self, digest: Digest, *, offset: int) -> Fetched:
        """Fetch the next piece of a package."""
        ...

    async def received(self, digest: Digest, *, total: int) -> int:
        """Ask how much of a package the partner has."""
        ...

    async def hand_over(self, digest: Digest, *, offset: int, piece: bytes, total: int) -> int:
        """Hand over the next piece of a package."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


class Health(Struct, kw_only=True):
    """What an operator sees of a link.

    Args:
        state: How it is doing.
        failures: Calls that failed in a row.
        error: Code and words of the last failure; empty after a success.
        retry_seconds: How long it waits before the next call; 0 when it does not wait.
    """

    state: LinkState = LinkState.NEW
    failures: int = 0
    error: str = ""
    retry_seconds: float = 0.0


class _Turn(StrEnum):
    FRAMES = "frames"
    PACKAGES = "packages"
    PULL = "pull"


class PieceError(PeerError):
    """A partner sends a package that is not the one it announced."""

    code = "peer.piece"


class PumpBrokeError(WorldError):
    """This node's own code broke on what a partner answered (FL-42)."""

    code = "world.pump_broke"
    hint_default = "the node's log has the details; other links are not affected"


def _broken(bug: Exception) -> PumpBrokeError:
    return PumpBrokeError(f"a bug on this link: {type(bug).__name__}")


class Pump:
    """Keeps one partner supplied.

    Args:
        partner: Whom.
        post: The node.
        caller: How to call; `None` when only the partner calls.
        is_pulling: The partner cannot call us: we also ask, with a long wait, for what it has.
        jitter: Gives a number in [0, 1).
        report: Told the event's name, and code and words of an error.

    Source: docs/spec/link.md LK-15 to LK-18.
    """

    def __init__(
        self,
        partner: PartyCode,
        *,
        post: Post,
        caller: Caller | None,
        is_pulling: bool,
        jitter: Callable[[], float],
        report: Callable[[str, PartyCode, str], None],
    ) -> None:
        """Keep the parts; `run` begins."""
        self.partner = partner
        self.health = Health(state=LinkState.WAITING if caller is None else LinkState.NEW)
        self._post = post
        self._caller = caller
        self._is_pulling = is_pulling
        self._jitter: Callable[[], float] = jitter
        self._report = report
        self._news = {turn: asyncio.Event() for turn in _Turn}
        self._is_heard = False
        # What the partner has asked to wait, until it has been done.
        self._slowed: set[_Turn] = set()

    def wake_to_send(self) -> None:
        """Say that there may be an entry to send; packages are looked after once it is answered."""
        self._news[_Turn.FRAMES].set()
        self._news[_Turn.PULL].set()

    def wake(self, *, is_heard: bool = False) -> None:
        """Say that there may be something to send or a package to move.

        Args:
            is_heard: The partner has just called: whatever was wrong has passed.
        """
        self._is_heard = self._is_heard or is_heard
        self.wake_to_send()
        self._news[_Turn.PACKAGES].set()

    async def run(self) -> None:
        """Pump until cancelled, then hang up."""
        if self._caller is None:
            await asyncio.get_running_loop().create_future()
        assert self._caller is not None
        turns = [_Turn.FRAMES, _Turn.PACKAGES, *([_Turn.PULL] if self._is_pulling else [])]
        try:
            async with asyncio.TaskGroup() as group:
                for turn in turns:
                    group.create_task(self._keep(turn, self._caller))
        finally:
            await self._caller.close()

    async def _keep(self, turn: _Turn, caller: Caller) -> None:
        """Take turns: again at once after each that had something to do, otherwise after a rest."""
        news = self._news[turn]
        failures, is_due = 0, True
        loop = asyncio.get_running_loop()
        due_at = loop.time() + _QUIET_SECONDS
        while True:
            news.clear()
            if turn is not _Turn.PACKAGES:
                # An answer brings entries, too.
                while owed := self._post.wait_seconds(self.partner):  # noqa: ASYNC110 -- time pays it
                    await asyncio.sleep(owed)
            try:
                is_more = await self._take(turn, caller, is_due=is_due)
            except Exception as raised:  # noqa: BLE001 -- a bug stops a link for a while, not for ever
                error = raised if isinstance(raised, ReltoError) else _broken(raised)
                if isinstance(error, PeerError) and error.retry_seconds:
                    await self._wait_as_told(turn, error)
                    failures, is_due = 0, True
                    continue
                failures += 1
                pause = self._failed(error, failures)
                least = min(pause, _RETRY_URGENT_SECONDS)
            else:
                pause, least = _QUIET_SECONDS, 0.0
                if turn is not _Turn.FRAMES or not is_more:
                    self._caught_up(turn)
                if is_more:
                    self._succeeded()
                    failures, is_due = 0, False
                    continue
            is_due = await self._rest(news, pause=pause, least=least) or failures > 0
            # A partner that is asked with a wait has news at every answer: they put off nothing.
            if turn is _Turn.PACKAGES and loop.time() >= due_at:
                is_due, due_at = True, loop.time() + _QUIET_SECONDS

    async def _take(self, turn: _Turn, caller: Caller, *, is_due: bool) -> bool:
        match turn:
            case _Turn.FRAMES:
                return await self._send(caller, is_poll=is_due and not self._is_pulling)
            case _Turn.PULL:
                return await self._pull(caller)
            case _Turn.PACKAGES:
                return await self._move(caller, is_due=is_due)

    async def _rest(self, news: asyncio.Event, *, pause: float, least: float) -> bool:
        """Wait for news or for the time to pass; tells whether the time has passed."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        timer = loop.call_later(pause, news.set)
        try:
            await news.wait()
        finally:
            timer.cancel()
        waited = loop.time() - begun
        if waited < least and not self._is_heard:
            await asyncio.sleep(least - waited)
        return waited >= pause

    # ---------------------------------------------------------------- turns

    async def _send(self, caller: Caller, *, is_poll: bool) -> bool:
        """Send what is not acknowledged; while one frame is worked on, the next is on its way.

        Answers are taken in the order in which the frames left. When one fails, those after it are
        not waited for, and everything begins anew with what is acknowledged (EX-51).
        """
        is_shared = not self._is_pulling
        frame = await self._post.next_frame(self.partner, is_poll=is_poll, is_shared=is_shared)
        if frame is None:
            return False
        flights = deque([self._fly(caller, frame)])
        is_ahead = False
        try:
            while flights:
                answer = flights.popleft().result() if flights[0].done() else None
                # What waits leaves first, so that the partner works on it while we do on this.
                await self._fill(caller, flights)
                if answer is None:
                    await self._news[_Turn.FRAMES].wait()
                    continue
                await self._take_reply(answer, is_ahead=is_ahead)
                is_ahead = True
        finally:
            for flight in flights:
                flight.cancel()
            await asyncio.gather(*flights, return_exceptions=True)
        return True

    def _fly(self, caller: Caller, frame: bytes) -> "asyncio.Task[bytes]":
        async def flight() -> bytes:
            try:
                return await caller.exchange(frame)
            finally:
                self._news[_Turn.FRAMES].set()

        return asyncio.get_running_loop().create_task(flight())

    async def _fill(self, caller: Caller, flights: "deque[asyncio.Task[bytes]]") -> None:
        """Let the next frame leave, if one may be on its way beside those that are."""
        self._news[_Turn.FRAMES].clear()
        if self._is_pulling or len(flights) >= FRAMES_IN_FLIGHT_MAX:
            return
        if self._post.owed_seconds(self.partner):
            return
        frame = await self._post.frame_ahead(self.partner)
        if frame is not None:
            flights.append(self._fly(caller, frame))

    async def _take_reply(self, answer: bytes, *, is_ahead: bool = False) -> None:
        await self._post.take_reply(self.partner, answer, is_ahead=is_ahead)
        # What the frame or its answer announced may be moved now.
        self._news[_Turn.PACKAGES].set()

    async def _pull(self, caller: Caller) -> bool:
        """Ask for what the partner has; it answers as soon as it has something (LK-16)."""
        frame = await self._post.next_frame(self.partner, is_poll=True)
        assert frame is not None
        reply = await caller.exchange(frame, wait_seconds=_PULL_WAIT_SECONDS)
        await self._take_reply(reply)
        return True

    async def _move(self, caller: Caller, *, is_due: bool) -> bool:
        """Move one piece of the most urgent package, then look again: flash overtakes (LK-15).

        Small packages travel with their entries; only when time has passed are they looked after
        too.
        """
        for move in await self._post.moves(self.partner):
            if move.direction is Direction.IN:
                got = await caller.fetch(move.digest, offset=move.done_bytes)
                if got.total != move.size_bytes:
                    raise PieceError(f"package of {self.partner} has another size than announced")
                await self._post.incoming_piece(
                    self.partner, move.digest, offset=move.done_bytes, piece=got.content
                )
                return True
            if not self._is_pulling:
                continue
            is_small = move.size_bytes <= PACKAGE_INLINE_BYTES_MAX and not is_due
            # One that was sealed into a file travels by range, however small it is.
            if is_small and not await self._post.is_apart(move.digest):
                continue
            if await self._hand_over(caller, move):
                return True
        return False

    async def _hand_over(self, caller: Caller, move: Move) -> bool:
        """Hand over one piece; tells whether there was one to hand over."""
        offset = await caller.received(move.digest, total=move.size_bytes)
        if offset >= move.size_bytes:
            return False
        piece = await self._post.outgoing_piece(self.partner, move.digest, offset=offset)
        await caller.hand_over(move.digest, offset=offset, piece=piece, total=move.size_bytes)
        return True

    # ---------------------------------------------------------------- health

    def _failed(self, error: ReltoError, failures: int) -> float:
        pause = min(_RETRY_SECONDS_MIN * float(1 << min(failures - 1, 16)), _RETRY_SECONDS_MAX)
        state = LinkState.DOWN
        if isinstance(error, PumpBrokeError):
            pause = _RETRY_SECONDS_MAX
        if isinstance(error, PeerError):
            state, pause = LinkState.REFUSED, max(pause, _RETRY_REFUSED_SECONDS)
        # Half of it is fixed, so that the wait never shrinks to nothing.
        pause *= 0.5 + 0.5 * self._jitter()
        self._is_heard = False
        self._slowed.clear()
        before, words = self.health, f"{error.code}: {error.message}"
        self.health = Health(state=state, failures=failures, error=words, retry_seconds=pause)
        if (before.state, before.error) != (state, words):
            self._report("link_failed", self.partner, words)
        return pause

    async def _wait_as_told(self, turn: _Turn, error: PeerError) -> None:
        """Wait until the partner takes more; nothing is wrong, and nothing ends the wait sooner."""
        pause = min(error.retry_seconds, LINK_PATIENCE_SECONDS_MAX)
        before, words = self.health, f"{error.code}: {error.message}"
        self._slowed.add(turn)
        self.health = Health(state=LinkState.SLOWED, error=words, retry_seconds=float(pause))
        if before.state is not LinkState.SLOWED:
            self._report("link_slowed", self.partner, words)
        await asyncio.sleep(pause)

    def _caught_up(self, turn: _Turn) -> None:
        if turn in self._slowed:
            self._slowed.discard(turn)
            self._succeeded()

    def _succeeded(self) -> None:
        if self.health.state is not LinkState.UP and not self._slowed:
            self.health = Health(state=LinkState.UP)
            self._report("link_up", self.partner, "")
