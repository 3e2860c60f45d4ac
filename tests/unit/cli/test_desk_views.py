"""What a person at a node's terminal reads: states, cases, links, stories."""

import io
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from relto.cli import desk_views as views
from relto.console import CardAnswer, Cases, Done, Holdings, Status
from relto.console.orders import LinkLine, Links
from relto.console.stories import case_line, tell
from relto.model import Form, Label
from relto.node import Destroy
from tests.sim.test_hand_delivery import lapsed
from tests.support_messages import AT, DIGEST, EXAMPLES, HOLDING
from tests.support_node import ADMIN, Three

STATUS = Status(party="JPN", is_exercise=False, is_running=False, now=AT)


def shown(render, *answer) -> list[str]:
    """The lines on a wide page, without what only decorates it."""
    page = io.StringIO()
    console = Console(file=page, width=200, highlight=False, markup=False, emoji=False)
    render(console, *answer)
    return [" ".join(line.split()) for line in page.getvalue().splitlines()]


def row_of(lines: list[str], word: str) -> list[str]:
    (row,) = (line for line in lines if word in line)
    return [cell.strip() for cell in row.split("│")[1:-1]]


def test_what_is_done_is_said_in_one_line():
    assert shown(views.render_done, Done(text="pinned [KOR]\x07")) == ["pinned [KOR]\\x07"]


def test_a_clock_that_stands_before_the_journal_is_named_beside_the_time():
    """JN-35."""
    lines = shown(views.render_status, replace(STATUS, ahead_until=AT.add(hours=72)))
    assert lines[3] == "behind the journal until 2019-10-05T01:02:03Z: see `relto clock check`"


def test_a_node_that_has_nothing_says_so():
    lines = shown(views.render_status, STATUS)
    assert lines == [
        "party JPN",
        "running no",
        "clock 2019-10-02T01:02:03Z",
        "listens at nowhere: it only calls",
        "law none adopted: nothing is released",
        "partners none",
        "cases 0 open, 0 for your officers",
        "holdings 0",
    ]


def test_a_node_says_until_when_its_links_work():
    """LK-21: a certificate that has run out takes every link down, so nobody may be surprised."""
    lines = shown(views.render_status, replace(STATUS, certificate_until=AT))
    assert lines[-1] == "links until 2019-10-02T01:02:03Z: `relto key rotate` before that"


def test_an_exercise_is_said_before_everything_else():
    status = replace(
        STATUS,
        is_exercise=True,
        is_running=True,
        listens_at="127.0.0.1:1",
        law=DIGEST,
        peers=("KOR", "USA"),
        open_cases=3,
        waiting=2,
        holdings=4,
    )
    lines = shown(views.render_status, status)
    assert lines[0] == views.EXERCISE
    assert {
        "running yes",
        "listens at 127.0.0.1:1",
        f"law {DIGEST}",
        "partners KOR, USA",
        "cases 3 open, 2 for your officers",
    } <= set(lines)


@pytest.mark.parametrize("is_exercise", [True, False])
def test_a_card_shows_what_has_to_be_compared(is_exercise):
    card = CardAnswer(
        card=b"",
        party="JPN",
        fingerprint=DIGEST,
        serial=2,
        endpoints=("https://jpn:1",) if is_exercise else (),
        is_exercise=is_exercise,
    )
    lines = shown(views.render_card, card)
    assert (views.EXERCISE in lines) is is_exercise
    assert "serial 2" in lines
    assert "fingerprint " + " ".join(["abab"] * 16) in lines
    where = "https://jpn:1" if is_exercise else "nowhere: it only calls"
    assert f"reached at {where}" in lines


def test_an_item_is_shown_with_all_that_its_label_says():
    nobody = replace(HOLDING, id="x", label=Label(scheme="jpn", level="hi", releasable_to=()))
    open_one = replace(HOLDING, id="y", label=Label(scheme="jpn", level="hi"), form=Form.ORAL)
    lines = shown(views.render_holdings, Holdings(holdings=(HOLDING, nobody, open_one)))
    assert row_of(lines, "launch-1")[3] == "jpn:hi only REL TO KOR, USA"
    assert row_of(lines, " x ")[3] == "jpn:hi REL TO nobody"
    assert row_of(lines, " y ")[3:] == ["jpn:hi", "dprk.missile.launch", "oral"]


