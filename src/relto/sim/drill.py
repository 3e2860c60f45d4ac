"""A drill: a scenario in virtual time, all nodes in one process, with the driver of a real node.

Days pass between two lines of code, because only the scenario moves the clock. Nothing is lost or
late on this wire;
what a bad one does is the business of the fault simulator. Every run of one scenario gives the same
rows.
"""

import random
from collections.abc import Callable, Mapping
from typing import Final

from whenever import Instant

from relto.driver import Driver, LawBook
from relto.errors import LocalError
from relto.exchange import Fact
from relto.journal import sign_card, verify_card
from relto.law import Law, compile_law, load_library
from relto.limits import PACKAGE_CHUNK_BYTES
from relto.model import PROTOCOL_MAJOR, Holding, Label, NodeCard
from relto.model.delegation import Delegation, Delegations
from relto.node import AdoptDelegations, Approve, Ask, By, Hold
from relto.ports import World
from relto.seal import digest
from relto.sim.oracle import assurance_of
from relto.sim.play import Played, Teller, play
from relto.sim.scenario import Officer, Plan, Scenario
from relto.sim.scenario import World as Ending
from relto.sim.store import MemoryBlobs, MemoryStore
from relto.sim.twins import SeededEntropy, TwinKeys, TwinSealer
from relto.units import CaseId, Digest, OfficerRole, PartyCode

DigestOf = Callable[[Mapping[str, bytes]], Digest]

CONTROL: Final = By(
    officer="exercise control", role=OfficerRole("administrator"), reason="the scenario says so"
)
ANALYST: Final = By(
    officer="duty analyst", role=OfficerRole("analyst"), reason="the scenario says so"
)
# Every seed gives the same rows; one is enough.
_SEED: Final = "relto drill"
# Frames that pass in one case; a link that says more than this without an officer is in a loop.
_FRAMES_MAX: Final = 200


class RestlessError(LocalError):
    """The nodes of a drill would not come to rest."""

    code = "local.drill_restless"


class HandClock:
    """A clock that only the scenario moves, for all nodes alike."""

    def __init__(self, at: Instant) -> None:
        """Set it."""
        self.at = at

    def now(self) -> Instant:
        """See `relto.ports.Clock`."""
        return self.at


class VirtualStage:
    """Drivers in one process, with a clock that the scenario moves.

    Args:
        scenario: What the nodes hold and who their officers are.
        begins_at: Where the clock stands at first.
        files: The law files they begin with.
        contents: The files of the items, by the names that the scenario uses.
        digest_of: Gives the digest of law files.
    """

    is_live: Final = False

    def __init__(
        self,
        scenario: Scenario,
        *,
        begins_at: Instant,
        files: Mapping[str, bytes],
        contents: Mapping[str, bytes],
        digest_of: DigestOf,
    ) -> None:
        """Make the nodes, let them adopt the law, meet each other, and register what they hold."""
        self._clock = HandClock(begins_at)
        self._digest_of = digest_of
        self._laws = LawBook()
        self._drivers: dict[PartyCode, Driver] = {}
        cards: dict[PartyCode, bytes] = {}
        for party in scenario.parties:
            keys = TwinKeys(random.Random(f"{_SEED} {party}"))
            self._drivers[party] = self._node(party, keys)
            cards[party] = self._card(party, keys)
        law = self.adopt(files, known=scenario.known)
        for party, driver in self._drivers.items():
            for other, card in cards.items():
                if other != party:
                    fingerprint = verify_card(card, is_exercise=True).fingerprint
                    driver.pin(card, fingerprint=fingerprint, by=CONTROL)
            furnish(driver, scenario, contents, law=law)

    def _node(self, party: PartyCode, keys: TwinKeys) -> Driver:
        world = World(
            store=MemoryStore(),
            blobs=MemoryBlobs(),
            clock=self._clock,
            entropy=SeededEntropy(random.Random(f"{_SEED} {party} entropy")),
            signer=keys,
            sealer=TwinSealer(),
            opener=keys,
        )
        return Driver.create(world, party=party, is_exercise=True, laws=self._laws)

    def _card(self, party: PartyCode, keys: TwinKeys) -> bytes:
        card = NodeCard(
            protocol=PROTOCOL_MAJOR,
            party=party,
            serial=1,
            issued_at=self._clock.at,
            keys=keys.keys,
            certificate=party.encode(),
            is_exercise=True,
        )
        return sign_card(card, signer=keys)

    # ------------------------------------------------------------ what the runner needs

    def now(self) -> Instant:
        """See `Stage.now`."""
        return self._clock.at

    def set_clock(self, at: Instant) -> None:
        """See `Stage.set_clock`."""
        if at <= self._clock.at:
            return
        self._clock.at = at
        for driver in self._drivers.values():
            driver.tick()

    def adopt(self, files: Mapping[str, bytes], *, known: Instant) -> Law:
        """See `Stage.adopt`."""
        named = self._digest_of(files)
        for driver in self._drivers.values():
            driver.adopt_law(files, digest=named, by=CONTROL, known=known)
        return compile_law(load_library(files, digest=named), known=known)

    def ask(self, plan: Plan, *, is_direct: bool) -> CaseId:
        """See `Stage.ask`."""
        driver = self._drivers[plan.requester]
        case = driver.new_case()
        driver.command(
            Ask(
                case=case,
                holder=plan.holder,
                topics=plan.topics,
                purpose=plan.purpose,
                about=plan.about,
                precedence=plan.precedence,
                assurance=assurance_of(plan),
                is_forced=is_direct,
                by=ANALYST,
            )
        )
        return case

    def settle(self, case: CaseId) -> None:
        """See `Stage.settle`."""
        for _ in range(_FRAMES_MAX):
            if not self._deliver_one():
                return
        raise RestlessError(f"the nodes would not come to rest in case `{case}`")

    def look(self, party: PartyCode, case: CaseId) -> tuple[Fact, ...]:
        """See `Stage.look`."""
        story = self._drivers[party].story(case)
        return () if story is None else story.facts

    def approve(self, officer: Officer, case: CaseId) -> None:
        """See `Stage.approve`."""
        by = By(officer=officer.name, role=officer.role, reason=officer.reason)
        self._drivers[officer.party].command(Approve(case=case, by=by))

    # ------------------------------------------------------------ the wire

    def _deliver_one(self) -> bool:
        """Carry one frame and its answer, or one package; tell whether there was anything."""
        for party, driver in self._drivers.items():
            for partner in driver.pending():
                frame = driver.next_batch(partner)
                if frame is not None:
                    answer = self._drivers[partner].handle_exchange(party, frame)
                    driver.receive_reply(partner, answer)
                    return True
            for partner in driver.partners():
                for parcel in driver.wanted(partner):
                    self._fetch(driver, partner, parcel.digest, parcel.size_bytes)
                    return True
        return False

    def _fetch(self, driver: Driver, partner: PartyCode, name: Digest, size_bytes: int) -> None:
        source = self._drivers[partner]
        offset = driver.received_bytes(partner, name)
        while offset < size_bytes:
            piece = source.read_package(driver.party, name, offset=offset, size=PACKAGE_CHUNK_BYTES)
            offset = driver.write_package(partner, name, offset=offset, piece=piece)


