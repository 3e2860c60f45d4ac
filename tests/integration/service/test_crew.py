"""Two running workers of one node, in one event loop, on one shared store in memory."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from relto.adapters.service import Calling, LinkState, NodeService
from relto.driver import KeysChangedError
from relto.node import Ask
from relto.ports import StoreFailedError
from relto.sim.store import Disk, MemoryStore
from tests.integration.service.conftest import JPN, KOR, Wire
from tests.support_crew import Crew
from tests.support_node import ANALYST


class Heard(MemoryStore):
    """A shared store in memory that wakes an event loop, as the one in a database does."""

    def __init__(self, disk: Disk) -> None:
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        super().__init__(disk, is_shared=True)

    def fileno(self) -> int:
        return self._bell.fileno()

    def ring(self) -> None:
        self._rope.send(b"x")

    def heard(self) -> tuple[str, ...]:
        with suppress(BlockingIOError):
            self._bell.recv(4_096)
        return super().heard()

    def _pass_on(self, transaction: object) -> None:
        super()._pass_on(transaction)
        for other in self.disk.workers:
            if other is not self:
                other.ring()

    def close(self) -> None:
        super().close()
        self._bell.close()
        self._rope.close()


class Workers:
    """The two, and their partner, running."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.reports: list[tuple[int, str]] = []
        self.wires = [Wire(JPN), Wire(JPN), Wire(KOR)]
        drivers = [*crew.jpn.workers, crew.sites["KOR"].driver]
        stores = [*crew.jpn.stores, None]
        self.services = [
            NodeService(
                driver,
                card=b"",
                reach=lambda partner, me=place: Calling(
                    caller=None if partner == "USA" else self.wires[me], is_pulling=False
                ),
                jitter=lambda: 0.0,
                report=lambda event, _, __, me=place: self.reports.append((me, event)),
                crew=store,
            )
            for place, (driver, store) in enumerate(zip(drivers, stores, strict=True))
        ]
        self.one, self.two, self.partner = self.services
        self.wires[0].other = self.wires[1].other = self.partner
        self.wires[2].other = self.two

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not is_so():  # noqa: ASYNC110 -- several loops have to come to rest
                await asyncio.sleep(0.01)


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    monkeypatch.setattr("relto.adapters.service.service._CLAIM_SECONDS", 0.02)
    disks: list[Disk] = []

    def open_() -> Heard:
        disks[:] = disks or [Disk()]
        return Heard(disks[0])

    made = Crew(3, open_=open_)
    made.hold("JPN", "jpn.launch-1")
    made.settle()
    yield made
    for store in made.jpn.stores:
        store.close()


def play(crew: Crew, story: Callable[[Workers], Awaitable[None]]) -> Workers:
    @asynccontextmanager
    async def running():
        workers = Workers(crew)
        tasks = [asyncio.create_task(one.run()) for one in workers.services]
        try:
            yield workers
        finally:
            for service in workers.services:
                service.stop()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(end is None or isinstance(end, StoreFailedError) for end in ends), ends

    async def whole() -> Workers:
        async with running() as workers:
            await story(workers)
            return workers

    return asyncio.run(whole())


def ask(case: str) -> Ask:
    return Ask(
        case=case,
        holder="KOR",
        topics=("dprk.missile.launch",),
        purpose="defence.warning",
        by=ANALYST,
    )


def test_one_worker_calls_a_partner_for_both_and_both_know_how_the_link_is(crew: Crew) -> None:
    """LK-22."""

    async def story(workers: Workers) -> None:
        await workers.two.command(ask("j-1"))
        await workers.until(lambda: workers.one.driver.counts(KOR).acknowledged == 1)
        await workers.until(lambda: workers.two.health(KOR).state is LinkState.UP)
        assert workers.one.health(KOR).state is LinkState.UP
        assert sum(event == "link_up" for place, event in workers.reports if place < 2) == 1
        # An officer at the other worker has the partner called.
        workers.wires[0].other = workers.wires[1].other = None
        await workers.two.command(ask("j-2"))
        await workers.until(lambda: workers.two.health(KOR).state is LinkState.DOWN)
        assert "cut" in workers.two.health(KOR).error
        workers.wires[0].other = workers.wires[1].other = workers.partner
        workers.two.reconcile(KOR)
        await workers.until(lambda: workers.one.driver.counts(KOR).acknowledged == 2)

    play(crew, story)
    crew.check()


def test_another_worker_takes_over_the_links_of_one_that_has_ended(crew: Crew) -> None:
    async def story(workers: Workers) -> None:
        await workers.until(lambda: "link/KOR" in crew.jpn.disk.claims or bool(owner(crew)))
        place = crew.jpn.stores.index(owner(crew))
        first, other = workers.services[place], workers.services[1 - place]
        first.stop()
        await asyncio.sleep(0.05)
        crew.jpn.stores[place].crash()
        await other.command(ask("j-1"))
        await workers.until(lambda: workers.partner.driver.counts(JPN).theirs == 1)
        assert owner(crew) is crew.jpn.stores[1 - place]

    def owner(crew: Crew) -> object:
        return crew.jpn.stores[0].disk.claims.get("link/KOR")

    play(crew, story)


def test_a_worker_that_lacks_announced_keys_stops_to_be_opened_anew(crew: Crew) -> None:
    async def story(workers: Workers) -> None:
        def changed() -> None:
            raise KeysChangedError("another worker has announced new keys")

        workers.one.driver.next_deadline = changed
        with pytest.raises(KeysChangedError):
            await workers.one.call(changed)
        await workers.until(lambda: workers.one.is_outdated)
        assert not workers.two.is_outdated

    workers = play(crew, story)
    assert (0, "keys_changed_elsewhere") in workers.reports


def test_a_store_that_is_lost_between_turns_ends_its_worker_alone(crew: Crew) -> None:
    """FL-15."""

    async def story(workers: Workers) -> None:
        def lost() -> tuple[str, ...]:
            raise StoreFailedError("the server went away")

        crew.jpn.stores[0].heard = lost
        crew.jpn.stores[0].ring()
        await workers.until(lambda: (0, "store_failed") in workers.reports)
        await workers.two.command(ask("j-1"))
        crew.jpn.stores[0].crash()
        await workers.until(lambda: workers.partner.driver.counts(JPN).theirs == 1)

    play(crew, story)


def test_words_that_make_no_sense_change_nothing(crew: Crew) -> None:
    async def story(workers: Workers) -> None:
        await workers.until(lambda: workers.one.health(KOR).state is not LinkState.NEW)
        before = [one.health(KOR) for one in (workers.one, workers.two)]
        for words in ("state up x", "state new 0", "sing", "state up"):
            workers.one.driver.tell(KOR, words)
            workers.two.driver.tell(KOR, words)
        await asyncio.sleep(0.05)
        assert [one.health(KOR) for one in (workers.one, workers.two)] == before

    play(crew, story)


def test_every_worker_helps_a_restored_node_and_one_goes_on_alone(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EX-42, LK-22."""
    waits = [True]

    async def story(workers: Workers) -> None:
        pumps = [one._pumps for one in (workers.one, workers.two)]
        await workers.until(lambda: all(KOR in found for found in pumps))
        await workers.until(
            lambda: LinkState.ELSEWHERE not in {found[KOR][0].health.state for found in pumps}
        )
        waits[0] = False
        await workers.until(
            lambda: LinkState.ELSEWHERE in {found[KOR][0].health.state for found in pumps}
        )

    for driver in crew.jpn.workers:
        monkeypatch.setattr(driver, "reconciling", lambda: (KOR,) if waits[0] else ())
    play(crew, story)
