"""The pump of a link whose partner has to wait, or tells this side to wait."""

import asyncio

import pytest

from relto.adapters.service import Health, LinkState
from relto.adapters.service import pump as module
from relto.errors import PeerError, WorldError
from relto.units import PartyCode
from tests.integration.service.test_pump import KOR, Rig, run


class TellsToWaitError(PeerError):
    """What a caller raises when the partner says when it takes more."""

    retry_seconds = 1


def test_a_pump_that_is_told_to_wait_waits_so_long_and_no_longer() -> None:
    """LK-25: neither news nor a call of the partner ends it sooner, and nothing is lost."""

    async def story(rig: Rig) -> None:
        loop = asyncio.get_running_loop()
        rig.partner.failures = [TellsToWaitError("too fast")]
        rig.node.frames = [b"1", b"1 again", b"2"]
        await rig.until(lambda: rig.pump.health.state is LinkState.SLOWED)
        begun = loop.time()
        assert rig.pump.health.retry_seconds == 1.0
        for _ in range(5):
            rig.pump.wake(is_heard=True)
            await asyncio.sleep(0.02)
        assert rig.partner.calls == ["exchange 1 0"]
        await rig.until(lambda: len(rig.node.replies) == 2)
        assert 0.97 <= loop.time() - begun < 1.5
        assert rig.partner.calls == ["exchange 1 0", "exchange 1 again 0", "exchange 2 0"]
        await rig.until(lambda: rig.pump.health == Health(state=LinkState.UP))
        assert rig.reports == [("link_slowed", "peer: too fast"), ("link_up", "")]

    run(story)


def test_a_link_is_slowed_until_all_is_said_and_that_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LK-25: not up and down again with every frame."""
    monkeypatch.setattr(TellsToWaitError, "retry_seconds", 0.02)

    async def story(rig: Rig) -> None:
        rig.node.frames = [b"%d" % number for number in range(4)]
        rig.partner.failures = [TellsToWaitError("too fast") for _ in range(3)]
        seen: list[LinkState] = []
        take_reply = rig.node.take_reply

        async def watch(partner: PartyCode, frame: bytes, *, is_ahead: bool = False) -> None:
            seen.append(rig.pump.health.state)
            await take_reply(partner, frame, is_ahead=is_ahead)

        rig.node.take_reply = watch  # type: ignore[method-assign]  # this node's own
        await rig.until(lambda: rig.pump.health.state is LinkState.UP)
        assert set(seen) == {LinkState.SLOWED}
        assert [event for event, _ in rig.reports] == ["link_slowed", "link_up"]

    run(story)


def test_a_held_question_that_is_told_to_wait_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LK-25, LK-16."""
    monkeypatch.setattr(TellsToWaitError, "retry_seconds", 0.05)

    async def story(rig: Rig) -> None:
        rig.partner.held = asyncio.Event()
        rig.partner.failures = [TellsToWaitError("too fast")]
        await rig.until(lambda: rig.partner.calls.count("exchange poll 20") == 2)
        rig.partner.held.set()
        await rig.until(lambda: rig.pump.health.state is LinkState.UP)

    run(story, is_pulling=True)


def test_a_slowed_link_that_breaks_is_down_and_up_again_as_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LK-25, LK-17."""
    monkeypatch.setattr(TellsToWaitError, "retry_seconds", 0.01)
    monkeypatch.setattr(module, "_RETRY_SECONDS_MIN", 0.02)

    async def story(rig: Rig) -> None:
        rig.partner.failures = [TellsToWaitError("too fast"), WorldError("no wire")]
        await rig.until(lambda: rig.pump.health.state is LinkState.DOWN)
        await rig.until(lambda: rig.pump.health.state is LinkState.UP)
        events = [event for event, _ in rig.reports]
        assert events == ["link_slowed", "link_failed", "link_up"]

    run(story)


@pytest.mark.parametrize("is_pulling", [False, True])
def test_a_partner_that_owes_is_not_asked_for_more_and_gets_no_second_frame(
    *, is_pulling: bool
) -> None:
    """LK-26: an answer brings entries as a call does."""

    async def story(rig: Rig) -> None:
        rig.partner.held = asyncio.Event()
        first = f"exchange poll {20 if is_pulling else 0}"
        await rig.until(lambda: first in rig.partner.calls)
        await asyncio.sleep(0.02)
        rig.node.owed, rig.node.frames = {KOR: 0.2}, [b"1", b"2"]
        loop = asyncio.get_running_loop()
        begun = loop.time()
        if is_pulling:
            rig.partner.held.set()
        else:
            rig.pump.wake()
        await asyncio.sleep(0.1)
        assert rig.partner.calls == [first]
        await rig.until(lambda: len(rig.partner.calls) > 1)
        assert loop.time() - begun >= 0.2
        assert rig.node.waits == 1

    async def ahead(rig: Rig) -> None:
        answer = asyncio.get_running_loop().create_future()
        rig.partner.answers = {b"1": answer}
        rig.node.frames = [b"1"]
        await rig.until(lambda: "exchange 1 0" in rig.partner.calls)
        rig.node.ahead, rig.node.owed = [b"2"], {KOR: 0.1}
        rig.pump.wake()
        await asyncio.sleep(0.03)
        assert rig.node.ahead == [b"2"]
        answer.set_result(b"to 1")
        rig.node.frames = [b"1 and 2"]
        await rig.until(lambda: "exchange 1 and 2 0" in rig.partner.calls)

    run(story, is_pulling=is_pulling)
    if not is_pulling:
        run(ahead)
