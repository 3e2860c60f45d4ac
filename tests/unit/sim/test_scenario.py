"""Scenarios are refused as a whole, with file, line and key; the ones we ship are good."""

from importlib.resources import files

import pytest

from relto.adapters.lawfiles import locate, packaged_library
from relto.law import Library
from relto.limits import SCENARIO_BYTES_MAX
from relto.sim.scenario import (
    Scenario,
    ScenarioError,
    UnknownEndingError,
    check_scenario,
    decode_scenario,
)

NAME = "gsomia-2019.toml"
DATA = (files("relto") / "library" / "scenarios" / NAME).read_bytes()


@pytest.fixture(scope="module")
def library() -> Library:
    return packaged_library()


def _check(data: bytes, library: Library) -> Scenario:
    scenario = decode_scenario(NAME, data, locate=locate)
    contents = {item.file: b"" for item in scenario.holdings if item.file.startswith("data/")}
    check_scenario(scenario, NAME, data, library=library, contents=contents, locate=locate)
    return scenario


def _line(data: bytes, marker: bytes) -> int:
    return data[: data.index(marker)].count(b"\n") + 1


def test_the_scenario_we_ship_is_good(library: Library) -> None:
    scenario = _check(DATA, library)
    assert [world.id for world in scenario.endings] == ["lapsed", "suspended", "extended"]
    assert [world.id for world in scenario.endings if world.is_real] == ["suspended"]


def test_every_file_a_scenario_names_is_shipped(library: Library) -> None:
    root = files("relto") / "library"
    scenario = _check(DATA, library)
    named = [item.file for item in scenario.holdings]
    named += [name for world in scenario.endings for step in world.steps for name in step.files]
    assert named
    assert [name for name in named if not (root / name).is_file()] == []


def test_the_data_we_ship_keeps_its_notices() -> None:
    data = files("relto") / "library" / "data"
    notice = (data / "NOTICE.md").read_text(encoding="utf-8")
    shipped = sorted(item.name for item in data.iterdir() if item.name != "NOTICE.md")
    assert [name for name in shipped if f"## `{name}`" not in notice] == []
    assert "marking-definition--" in (data / "prc-cyber-tonto-team.stix21.json").read_text("utf-8")


def test_every_ending_plays_the_common_steps_first(library: Library) -> None:
    scenario = _check(DATA, library)
    for world in scenario.endings:
        assert scenario.steps_of(world)[: len(scenario.steps)] == scenario.steps
        assert len(scenario.steps_of(world)) == len(scenario.steps) + len(world.steps)


def test_a_request_is_found_by_its_id(library: Library) -> None:
    assert _check(DATA, library).plan("launch").topics == ("dprk.missile.launch",)


def test_an_unknown_ending_is_refused_with_the_ones_there_are(library: Library) -> None:
    with pytest.raises(UnknownEndingError, match="no ending `won`") as refused:
        _check(DATA, library).ending("won")
    assert "`lapsed`" in refused.value.hint


CLOSED = b'blocked = [{ instrument = "tisa-2014", rule = "topic", article = "1" }]'

BAD = {
    "an unknown key": (
        b"[[officers]]",
        b"[[officers]]\nrank = 1",
        "officers[1].rank",
        "unknown key",
    ),
    "a missing key": (b'role = "disclosure-officer"\n', b"", "officers[1]", "missing key `role`"),
    "a wrong type": (
        b"delay_minutes = 25",
        b'delay_minutes = "25"',
        "delay_minutes",
        "whole number",
    ),
    "an early officer": (
        b"delay_minutes = 25",
        b"delay_minutes = -1",
        "delay_minutes",
        "below zero",
    ),
    "a word of no list": (b'rule = "in-force"', b'rule = "mood"', "blocked[1].rule", "`mood`"),
    "a clock that goes back": (
        b"at = 2019-10-02T10:00:00+09:00",
        b"at = 2019-10-01T10:00:00+09:00",
        "steps[2].at",
        "before",
    ),
    "an hour without offset": (
        b"at = 2019-10-02T10:00:00+09:00",
        b"at = 2019-10-02T10:00:00",
        "steps[2].at",
        "offset",
    ),
    "no such request": (b'request = "cyber"', b'request = "moon"', "steps[2].request", "`moon`"),
    "an expectation without a request": (b'request = "cyber"\n', b"", "steps[2]", "go together"),
    "a second id": (b'id = "tonto-team"', b'id = "launch-2019-10-02"', "holdings[2].id", "second"),
    "a way too short": (b'way = ["JPN", "KOR"]', b'way = ["JPN"]', "expect.way", "two parties"),
    "blocked and yet released": (
        b'marked = "iii-kup"',
        b'marked = "iii-kup"\n' + CLOSED,
        "expect.blocked",
        "not blocked",
    ),
    "refused and yet on a way": (
        b'outcome = "refused"',
        b'outcome = "refused"\nway = ["JPN", "KOR"]',
        "expect",
        "not released",
    ),
    "a question nobody can answer": (
        b'topics = ["prc.cyber"]\npurpose',
        b'topics = ["rus.cyber"]\npurpose',
        "requests[2]",
        "nothing that JPN holds",
    ),
    "law files out of nowhere": (
        b"known = 2019-11-21T12:00:00+09:00\n",
        b"",
        "files",
        "without `known`",
    ),
    "an unknown party": (b'parties = ["JPN",', b'parties = ["JPX", "JPN",', "parties[1]", "`JPX`"),
    "a party that stays away": (
        b'holder = "JPN"\ntitle',
        b'holder = "AUS"\ntitle',
        "holder",
        "`AUS`",
    ),
    "an unknown topic": (b'"dprk.missile.launch"]', b'"dprk.lunch"]', "topics[1]", "`dprk.lunch`"),
    "an unknown level": (b'level = "hi"', b'level = "high"', "level", "`high`"),
    "an unknown purpose": (b'"defence.analysis"', b'"defence.fun"', "purpose", "`defence.fun`"),
    "an unknown instrument": (
        b'instruments = ["jpn-kor-gsomia-2016"]',
        b'instruments = ["x"]',
        "instruments[1]",
        "`x`",
    ),
    "an unknown clearance": (b'assurance = "iii-kup"', b'assurance = "iv"', "assurance", "`iv`"),
    "a file that is not there": (
        b'file = "data/dprk',
        b'file = "else/dprk',
        "holdings[1].file",
        "no file",
    ),
    "another format": (b"relto.scenario/1", b"relto.scenario/9", "format", "`relto.scenario/9`"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_scenario_is_refused_with_its_place(name: str, library: Library) -> None:
    before, after, key, words = BAD[name]
    assert before in DATA
    with pytest.raises(ScenarioError) as refused:
        _check(DATA.replace(before, after, 1), library)
    problem = next(one for one in refused.value.problems if key in one.key)
    assert words in problem.reason
    assert problem.file == NAME
    assert problem.line > 0
    assert problem.hint


def test_what_is_not_toml_is_refused_with_its_line() -> None:
    with pytest.raises(ScenarioError, match=r"gsomia-2019\.toml:2: not TOML"):
        decode_scenario(NAME, b'format = "relto.scenario/1"\n= 3\n', locate=locate)


def test_a_scenario_of_unreasonable_size_is_refused_unread() -> None:
    with pytest.raises(ScenarioError, match="too large"):
        decode_scenario(NAME, b"#" * (SCENARIO_BYTES_MAX + 1), locate=locate)
