"""What all storms of a process share, because it never changes: keys, compiled law, first disks."""

from collections.abc import Mapping
from functools import cache
from typing import Final, Protocol

from msgspec import Struct
from whenever import Instant

from relto.driver import Driver, Hook, LawBook
from relto.journal import sign_card, verify_card
from relto.law import Law, compile_law, load_library
from relto.model import NodeCard
from relto.model.message import LawRef
from relto.node import By
from relto.ports import World
from relto.seal import digest
from relto.sim.agenda import Agenda, chance
from relto.sim.clock import VirtualClock
from relto.sim.store import Disk, MemoryBlobs, MemoryStore
from relto.sim.storm.plan import KNOWN_AFTER, KNOWN_BEFORE, PARTIES
from relto.sim.twins import SeededEntropy, TwinKeys, TwinSealer
from relto.units import Digest, OfficerRole, PartyCode

# An intermediary's instruments are suspended, without anybody waiting for the lapse of the pact.
_NARROW: Final = """
[[acts]]
id = "storm-{name}"
instrument = "{name}"
kind = "operation-suspension"
by = [{parties}]
at = 2019-08-31T00:00:00+00:00
text = "Suspended for the storm."
article = "none"
evidence = "assumed"
source = "the storm"
"""
OFFICER: Final = OfficerRole("disclosure-officer")
BY: Final = By(officer="a", role=OFFICER, reason="storm")
_ADOPTED: Final = Instant.from_utc(2019, 11, 1)


class Make(Protocol):
    """Opens a driver on a world."""

    def __call__(
        self, world: World, *, laws: LawBook, fault: Hook, snapshot_entries: int
    ) -> Driver:
        """See `Driver`."""


class Files(Struct, frozen=True, kw_only=True):
    """The law files, with their digest as the nodes cite it."""

    files: Mapping[str, bytes]
    digest: Digest


class Lab:
    """What all storms of a process share, because it never changes.

    Args:
        files: The law.
        make: Opens a driver; tests hand in one with a planted bug.
        open_: Opens a store on a disk; tests hand in one that is kept elsewhere as well.
    """

    def __init__(
        self, files: Files, *, make: Make = Driver, open_: type[MemoryStore] = MemoryStore
    ) -> None:
        """Compile the law and prepare a disk for each party."""
        self.make = make
        self.open_ = open_
        self.laws = LawBook()
        narrow = _narrow(files)
        self.adoptable: dict[str, tuple[Files, Instant]] = {
            "before": (files, KNOWN_BEFORE),
            "after": (files, KNOWN_AFTER),
            "narrow": (narrow, KNOWN_BEFORE),
        }
        self.judged: dict[LawRef, Law] = {
            LawRef(digest=one.digest, known=known): compile_law(
                load_library(one.files, digest=one.digest), known=known
            )
            for one, known in self.adoptable.values()
        }
        loaded = load_library(files.files, digest=files.digest)
        self.instruments = tuple(sorted(loaded.instruments))
        self._disks: dict[PartyCode, Disk] = {}
        cards = {party: card_of(party, 1, at=_ADOPTED) for party in PARTIES}
        for party in PARTIES:
            self._disks[party] = self._prepare(party, cards)

    def disk(self, party: PartyCode) -> Disk:
        """Give a fresh disk of a party that has adopted the law and pinned its partners."""
        return self._disks[party].copy()

    def _prepare(self, party: PartyCode, cards: Mapping[PartyCode, bytes]) -> Disk:
        disk = Disk()
        store = MemoryStore(disk)
        agenda = Agenda(start=_ADOPTED)
        keys = party_keys(party, 1)
        world = World(
            store=store,
            blobs=MemoryBlobs(),
            clock=VirtualClock(agenda),
            entropy=SeededEntropy(chance(0, f"prepare/{party}")),
            signer=keys,
            sealer=TwinSealer(),
            opener=keys,
        )
        driver = Driver.create(world, party=party, laws=self.laws)
        files, known = self.adoptable["before"]
        driver.adopt_law(files.files, digest=files.digest, by=BY, known=known)
        for other, card in cards.items():
            if other != party:
                shown = verify_card(card, is_exercise=False).fingerprint
                driver.pin(card, fingerprint=shown, by=BY)
        store.close()
        return disk


def _narrow(files: Files) -> Files:
    """The same law, but two instruments with the intermediary do not operate."""
    acts = 'format = "relto.acts/1"\n' + "".join(
        _NARROW.format(name=name, parties=", ".join(f'"{one}"' for one in parties))
        for name, parties in (("tisa-2014", PARTIES), ("kor-usa-1987", PARTIES[1:]))
    )
    content = acts.encode()
    whole = {**files.files, "acts/storm.toml": content}
    return Files(files=whole, digest=digest(files.digest.encode() + content))


def card_of(party: PartyCode, serial: int, *, at: Instant) -> bytes:
    """Make a party's signed card; from the second on, its former keys announce it too."""
    keys = party_keys(party, serial)
    card = NodeCard(
        protocol=1,
        party=party,
        serial=serial,
        issued_at=at,
        keys=keys.keys,
        certificate=b"not used: no TLS here",
    )
    predecessor = party_keys(party, serial - 1) if serial > 1 else None
    return sign_card(card, signer=keys, predecessor=predecessor)


@cache
def party_keys(party: PartyCode, serial: int) -> TwinKeys:
    """Give a party's keys; they do not depend on the seed, because drawing them takes time."""
    return TwinKeys(chance(serial, f"keys/{party}"))
