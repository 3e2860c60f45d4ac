"""Three nodes in one process, wired by hand.

Real drivers, memory stores, seeded keys, packaged law.
"""

import random
from collections.abc import Callable, Mapping
from functools import partial

from msgspec.structs import replace
from whenever import Instant

from relto.adapters.lawfiles import digest_of, packaged_files
from relto.custody import RegisterLine
from relto.driver import Driver, Hook, LawBook, Result, no_fault
from relto.journal import Draft, sign_card
from relto.limits import SNAPSHOT_ENTRIES
from relto.model import (
    PROTOCOL_MAJOR,
    Assurance,
    Form,
    Holding,
    Label,
    NodeCard,
    Precedence,
)
from relto.model.delegation import Delegation, Delegations
from relto.model.message import Message, Released
from relto.node import (
    AdoptDelegations,
    Append,
    Approve,
    Ask,
    By,
    Effect,
    Hold,
    Input,
    SetClock,
)
from relto.ports import World
from relto.seal import PackageError, digest
from relto.sim.store import Disk, MemoryBlobs, MemoryStore
from relto.sim.twins import SeededEntropy, TwinKeys, TwinSealer

LAWS = LawBook()
FILES: Mapping[str, bytes] = packaged_files()
OCTOBER = Instant.parse_iso("2019-10-01T22:30:00Z")  # 2 October 07:30 in Seoul
ADMIN = By(officer="admin-1", role="administrator", reason="setting up")
ANALYST = By(officer="analyst-1", role="analyst", reason="watch")
LEVELS = {"JPN": ("jpn", "hi"), "KOR": ("kor", "iii-kup"), "USA": ("usa", "confidential")}


class Hand:
    """A clock that only the test moves."""

    def __init__(self, at: Instant) -> None:
        self.at = at

    def now(self) -> Instant:
        return self.at


class AnyOf:
    """Opens what was sealed to any of a party's keys."""

    def __init__(self, openers: tuple[TwinKeys, ...]) -> None:
        self._openers = openers

    def open(self, sealed: bytes, *, info: bytes) -> bytes:
        for opener in self._openers[:-1]:
            try:
                return opener.open(sealed, info=info)
            except PackageError:
                continue
        return self._openers[-1].open(sealed, info=info)


class Site:
    """One party's machine: what survives a crash, and the driver that runs on it."""

    def __init__(
        self,
        party: str,
        clock: Hand,
        *,
        is_exercise: bool = True,
        snapshot_entries: int = SNAPSHOT_ENTRIES,
    ) -> None:
        self.party = party
        self.snapshot_entries = snapshot_entries
        self.keys = TwinKeys(random.Random(hash_of(party)))
        self.clock = clock
        self.former: tuple[TwinKeys, ...] = ()
        self.disk = Disk()
        self.blobs = MemoryBlobs(clock)
        self.is_exercise = is_exercise
        self.starts = 0
        # How far a start that reads the whole journal has said it was.
        self.read: list[tuple[int, int]] = []
        self.card = sign_card(
            NodeCard(
                protocol=PROTOCOL_MAJOR,
                party=party,
                serial=1,
                issued_at=clock.at,
                keys=self.keys.keys,
                certificate=digest(party.encode()),
                is_exercise=is_exercise,
            ),
            signer=self.keys,
        )
        self.store = MemoryStore(self.disk)
        self.driver = self.start()

    def start(self, *, fault: Hook = no_fault, store_hook: Hook | None = None) -> Driver:
        """Start, or start again after a crash, on what has survived."""
        self.starts += 1
        self.store.crash()
        self.store = (
            MemoryStore(self.disk)
            if store_hook is None
            else MemoryStore(self.disk, hook=store_hook)
        )
        world = World(
            store=self.store,
            blobs=self.blobs,
            clock=self.clock,
            entropy=SeededEntropy(random.Random(hash_of(self.party) + self.starts)),
            signer=self.keys,
            sealer=TwinSealer(),
            opener=AnyOf((self.keys, *self.former)),
            former=self.former,
            progress=lambda done, of: self.read.append((done, of)),
        )
        self.driver = Driver.create(
            world,
            party=self.party,
            is_exercise=self.is_exercise,
            laws=LAWS,
            fault=fault,
            snapshot_entries=self.snapshot_entries,
        )
        return self.driver


def hash_of(text: str) -> int:
    """A number that does not depend on the interpreter's hash seed."""
    return int(digest(text.encode())[:8], 16)


