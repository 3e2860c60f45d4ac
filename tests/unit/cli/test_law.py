"""`relto law`, as a person and as a program sees it."""

import json
from pathlib import Path

import pytest

from relto.cli import main
from tests.unit.law.building import act, pact, signed, toml

GSOMIA = "jpn-kor-gsomia-2016"
END = b"""format = "relto.acts/1"
[[acts]]
id = "end-now"
instrument = "jpn-kor-gsomia-2016"
kind = "end"
by = ["KOR"]
at = 2020-10-01T00:00:00+09:00
text = "The ROK declares the agreement ended."
article = "none"
evidence = "assumed"
source = "what if"
"""


def _json(capsys: pytest.CaptureFixture[str], *words: str) -> object:
    assert main(["law", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_list_names_every_instrument_with_its_state(capsys) -> None:
    rows = _json(capsys, "list", "--at", "2020-10-01T00:00Z")
    states = {row["id"]: row["state"] for row in rows}
    assert states[GSOMIA] == "in-force"
    assert states["jpn-kor-usa-warning-2023"] == "unknown"
    assert next(row for row in rows if row["id"] == GSOMIA)["is_contested"]
    assert main(["law", "list"]) == 0


def test_show_names_articles_evidence_and_what_is_assumed(capsys) -> None:
    assert main(["law", "show", "tisa-2014"]) == 0
    shown = capsys.readouterr().out
    assert "para 3(ii)" in shown
    assert "assumed: purposes" in shown
    assert _json(capsys, "show", GSOMIA)["terms"]["id"] == GSOMIA
    assert main(["law", "show", "jpn-usa-2007"]) == 0
    assert "Stands with" in capsys.readouterr().out


def test_an_unknown_instrument_is_a_usage_error_with_advice(capsys) -> None:
    assert main(["law", "show", "tisa"]) == 2
    assert "tisa-2014" in capsys.readouterr().err


def test_the_timeline_as_known_before_the_suspension_ends_at_a_minute_past_midnight(capsys) -> None:
    told = _json(capsys, "timeline", GSOMIA, "--known", "2019-11-21")
    assert told["spans"][-1]["start"] == "2019-11-22T15:01:00Z"
    assert told["spans"][-1]["state"] == "ended"


def test_the_timeline_shows_where_the_parties_disagree(capsys) -> None:
    words = ["law", "timeline", GSOMIA, "--known", "2020-09-01", "--reading", "KOR"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "contested from 2019-11-23 00:01 +09:00" in shown
    assert "JPN reads `in-force`" in shown


def test_the_timeline_names_the_next_deadline(capsys) -> None:
    assert main(["law", "timeline", GSOMIA, "--at", "2018-03-01T00:00Z"]) == 0
    assert "2018-08-24 is the last day" in capsys.readouterr().out


def test_a_reading_of_a_stranger_is_a_usage_error(capsys) -> None:
    assert main(["law", "timeline", GSOMIA, "--reading", "USA"]) == 2
    assert "--reading" in capsys.readouterr().err


def test_deadlines_are_listed_and_written_as_a_calendar(capsys, tmp_path: Path) -> None:
    file = tmp_path / "x.ics"
    words = ["deadlines", "--known", "2019-08-01", "--at", "2019-08-01T00:00Z", "--ics", str(file)]
    found = _json(capsys, *words)
    assert found[0]["at"] == "2019-08-24T15:00:00Z"
    assert b"BEGIN:VEVENT" in file.read_bytes()
    assert main(["law", *words]) == 0


def test_the_difference_between_two_days_is_the_notice_and_what_it_did(capsys) -> None:
    found = _json(capsys, "diff", "--known", "2019-08-21", "--known", "2019-08-24")
    assert [act["kind"] for act in found["acts"]] == ["announcement", "notice"]
    assert {change["after"]["state"] for change in found["changes"]} == {"notice-given", "ended"}
    assert main(["law", "diff", "--known", "2019-08-21", "--known", "2019-08-22"]) == 0
    assert "nothing changes" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["diff", "--known", "2019-08-21"],
        ["diff", "--known", "2019-08-21", "--known", "soon"],
        ["diff", "--known", "2019-08-21", "--known", "2019-08-22", "--zone", "Nowhere"],
        ["what-if", "nowhere.toml"],
        ["list", "--law", "/nowhere"],
    ],
)
def test_an_argument_that_makes_no_sense_is_a_usage_error(capsys, words) -> None:
    assert main(["law", *words]) == 2
    assert "next: " in capsys.readouterr().err


def test_what_if_shows_who_would_read_what(capsys, tmp_path: Path) -> None:
    file = tmp_path / "end-now.toml"
    file.write_bytes(END)
    found = _json(capsys, "what-if", str(file), "--known", "2020-09-01")
    assert [(item["reading"], item["after"]["state"]) for item in found["changes"]] == [
        ("KOR", "ended")
    ]
    assert main(["law", "what-if", str(file), "--known", "2020-09-01"]) == 0
    assert "(assumed)" in capsys.readouterr().out


def test_what_if_shows_the_legs_of_others_that_are_gone(capsys, tmp_path: Path) -> None:
    file = tmp_path / "end.toml"
    ended = END.replace(b"jpn-kor-gsomia-2016", b"jpn-usa-2007")
    file.write_bytes(ended.replace(b'["KOR"]', b'["JPN", "USA"]'))
    assert main(["law", "what-if", str(file)]) == 0
    told = capsys.readouterr().out
    assert "gone: relies on jpn-usa-2007" in told
    assert "tisa-2014" in told


def test_a_what_if_that_makes_no_sense_is_refused_and_says_where(capsys, tmp_path: Path) -> None:
    file = tmp_path / "end-now.toml"
    file.write_bytes(END.replace(b'"KOR"', b'"USA"'))
    assert main(["law", "what-if", str(file)]) == 2
    error = capsys.readouterr().err
    assert "end-now.toml:6" in error
    assert "`USA` is not a party" in error


def test_check_says_yes_when_nothing_is_wrong(capsys, tmp_path: Path) -> None:
    file = tmp_path / "acts.toml"
    file.write_bytes(END)
    assert main(["law", "check", str(file)]) == 0
    assert _json(capsys, "check", str(file)) == [] if not capsys.readouterr().err else True


def test_check_says_no_and_names_every_problem(capsys, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(toml(pact(parties=["JPN", "KOR"], surprise=1, days=None)))
    assert main(["law", "check", str(file)]) == 1
    shown = capsys.readouterr().out
    assert "unknown key `surprise`" in shown
    assert "missing key `days`" in shown
    assert shown.count("next: ") == 2
    assert main(["law", "check", str(file), "--json"]) == 1
    assert {item["key"] for item in json.loads(capsys.readouterr().out)} == {"", "surprise"}


def test_check_alone_leaves_the_library_out(capsys, tmp_path: Path) -> None:
    file = tmp_path / "acts.toml"
    file.write_bytes(END)
    assert main(["law", "check", "--alone", str(file)]) == 1
    assert f"no instrument `{GSOMIA}`" in capsys.readouterr().out


def test_the_schema_is_json(capsys) -> None:
    assert main(["law", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")


def test_a_directory_can_stand_for_the_library(capsys, tmp_path: Path) -> None:
    from tests.unit.law.building import files

    tables = pact(
        is_example=True,
        term={**pact()["term"], "first_months": 6},
        caps=[{"row": "R", "form": "electronic", **pact()["entry"]}],
        equivalence=[
            {
                "id": "1",
                "rows": [{"id": "R", "levels": {"aaa": ["low", "mid"]}}],
                **{key: pact()["entry"][key] for key in ("article", "evidence", "source")},
            }
        ],
    )
    tables["caps"] = [{key: item for key, item in tables["caps"][0].items() if key != "kind"}]
    del tables["term"]["renewal_months"]
    del tables["notice"]
    for name, data in files(
        tables, acts=[signed(), act("s", "announcement", "2016-05-01")]
    ).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert main(["law", "show", "aaa-bbb-pact", "--law", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "EXAMPLE" in shown
    assert "low or mid" in shown
    assert "6 months, no renewal" in shown
