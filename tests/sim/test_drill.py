"""The drill of 2019: every ending comes to what the law says, and a wrong story is found out."""

from functools import cache

import pytest
from msgspec.structs import replace

from relto.adapters.lawfiles import digest_of
from relto.cli.scenarios import Loaded, load_scenario
from relto.sim.drill import RestlessError, drill
from relto.sim.play import Played, Quiet, StalledError
from relto.sim.scenario import Closed, Ending, Scenario

pytestmark = pytest.mark.sim

GSOMIA = "jpn-kor-gsomia-2016"


@cache
def _loaded() -> Loaded:
    return load_scenario("gsomia-2019")


def _play(ending: str, scenario: Scenario | None = None) -> Played:
    loaded = _loaded()
    told = scenario or loaded.scenario
    return drill(
        told,
        told.ending(ending),
        files=loaded.files,
        extra=loaded.extra,
        contents=loaded.contents,
        digest_of=digest_of,
        teller=Quiet(),
    )


def _with_step(ending: str, place: int, **changes: object) -> Scenario:
    """The scenario with one step of one ending changed."""
    scenario = _loaded().scenario
    worlds = []
    for world in scenario.endings:
        steps = list(world.steps)
        if world.id == ending:
            steps[place] = replace(steps[place], **changes)
        worlds.append(replace(world, steps=tuple(steps)))
    return replace(scenario, endings=tuple(worlds))


@pytest.mark.parametrize("ending", ["lapsed", "suspended", "extended"])
def test_every_outcome_is_what_the_law_and_the_scenario_say(ending: str) -> None:
    played = _play(ending)
    assert played.differences == ()
    assert len(played.rows) >= 4


@pytest.mark.parametrize("ending", ["suspended", "extended"])
def test_while_the_pact_is_in_force_the_way_is_direct(ending: str) -> None:
    for row in _play(ending).rows:
        assert (row.outcome, row.way, row.instruments, row.approvals) == (
            Ending.RELEASED,
            ("JPN", "KOR"),
            (GSOMIA,),
            (),
        )


def test_after_the_lapse_the_launch_goes_through_washington_and_the_intrusion_set_nowhere() -> None:
    direct_launch, direct_cyber, launch, cyber = _play("lapsed").rows[2:]
    for row in (direct_launch, direct_cyber):
        assert row.outcome is Ending.REFUSED
        assert Closed(instrument=GSOMIA, rule="in-force", article="21(3)") in row.blocked
    assert launch.way == ("JPN", "USA", "KOR")
    assert launch.approvals == ("JPN", "USA")
    assert launch.officer_minutes == 65
    assert cyber.outcome is Ending.UNROUTABLE
    rules = {(one.instrument, one.rule) for one in cyber.blocked}
    assert {(GSOMIA, "in-force"), ("tisa-2014", "topic"), ("kor-usa-1987", "third-party")} <= rules


def test_what_seoul_receives_is_marked_with_both_parties_words_and_exercise() -> None:
    for row in _play("lapsed").rows:
        if row.outcome is Ending.RELEASED:
            assert row.marked == "iii-kup"
            assert row.marking == ("EXERCISE", "JPN 秘", "KOR 군사III급비밀", "EXERCISE")


def test_one_drill_twice_is_one_story() -> None:
    assert _play("lapsed") == _play("lapsed")


def test_an_instrument_that_does_not_exist_yet_closes_nothing() -> None:
    for row in _play("lapsed").rows:
        assert "jpn-kor-usa-warning-2023" not in {one.instrument for one in row.blocked}


def test_a_scenario_that_expects_what_the_law_does_not_say_is_found_out() -> None:
    right = _loaded().scenario.ending("lapsed").steps[2].expect
    assert right is not None
    wrong = replace(right, approvals=("JPN",), marked="ii-kup")
    found = _play("lapsed", _with_step("lapsed", 2, expect=wrong)).differences
    assert {(one.against, one.field) for one in found} == {
        ("the scenario", "approvals"),
        ("the scenario", "marked"),
    }
    (approvals,) = [one for one in found if one.field == "approvals"]
    assert (approvals.expected, approvals.got) == ("JPN", "JPN, USA")


def test_a_law_that_becomes_known_too_late_changes_the_outcome() -> None:
    scenario = _with_step("suspended", 0, known=None)
    found = _play("suspended", scenario).differences
    assert {one.against for one in found} == {"the scenario"}
    assert ("outcome", "released") in {(one.field, one.expected) for one in found}


def test_a_case_that_waits_for_an_officer_the_scenario_lacks_is_an_error() -> None:
    scenario = _loaded().scenario
    washington = tuple(one for one in scenario.officers if one.party != "USA")
    with pytest.raises(StalledError, match="waits for an officer of USA") as stalled:
        _play("lapsed", replace(scenario, officers=washington))
    assert "[[officers]]" in stalled.value.hint


def test_nodes_that_would_not_come_to_rest_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relto.sim.drill._FRAMES_MAX", 1)
    with pytest.raises(RestlessError, match="would not come to rest"):
        _play("lapsed")