class Three:
    """JPN, KOR and USA, partners of each other, under the packaged law."""

    def __init__(
        self,
        *,
        at: Instant = OCTOBER,
        known: Instant | None = None,
        parties: tuple[str, ...] = ("JPN", "KOR", "USA"),
        delegated: bool = True,
        make: "Callable[[str, Hand], Site] | None" = None,
        snapshot_entries: int = SNAPSHOT_ENTRIES,
    ) -> None:
        self.clock = Hand(at)
        make = make or partial(Site, snapshot_entries=snapshot_entries)
        self.sites = {party: make(party, self.clock) for party in parties}
        for site in self.sites.values():
            self.adopt(site.party, known=known)
            for other in self.sites.values():
                if other is not site:
                    fingerprint = digest_card(other.card)
                    site.driver.pin(other.card, fingerprint=fingerprint, by=ADMIN)
        if delegated and "JPN" in self.sites:
            self.delegate("JPN")

    def __getitem__(self, party: str) -> Driver:
        return self.sites[party].driver

    def adopt(self, party: str, *, known: Instant | None) -> None:
        self[party].adopt_law(FILES, digest=digest_of(FILES), by=ADMIN, known=known)

    def adopt_all(self, *, known: Instant | None) -> None:
        for party in self.sites:
            self.adopt(party, known=known)

    def delegate(self, party: str, **changes: object) -> None:
        base = {
            "id": "standing-1",
            "recipients": ("KOR", "USA"),
            "instruments": ("jpn-kor-gsomia-2016", "jpn-usa-2007"),
            "topics": ("dprk", "prc"),
            "up_to": "hi",
            "by": "the minister",
        }
        one = Delegation(**{**base, **changes})
        self.adopt_delegations(party, Delegations(holder=party, delegations=(one,)))

    def adopt_delegations(self, party: str, delegations: Delegations, *, margin: int = 0) -> None:
        self[party].command(
            AdoptDelegations(delegations=delegations, margin_seconds=margin, by=ADMIN)
        )

    def hold(
        self,
        party: str,
        holding: str,
        *,
        topics: tuple[str, ...] = ("dprk.missile.launch",),
        content: bytes = b"a launch was seen",
        level: str | None = None,
        form: Form = Form.DOCUMENT,
    ) -> Result:
        scheme, lowest = LEVELS[party]
        return self[party].hold(
            Hold(
                holding=Holding(
                    id=holding,
                    title=f"title of {holding}",
                    originator=party,
                    label=Label(scheme=scheme, level=level or lowest),
                    topics=topics,
                    form=form,
                    digest="0" * 64,
                    size_bytes=0,
                    held_at=self.clock.at,
                ),
                by=By(officer="registrar-1", role="registrar"),
            ),
            content,
        )

    def ask(self, case: str, *, by: str = "KOR", holder: str = "JPN", **changes: object) -> Result:
        base = {
            "case": case,
            "holder": holder,
            "topics": ("dprk.missile.launch",),
            "purpose": "defence.warning",
            "assurance": Assurance(
                cleared_to=CLEARED[by], needs_access=True, will_protect=True, by="analyst"
            ),
            "precedence": Precedence.ROUTINE,
            "by": ANALYST,
        }
        return self[by].command(Ask(**{**base, **changes}))

    def approve(self, party: str, case: str, *, officer: str = "officer-1") -> Result:
        by = By(officer=officer, role="disclosure-officer", reason="needed now")
        return self[party].command(Approve(case=case, by=by))

    def exchange(self, source: str, target: str) -> bool:
        """One frame and its answer; says whether there was a frame."""
        frame = self[source].next_batch(target)
        if frame is None:
            return False
        self[source].receive_reply(target, self[target].handle_exchange(source, frame))
        return True

    def settle(self, *, rounds: int = 50) -> int:
        """Carry frames by hand until nobody has anything to send; gives how many it took."""
        count = 0
        for _ in range(rounds):
            moved = 0
            for source in self.sites:
                for target in self[source].pending():
                    moved += self.exchange(source, target)
            count += moved
            if not moved:
                return count
        raise AssertionError("the nodes never fall silent")

    def set_clock(self, at: Instant) -> None:
        """Move every exercise clock, as officers do."""
        for party in self.sites:
            gap = int(at.timestamp() - self.clock.at.timestamp())
            self[party].command(SetClock(offset_seconds=gap, by=ADMIN))

    def state(self, party: str, case: str) -> str:
        file = self[party].node.state.case(case)
        return "none" if file is None else file.state.value


def register(driver: Driver) -> list[RegisterLine]:
    """All lines of a node's register, remembered or looked up."""
    state, disk = driver.node.state, driver._world.store.disk
    found = []
    for case in disk.cases:
        if case in state.open or case in state.closed:
            found += [line for line in state.register.values() if line.case == case]
        elif (kept := state.archive.case(case)) is not None:
            found += kept.lines
    return found


CLEARED = {"KOR": "ii-kup", "USA": "secret", "JPN": "gokuhi"}


def digest_card(signed: bytes) -> str:
    """The fingerprint that people compare."""
    from relto.journal import verify_card

    return verify_card(signed, is_exercise=True).fingerprint


class Crash(BaseException):
    """The process ends here, without a chance to tidy up."""


def crash_at(point: str, *, skip: int = 0) -> Hook:
    """A hook that ends the process at a named place, the first time or later."""
    left = [skip]

    def hook(reached: str) -> None:
        if reached == point:
            if not left[0]:
                raise Crash(point)
            left[0] -= 1

    return hook


def row_counts(site: Site) -> dict[str, int]:
    """How many entries each log of a site has."""
    with site.store.transaction() as tx:
        return {state.log.origin: state.size for state in tx.logs()}


def pending_frame(three: Three, source: str = "KOR", target: str = "JPN") -> bytes:
    frame = three[source].next_batch(target)
    assert frame is not None
    return frame


def say(three: Three, source: str, target: str, draft: Draft) -> None:
    """Let a lying node append whatever it likes."""
    driver = three[source]
    with driver._turn() as turn:
        entry = driver._logs.append(target, draft, now=turn.now)
        driver._fold(turn, entry)


def lie(three: Three, party: str, change: Callable[[Message], Message]) -> None:
    """Let a node change the releases that it writes, and keep its own counsel."""
    node = three[party].node
    handle = node.handle

    def lying(given: Input, *, now: Instant) -> tuple[Effect, ...]:
        return tuple(
            replace(effect, message=change(effect.message))
            if isinstance(effect, Append) and isinstance(effect.message, Released)
            else effect
            for effect in handle(given, now=now)
        )

    node.handle = lying
