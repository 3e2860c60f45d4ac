"""A running node without sockets: one writer, poison, slow partners, tampered packages."""

import asyncio
import threading
from pathlib import Path

import pytest

from relto.adapters.service import (
    LinkState,
    PoisonError,
    StoppingError,
)
from relto.adapters.service import service as service_module
from relto.codec import FRAME
from relto.console import open_home
from relto.driver import Driver, Job
from relto.errors import LocalError, WorldError
from relto.limits import BATCH_SHARED_ENTRIES
from relto.model import LogId, Precedence
from relto.node import Approve
from relto.ports import StoreFailedError, StoreFullError
from relto.units import (
    CaseId,
    PartyCode,
)
from tests.integration.service.conftest import (
    BY,
    JPN,
    KOR,
    OTHER,
    USA,
    House,
    item,
    make,
    until,
)


def test_many_requests_at_once_are_all_answered(house: House) -> None:
    """One writer on each side, what waits together in one transaction."""

    async def story() -> None:
        async with house:
            cases = await asyncio.gather(*(house.ask() for _ in range(40)))
            assert len(set(cases)) == 40
            for case in cases:
                await house.wait(KOR, case, "receipted")
                await house.wait(JPN, case, "receipted")

    asyncio.run(story())


@pytest.mark.parametrize(
    ("count", "frames"), [(2 * BATCH_SHARED_ENTRIES - 1, 1), (2 * BATCH_SHARED_ENTRIES, 2)]
)
def test_a_burst_leaves_in_two_frames_if_it_is_large_enough(
    house: House, monkeypatch: pytest.MonkeyPatch, count: int, frames: int
) -> None:
    """EX-51: so that one side works on the one half while the other works on the other."""

    async def story() -> None:
        async with house:
            await asyncio.sleep(0.3)
            sent: list[int] = []
            driver = house.services[KOR].driver
            whole = driver.next_batch

            def next_batch(partner: PartyCode, **how: bool) -> bytes | None:
                frame = whole(partner, **how)
                batch = None if frame is None else FRAME.decode(frame).batch
                sent.extend([] if batch is None else [len(batch.entries)])
                return frame

            monkeypatch.setattr(driver, "next_batch", next_batch)
            cases = await asyncio.gather(*(house.ask() for _ in range(count)))
            for case in cases:
                await house.wait(KOR, case, "receipted")
            assert sent[:frames] == [(count + frames - 1) // frames] * frames

    asyncio.run(story())


def test_a_command_that_breaks_a_rule_fails_alone(house: House) -> None:
    async def story() -> None:
        async with house:
            good, bad, other = await asyncio.gather(
                house.ask(),
                house.services[KOR].command(Approve(case=CaseId("nope"), by=BY)),
                house.ask(),
                return_exceptions=True,
            )
            assert isinstance(bad, LocalError)
            await house.wait(KOR, good, "receipted")
            await house.wait(KOR, other, "receipted")

    asyncio.run(story())


def test_fl_42_a_frame_that_breaks_the_node_is_kept_and_never_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FL-42, LK-19: the partner beside it is served, in the same group and after it."""

    async def story() -> None:
        async with house:
            service, driver = house.services[JPN], house.services[JPN].driver
            poison = house.services[USA].driver.next_batch(JPN, is_poll=True)
            assert poison is not None
            inner, tried = driver._take, []

            def take(turn: object, partner: PartyCode, frame: object) -> None:
                if partner == USA:
                    tried.append(partner)
                    raise RuntimeError("a bug")
                inner(turn, partner, frame)

            monkeypatch.setattr(driver, "_take", take)
            fine = house.services[KOR].driver.next_batch(JPN, is_poll=True)
            assert fine is not None
            before = len(tried)
            broken, answer = await asyncio.gather(
                service.exchange(USA, poison, wait_seconds=0),
                service.exchange(KOR, fine, wait_seconds=0),
                return_exceptions=True,
            )
            assert isinstance(broken, PoisonError)
            assert isinstance(answer, bytes)
            assert FRAME.decode(answer).source == JPN
            after = len(tried)
            with pytest.raises(PoisonError):
                await service.exchange(USA, poison, wait_seconds=0)
            assert len(tried) == after > before
            with house.nodes[JPN].store.transaction() as tx:
                assert ("peer.poison", poison) in [(one.kind, one.content) for one in tx.kept()]
            case = await house.ask()
            await house.wait(KOR, case, "receipted")

    asyncio.run(story())


def test_fl_12_one_stalled_partner_never_slows_another(house: House) -> None:
    """FL-12, LK-10: JPN's call to USA hangs; KOR is served meanwhile."""

    async def story() -> None:
        async with house:
            wire = house.wires[JPN, USA]
            wire.hold = asyncio.Event()
            house.services[JPN].reconcile(USA)
            await asyncio.sleep(0.05)
            case = await house.ask(Precedence.FLASH)
            await house.wait(KOR, case, "receipted")
            wire.hold.set()

    asyncio.run(story())


def test_fl_11_what_was_asked_while_the_wire_was_cut_arrives_when_it_heals(house: House) -> None:
    """FL-11, LK-17: and nothing was lost in between."""

    async def story() -> None:
        async with house:
            wires = [house.wires[KOR, JPN], house.wires[JPN, KOR]]
            ends = [wire.other for wire in wires]
            for wire in wires:
                wire.other = None
            cases = [await house.ask() for _ in range(5)]
            await asyncio.sleep(0.1)
            assert house.services[KOR].health(JPN).state is LinkState.DOWN
            for wire, end in zip(wires, ends, strict=True):
                wire.other = end
            house.services[KOR].reconcile(JPN)
            for case in cases:
                await house.wait(KOR, case, "receipted")
            assert house.services[KOR].driver.counts(JPN).ours == 2 * len(cases)

    asyncio.run(story())


def test_a_package_bent_on_the_way_is_thrown_away_and_fetched_again(tmp_path: Path) -> None:
    """LK-14: the digest names the bytes; nothing false is ever opened."""
    content = b"a launch" * 40_000
    make(tmp_path, JPN, KOR, content=content)

    async def story(house: House) -> None:
        async with house:
            wire = house.wires[KOR, JPN]
            wire.bend = True
            case = await house.ask()
            await house.wait(KOR, case, "arrived")
            async with asyncio.timeout(5):
                while house.services[KOR].health(JPN).state is not LinkState.REFUSED:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert "peer.bad_package_bytes" in house.services[KOR].health(JPN).error
            wire.bend = False
            house.services[KOR].reconcile(JPN)
            await house.wait(KOR, case, "receipted")
            stock = house.services[KOR].driver.node.state.items()
            got = next(one for one in stock if one.case == case)
            assert house.services[KOR].driver.content(got.holding.digest) == content

    with open_home(tmp_path / "jpn") as jpn, open_home(tmp_path / "kor") as kor:
        asyncio.run(story(House({JPN: jpn, KOR: kor})))


def test_others_are_answered_while_a_large_package_is_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LK-23, EX-53: sealing, checking and opening each stand still, and small ones go through."""
    content = b"a launch" * 40_000
    make(tmp_path, JPN, KOR)
    gate, begun = threading.Semaphore(0), threading.Semaphore(0)
    run = Job.run

    def slow(job: Job) -> None:
        begun.release()
        gate.acquire()
        run(job)

    monkeypatch.setattr(Job, "run", slow)

    async def story(house: House) -> None:
        async with house:
            try:
                large = await house.ask(Precedence.ROUTINE)
                for _ in ("seal", "check", "open"):
                    await asyncio.to_thread(begun.acquire)
                    held = house.nodes[JPN].driver.node.state.stock_count
                    small = item(house.nodes[JPN], name=f"small-{held}", topic=OTHER)
                    house.services[JPN].driver.hold(small, b"a test")
                    case = await house.ask(topic=OTHER)
                    await house.wait(KOR, case, "receipted")
                    gate.release()
                await house.wait(KOR, large, "receipted")
                await house.wait(JPN, large, "receipted")
            finally:
                gate.release(9)

    with open_home(tmp_path / "jpn") as jpn, open_home(tmp_path / "kor") as kor:
        jpn.driver.hold(item(jpn, name="large-1"), content)
        asyncio.run(story(House({JPN: jpn, KOR: kor})))


@pytest.mark.slow
def test_a_held_question_is_answered_as_soon_as_there_is_news(house: House) -> None:
    """LK-16: and a second question of the same partner lets the first go."""

    async def story() -> None:
        async with house:
            service = house.services[JPN]
            await asyncio.sleep(0.1)
            poll = house.services[KOR].driver.next_batch(JPN, is_poll=True)
            assert poll is not None
            loop = asyncio.get_running_loop()
            begun = loop.time()
            first = asyncio.create_task(service.exchange(KOR, poll, wait_seconds=20))
            await asyncio.sleep(0.05)
            second = asyncio.create_task(service.exchange(KOR, poll, wait_seconds=1))
            await first
            assert loop.time() - begun < 1
            await second
            assert loop.time() - begun >= 1

    asyncio.run(story())


def test_the_final_acknowledgement_is_written_although_nothing_follows(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EX-37: evidence is taken out of the journal, and a quiet link brings no other transaction."""
    monkeypatch.setattr(service_module, "_SAVE_SECONDS", 0.05)
    log = LogId(source=KOR, target=JPN)

    def stored() -> tuple[int, int]:
        with house.nodes[KOR].store.reading() as tx:
            state = tx.log(log)
        return (0, 0) if state is None else (state.size, state.acknowledged)

    async def story() -> None:
        async with house:
            driver = house.services[KOR].driver
            case = await house.ask()
            await house.wait(JPN, case, "receipted")
            await until(lambda: stored() == (2, 2))
            assert not driver.has_unsaved

    asyncio.run(story())


def test_an_acknowledgement_that_finds_no_room_is_written_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EX-37, FL-14."""
    monkeypatch.setattr(service_module, "_SAVE_SECONDS", 0.05)
    save, tries = Driver.save, [0]

    def full(driver: Driver) -> None:
        tries[0] += 1
        if tries[0] == 1:
            raise StoreFullError("no room")
        save(driver)

    monkeypatch.setattr(Driver, "save", full)

    async def story() -> None:
        async with house:
            case = await house.ask()
            await house.wait(JPN, case, "receipted")
            driver = house.services[KOR].driver
            await until(lambda: tries[0] > 1 and not driver.has_unsaved)
        assert ("save_failed", "world.store_full: no room") in [it[1:] for it in house.reports]

    asyncio.run(story())


def test_a_failed_store_stops_the_node_and_a_full_one_does_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FL-14, FL-15: nothing is acknowledged; a full disk passes, a failed one needs a restart."""

    async def story() -> None:
        async with house:
            service = house.services[JPN]
            frame = house.services[KOR].driver.next_batch(JPN, is_poll=True)
            assert frame is not None
            error: WorldError = StoreFullError("no room")

            def handle(frames: object) -> tuple[bytes, ...]:
                raise error

            whole = service.driver.handle_many
            monkeypatch.setattr(service.driver, "handle_many", handle)
            with pytest.raises(StoreFullError):
                await service.exchange(KOR, frame, wait_seconds=0)
            monkeypatch.setattr(service.driver, "handle_many", whole)
            assert await service.exchange(KOR, frame, wait_seconds=0)
            error = StoreFailedError("the disk failed")
            monkeypatch.setattr(service.driver, "handle_many", handle)
            with pytest.raises(StoreFailedError):
                await service.exchange(KOR, frame, wait_seconds=0)
            with pytest.raises(StoreFailedError):
                await house.tasks[0]
            house.tasks.pop(0)

    asyncio.run(story())


def test_a_stopping_node_takes_no_more_orders(house: House) -> None:
    async def story() -> None:
        async with house:
            service = house.services[KOR]
        with pytest.raises(StoppingError):
            await service.command(Approve(case=CaseId("any"), by=BY))

    asyncio.run(story())
