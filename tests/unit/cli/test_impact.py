"""`relto impact`: what a minister's staff types, and what they read (IMP-30 to IMP-52)."""

import csv
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console

from relto.cli import main

ROOT = Path(__file__).resolve().parents[3]
HOLDINGS = str(ROOT / "examples" / "impact" / "holdings.csv")
TRAFFIC = str(ROOT / "examples" / "impact" / "traffic.csv")
LAPSE = ["--at", "2019-11-23T00:01+09:00"]
TABLES = ["--holdings", HOLDINGS, "--traffic", TRAFFIC]


def run(capsys, *words):
    code = main(["impact", *words])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@cache
def told(*words):
    """What a command says on stdout; each command is run once for all tests."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["impact", *words])
    assert code == 0, err.getvalue()
    return out.getvalue()


def answer(*words):
    return json.loads(told(*words, "--json"))["impact"]


def test_the_lapse_of_2019_reads_as_it_looked_minutes_before():
    """IMP-30: the law is taken as known before the act that kept it."""
    found = answer(*LAPSE, *TABLES)
    assert [one["instrument"] for one in found["changes"]] == ["jpn-kor-gsomia-2016"]
    assert "before gsomia-suspension-2019-11-22" in found["known"]
    ways = {
        (one["source"], one["target"], one["topics"][0]): (
            one["before"]["kind"],
            one["after"]["kind"],
        )
        for one in found["flows"]
    }
    assert ways["JPN", "KOR", "dprk.missile.launch"] == ("direct", "via")
    assert ways["JPN", "KOR", "dprk.maritime"] == ("direct", "none")
    assert ways["KOR", "JPN", "dprk.conventional"] == ("direct", "none")
    assert ways["JPN", "USA", "dprk.maritime"] == ("direct", "direct")


def test_a_way_through_the_hub_says_its_approvals_and_hops():
    """IMP-36."""
    flows = answer(*LAPSE, *TABLES)["flows"]
    one = next(flow for flow in flows if flow["after"]["kind"] == "via")
    assert one["after"]["parties"] in (["JPN", "USA", "KOR"], ["KOR", "USA", "JPN"])
    assert set(one["after"]["instruments"]) == {"tisa-2014"}
    assert one["after"]["approvals"] == 2


def test_what_has_no_way_names_what_closes_each():
    """IMP-37."""
    flows = answer(*LAPSE, *TABLES)["flows"]
    one = next(flow for flow in flows if flow["topics"] == ["prc.maritime"])
    closed = {block["instrument"]: block["rule"] for block in one["closed_by"]}
    assert closed["jpn-kor-gsomia-2016"] == "in-force"
    assert closed["tisa-2014"] == "topic"


def test_no_delay_is_given_where_none_was_measured():
    """IMP-40."""
    found = answer(*LAPSE, *TABLES)
    for flow in found["flows"]:
        assert flow["delay_before"] is None
        assert flow["delay_after"] is None
    out = told(*LAPSE, *TABLES)
    assert "not measured" in out


def test_open_requests_break_or_become_slower():
    """IMP-43."""
    out = told(*LAPSE, *TABLES)
    assert "Open requests: 2 break, 2 become slower, of 4." in out


def test_thousands_of_open_requests_do_not_flood_the_screen(capsys, tmp_path):
    """IMP-43: those that break stand first; programs get them all."""
    table = tmp_path / "t.csv"
    kept = "request,USA,KOR,dprk.missile.launch\n" * 1500
    table.write_text(f"kind,from,to,topics\n{kept}request,JPN,KOR,dprk.maritime\n")
    words = [*LAPSE, "--holdings", HOLDINGS, "--traffic", str(table)]
    _, out, _ = run(capsys, *words)
    assert "Open requests: 1 break, 0 become slower, of 1,501." in out
    assert "breaks" in out
    assert "1,441 more are open; `--json` has them all" in out
    assert len(answer(*words)["requests"]) == 1501


def test_each_act_that_could_keep_it_restores_everything():
    """IMP-45: also what was really done."""
    found = answer(*LAPSE, *TABLES)
    assert len(found["alternatives"]) == 4
    assert found["alternatives"][0]["title"].startswith("what was done: ")
    for one in found["alternatives"]:
        assert one["restored_direct"] == 35
        assert one["restored_any"] == 11
        assert one["restored_requests"] == 4
        assert one["still_lost"] == 0


EXTENSION = """format = "relto.acts/1"

