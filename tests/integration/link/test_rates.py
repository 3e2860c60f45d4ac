"""The link port and a partner that sends more than its share."""

import asyncio

import pytest

from relto.adapters.https_link import RefusedError, server
from relto.errors import PeerError, WorldError
from tests.integration.link.conftest import Pair
from tests.integration.link.test_port import TYPE

pytestmark = pytest.mark.net


class TellsToWaitError(PeerError):
    """What a desk raises for a partner that is over its rate."""

    retry_seconds = 7


def test_who_sends_too_much_is_told_when_to_come_again(pair: Pair) -> None:
    """LK-25: the desk counts it, so the log has no line for each."""

    async def run() -> None:
        async with pair:
            pair.desk.error = TellsToWaitError("a secret word")
            with pytest.raises(RefusedError) as refused:
                await pair.caller.exchange(b"{}")
            assert (refused.value.status, refused.value.retry_seconds) == (429, 7)
            assert refused.value.remote == TellsToWaitError.code
            head = b"POST /relto/1/exchange HTTP/1.1\r\nHost: x\r\n" + TYPE
            answer = await pair.say(head + b"Content-Length: 2\r\n\r\n{}")
            assert b"Retry-After: 7" in answer
            assert b"secret" not in answer
            assert pair.reports == []

    asyncio.run(run())


def test_only_a_matter_of_time_says_when_to_come_again(pair: Pair) -> None:
    """LK-25: another refusal does not pass by itself, and is waited for as ever."""

    async def run() -> None:
        async with pair:
            pair.desk.error = WorldError("the disk is full")
            with pytest.raises(RefusedError) as refused:
                await pair.caller.exchange(b"{}")
            assert (refused.value.status, refused.value.retry_seconds) == (503, 0)

    asyncio.run(run())


def test_a_partner_that_owes_is_held_before_its_frame_is_read_and_order_stays(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LK-25, FL-44: a little too much is made up for meanwhile; a card and packages go on."""
    monkeypatch.setattr(server, "LINK_HOLD_SECONDS", 0.3)

    async def run() -> None:
        async with pair:
            loop = asyncio.get_running_loop()
            assert await pair.caller.exchange(b"0") == b"0"
            pair.desk.owed = 0.1
            begun = loop.time()
            frames = [b"1" * 500_000, b"2", b"3"]
            calls = []
            for frame in frames:
                calls.append(asyncio.create_task(pair.caller.exchange(frame)))
                await asyncio.sleep(0.02)
            assert await pair.caller.card() == b"card"
            assert loop.time() - begun < 0.3
            assert [frame for _, frame in pair.desk.frames] == [b"0"]
            assert await asyncio.gather(*calls) == frames
            assert loop.time() - begun >= 0.3
            pair.desk.owed = 0.0
            begun = loop.time()
            await pair.caller.exchange(b"4")
            assert loop.time() - begun < 0.3

    asyncio.run(run())
