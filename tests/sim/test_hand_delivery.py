"""The story of issue 2 with hand delivery: three drivers, packaged law, no sockets."""

from whenever import Instant

from relto.model.message import RefusalCode
from tests.support_node import OCTOBER, Three

LAPSE = Instant.parse_iso("2019-11-22T15:01:00Z")  # 23 November 00:01 in Seoul
BEFORE_SUSPENSION = Instant.parse_iso("2019-11-22T08:59:00Z")


def test_under_the_pact_a_request_is_answered_directly_opened_and_receipted():
    """EX-18, EX-37: in two exchanges."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    assert three.settle() == 2
    assert three.state("JPN", "c-1") == three.state("KOR", "c-1") == "receipted"
    story = three["KOR"].story("c-1")
    release = story.file.arrived.message
    assert release.instrument == "jpn-kor-gsomia-2016"
    assert release.delegation == "standing-1"
    assert release.items[0].markings == ("EXERCISE", "JPN 秘", "EXERCISE")
    stock = three["KOR"].node.state.item("jpn.launch-1")
    assert stock.holding.title == "title of launch-1"
    assert stock.marked.level == "iii-kup"
    assert three["KOR"].content(stock.holding.digest) == b"a launch was seen"


def lapsed() -> Three:
    three = Three(at=OCTOBER, known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1")
    three.hold("JPN", "intrusion-1", topics=("prc.cyber",))
    three.set_clock(LAPSE)
    return three


def test_after_the_lapse_the_direct_way_is_refused_with_the_article():
    """EX-14, EX-15, EX-28."""
    three = lapsed()
    three.ask("c-1", is_forced=True)
    three.settle()
    assert three.state("KOR", "c-1") == three.state("JPN", "c-1") == "refused"
    refused = three["KOR"].story("c-1").file.refused
    assert refused.code is RefusalCode.NOT_LAWFUL
    gsomia = next(one for one in refused.considered if one.instrument == "jpn-kor-gsomia-2016")
    assert gsomia.findings[0].rule == "in-force"
    assert "21" in gsomia.findings[0].ground.article


def test_after_the_lapse_a_missile_request_goes_through_washington_case_by_case():
    """EX-16, EX-17, EX-18, EX-21, EX-30: consent travels with it."""
    three = lapsed()
    three.ask("c-1")
    three.settle()
    assert three.state("USA", "c-1") == "asked"
    assert [one.file.case for one in three["JPN"].node.queue()] == ["c-1"]
    three.approve("JPN", "c-1", officer="tokyo-1")
    three.settle()
    assert [one.file.case for one in three["USA"].node.queue()] == ["c-1"]
    three.approve("USA", "c-1", officer="washington-1")
    three.settle()
    assert [three.state(one, "c-1") for one in ("KOR", "USA", "JPN")] == ["receipted"] * 3
    release = three["KOR"].story("c-1").file.arrived.message
    assert release.instrument == "tisa-2014"
    assert [one.party for one in release.approvals] == ["JPN", "USA"]
    assert [one.source for one in release.consents] == ["JPN"]
    assert release.items[0].markings == ("EXERCISE", "JPN 秘", "USA CONFIDENTIAL", "EXERCISE")
    stock = three["KOR"].node.state.item("jpn.launch-1")
    assert stock.holding.label.scheme == "jpn"
    assert stock.marked.scheme == "kor"
    assert three["KOR"].content(stock.holding.digest) == b"a launch was seen"


def test_after_the_lapse_a_cyber_request_has_no_way_and_the_answer_says_why():
    """EX-28: every way, with the rule that closes it."""
    three = lapsed()
    three.ask("c-1", topics=("prc.cyber",))
    assert three.settle() == 0
    assert three.state("KOR", "c-1") == "unroutable"
    blocked = three["KOR"].story("c-1").file.unroutable.blocked
    assert {(one.instrument, one.finding.rule.value) for one in blocked} >= {
        ("jpn-kor-gsomia-2016", "in-force"),
        ("tisa-2014", "topic"),
    }


def test_with_the_notice_suspended_the_way_is_direct_again():
    """EX-32."""
    three = lapsed()
    three.adopt_all(known=None)
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    assert three["KOR"].story("c-1").file.arrived.message.instrument == "jpn-kor-gsomia-2016"


def test_replaying_the_journal_gives_the_same_state():
    """EX-5, EX-34: with and without a snapshot."""
    three = lapsed()
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    three.approve("USA", "c-1")
    three.settle()
    for site in three.sites.values():
        before = site.driver.node.state.digest()
        assert site.start().node.state.digest() == before
        site.driver.close()
        assert site.start().node.state.digest() == before
