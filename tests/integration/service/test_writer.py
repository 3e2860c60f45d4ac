"""The one writer: what it groups, and that whoever waits goes on before anything is looked for."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from relto.adapters.service.writer import Writer
from relto.driver import Result
from relto.errors import LocalError, WorldError
from relto.node import Command
from relto.units import PartyCode

JPN, KOR = PartyCode("JPN"), PartyCode("KOR")


class Log:
    """A driver that only writes down what it is given, and what happens around it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.writer = Writer(
            self,
            after=lambda: self.lines.append("after"),
            on_failure=lambda error: self.lines.append(f"failed {error.message}"),
        )

    def handle_many(self, frames: Sequence[tuple[PartyCode, bytes]]) -> tuple[bytes, ...]:
        self.lines.append("frames " + " ".join(frame.decode() for _, frame in frames))
        return tuple(frame for _, frame in frames)

    def command_many(self, given: Sequence[Command]) -> tuple[Result | LocalError, ...]:
        raise NotImplementedError

    async def exchange(self, partner: PartyCode, frame: bytes) -> None:
        answer = await self.writer.exchange(partner, frame)
        self.lines.append(f"answer {answer.decode()}")

    async def call(self, name: str) -> None:
        await self.writer.call(lambda: self.lines.append(name))


def told(story: Callable[[Log], Awaitable[None]]) -> list[str]:
    async def main() -> list[str]:
        log = Log()
        await story(log)
        await asyncio.sleep(0.01)
        return log.lines

    return asyncio.run(main())


def test_answers_leave_before_anybody_looks_for_what_else_is_to_be_sent() -> None:
    """LK-17: and one partner's second frame waits for the first to be durable."""

    async def story(log: Log) -> None:
        await asyncio.gather(
            log.exchange(JPN, b"1"), log.exchange(KOR, b"2"), log.exchange(JPN, b"3")
        )

    assert told(story) == [
        "frames 1 2",
        "answer 1",
        "answer 2",
        "after",
        "frames 3",
        "answer 3",
        "after",
    ]


def test_what_is_done_in_one_breath_is_looked_after_once() -> None:
    """LK-17."""

    async def story(log: Log) -> None:
        for name in ("one", "two"):
            await log.writer.call(lambda name=name: log.lines.append(name))

    assert told(story) == ["one", "two", "after"]


def test_after_a_look_there_is_nothing_to_look_for() -> None:
    """LK-17."""

    async def story(log: Log) -> None:
        await log.writer.call(lambda: log.lines.append("read"), is_reading=True)

    assert told(story) == ["read"]


@pytest.mark.parametrize("is_reading", [False, True])
def test_a_failure_is_told_to_the_node_and_to_the_caller(is_reading: bool) -> None:
    def fail() -> None:
        raise WorldError("no disk")

    async def story(log: Log) -> None:
        with pytest.raises(WorldError):
            await log.writer.call(fail, is_reading=is_reading)

    assert told(story)[0] == "failed no disk"


def test_fl_12_whoever_comes_after_many_frames_of_one_partner_waits_for_one_of_them() -> None:
    """LK-26: another partner's frame and an officer's order alike; each partner's stay in order."""

    async def story(log: Log) -> None:
        flood = [log.exchange(JPN, b"%d" % number) for number in range(1, 5)]
        first = asyncio.gather(*flood)
        await asyncio.sleep(0)
        await asyncio.gather(first, log.exchange(KOR, b"kor"), log.call("order"))

    assert [line for line in told(story) if not line.startswith(("answer", "after"))] == [
        "frames 1",
        "frames 2 kor",
        "order",
        "frames 3",
        "frames 4",
    ]


def test_a_group_has_its_bound_and_who_does_not_fit_comes_next() -> None:
    """LK-26."""
    partners = [PartyCode(f"P{number}") for number in range(70)]

    async def story(log: Log) -> None:
        await asyncio.gather(
            *(log.exchange(one, str(place).encode()) for place, one in enumerate(partners))
        )

    first, second = (line.split()[1:] for line in told(story) if line.startswith("frames"))
    assert [*first, *second] == [str(place) for place in range(70)]
    assert len(first) == 64
