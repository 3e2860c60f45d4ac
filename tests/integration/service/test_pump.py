"""The pump of one link: when it calls, what it moves first, how it waits after a failure."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec import Struct

from relto.adapters.service import (
    Direction,
    Health,
    LinkState,
    Move,
    PieceError,
    Pump,
    PumpBrokeError,
)
from relto.adapters.service import pump as module
from relto.errors import PeerError, WorldError
from relto.limits import PACKAGE_INLINE_BYTES_MAX
from relto.model import Precedence
from relto.units import Digest, PartyCode

KOR = PartyCode("KOR")
LARGE = PACKAGE_INLINE_BYTES_MAX + 1


class Piece(Struct, frozen=True, kw_only=True):
    content: bytes
    total: int


class Partner:
    """A partner that answers, fails or holds its answer, as a test says."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failures: list[Exception] = []
        self.has: dict[Digest, int] = {}
        self.is_closed = False
        self.piece_total = LARGE
        self.held: asyncio.Event | None = None
        # Answers to frames by their bytes, where a test wants to give them itself.
        self.answers: dict[bytes, asyncio.Future[bytes]] = {}

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.failures:
            raise self.failures.pop(0)

    async def exchange(self, frame: bytes, *, wait_seconds: int = 0) -> bytes:
        self._call(f"exchange {frame.decode()} {wait_seconds}")
        if wait_seconds and self.held is not None:
            await self.held.wait()
            self.held.clear()
        if frame in self.answers:
            return await self.answers[frame]
        return b"reply"

    async def fetch(self, digest: Digest, *, offset: int) -> Piece:
        self._call(f"fetch {digest} {offset}")
        return Piece(content=b"x" * (LARGE // 2 + 1), total=self.piece_total)

    async def received(self, digest: Digest, *, total: int) -> int:
        self._call(f"received {digest}")
        return self.has.get(digest, 0)

    async def hand_over(self, digest: Digest, *, offset: int, piece: bytes, total: int) -> int:
        self._call(f"hand over {digest} {offset}")
        self.has[digest] = offset + len(piece)
        return self.has[digest]

    async def close(self) -> None:
        self.is_closed = True


class Node:
    """A node with frames to send and packages to move."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.replies: list[bytes] = []
        self.packages: list[Move] = []
        self.ahead: list[bytes] = []
        self.taken_ahead: list[bool] = []
        self.looks = 0
        self.apart: set[Digest] = set()
        self.owed: dict[PartyCode, float] = {}
        self.waits = 0
        # What an answer announces.
        self.announced: list[Move] = []

    async def next_frame(
        self, partner: PartyCode, *, is_poll: bool, is_shared: bool = False
    ) -> bytes | None:
        if self.frames:
            return self.frames.pop(0)
        return b"poll" if is_poll else None

    async def frame_ahead(self, partner: PartyCode) -> bytes | None:
        return self.ahead.pop(0) if self.ahead else None

    async def take_reply(self, partner: PartyCode, frame: bytes, *, is_ahead: bool = False) -> None:
        self.replies.append(frame)
        self.taken_ahead.append(is_ahead)
        self.packages += self.announced
        self.announced = []

    def owed_seconds(self, partner: PartyCode) -> float:
        return self.owed.get(partner, 0.0)

    def wait_seconds(self, partner: PartyCode) -> float:
        self.waits += bool(self.owed)
        return self.owed.pop(partner, 0.0)

    async def moves(self, partner: PartyCode) -> tuple[Move, ...]:
        self.looks += 1
        return tuple(sorted(self.packages, key=lambda move: move.urgency))

    async def is_apart(self, digest: Digest) -> bool:
        return digest in self.apart

    async def outgoing_piece(self, partner: PartyCode, digest: Digest, *, offset: int) -> bytes:
        return b"x" * (LARGE - offset)

    async def incoming_piece(
        self, partner: PartyCode, digest: Digest, *, offset: int, piece: bytes
    ) -> int:
        done = offset + len(piece)
        self.packages = [
            move
            if move.digest != digest
            else Move(
                digest=digest,
                size_bytes=move.size_bytes,
                direction=move.direction,
                precedence=move.precedence,
                done_bytes=done,
            )
            for move in self.packages
            if move.digest != digest or done < move.size_bytes
        ]
        return done


def move(name: str, direction: Direction, precedence: Precedence, size: int = LARGE) -> Move:
    return Move(digest=Digest(name), size_bytes=size, direction=direction, precedence=precedence)


class Rig:
    def __init__(self, *, is_pulling: bool = False, has_caller: bool = True) -> None:
        self.node, self.partner = Node(), Partner()
        self.reports: list[tuple[str, str]] = []
        self.pump = Pump(
            KOR,
            post=self.node,
            caller=self.partner if has_caller else None,
            is_pulling=is_pulling,
            jitter=lambda: 1.0,
            report=lambda event, partner, words: self.reports.append((event, words)),
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 -- the pump has no event for it
                await asyncio.sleep(0.005)


def run(story: Callable[[Rig], Awaitable[None]], **kinds: bool) -> Rig:
    """Tell a story beside a running pump."""
    rig_box: list[Rig] = []

    async def main() -> None:
        rig = Rig(**kinds)
        rig_box.append(rig)
        task = asyncio.create_task(rig.pump.run())
        try:
            await story(rig)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    return rig_box[0]


def test_a_pump_says_hello_then_sends_all_it_has_then_rests() -> None:
    """LK-17."""

    async def story(rig: Rig) -> None:
        rig.node.frames = [b"1", b"2"]
        await rig.until(lambda: len(rig.node.replies) == 2)
        await asyncio.sleep(0.05)
        assert rig.partner.calls == ["exchange 1 0", "exchange 2 0"]
        rig.node.frames = [b"3"]
        rig.pump.wake()
        await rig.until(lambda: len(rig.node.replies) == 3)
        assert rig.pump.health == Health(state=LinkState.UP)

    rig = run(story)
    assert rig.partner.is_closed


def test_a_second_frame_leaves_while_the_first_is_worked_on_and_answers_are_taken_in_order() -> (
    None
):
    """EX-51, LK-17: a third waits until there is room."""

    async def story(rig: Rig) -> None:
        rig.partner.answers = {
            name: asyncio.get_running_loop().create_future() for name in (b"1", b"2", b"3")
        }
        rig.node.frames = [b"1"]
        await rig.until(lambda: rig.partner.calls == ["exchange 1 0"])
        rig.node.ahead = [b"2", b"3"]
        rig.pump.wake()
        await rig.until(lambda: len(rig.partner.calls) == 2)
        rig.partner.answers[b"2"].set_result(b"to 2")
        rig.pump.wake()
        await asyncio.sleep(0.02)
        assert rig.node.replies == []
        assert rig.partner.calls == ["exchange 1 0", "exchange 2 0"]
        rig.partner.answers[b"1"].set_result(b"to 1")
        await rig.until(lambda: len(rig.node.replies) == 2)
        rig.partner.answers[b"3"].set_result(b"to 3")
        await rig.until(lambda: len(rig.node.replies) == 3)
        assert rig.node.replies == [b"to 1", b"to 2", b"to 3"]
        assert rig.node.taken_ahead == [False, True, True]
        assert rig.partner.calls[2] == "exchange 3 0"

    run(story)


def test_when_a_frame_fails_the_one_ahead_is_not_waited_for_and_all_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """EX-51."""
    monkeypatch.setattr(module, "_RETRY_SECONDS_MIN", 0.02)

    async def story(rig: Rig) -> None:
        first, ahead = (asyncio.get_running_loop().create_future() for _ in range(2))
        rig.partner.answers = {b"1": first, b"2": ahead}
        rig.node.frames, rig.node.ahead = [b"1", b"1 and 2"], [b"2"]
        await rig.until(lambda: len(rig.partner.calls) == 2)
        first.set_exception(WorldError("no wire"))
        await rig.until(lambda: rig.node.replies == [b"reply"])
        assert ahead.cancelled()
        assert rig.partner.calls == ["exchange 1 0", "exchange 2 0", "exchange 1 and 2 0"]
        assert rig.node.taken_ahead == [False]

    run(story)


def test_a_pump_that_also_pulls_keeps_to_one_frame() -> None:
    """EX-51, LK-16."""

    async def story(rig: Rig) -> None:
        rig.partner.held = asyncio.Event()
        rig.node.frames, rig.node.ahead = [b"1"], [b"2"]
        await rig.until(lambda: len(rig.node.replies) == 1)
        await asyncio.sleep(0.02)
        assert rig.node.ahead == [b"2"]

    run(story, is_pulling=True)


def test_a_quiet_pump_asks_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """LK-17."""
    monkeypatch.setattr(module, "_QUIET_SECONDS", 0.02)

    async def story(rig: Rig) -> None:
        await rig.until(lambda: rig.partner.calls.count("exchange poll 0") >= 3)

    run(story)


def test_a_failing_link_waits_longer_each_time_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LK-17: and is up at once when the partner calls."""
    monkeypatch.setattr(module, "_RETRY_SECONDS_MIN", 0.02)

    async def story(rig: Rig) -> None:
        rig.partner.failures = [WorldError("no wire") for _ in range(4)]
        await rig.until(lambda: rig.pump.health.failures >= 3)
        assert rig.pump.health.state is LinkState.DOWN
        assert rig.pump.health.retry_seconds >= 0.08
        await rig.until(lambda: rig.pump.health.state is LinkState.UP)
        assert rig.reports == [("link_failed", "world: no wire"), ("link_up", "")]

    run(story)


def test_a_bug_on_a_link_stops_it_for_a_while_and_not_for_ever() -> None:
    """FL-42, LK-19."""

    async def story(rig: Rig) -> None:
        rig.partner.failures = [RuntimeError("a bug")]
        await rig.until(lambda: rig.pump.health.failures == 1)
        assert rig.pump.health.error.startswith(PumpBrokeError.code)
        assert rig.pump.health.retry_seconds == 300.0
        rig.pump.wake(is_heard=True)
        await rig.until(lambda: rig.pump.health.state is LinkState.UP)

    run(story)


def test_the_wait_is_bounded_and_jittered() -> None:
    """LK-17: at most five minutes, and never the same for everybody."""
    rig = Rig()
    error = WorldError("no wire")
    assert rig.pump._failed(error, 40) == 300.0
    rig.pump._jitter = lambda: 0.0
    assert rig.pump._failed(error, 40) == 150.0
    assert rig.pump._failed(PeerError("no"), 1) == 2.5
    assert rig.pump.health.state is LinkState.REFUSED


def test_a_call_of_the_partner_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """LK-17."""
    monkeypatch.setattr(module, "_RETRY_SECONDS_MIN", 100.0)

    async def story(rig: Rig) -> None:
        rig.partner.failures = [WorldError("no wire")]
        await rig.until(lambda: rig.pump.health.failures == 1)
        rig.pump.wake(is_heard=True)
        await rig.until(lambda: rig.pump.health.state is LinkState.UP)

    run(story)


def test_news_do_not_hammer_a_dead_partner(monkeypatch: pytest.MonkeyPatch) -> None:
    """LK-17."""
    monkeypatch.setattr(module, "_RETRY_SECONDS_MIN", 100.0)
    monkeypatch.setattr(module, "_RETRY_URGENT_SECONDS", 0.15)

    async def story(rig: Rig) -> None:
        rig.partner.failures = [WorldError("no wire")] * 100
        await rig.until(lambda: rig.pump.health.failures == 1)
        for _ in range(20):
            rig.pump.wake()
            await asyncio.sleep(0.01)
        assert 1 <= len(rig.partner.calls) <= 3

    run(story)


def test_where_only_the_partner_calls_the_pump_rests() -> None:
    """LK-16."""

    async def story(rig: Rig) -> None:
        rig.node.frames = [b"1"]
        rig.pump.wake()
        await asyncio.sleep(0.03)
        assert rig.partner.calls == []
        assert rig.pump.health.state is LinkState.WAITING

    run(story, has_caller=False)


def test_a_pulling_pump_asks_with_a_long_wait_and_still_sends_at_once() -> None:
    """LK-16: the held question does not hold up what we have to say."""

    async def story(rig: Rig) -> None:
        rig.partner.held = asyncio.Event()
        await rig.until(lambda: "exchange poll 20" in rig.partner.calls)
        rig.node.frames = [b"1"]
        rig.pump.wake()
        await rig.until(lambda: "exchange 1 0" in rig.partner.calls)
        rig.partner.held.set()
        await rig.until(lambda: rig.partner.calls.count("exchange poll 20") == 2)

    run(story, is_pulling=True)


def test_flash_overtakes_routine_between_two_pieces() -> None:
    """LK-15: also inside a backlog."""

    async def story(rig: Rig) -> None:
        rig.node.packages = [
            move("routine", Direction.IN, Precedence.ROUTINE),
            move("flash", Direction.IN, Precedence.FLASH),
        ]
        rig.pump.wake()
        await rig.until(lambda: not rig.node.packages)
        fetched = [call for call in rig.partner.calls if call.startswith("fetch")]
        half = LARGE // 2 + 1
        assert fetched == [
            "fetch flash 0",
            f"fetch flash {half}",
            "fetch routine 0",
            f"fetch routine {half}",
        ]

    run(story)


def test_packages_are_looked_after_when_a_frame_is_answered_and_not_for_each_entry() -> None:
    """LK-15."""

    async def story(rig: Rig) -> None:
        await rig.until(lambda: len(rig.node.replies) == 1)
        await asyncio.sleep(0.02)
        looks, answer = rig.node.looks, asyncio.get_running_loop().create_future()
        rig.partner.answers = {b"1": answer}
        rig.node.frames = [b"1"]
        rig.pump.wake_to_send()
        await rig.until(lambda: "exchange 1 0" in rig.partner.calls)
        await asyncio.sleep(0.02)
        assert rig.node.looks == looks
        rig.node.announced = [move("large", Direction.IN, Precedence.ROUTINE)]
        answer.set_result(b"to 1")
        await rig.until(lambda: "fetch large 0" in rig.partner.calls)

    run(story)


def test_what_a_held_question_brings_is_fetched_at_once() -> None:
    """LK-16."""

    async def story(rig: Rig) -> None:
        rig.partner.held = asyncio.Event()
        await rig.until(lambda: "exchange poll 20" in rig.partner.calls)
        await asyncio.sleep(0.02)
        rig.node.announced = [move("large", Direction.IN, Precedence.ROUTINE)]
        rig.partner.held.set()
        await rig.until(lambda: "fetch large 0" in rig.partner.calls)

    run(story, is_pulling=True)


def test_packages_are_handed_over_only_where_the_partner_cannot_fetch() -> None:
    """LK-16: and small ones, which travel with their entry, only after a while."""
    packages = [
        move("large", Direction.OUT, Precedence.ROUTINE),
        move("small", Direction.OUT, Precedence.FLASH, size=10),
    ]

    async def story(rig: Rig) -> None:
        rig.node.packages = packages
        await asyncio.sleep(0.05)

    assert not any("large" in call for call in run(story).partner.calls)

    async def pulling(rig: Rig) -> None:
        rig.partner.held = asyncio.Event()
        rig.partner.has[Digest("small")] = 10
        rig.node.packages = packages
        await rig.until(lambda: "hand over large 0" in rig.partner.calls)

    assert "hand over small 0" not in run(pulling, is_pulling=True).partner.calls


def test_a_small_package_that_no_frame_takes_along_is_handed_over_at_once() -> None:
    """LK-16: it was sealed into a file, as everything is that came by `relto hold`."""

    async def pulling(rig: Rig) -> None:
        rig.partner.held = asyncio.Event()
        await rig.until(lambda: rig.node.looks > 0)
        rig.node.apart = {Digest("small")}
        rig.node.packages = [move("small", Direction.OUT, Precedence.FLASH, size=10)]
        rig.pump.wake()
        await rig.until(lambda: "hand over small 0" in rig.partner.calls)

    run(pulling, is_pulling=True)


def test_news_do_not_put_off_the_look_after_small_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LK-16: a partner that is asked with a wait answers more often than a link is quiet."""
    monkeypatch.setattr(module, "_QUIET_SECONDS", 0.2)

    async def pulling(rig: Rig) -> None:
        rig.partner.held = asyncio.Event()
        await rig.until(lambda: rig.node.looks > 0)
        rig.node.packages = [move("small", Direction.OUT, Precedence.FLASH, size=10)]
        for _ in range(10):
            await asyncio.sleep(0.05)
            rig.pump.wake()
        assert "hand over small 0" in rig.partner.calls

    run(pulling, is_pulling=True)


def test_a_package_of_another_size_than_announced_is_not_taken() -> None:
    """LK-13."""

    async def story(rig: Rig) -> None:
        rig.partner.piece_total = 5
        rig.node.packages = [move("one", Direction.IN, Precedence.ROUTINE)]
        rig.pump.wake()
        await rig.until(lambda: any(PieceError.code in words for _, words in rig.reports))
        assert rig.node.packages[0].done_bytes == 0

    run(story)