def drill(
    scenario: Scenario,
    ending: Ending,
    *,
    files: Mapping[str, bytes],
    extra: Mapping[str, bytes],
    contents: Mapping[str, bytes],
    digest_of: DigestOf,
    teller: Teller,
) -> Played:
    """Play one ending in virtual time.

    Args:
        scenario: Checked against the law files.
        ending: One of its endings.
        files: The law files every node begins with.
        extra: The law files that its steps add, by the names that the scenario uses.
        contents: The files of its items, by the names that the scenario uses.
        digest_of: Gives the digest of law files.
        teller: Told what happens while it happens.

    Source: docs/guides/write-a-scenario.md.
    """
    begins_at = scenario.steps_of(ending)[0].at
    stage = VirtualStage(
        scenario, begins_at=begins_at, files=files, contents=contents, digest_of=digest_of
    )
    return play(scenario, ending, stage, files=files, extra=extra, teller=teller)


def furnish(driver: Driver, scenario: Scenario, contents: Mapping[str, bytes], *, law: Law) -> None:
    """Give a node what its party holds when a scenario begins, and its standing authorities.

    Args:
        driver: The node; it has adopted the law.
        scenario: What is held.
        contents: The files of the items, by the names that the scenario uses.
        law: For the parties' schemes.
    """
    scheme = law.library.parties[driver.party].scheme
    for item in scenario.holdings:
        if item.holder == driver.party and scheme is not None:
            content = contents[item.file]
            holding = Holding(
                id=item.id,
                title=item.title,
                originator=item.holder,
                label=Label(scheme=scheme, level=item.level),
                topics=item.topics,
                form=item.form,
                digest=digest(content),
                size_bytes=len(content),
                held_at=driver.now(),
            )
            driver.hold(Hold(holding=holding, by=CONTROL), content)
    delegations = delegations_of(scenario, driver.party)
    driver.command(AdoptDelegations(delegations=delegations, by=CONTROL))


def delegations_of(scenario: Scenario, party: PartyCode) -> Delegations:
    """Give a party's standing authorities as its node adopts them."""
    return Delegations(
        holder=party,
        delegations=tuple(
            Delegation(
                id=one.id,
                recipients=one.recipients,
                instruments=one.instruments,
                topics=one.topics,
                up_to=one.up_to,
                by=one.by,
            )
            for one in scenario.delegations
            if one.party == party
        ),
    )
