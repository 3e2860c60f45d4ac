"""Several drivers of one node on one shared store, beside nodes that are alone."""

import random
from collections.abc import Callable

from relto.driver import Driver
from relto.journal import audit_log
from relto.ports import SharedStore, Store, World
from relto.sim.store import MemoryStore
from relto.sim.twins import SeededEntropy, TwinSealer
from tests.support_node import LAWS, AnyOf, Hand, Site, Three, hash_of

Open = Callable[[], SharedStore]


class CrewSite(Site):
    """A machine on which several workers run; whoever asks for its driver gets any of them.

    Args:
        party: Whose.
        clock: Of all workers.
        count: How many workers begin.
        luck: Chooses.
        open_: Opens the store once more; `None` for one in memory.
    """

    def __init__(
        self, party: str, clock: Hand, *, count: int, luck: random.Random, open_: Open | None
    ) -> None:
        self.workers: list[Driver] = []
        self.stores: list[Store] = []
        self.clocks: list[Hand] = []
        self._count, self._luck, self._open = count, luck, open_
        super().__init__(party, clock)

    def start(self, **_: object) -> Driver:
        self.store.close()
        for _number in range(self._count):
            self.join()
        return self.workers[0]

    @property
    def driver(self) -> Driver:
        return self._luck.choice(self.workers)

    @driver.setter
    def driver(self, _: Driver) -> None:
        """Nothing: there are several."""

    def join(self) -> Driver:
        """One more worker begins."""
        opened = self._open() if self._open else MemoryStore(self.disk, is_shared=True)
        self.stores.append(opened)
        self.clocks.append(Hand(self.clock.at))
        world = World(
            store=opened,
            blobs=self.blobs,
            clock=self.clocks[-1],
            entropy=SeededEntropy(random.Random(hash_of(f"{self.party}/{len(self.workers)}"))),
            signer=self.keys,
            sealer=TwinSealer(),
            opener=AnyOf((self.keys, *self.former)),
            former=self.former,
        )
        self.workers.append(
            Driver.create(world, party=self.party, is_exercise=self.is_exercise, laws=LAWS)
        )
        return self.workers[-1]


class Crew(Three):
    """Three nodes of which JPN has several workers; each call is taken by any of them."""

    def __init__(self, seed: int, *, count: int = 2, open_: Open | None = None) -> None:
        luck = random.Random(seed)

        def make(party: str, clock: Hand) -> Site:
            if party != "JPN":
                return Site(party, clock)
            return CrewSite(party, clock, count=count, luck=luck, open_=open_)

        super().__init__(make=make)
        site = self.sites["JPN"]
        assert isinstance(site, CrewSite)
        self.jpn = site

    def settle(self, *, rounds: int = 200) -> int:
        """Carry frames until nobody has anything to send; replies reach any worker."""
        count = 0
        for _ in range(rounds):
            before = count
            others = [site.driver for party, site in self.sites.items() if party != "JPN"]
            for driver in [*others, *self.jpn.workers]:
                driver.heed()
                for target in driver.pending():
                    frame = driver.next_batch(target)
                    if frame is not None:
                        answer = self[target].handle_exchange(driver.party, frame)
                        self[driver.party].receive_reply(target, answer)
                        count += 1
            if count == before:
                return count
        raise AssertionError("the nodes never fall silent")

    def check(self) -> None:
        """Each log has one history, the same at both ends, and every worker knows all of it."""
        heads: dict[str, set[tuple[int, bytes]]] = {}
        others = [site.store for party, site in self.sites.items() if party != "JPN"]
        for store in [*self.jpn.stores, *others]:
            with store.reading() as tx:
                for state in tx.logs():
                    entries = tx.entries(state.log, first=1, end=state.size + 1)
                    assert audit_log(state, entries, author=None, partner=None) == state.size
                    heads.setdefault(state.log.origin, set()).add((state.size, state.root))
        assert {origin: len(found) for origin, found in heads.items()} == dict.fromkeys(heads, 1)
        assert len({driver.node.state.digest() for driver in self.jpn.workers}) == 1
