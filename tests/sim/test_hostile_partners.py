"""Partners and intermediaries that write what they should not, and clocks that differ."""

import pytest
from msgspec.structs import replace

from relto.adapters.lawfiles import digest_of
from relto.codec.message import encode_message, kind_of
from relto.journal import Draft
from relto.model import Label
from relto.model.case import Consent, Holding, Request
from relto.model.delegation import Delegations
from relto.model.finding import Rule
from relto.model.message import (
    ConsentGiven,
    HopRef,
    Message,
    Reclassified,
    RefusalCode,
    Requested,
)
from relto.node import AskConsent, Destroy, Recall, Reclassify, SameOfficerError
from tests.sim.test_exchange_consent import amended
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION, LAPSE, lapsed
from tests.support_node import ADMIN, OCTOBER, Hand, Three, register, say

REQUEST = Request(
    case="c-1",
    requester="USA",
    holder="JPN",
    topics=("dprk.missile.launch",),
    purpose="defence.warning",
    asked_at=OCTOBER,
)
DIRECT = "jpn-usa-2007"


def tell(three: Three, source: str, target: str, message: Message, *, case: str = "c-1") -> None:
    """Say anything at all to a partner, and carry it there."""
    draft = Draft(kind=kind_of(message), case=case, parts=(("message", encode_message(message)),))
    say(three, source, target, draft)
    three.settle()


def codes(three: Three, party: str) -> list[RefusalCode]:
    return [note.code for _, note in three[party].node.state.quarantine]


def at_the_hub(case: str = "c-1") -> Three:
    """Tokyo's item is in Washington, where an officer has to let it go on to Seoul."""
    three = lapsed()
    three.ask(case)
    three.settle()
    three.approve("JPN", case)
    three.settle()
    assert three.state("USA", case) == "queued"
    return three


# ---------------------------------------------------------------- in another's name


@pytest.mark.parametrize(
    "hops",
    [
        (),
        (HopRef(source="JPN", target="USA", instrument=DIRECT),),
        (
            HopRef(source="JPN", target="USA", instrument=DIRECT),
            HopRef(source="USA", target="KOR", instrument="kor-usa-1987"),
        ),
        (
            HopRef(source="JPN", target="KOR", instrument="tisa-2014"),
            HopRef(source="USA", target="KOR", instrument="tisa-2014"),
        ),
        (
            HopRef(source="JPN", target="USA", instrument="tisa-2014"),
            HopRef(source="USA", target="JPN", instrument="tisa-2014"),
        ),
    ],
)
def test_a_delegation_for_one_partner_never_lets_it_pass_things_on_to_another(
    hops: tuple[HopRef, ...],
) -> None:
    """EX-45, EX-17: no consent to a third party is given without an officer."""
    three = Three()
    three.hold("JPN", "launch-1")
    asked = Requested(request=replace(REQUEST, on_behalf_of="KOR"), hops=hops)
    tell(three, "USA", "JPN", asked)
    assert three.state("JPN", "c-1") == "refused"
    assert three["JPN"].node.state.outgoing == {}


def test_an_intermediary_is_not_sent_to_where_the_request_came_from() -> None:
    """EX-45: such a way would go in a circle."""
    three = Three()
    hops = (
        HopRef(source="KOR", target="USA", instrument="kor-usa-1987"),
        HopRef(source="USA", target="KOR", instrument="kor-usa-1987"),
    )
    asked = Requested(request=replace(REQUEST, requester="KOR", holder="KOR"), hops=hops)
    frame = Draft(kind="request", case="c-1", parts=(("message", encode_message(asked)),))
    with three["KOR"]._turn() as turn:
        three["KOR"]._logs.append("USA", frame, now=turn.now)
    three.exchange("KOR", "USA")
    assert three.state("USA", "c-1") == "refused"


@pytest.mark.parametrize("changes", [{"requester": "KOR"}, {"case": "c-9"}])
def test_a_request_in_anothers_name_or_of_another_case_is_set_aside(
    changes: dict[str, str],
) -> None:
    """EX-45."""
    three = Three()
    three.hold("JPN", "launch-1")
    asked = Requested(request=replace(REQUEST, **changes))
    say(
        three,
        "USA",
        "JPN",
        Draft(kind="request", case="c-1", parts=(("message", encode_message(asked)),)),
    )
    three.settle()
    assert three.state("JPN", "c-1") == "none"
    assert codes(three, "JPN") == [RefusalCode.OUT_OF_PLACE]


