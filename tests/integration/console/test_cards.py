"""Cards that links could not use: another's certificate, a place inside (LK-21, FL-31)."""

import asyncio
from pathlib import Path

import pytest
import structlog
from whenever import Instant

from relto.adapters.https_link import EndpointError
from relto.adapters.keys import NodeKeys, is_of_party
from relto.console import (
    CardCertificateError,
    PinCard,
    RunningNode,
    create_home,
    open_home,
)
from relto.journal import sign_card, verify_card
from relto.model import PROTOCOL_MAJOR, NodeCard
from relto.node import By
from relto.units import OfficerRole, PartyCode

BY = By(officer="test", role=OfficerRole("administrator"))


def card(keys: NodeKeys, party: str, *, certificate: bytes, endpoint: str) -> bytes:
    return sign_card(
        NodeCard(
            protocol=PROTOCOL_MAJOR,
            party=PartyCode(party),
            serial=keys.serial,
            issued_at=Instant.now(),
            keys=keys.keys,
            certificate=certificate,
            endpoints=(endpoint,),
        ),
        signer=keys,
    )


@pytest.fixture
def usa(tmp_path: Path) -> NodeKeys:
    return NodeKeys.create(tmp_path / "usa", party=PartyCode("USA"), now=Instant.now())


def test_a_card_with_anothers_certificate_or_a_place_inside_is_not_pinned(
    tmp_path: Path, usa: NodeKeys
) -> None:
    kor = create_home(tmp_path / "kor", party="KOR").card
    create_home(tmp_path / "jpn", party="JPN")
    good = "https://192.0.2.1:8443"
    bad = {
        CardCertificateError: card(usa, "USA", certificate=kor.certificate, endpoint=good),
        EndpointError: card(
            usa, "USA", certificate=usa.certificate, endpoint="https://169.254.169.254:80"
        ),
    }
    with open_home(tmp_path / "jpn") as node:
        for error, content in bad.items():
            shown = verify_card(content, is_exercise=False).fingerprint
            with pytest.raises(error):
                node.office.answer(PinCard(card=content, fingerprint=shown, by=BY))
        assert node.driver.partners() == ()


def test_a_partner_that_announces_anothers_certificate_locks_out_itself_alone(
    tmp_path: Path, usa: NodeKeys
) -> None:
    """LK-21: whoever was pinned first."""
    kor = create_home(tmp_path / "kor", party="KOR")
    create_home(tmp_path / "jpn", party="JPN")
    stolen = card(
        usa, "USA", certificate=kor.card.certificate, endpoint="https://169.254.169.254:80"
    )

    async def main() -> None:
        with open_home(tmp_path / "jpn") as node:
            driver = node.driver
            shown = verify_card(stolen, is_exercise=False).fingerprint
            driver.pin(stolen, fingerprint=shown, by=BY)
            driver.pin(kor.signed, fingerprint=kor.fingerprint, by=BY)
            running = RunningNode(node, log=structlog.wrap_logger(structlog.ReturnLogger()))
            ready = asyncio.Event()
            task = asyncio.create_task(running.run(ready=ready.set))
            await ready.wait()
            assert running._pins.party_of(kor.card.certificate) == "KOR"
            assert running._pins.of(PartyCode("USA")) == ()
            assert running.link(PartyCode("USA")).state == "waiting"
            running.stop()
            await task

    asyncio.run(main())


def test_a_certificate_names_its_party(usa: NodeKeys) -> None:
    assert is_of_party(usa.certificate, "USA")
    assert not is_of_party(usa.certificate, "KOR")
    assert not is_of_party(b"none", "USA")
