"""Nodes of one process, wired to each other without sockets, for the tests beside this."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from relto.adapters.service import (
    Calling,
    NodeService,
    Rates,
)
from relto.console import OpenNode, create_home, open_home
from relto.errors import WorldError
from relto.model import Form, Holding, Label, Precedence
from relto.model.case import Assurance
from relto.model.delegation import Delegation, Delegations
from relto.node import AdoptDelegations, Ask, By, Hold
from relto.units import (
    CaseId,
    Digest,
    HoldingId,
    InstrumentId,
    LevelId,
    OfficerRole,
    PartyCode,
    PurposeId,
    SchemeId,
    TopicId,
)

JPN, KOR, USA = PartyCode("JPN"), PartyCode("KOR"), PartyCode("USA")
BY = By(officer="test", role=OfficerRole("analyst"))
TOPIC = TopicId("dprk.missile.launch")
OTHER = TopicId("dprk.nuclear.test")


class Wire:
    """Calls a partner's service in this process; a test can cut, hold or bend it."""

    def __init__(self, me: PartyCode) -> None:
        self.me = me
        self.other: NodeService | None = None
        self.hold: asyncio.Event | None = None
        self.bend = False

    async def exchange(self, frame: bytes, *, wait_seconds: int = 0) -> bytes:
        if self.hold is not None:
            await self.hold.wait()
        if self.other is None:
            raise WorldError("cut")
        return await self.other.exchange(self.me, frame, wait_seconds=wait_seconds)

    async def fetch(self, digest: Digest, *, offset: int) -> "Piece":
        assert self.other is not None
        total = await self.other.offered_bytes(self.me, digest)
        assert total is not None
        content = await self.other.read_package(self.me, digest, offset=offset, size=100_000)
        if self.bend:
            content = bytes([content[0] ^ 1]) + content[1:]
        return Piece(content, total)

    async def received(self, digest: Digest, *, total: int) -> int:
        return total

    async def hand_over(self, digest: Digest, *, offset: int, piece: bytes, total: int) -> int:
        raise NotImplementedError

    async def close(self) -> None:
        self.other = None


class Piece:
    def __init__(self, content: bytes, total: int) -> None:
        self.content, self.total = content, total


class House:
    """Nodes of this process, wired to each other."""

    def __init__(self, nodes: dict[PartyCode, OpenNode]) -> None:
        self.nodes = nodes
        self.wires: dict[tuple[PartyCode, PartyCode], Wire] = {}
        self.services: dict[PartyCode, NodeService] = {}
        self.reports: list[tuple[PartyCode, str, str]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.rates: dict[PartyCode, Rates] = {}

    async def __aenter__(self) -> Self:
        for party, node in self.nodes.items():
            self.services[party] = NodeService(
                node.driver,
                card=node.card.signed,
                reach=lambda partner, me=party: Calling(
                    caller=self.wires.setdefault((me, partner), Wire(me)), is_pulling=False
                ),
                jitter=lambda: 0.0,
                report=lambda event, _, words, me=party: self.reports.append((me, event, words)),
                rates=self.rates.get(party),
            )
        for me in self.nodes:
            for partner in self.nodes:
                if me != partner:
                    wire = self.wires.setdefault((me, partner), Wire(me))
                    wire.other = self.services[partner]
        self.tasks = [asyncio.create_task(one.run()) for one in self.services.values()]
        return self

    async def __aexit__(self, *_: object) -> None:
        for service in self.services.values():
            service.stop()
        await asyncio.gather(*self.tasks)

    async def ask(
        self, precedence: Precedence = Precedence.ROUTINE, *, topic: TopicId = TOPIC
    ) -> CaseId:
        service = self.services[KOR]
        case = service.driver.new_case()
        assurance = Assurance(
            cleared_to=LevelId("iii-kup"), needs_access=True, will_protect=True, by="analyst"
        )
        await service.command(
            Ask(
                case=case,
                holder=JPN,
                topics=(topic,),
                purpose=PurposeId("defence.analysis"),
                precedence=precedence,
                assurance=assurance,
                by=BY,
            )
        )
        return case

    async def wait(self, party: PartyCode, case: CaseId, state: str) -> None:
        driver = self.services[party].driver
        async with asyncio.timeout(10):
            while True:
                file = driver.node.state.case(case)
                if file is not None and file.state == state:
                    return
                await asyncio.sleep(0.01)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


def make(directory: Path, *parties: PartyCode, content: bytes = b"a launch") -> None:
    cards = {party: create_home(directory / party.lower(), party=party) for party in parties}
    for party in parties:
        with open_home(directory / party.lower()) as node:
            for other in parties:
                if other != party:
                    shown = cards[other].fingerprint
                    node.driver.pin(cards[other].signed, fingerprint=shown, by=BY)
            if party == JPN:
                node.driver.command(AdoptDelegations(delegations=standing(), by=BY))
                node.driver.hold(item(node), content)
            node.driver.close()


def standing() -> Delegations:
    one = Delegation(
        id="standing",
        recipients=(KOR,),
        instruments=(InstrumentId("jpn-kor-gsomia-2016"),),
        topics=(TOPIC, OTHER),
        up_to=LevelId("hi"),
        by="test",
    )
    return Delegations(holder=JPN, delegations=(one,))


def item(node: OpenNode, *, name: str = "item", topic: TopicId = TOPIC) -> Hold:
    holding = Holding(
        id=HoldingId(name),
        title="a launch",
        originator=JPN,
        label=Label(scheme=SchemeId("jpn"), level=LevelId("hi")),
        topics=(topic,),
        form=Form.ELECTRONIC,
        digest=Digest("0" * 64),
        size_bytes=0,
        held_at=node.driver.now(),
    )
    return Hold(holding=holding, by=BY)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    make(tmp_path, JPN, KOR, USA)
    with (
        open_home(tmp_path / "jpn") as jpn,
        open_home(tmp_path / "kor") as kor,
        open_home(tmp_path / "usa") as usa,
    ):
        yield House({JPN: jpn, KOR: kor, USA: usa})
