"""The commands `relto decide`, `relto decide test`, `relto routes`: answers, exits, bad input."""

import json

import pytest

from relto.cli import main

ASKED = [
    "--to", "KOR", "--topic", "dprk.missile.launch", "--level", "hi", "--form", "electronic",
    "--requested", "--purpose", "defence.warning", "--known", "2019-11-20T00:00Z",
]  # fmt: skip
DECIDE = ["decide", "--from", "JPN", *ASKED]
ROUTES = ["routes", "--holder", "JPN", *ASKED]
BEFORE = ["--at", "2019-11-23T00:00:59.999999999+09:00"]
AFTER = ["--at", "2019-11-23T00:01:00+09:00"]


def run(capsys, *words):
    code = main(list(words))
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def answer(capsys, *words):
    code, out, _ = run(capsys, *words, "--json")
    return code, json.loads(out)


def test_the_pact_permits_until_its_last_nanosecond(capsys):
    code, found = answer(capsys, *DECIDE, *BEFORE)
    assert code == 0
    assert found["decision"]["outcome"] == "permit"
    assert found["decision"]["instrument"] == "jpn-kor-gsomia-2016"
    assert found["decision"]["holds_until"] == "2019-11-22T15:01:00Z"
    assert found["decision"]["markings"] == ["iii-kup"]


def test_after_it_the_answer_is_no_with_the_article(capsys):
    code, found = answer(capsys, *DECIDE, *AFTER)
    assert code == 1
    nearest = found["decision"]["considered"][0]
    failed = [one for one in nearest["findings"] if one["verdict"] == "fail"]
    assert [(one["rule"], one["ground"]["article"]) for one in failed] == [("in-force", "21(3)")]


def test_a_referral_is_a_yes_after_a_step(capsys):
    code, found = answer(
        capsys, "decide", "--from", "JPN", "--to", "USA", "--onward", "KOR", *ASKED[2:], *AFTER
    )
    assert code == 0
    outcomes = {one["instrument"]: one["outcome"] for one in found["decision"]["considered"]}
    assert outcomes["tisa-2014"] == "refer"


@pytest.mark.parametrize("flag", [[], ["--explain"]])
def test_people_read_the_answer_first_and_then_why(capsys, flag):
    code, out, _ = run(capsys, *DECIDE, *AFTER, *flag)
    assert code == 1
    assert out.startswith("deny; nearest: jpn-kor-gsomia-2016")
    assert "21(3)" in out
    assert "with Japan-ROK GSOMIA" in out


def test_two_parties_without_an_instrument_are_told_so(capsys, tmp_path):
    code, out, _ = run(capsys, *DECIDE, "--explain", "--at", "2010-01-01T00:00Z")
    assert code == 1
    assert "not signed" in out


def test_routes_go_through_washington_when_the_pact_has_lapsed(capsys):
    code, found = answer(capsys, *ROUTES, *AFTER)
    assert code == 0
    (route,) = found["routes"]
    assert [hop["instrument"] for hop in route["hops"]] == ["tisa-2014", "tisa-2014"]
    assert route["approvals"] == 2
    assert route["expected_ms"] is None


def test_nothing_carries_cyber_when_the_pact_has_lapsed(capsys):
    words = ["prc.cyber" if word == "dprk.missile.launch" else word for word in ROUTES]
    code, out, _ = run(capsys, *words, *AFTER)
    assert code == 1
    assert out.startswith("no lawful route")
    assert "para 1" in out


def test_routes_are_drawn_for_people(capsys):
    code, out, _ = run(capsys, *ROUTES, *BEFORE)
    assert code == 0
    assert "JPN > KOR" in out
    assert "not measured" in out
    code, out, _ = run(capsys, *ROUTES, *BEFORE, "--most", "1")
    assert "cut short by ROUTES_MAX" in out


BAD = {
    "an unknown party": (["--to", "KOE"], "unknown party: `KOE`", "`KOR`"),
    "an unknown topic": (["--topic", "dprk.misile"], "unknown topic", "`dprk.missile`"),
    "an unknown level": (["--level", "secret"], "unknown level of scheme `jpn`", "known: "),
    "an unknown scheme": (["--scheme", "jap"], "unknown scheme", "`jpn`"),
    "an unknown form": (["--form", "digital"], "unknown form", "`"),
    "an unknown purpose": (["--purpose", "defence.warn"], "unknown purpose", "`defence.warning`"),
    "an unknown instrument": (["--provenance", "tisa"], "unknown instrument", "`tisa-2014`"),
    "an unknown category": (["--category", "noforn"], "unknown category of scheme", "there is no"),
    "an unknown consent": (["--consent", "UAS"], "unknown party", "`USA`"),
    "a day for an instant": (["--at", "2019-11-23"], "`--at` is not an instant", "write it like"),
    "itself": (["--to", "JPN"], "cannot release to itself", "name two parties"),
    "no level": (["--level", ""], "missing `--level`", "--help"),
    "too many topics": (["--topic", "dprk"] * 65, "too many words", "subtree"),
    "a law that is not there": (["--law", "/nowhere"], "no such directory", "name a directory"),
}