def test_an_originator_asked_for_its_consent_does_not_give_anothers() -> None:
    """EX-45: Washington's answer does not stand for Tokyo's."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    three.ask("c-2", by="USA", holder="KOR")
    three.settle()
    three["KOR"].command(AskConsent(case="c-2", by=ADMIN))
    three.settle()
    consent = Consent(
        originator="USA",
        recipient="USA",
        holding="launch-1",
        purposes=("defence.warning",),
        given_at=three.clock.at,
    )
    given = ConsentGiven(consent=consent, approvals=())
    tell(three, "JPN", "KOR", given, case="c-2")
    assert three.state("KOR", "c-2") == "consent-asked"
    assert codes(three, "KOR") == [RefusalCode.OUT_OF_PLACE]


def test_a_holder_does_not_consent_for_another_originator_towards_the_intermediary() -> None:
    """EX-45."""
    three = lapsed()
    three.ask("c-1")
    three.settle()
    assert three.state("USA", "c-1") == "asked"
    consent = Consent(
        originator="GBR", recipient="KOR", topics=("dprk",), given_at=three["JPN"].now()
    )
    with three["JPN"]._turn() as turn:
        body = encode_message(ConsentGiven(consent=consent, approvals=()))
        draft = Draft(kind="consent-given", case="c-1", parts=(("message", body),))
        three["JPN"]._logs.append("USA", draft, now=turn.now)
    three.exchange("JPN", "USA")
    assert three["USA"].node.state.open["c-1"].consents == ()
    assert codes(three, "USA") == [RefusalCode.OUT_OF_PLACE]


def test_what_a_partner_says_we_had_made_is_not_released_as_ours() -> None:
    """EX-44: a delegation for our own material does not reach what others sent as ours."""
    three = Three()
    three.hold("USA", "secret-1", content=b"made by somebody else")
    three.delegate("JPN", recipients=("KOR",))

    stock = three["USA"].node.state.stock
    lied = replace(
        stock["secret-1"].holding, originator="JPN", label=Label(scheme="jpn", level="hi")
    )
    stock["secret-1"] = replace(stock["secret-1"], holding=lied)
    three.ask("c-1", by="JPN", holder="USA")
    three.settle()
    three.approve("USA", "c-1")
    three.settle()
    assert three["JPN"].node.state.item("jpn.secret-1").holding.originator == "JPN"
    three.ask("c-2", by="KOR", holder="JPN")
    three.settle()
    assert three.state("KOR", "c-2") == "refused"


# ---------------------------------------------------------------- the originator's later word


def test_an_item_recalled_from_the_intermediary_does_not_go_on() -> None:
    """EX-44: not even with an officer's yes."""
    three = at_the_hub()
    three["JPN"].command(Recall(case="c-1", holding="launch-1", by=ADMIN))
    three.settle()
    assert three.state("USA", "c-1") == three.state("KOR", "c-1") == "refused"
    assert not [*three["KOR"].node.state.items()]
    # What is owed is done all the same.
    three["USA"].command(Destroy(case="c-1", holding="launch-1", method="shredded", by=ADMIN))
    three.settle()
    (line,) = register(three["JPN"])
    assert line.state == "destroyed"


