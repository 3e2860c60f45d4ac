"""Originators asked for their consent, and pacts amended while something is under way."""

import pytest
from msgspec.structs import replace

from relto.adapters.lawfiles import digest_of
from relto.codec.message import encode_message
from relto.journal import Draft
from relto.node import (
    AskConsent,
    ConsentMissingError,
    Refuse,
)
from tests.support_node import (
    ADMIN,
    FILES,
    Three,
    pending_frame,
    say,
)


def waiting_for_consent() -> Three:
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    three.ask("c-2", by="USA", holder="KOR")
    three.settle()
    assert three.state("KOR", "c-2") == "queued"
    with pytest.raises(ConsentMissingError):
        three.approve("KOR", "c-2")
    three["KOR"].command(AskConsent(case="c-2", by=ADMIN))
    three.settle()
    return three


def test_the_originators_consent_lets_an_item_go_on() -> None:
    """EX-31, EX-21: asked for, given by the originator's officer, proved to the recipient."""
    three = waiting_for_consent()
    assert three.state("KOR", "c-2") == "consent-asked"
    (waiting,) = three["JPN"].node.queue()
    assert (waiting.file.role.value, waiting.needs) == ("originator", 1)
    three.approve("JPN", "c-2")
    three.settle()
    three.approve("KOR", "c-2")
    three.settle()
    assert three.state("USA", "c-2") == "receipted"
    release = three["USA"].story("c-2").file.arrived.message
    assert [one.source for one in release.consents] == ["JPN"]
    assert release.items[0].originator == "JPN"
    assert release.items[0].marked.scheme == "kor"


def test_without_the_originators_consent_an_item_stays() -> None:
    """EX-31."""
    three = waiting_for_consent()
    three["JPN"].command(Refuse(case="c-2", by=ADMIN))
    three.settle()
    assert three.state("JPN", "c-2") == "answered"
    assert three.state("KOR", "c-2") == "queued"
    with pytest.raises(ConsentMissingError):
        three.approve("KOR", "c-2")
    three["KOR"].command(Refuse(case="c-2", by=ADMIN))
    three.settle()
    assert three.state("USA", "c-2") == "refused"


def test_an_originator_that_does_not_know_the_item_says_so() -> None:
    """EX-31."""
    three = waiting_for_consent()
    del three["JPN"].node.state.stock["launch-1"]
    three["JPN"].tick()
    three.settle()
    assert three.state("JPN", "c-2") == "answered"
    assert three.state("KOR", "c-2") == "queued"
    (waiting,) = three["KOR"].node.queue()
    assert waiting.why == "the originator's consent is missing"
    three["KOR"].command(AskConsent(case="c-2", by=ADMIN))
    assert three.state("KOR", "c-2") == "consent-asked"


def amended(*, excluded: str) -> dict[str, bytes]:
    """The law files with one more topic taken out of the direct pact."""
    name = "instruments/jpn-kor-gsomia-2016.toml"
    before = FILES[name]
    after = before.replace(
        b'excluded = ["finance"]\n',
        f'excluded = ["finance", "{excluded}"]\n'.encode(),
    )
    assert after != before
    return {**FILES, name: after}


@pytest.mark.parametrize(("excluded", "state"), [("dprk", "quarantined"), ("prc", "receipted")])
def test_fl_39_an_amended_pact_decides_about_what_was_under_way(excluded: str, state: str) -> None:
    """EX-22: the receiver's newer law counts for it; what both versions allow passes."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    answer = three["JPN"].handle_exchange("KOR", pending_frame(three))
    files = amended(excluded=excluded)
    three["KOR"].adopt_law(files, digest=digest_of(files), by=ADMIN)
    three["KOR"].receive_reply("JPN", answer)
    three.settle()
    assert three.state("KOR", "c-1") == state
    release = three["KOR"].story("c-1").file.arrived.message
    assert release.law.digest != three["KOR"].node.state.law.digest


def test_a_delegation_never_implies_consent_to_somebody_further_on() -> None:
    """EX-17: a partner that asks on behalf of another gets an officer, not a standing yes."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    story = three["KOR"].story("c-1")
    asked = next(fact.message for fact in story.facts if fact.kind == "request")
    other = replace(asked, request=replace(asked.request, case="c-2", on_behalf_of="GBR"))
    say(
        three,
        "KOR",
        "JPN",
        Draft(kind="request", case="c-2", parts=(("message", encode_message(other)),)),
    )
    three.settle()
    assert three.state("JPN", "c-2") in {"queued", "refused"}