@pytest.mark.parametrize(("words", "message", "hint"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("command", [DECIDE, ROUTES], ids=["decide", "routes"])
def test_a_question_that_cannot_be_asked_ends_with_2_and_advice(
    capsys, command, words, message, hint
):
    code, out, err = run(capsys, *command, *words)
    assert code == 2
    assert out == ""
    assert message in err
    assert hint in " ".join(err.split())


def test_the_codes_of_the_errors_are_stable(capsys, tmp_path):
    codes = {
        "local.question_word": [*DECIDE, "--to", "KOE"],
        "local.question": [*DECIDE, "--to", "JPN"],
        "local.expectation_file": ["decide", "test", str(tmp_path / "expected.toml")],
        "local.delegation_file": [*DECIDE, "--delegations", str(tmp_path / "expected.toml")],
    }
    (tmp_path / "expected.toml").write_text("x = 1", encoding="utf-8")
    for code, words in codes.items():
        assert run(capsys, *words)[2].startswith(f"{code}: ")


def test_no_topic_is_said_so(capsys):
    words = [word for word in DECIDE if word not in ("--topic", "dprk.missile.launch")]
    code, _, err = run(capsys, *words)
    assert code == 2
    assert "no topic is named" in err


DELEGATIONS = """
format = "relto.delegations/1"
holder = "JPN"
two_persons_from = "gokuhi"

[[delegations]]
id = "launches-to-kor"
recipients = ["KOR"]
instruments = ["jpn-kor-gsomia-2016"]
topics = ["dprk.missile"]
up_to = "hi"
by = "Defense Policy Bureau"
"""

EXPECTED = """
format = "relto.decisions/1"

[[decisions]]
name = "a launch before the lapse"
at = 2019-11-21T09:00:00+09:00
known = 2019-11-20T00:00:00Z
[decisions.question]
from = "JPN"
to = "KOR"
topics = ["dprk.missile.launch"]
level = "hi"
is_requested = true
[decisions.expect]
outcome = "permit"
instrument = "jpn-kor-gsomia-2016"
holds_until = 2019-11-23T00:01:00+09:00
handling = "release"
delegation = "launches-to-kor"

[[decisions]]
name = "the same after the lapse"
at = 2019-11-23T00:01:00+09:00
known = 2019-11-20T00:00:00Z
[decisions.question]
from = "JPN"
to = "KOR"
topics = ["dprk.missile.launch"]
level = "hi"
is_requested = true
[decisions.expect]
outcome = "deny"
handling = "refuse"
reasons = [
  "jpn-kor-gsomia-2016: in-force (21(3))",
  "tisa-2014: topology (para 4)",
  "jpn-kor-usa-warning-2023: in-force (fully activated on 19 December 2023)",
]
"""


@pytest.fixture
def files(tmp_path):
    expected, delegations = tmp_path / "expected.toml", tmp_path / "delegations.toml"
    expected.write_text(EXPECTED, encoding="utf-8")
    delegations.write_text(DELEGATIONS, encoding="utf-8")
    return expected, delegations


def test_a_ministrys_expected_decisions_are_checked_with_their_reasons(capsys, files):
    """DEC-40."""
    expected, delegations = files
    code, out, _ = run(capsys, "decide", "test", str(expected), "--delegations", str(delegations))
    assert "2 of 2 met" in out
    assert code == 0


def test_a_decision_that_comes_out_otherwise_is_shown_and_ends_with_1(capsys, files):
    expected, _ = files
    wrong = EXPECTED.replace('outcome = "permit"', 'outcome = "deny"').replace("21(3)", "21(4)")
    wrong = wrong.replace('level = "hi"', 'level = "high"', 1)
    expected.write_text(wrong, encoding="utf-8")
    code, found = answer(capsys, "decide", "test", str(expected))
    assert code == 1
    assert [one["is_met"] for one in found] == [False, False]
    assert found[0]["differences"] == ["unknown level of scheme `jpn`: `high`"]
    assert "reason missing: jpn-kor-gsomia-2016: in-force (21(4))" in found[1]["differences"]


def test_the_holders_delegations_say_what_happens_next(capsys, files):
    _, delegations = files
    code, out, _ = run(capsys, *DECIDE, *BEFORE, "--delegations", str(delegations))
    assert code == 0
    assert "handling: release (launches-to-kor): delegated by Defense Policy Bureau" in out


BAD_FILES = {
    "not TOML": ("format = ", "not TOML"),
    "another format": ('format = "relto.law/1"', "not a file of"),
    "an unknown key": (EXPECTED + 'colour = "red"\n', "unknown key `colour`"),
    "nothing in it": ('format = "relto.decisions/1"\ndecisions = []', "expects nothing"),
    "too large": ("#" * 2_000_001, "too large"),
}


@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_of_expected_decisions_that_is_wrong_is_refused(capsys, tmp_path, text, message):
    """DEC-39."""
    file = tmp_path / "expected.toml"
    file.write_text(text, encoding="utf-8")
    code, _, err = run(capsys, "decide", "test", str(file))
    assert code == 2
    assert message in " ".join(err.split())