def test_an_item_reclassified_at_the_intermediary_goes_on_under_its_new_label() -> None:
    """EX-44, EX-25."""
    three = at_the_hub()
    higher = Label(scheme="jpn", level="gokuhi")
    three["JPN"].command(Reclassify(case="c-1", holding="launch-1", label=higher, by=ADMIN))
    three.settle()
    assert three.state("USA", "c-1") == "queued"
    three.approve("USA", "c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    (item,) = three["KOR"].story("c-1").file.arrived.message.items
    assert item.label == higher
    assert three["KOR"].node.state.item("jpn.launch-1").marked.level == "ii-kup"


# ---------------------------------------------------------------- what a consent was given for


def altered(three: Three, *, holding: Holding, marked: Label) -> None:
    """Let Washington lie about the item that it passes on, and wave it through."""
    stock = three["USA"].node.state.stock
    (name,) = (one for one, item in stock.items() if item.reference == "launch-1")
    stock[name] = replace(stock[name], holding=holding, marked=marked)
    register = three["USA"].node.state.register
    for key, line in register.items():
        register[key] = replace(line, label=holding.label)
    three.approve("USA", "c-1")
    three.settle()


def at_the_hub_as_secret() -> tuple[Three, Holding]:
    """Tokyo's item of level Gokuhi is in Washington, and how Washington holds it."""
    three = Three(at=OCTOBER, known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1", level="gokuhi")
    three.set_clock(LAPSE)
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    assert three.state("USA", "c-1") == "queued"
    (item,) = (one for one in three["USA"].node.state.items() if one.reference == "launch-1")
    return three, item.holding


def test_fl_40_an_intermediary_cannot_put_other_content_under_a_consent() -> None:
    """EX-46: the consent names the digest of what the originator sealed."""
    three, held = at_the_hub_as_secret()
    three.hold("USA", "forged-1", content=b"nothing was seen")
    forged = three["USA"].node.state.item("forged-1").holding
    altered(
        three,
        holding=replace(held, digest=forged.digest, size_bytes=forged.size_bytes),
        marked=Label(scheme="usa", level="secret"),
    )
    assert codes(three, "KOR") == [RefusalCode.BAD_EVIDENCE]
    assert not [*three["KOR"].node.state.items()]


def test_fl_40_an_intermediary_cannot_lower_a_label_under_a_consent() -> None:
    """EX-46, EX-18."""
    three, held = at_the_hub_as_secret()
    altered(
        three,
        holding=replace(held, label=Label(scheme="jpn", level="hi")),
        marked=Label(scheme="usa", level="confidential"),
    )
    assert codes(three, "KOR") == [RefusalCode.BAD_EVIDENCE]
    assert not [*three["KOR"].node.state.items()]


def test_fl_40_an_intermediary_cannot_give_an_item_other_topics_under_a_consent() -> None:
    """EX-46."""
    three, held = at_the_hub_as_secret()
    altered(
        three,
        holding=replace(held, topics=("dprk.missile.launch", "dprk.missile.warning")),
        marked=Label(scheme="usa", level="secret"),
    )
    assert codes(three, "KOR") == [RefusalCode.BAD_EVIDENCE]


def test_the_very_item_that_was_consented_to_goes_on() -> None:
    """EX-46: the same steps without a lie."""
    three, held = at_the_hub_as_secret()
    altered(three, holding=held, marked=Label(scheme="usa", level="secret"))
    assert codes(three, "KOR") == []
    assert three.state("KOR", "c-1") == "receipted"


def test_an_item_reclassified_out_of_reach_does_not_go_on() -> None:
    """EX-44."""
    three = at_the_hub()
    beyond = Label(scheme="jpn", level="no-such-level")
    note = Reclassified(holding="launch-1", label=beyond, reason="")
    tell(three, "JPN", "USA", note)
    assert three.state("USA", "c-1") == three.state("KOR", "c-1") == "refused"


# ---------------------------------------------------------------- clocks and names


def test_a_consent_from_a_clock_that_is_a_little_ahead_counts_when_it_is_here() -> None:
    """EX-44, FL-13: an honest release is not refused for three seconds."""
    three = lapsed()
    ahead = Hand(three.clock.at.add(seconds=30))
    site = three.sites["JPN"]
    site.clock = ahead
    site.start()
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    assert three.state("USA", "c-1") == "queued"
    three.approve("USA", "c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"


@pytest.mark.parametrize(
    "again", ["TOKYO-1", " tokyo-1 ", "tokyo\u200b-1", "\uff54okyo-1", "tok yo-1"]
)
def test_one_officer_by_two_spellings_of_a_name_is_one(again: str) -> None:
    """EX-30."""
    three = Three(parties=("JPN", "KOR"), delegated=False)
    three.adopt_delegations("JPN", Delegations(holder="JPN", two_persons_from="hi"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1", officer="tokyo-1")
    with pytest.raises(SameOfficerError):
        three.approve("JPN", "c-1", officer=again)
    three.settle()
    assert three.state("KOR", "c-1") == "referred"
    three.approve("JPN", "c-1", officer="tokyo-2")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"


def test_a_yes_to_another_label_does_not_count() -> None:
    """EX-44: what officers approved was reclassified meanwhile."""
    three = lapsed()
    three.adopt_delegations("USA", Delegations(holder="USA", two_persons_from="confidential"))
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    three.approve("USA", "c-1", officer="washington-1")
    higher = Label(scheme="jpn", level="gokuhi")
    three["JPN"].command(Reclassify(case="c-1", holding="launch-1", label=higher, by=ADMIN))
    three.settle()
    three.approve("USA", "c-1", officer="washington-2")
    three.settle()
    assert three.state("USA", "c-1") == "queued"
    three.approve("USA", "c-1", officer="washington-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"


def test_a_refusal_does_not_tell_the_other_topics_of_an_item() -> None:
    """EX-15: it names rule and article, and nothing that only the item knows."""
    files = amended(excluded="prc")
    three = Three(parties=("JPN", "KOR"))
    three["JPN"].adopt_law(files, digest=digest_of(files), by=ADMIN)
    three.hold("JPN", "both-1", topics=("dprk.missile.launch", "prc.cyber"))
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "refused"
    refused = three["KOR"].story("c-1").file.refused
    rules = [finding.rule for one in refused.considered for finding in one.findings]
    assert Rule.TOPIC in rules
    assert b"prc" not in encode_message(refused)
