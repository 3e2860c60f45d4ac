"""The story of a case: one sentence for each entry, and what it all comes to."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from relto.console.stories import tell
from relto.model.message import RefusalCode
from relto.node import Destroy, Refuse
from tests.sim.test_hand_delivery import lapsed
from tests.support_messages import EXAMPLES
from tests.support_node import ADMIN, Three

SENTENCES = {
    "request": "dprk.missile.launch for defence.warning",
    "referral": "JPN has to act; waits for disclosure-officer",
    "release": "1 item(s) under a-b-2016; delegation `standing-1`",
    "refusal": "not-lawful: no",
    "receipt": "release 1 opened, marked and registered",
    "consent-asked": "may it go to USA?",
    "consent-given": "JPN consents to KOR",
    "consent-refused": "not to USA: no",
    "recall": "launch-1: wrong desk",
    "reclassified": "launch-1: reviewed",
    "destroyed": "launch-1: shredded",
    "loss-reported": "launch-1: a laptop is missing",
    "key-change": "",
    "aborted": "lapsed-in-transfer",
    "held": "registered as launch-1",
    "passed-over": "",
    "key-revoked": "",
    "link-resumed": "",
    "peer-added": "",
    "law-adopted": f"law {'ab' * 32}, 1 files",
    "delegations-adopted": "standing authorities: standing-1",
    "officer-step": "ask by analyst: watch",
    "queued": "case by case; 2 officer(s)",
    "unroutable": "no lawful way; 1 closed",
    "clock-set": "",
    "quarantined": "malformed: cannot be read",
}


def story_of(three: Three, party: str, case: str = "c-1", **changes):
    node = three[party].node
    waiting = next((one for one in node.queue() if one.file.case == case), None)
    journaled = three[party].story(case)
    if changes:
        journaled = replace(journaled, **changes)
    stock = {one.holding.id.rpartition(".")[2]: one for one in node.state.stock.values()}
    return tell(journaled, waiting=waiting, stock=stock, lay_out=lambda one: Path("/in") / one.id)


@pytest.fixture(scope="module")
def settled() -> Three:
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    return three


def said(three, message, **changes):
    fact = next(one for one in three["KOR"].story("c-1").facts if one.kind == "request")
    told = story_of(three, "KOR", facts=(replace(fact, message=message, **changes),))
    (line,) = told.entries
    return line.text


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_every_entry_is_told_in_a_sentence(settled, kind):
    assert said(settled, EXAMPLES[kind]) == SENTENCES[kind]


def test_what_was_not_said_leaves_no_gap(settled):
    for kind, changes, sentence in (
        ("release", {"delegation": None}, "1 item(s) under a-b-2016; approved"),
        ("refusal", {"reason": ""}, "not-lawful"),
        ("consent-refused", {"reason": ""}, "not to USA"),
        ("officer-step", {"reason": ""}, "ask by analyst"),
        (
            "request",
            {"is_forced": True},
            "dprk.missile.launch for defence.warning, directly whatever the law says here",
        ),
        (
            "request",
            {"request": replace(EXAMPLES["request"].request, on_behalf_of="USA")},
            "dprk.missile.launch for defence.warning for USA",
        ),
    ):
        assert said(settled, replace(EXAMPLES[kind], **changes)) == sentence


def test_an_entry_whose_words_are_gone_says_so(settled):
    assert said(settled, None) == "destroyed"
    assert said(settled, None, fault="cannot be read") == "cannot be read"


def test_a_release_is_told_with_its_items_duties_and_way(settled):
    told = story_of(settled, "KOR")
    assert told.is_closed
    assert told.route == ("JPN", "KOR")
    assert told.instrument == "jpn-kor-gsomia-2016"
    assert told.refusal == told.reason == ""
    assert told.obligations
    assert told.holds_until is not None
    (item,) = told.items
    assert (item.holding, item.title) == ("launch-1", "title of launch-1")
    assert (item.path, item.size_bytes) == ("/in/jpn.launch-1", len(b"a launch was seen"))
    assert item.marked.scheme == "kor"
    assert [one.position for one in told.entries] == list(range(1, len(told.entries) + 1))
    assert [one.kind for one in told.entries] == [
        one.kind for one in settled["KOR"].story("c-1").facts
    ]


def test_an_item_that_is_not_here_is_told_by_what_was_said_of_it(settled):
    told = tell(
        settled["KOR"].story("c-1"), waiting=None, stock={}, lay_out=lambda one: Path("/in")
    )
    (item,) = told.items
    assert (item.title, item.path, item.size_bytes) == ("", "", 0)
    unread = story_of(settled, "KOR")
    assert unread.items[0].markings == item.markings


def test_a_case_that_waits_says_for_what_and_for_how_many():
    three = Three(parties=("JPN", "KOR"), delegated=False)
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    told = story_of(three, "JPN")
    assert not told.is_closed
    assert (told.line.role, told.line.state, told.line.partner) == ("holder", "queued", "KOR")
    assert (told.line.needs, told.line.approved) == (1, 0)
    assert told.line.waits_for == three["JPN"].node.queue()[0].why
    assert told.line.instrument == "jpn-kor-gsomia-2016"
    assert [one.instrument for one in told.considered] == ["jpn-kor-gsomia-2016"]
    three["JPN"].command(Refuse(case="c-1", by=replace(ADMIN, reason="not today")))
    three.settle()
    refused = story_of(three, "KOR")
    assert (refused.line.role, refused.line.partner) == ("requester", "JPN")
    assert (refused.refusal, refused.reason) == (RefusalCode.OFFICER_REFUSED.value, "not today")
    assert refused.items == refused.obligations == ()


def test_without_a_lawful_way_the_closed_ones_are_told():
    three = lapsed()
    three.ask("c-1", topics=("prc.cyber",))
    told = story_of(three, "KOR")
    assert (told.refusal, told.route) == ("unroutable", ())
    assert {one.instrument for one in told.blocked} >= {"jpn-kor-gsomia-2016", "tisa-2014"}
    assert ("JPN", "USA", "KOR") in {one.way for one in told.blocked}


def test_a_way_through_an_intermediary_is_told_from_holder_to_requester():
    three = lapsed()
    three.ask("c-1")
    three.settle()
    assert story_of(three, "KOR").route == ("JPN", "USA", "KOR")
    assert story_of(three, "USA").line.requester == "KOR"


def test_a_release_set_aside_is_told_with_its_code(settled):
    file = settled["KOR"].story("c-1").file
    aside = replace(file, quarantined=EXAMPLES["quarantined"], refused=None)
    told = story_of(settled, "KOR", file=aside)
    assert told.refusal == "malformed"
    bare = replace(file, request=None, hops=())
    told = story_of(settled, "KOR", file=bare)
    assert told.route == ()
    assert told.line.requester is told.line.purpose is None
    assert told.line.topics == ()


@pytest.mark.parametrize("party", ["JPN", "KOR"])
def test_once_the_last_item_is_destroyed_nothing_is_owed_and_it_is_said_since_when(party) -> None:
    """EX-26: on both sides, and by the receiver's word alone."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    before = story_of(three, party)
    assert before.obligations
    assert before.items[0].destroyed_at is None
    three["KOR"].command(Destroy(case="c-1", holding="launch-1", method="burnt", by=ADMIN))
    three.settle()
    after = story_of(three, party)
    assert not after.obligations
    assert after.items[0].destroyed_at == after.entries[-1].at
    assert not after.items[0].path