def test_a_case_that_waits_shows_for_what():
    three = Three(parties=("JPN", "KOR"), delegated=False)
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    (waiting,) = three["JPN"].node.queue()
    cases = Cases(cases=(case_line(waiting.file, waiting),))
    row = row_of(shown(views.render_cases, cases, "inbox"), "c-1")
    assert row[:5] == ["c-1", "holder", "queued", "KOR", "dprk.missile.launch"]
    assert row[6] == f"{waiting.why} (0 of 1 approved)"
    idle = Cases(cases=(replace(case_line(waiting.file, None), requester=None),))
    assert row_of(shown(views.render_cases, idle, "cases"), "c-1")[3::3] == ["", ""]
    assert shown(views.render_cases, Cases(cases=()), "inbox") == ["inbox: nothing"]


def test_a_link_that_is_stopped_for_good_says_why():
    well = LinkLine(
        partner="KOR", calls="us", state="idle", ours=5, acknowledged=4, theirs=3, packages=1
    )
    failing = replace(well, partner="USA", state="retrying", error="time ran out")
    forked = replace(well, partner="GBR", fork="two logs", error="time ran out")
    slowed = replace(well, partner="AUS", slowed=3)
    lines = shown(views.render_links, Links(links=(well, failing, forked, slowed)))
    assert row_of(lines, "AUS")[-1] == "made to wait 3 times: it sends more than its share"
    assert row_of(lines, "KOR") == ["KOR", "us", "idle", "4 of 5", "3", "1", ""]
    assert row_of(lines, "USA")[-1] == "time ran out"
    assert row_of(lines, "GBR")[2::4] == ["stopped", "two logs"]


def told(three, party, **changes):
    driver = three[party]
    waiting = next((one for one in driver.node.queue() if one.file.case == "c-1"), None)
    stock = {one.holding.id.rpartition(".")[2]: one for one in driver.node.state.stock.values()}
    story = tell(driver.story("c-1"), waiting=waiting, stock=stock, lay_out=lambda _: Path("/in/x"))
    return shown(views.render_story, replace(story, **changes))


def test_a_story_tells_request_release_item_and_what_is_owed():
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1", about="what flew?\ncase forged")
    three.settle()
    lines = told(three, "KOR", assumed=("level",))
    assert lines[:3] == [
        "case c-1",
        "state receipted (we are requester)",
        "request KOR asks JPN about dprk.missile.launch",
    ]
    assert {
        "purpose defence.warning",
        "about what flew?",
        "route JPN → KOR",
        "instrument jpn-kor-gsomia-2016",
        "assumed level",
        "EXERCISE",
        "JPN 秘",
        "item launch-1 title of launch-1",
        "label jpn:hi (JPN)",
        "marked kor:iii-kup",
        "content /in/x (17 bytes)",
    } <= set(lines)
    assert any(line.startswith("owed mark it with JPN") for line in lines)
    assert any(line.startswith("holds until ") for line in lines)
    assert row_of(lines, "│ receipt │")[1] == "KOR → JPN"


def test_a_story_says_since_when_an_item_is_destroyed_and_then_names_no_duty():
    """EX-26."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    three["KOR"].command(Destroy(case="c-1", holding="launch-1", method="burnt", by=ADMIN))
    lines = told(three, "KOR")
    assert f"destroyed {three.clock.at.format_iso(unit='second')}" in lines
    assert not any(line.startswith(("owed", "content")) for line in lines)


def test_words_of_a_partner_never_stand_where_this_page_speaks():
    """FL-43."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1", about="what flew?\ncase         forged")
    page = io.StringIO()
    three.settle()
    story = tell(three["KOR"].story("c-1"), waiting=None, stock={}, lay_out=lambda _: None)
    views.render_story(Console(file=page, width=200, markup=False, emoji=False), story)
    starts = [line for line in page.getvalue().splitlines() if line.startswith("case ")]
    assert starts == ["case         c-1"]


def test_a_story_without_a_way_tells_each_closed_one():
    three = lapsed()
    three.ask("c-1", topics=("prc.cyber",))
    lines = told(three, "KOR")
    assert "refused unroutable" in lines
    assert any(
        line.startswith("closed JPN → KOR under jpn-kor-gsomia-2016: in-force fail (21(3)): ended")
        for line in lines
    )


def test_a_refusal_is_told_with_the_reasons_of_the_law():
    three = lapsed()
    three.ask("c-1", is_forced=True)
    three.settle()
    lines = told(three, "KOR", reason="an officer's words")
    assert "refused not-lawful: an officer's words" in lines
    assert any(line.startswith("jpn-kor-gsomia-2016: in-force fail (21(3))") for line in lines)
    assert not any(" pass (" in line for line in lines)
    nameless = replace(EXAMPLES["refusal"].considered[0], instrument=None)
    assert "no instrument: in-force fail (21(3)): ended 종료" in told(
        three, "KOR", considered=(nameless,), request=None, route=()
    )