[[acts]]
id = "supposed-extension"
instrument = "jpn-kor-gsomia-2016"
kind = "extension"
by = ["JPN", "KOR"]
at = 2019-11-23T00:{minute}:00+09:00
until = 2020-11-23T00:01:00+09:00
text = "Both extend it for a year."
article = "supposed"
evidence = "assumed"
source = "nobody"
"""


def test_an_act_file_is_tried_and_one_that_comes_too_late_restores_nothing(tmp_path):
    """IMP-45."""
    for name, minute in (("late", "02"), ("early", "00")):
        (tmp_path / f"{name}.toml").write_text(EXTENSION.format(minute=minute), encoding="utf-8")
    for name, restored in (("late", 0), ("early", 35)):
        path = tmp_path / f"{name}.toml"
        one = answer(*LAPSE, *TABLES, "--act", str(path))["alternatives"][-1]
        assert one["title"] == f"acts of {name}.toml"
        assert (one["restored_direct"], one["still_lost"]) == (restored, 35 - restored)


def test_a_draft_is_tried_as_if_in_force(tmp_path):
    """IMP-46: a second pact with the text of the first, under another name."""
    text = (
        ROOT / "src" / "relto" / "library" / "instruments" / "jpn-kor-gsomia-2016.toml"
    ).read_text(encoding="utf-8")
    draft = tmp_path / "draft.toml"
    draft.write_text(
        text.replace('id = "jpn-kor-gsomia-2016"', 'id = "jpn-kor-draft"').replace(
            'short = "Japan-ROK GSOMIA"', 'short = "Draft"'
        ),
        encoding="utf-8",
    )
    found = answer(*LAPSE, *TABLES, "--draft", str(draft))
    one = found["alternatives"][-1]
    assert one["title"] == "draft draft.toml, taken as in force"
    assert (one["restored_direct"], one["still_lost"]) == (35, 0)


def test_any_two_laws_can_be_compared(capsys):
    """IMP-31: two readings of one instant, in the autumn in which they differed."""
    side = "at=2020-09-01T00:00Z,reading={}"
    found = answer("--compare", side.format("JPN"), side.format("KOR"), "--holdings", HOLDINGS)
    assert found["before"]["title"] == "at=2020-09-01T00:00Z,reading=JPN"
    assert found["changes"] == []
    (pact,) = found["states_alone"]
    assert pact["instrument"] == "jpn-kor-gsomia-2016"
    out = told("--compare", side.format("JPN"), side.format("KOR"), "--holdings", HOLDINGS)
    assert "Nothing differs between the two laws in what may be released." in out
    assert "under which releases are as lawful: in-force -> notice-suspended." in out
    with_notice = "at=2019-11-23T00:01+09:00,without=gsomia-suspension-2019-11-22"
    plain = "at=2019-11-23T00:01+09:00"
    found = answer("--compare", with_notice, plain, "--holdings", HOLDINGS)
    opened = [one for one in found["flows"] if one["before"]["kind"] != "direct"]
    assert opened
    assert {one["after"]["kind"] for one in opened if one["source"] == "KOR"} <= {"direct", "via"}


def test_the_law_as_known_can_be_named():
    """IMP-30: with `--known` nothing is found out by itself."""
    found = answer(*LAPSE, "--known", "2019-10-01T00:00Z", "--holdings", HOLDINGS)
    assert found["known"] == "as known at 2019-10-01 09:00 +09:00"
    assert all(not one["title"].startswith("what was done") for one in found["alternatives"])


def test_without_tables_the_law_alone_is_compared():
    """IMP-30."""
    found = answer(*LAPSE)
    assert found["items"] == 0
    assert found["flows"] == []
    assert len(found["changes"]) == 1


@pytest.mark.parametrize("engine", ["numpy", "polars"])
def test_the_engine_does_not_change_the_answer(engine):
    """IMP-10, IMP-11."""
    assert answer(*LAPSE, *TABLES, "--engine", engine) == answer(*LAPSE, *TABLES)


REFUSED = {
    "no instant and no comparison": ([], "give either `--at` or `--compare`"),
    "both": ([*LAPSE, "--compare", "at=2019-01-01T00:00Z", "at=2020-01-01T00:00Z"], "either"),
    "an instant at which nothing happens": (["--at", "2018-03-03T03:03Z"], "nothing begins or"),
    "an instant without an offset": (["--at", "2019-11-23T00:01"], "not an instant"),
    "an unknown purpose": ([*LAPSE, "--purpose", "leisure"], "unknown purpose"),
    "an unknown engine": ([*LAPSE, "--engine", "abacus"], "unknown engine"),
    "an unknown word in a side": (["--compare", "when=now", "at=2019-01-01T00:00Z"], "when=now"),
    "a side without an instant": (["--compare", "known=2019-01-01T00:00Z", "reading=JPN"], "needs"),
    "a reading of nobody": (
        ["--compare", "at=2019-01-01T00:00Z,reading=MARS", "at=2020-01-01T00:00Z"],
        "unknown party",
    ),
    "an act that was never done": (
        ["--compare", "at=2019-01-01T00:00Z,without=gsomia-suspension", "at=2020-01-01T00:00Z"],
        "gsomia-suspension-2019-11-22",
    ),
    "a table that is not there": ([*LAPSE, "--holdings", "nowhere.csv"], "no such file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_asked_is_refused_with_advice(capsys, name):
    """IMP-49."""
    words, says = REFUSED[name]
    code, out, err = run(capsys, *words)
    assert code == 2
    assert out == ""
    assert says in err
    assert "next:" in err


def test_rows_at_fault_are_counted_named_and_written_to_a_file(capsys, tmp_path):
    """IMP-22, IMP-28, IMP-29."""
    with Path(HOLDINGS).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[1]["level"], rows[4]["level"] = "cosmic", "cosmic"
    table, listed = tmp_path / "holdings.csv", tmp_path / "faults.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    words = [*LAPSE, "--holdings", str(table)]
    code, out, _ = run(capsys, *words, "--faults", str(listed))
    assert code == 0
    assert "holdings: 2 rows at fault, `level` unknown `cosmic`: row 2, 5" in out
    assert listed.read_text(encoding="utf-8").splitlines()[1:] == [
        "holdings,2,level,unknown,cosmic",
        "holdings,5,level,unknown,cosmic",
    ]
    code, _, err = run(capsys, *words, "--strict")
    assert code == 2
    assert "2 of 38 rows are at fault, the first is row 2" in err


def test_a_picture_is_drawn_beside_the_table(capsys, tmp_path):
    """IMP-50: every number of a flow is written."""
    svg = tmp_path / "a.svg"
    code, _, err = run(capsys, *LAPSE, *TABLES, "--svg", str(svg))
    assert code == 0, err
    assert b"<svg" in svg.read_bytes()


@pytest.mark.slow
def test_the_pictures_are_drawn_and_the_same_each_time(capsys, tmp_path):
    """IMP-50, IMP-51."""
    written = []
    for name in ("a", "b"):
        svg, png = tmp_path / f"{name}.svg", tmp_path / f"{name}.png"
        code, _, err = run(capsys, *LAPSE, *TABLES, "--svg", str(svg), "--png", str(png))
        assert code == 0, err
        assert png.read_bytes().startswith(b"\x89PNG")
        written.append((svg.read_bytes(), png.read_bytes()))
    assert written[0] == written[1]
    assert b"<svg" in written[0][0]


def test_a_picture_that_cannot_be_written_is_the_worlds_fault(capsys, tmp_path):
    """IMP-50."""
    code, _, err = run(capsys, *LAPSE, "--svg", str(tmp_path / "no" / "folder.svg"))
    assert code == 4
    assert "world.picture: cannot write" in err


def test_what_takes_long_shows_how_far_it_is(capsys, monkeypatch):
    """IMP-52: on stderr, so that answers stay clean."""
    from relto.cli import progress

    class AtOnce:
        """A timer whose two seconds are over."""

        def __init__(self, seconds, call):
            assert seconds == 2
            self.start = call

        def cancel(self):
            """Too late."""

        join = cancel

    screen = io.StringIO()
    monkeypatch.setattr(progress, "Timer", AtOnce)
    monkeypatch.setattr(progress, "stderr", lambda: Console(file=screen, force_terminal=True))
    code, out, _ = run(capsys, *LAPSE, *TABLES)
    assert code == 0
    for words in ("comparing: ", "38 rows", "19 lines"):
        assert words in screen.getvalue()
        assert words not in out


def test_what_is_done_sooner_shows_nothing(capsys, monkeypatch):
    """IMP-52; a busy machine may take longer than the two seconds that a person waits."""
    from relto.cli import progress

    monkeypatch.setattr(progress, "BAR_AFTER_SECONDS", 60.0)
    _, _, err = run(capsys, *LAPSE, *TABLES)
    assert err == ""


def test_a_request_is_taken_to_carry_the_assurance():
    """IMP-38: without it, GSOMIA asks for one, and every direct flow needs an approval."""
    with_it = answer(*LAPSE, *TABLES)["flows"]
    without = answer(*LAPSE, *TABLES, "--no-assurance")["flows"]
    pact = ["jpn-kor-gsomia-2016"]
    for flows, approvals in ((with_it, {0}), (without, {1})):
        direct = [one["before"] for one in flows if one["before"]["instruments"] == pact]
        assert {one["approvals"] for one in direct} == approvals


def test_each_holder_decides_in_its_own_reading():
    """IMP-39: a party that reads the pact as ended holds back; the other does not."""
    ended = "at=2020-09-01T00:00Z,act={}"
    end = ROOT / "tests" / "unit" / "cli" / "end_now.toml"
    one = answer(
        "--compare",
        "at=2020-09-01T00:00Z",
        ended.format(end),
        "--holdings",
        HOLDINGS,
    )
    readings = {row["party"]: row["after"] for row in one["changes"][0]["readings"]}
    assert readings["KOR"] == "ended"
    assert readings["JPN"] != "ended"
    lost = {flow["source"] for flow in one["flows"] if flow["after"]["kind"] != "direct"}
    assert "KOR" in lost
    kept = [flow for flow in one["flows"] if flow["source"] == "JPN" and flow["target"] == "KOR"]
    assert {flow["after"]["kind"] for flow in kept} == {"direct"}


def test_past_releases_are_shown_with_the_way_they_would_take(capsys, tmp_path):
    """IMP-42: seven of a kind are one line; without a level no way can be told."""
    past = answer(*LAPSE, *TABLES)["past"]
    found = {(one["example"]["source"], one["count"]) for one in past}
    assert found == {("JPN", 7), ("KOR", 8)}
    assert {one["after"]["kind"] for one in past} == {"via"}
    table = tmp_path / "t.csv"
    table.write_text("kind,from,to,topics\nrelease,JPN,KOR,dprk.missile.launch\n")
    (one,) = answer(*LAPSE, "--traffic", str(table))["past"]
    assert one["before"] is None
    _, out, _ = run(capsys, *LAPSE, "--traffic", str(table))
    assert "not recorded" in out


def test_a_feed_that_is_not_direct_any_more_breaks(capsys, tmp_path):
    """IMP-44: nobody asks for its items, so only a standing instrument carries it."""
    table = tmp_path / "t.csv"
    table.write_text(
        "kind,from,to,topics,level,form,purpose\n"
        "feed,JPN,KOR,dprk.missile.warning.track,hi,electronic,defence.warning\n"
    )
    sides = ["--compare", "at=2024-06-01T00:00Z", "at=2019-11-23T00:01+09:00"]
    found = answer(*sides, "--traffic", str(table))
    (feed,) = found["feeds"]
    assert (feed["before"]["kind"], feed["after"]["kind"]) == ("direct", "via")
    _, out, _ = run(capsys, *sides, "--traffic", str(table))
    assert "Standing feeds: 1 break, of 1." in out


def test_what_is_assumed_or_made_up_stands_with_the_answer():
    """IMP-48."""
    found = answer(*LAPSE, *TABLES)
    assert "tisa-2014: purpose (not seen)" in found["assumed"]
    assert found["exercise"] == ["all", "form", "kind", "level"]
    out = told(*LAPSE, *TABLES)
    assert "EXERCISE values in the tables" in out


def test_the_party_that_loses_most_stands_first():
    """IMP-47."""
    found = answer(*LAPSE, *TABLES)["balances"]
    assert [one["party"] for one in found] == ["JPN", "KOR", "USA"]
    assert [one["got"] for one in found] == [8, 7, 0]
    assert [one["before"]["direct"] - one["after"]["direct"] for one in found] == [18, 17, 0]
