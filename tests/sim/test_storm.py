"""Whole federations in bad weather.

`make sim SEED=n` replays one storm, `make sim SEEDS=n` plays as many fresh ones.
"""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from relto.sim.storm.lab import Lab
from relto.sim.storm.plan import LAWS, STEPS, Kind, Plan
from relto.sim.storm.sweep import plan_of, play, report, shrink, sweep

IS_REPLAY = bool(os.environ.get("RELTO_SIM_SEED", "").strip())
WANTED = os.environ.get("RELTO_SIM_SCENARIO", "").strip()

TRACE = """
from relto.adapters.lawfiles import digest_of, packaged_files
from relto.sim.storm.lab import Files, Lab
from relto.sim.storm.sweep import plan_of, play

files = packaged_files()
lab = Lab(Files(files=files, digest=digest_of(files)))
print(*(play(plan_of(seed), lab).trace for seed in (1, 2, 3)))
"""


@pytest.mark.sim
@pytest.mark.skipif(WANTED not in {"", "storm"}, reason="another story was asked for")
def test_no_storm_breaks_a_promise(
    lab: Lab, storm_seeds: range, record_property: Callable[[str, object], None]
) -> None:
    tally = sweep(storm_seeds, lab)
    record_property("storm_seeds", tally.seeds)
    record_property("storm_releases", tally.releases)
    record_property("storm_link_hours", tally.link_hours)
    assert not tally.failed, "\n" + "\n".join(tally.failed)


@pytest.mark.sim
@pytest.mark.skipif(IS_REPLAY, reason="one storm is replayed")
def test_storms_let_frames_go_ahead_of_answers(lab: Lab) -> None:
    """EX-51."""
    assert sum(play(plan_of(seed), lab).ahead for seed in range(1, 6)) > 0


@pytest.mark.sim
@pytest.mark.skipif(IS_REPLAY, reason="one storm is replayed")
def test_a_seed_gives_one_trace_in_every_process(lab: Lab) -> None:
    here = [play(plan_of(seed), lab).trace for seed in (1, 2, 3)]
    assert here == [play(plan_of(seed), lab).trace for seed in (1, 2, 3)]
    assert len(set(here)) == 3
    elsewhere = [
        subprocess.run(
            [sys.executable, "-c", TRACE],
            env={"PYTHONPATH": "src", "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for hash_seed in ("0", "4711")
    ]
    assert elsewhere == [here, here]


def test_storms_draw_every_kind_of_fault_and_every_named_point() -> None:
    plans = [plan_of(seed) for seed in range(400)]
    assert {fault.kind for plan in plans for fault in plan.faults} == set(Kind)
    from relto.sim.storm.sweep import POINTS

    struck = {f.point for plan in plans for f in plan.faults if f.kind is Kind.CRASH}
    assert struck == set(POINTS)
    assert {f.point for plan in plans for f in plan.faults if f.kind is Kind.CUSTODY} == set(STEPS)
    assert {f.point for plan in plans for f in plan.faults if f.kind is Kind.LAW} == set(LAWS)
    assert any(f.is_both for plan in plans for f in plan.faults if f.kind is Kind.RESTORE)
    assert any(not plan.faults for plan in plans), "a seed without any fault is a seed too"
    assert {len(plan.crews) for plan in plans} >= {0, 1, 2}, "EX-50: several workers on one store"


def test_a_failing_storm_is_made_small_and_says_how_to_replay_it(lab: Lab) -> None:
    whole = next(
        plan
        for plan in map(plan_of, range(100))
        if any(fault.kind is Kind.CUT for fault in plan.faults) and len(plan.asked) > 3
    )
    outcome = play(whole, lab)

    def breaks_when_cut(plan: Plan, _lab: Lab) -> object:
        is_broken = any(fault.kind is Kind.CUT for fault in plan.faults) and plan.asked
        return _with_rule(outcome, "stuck" if is_broken else "")

    small = shrink(whole, lab, rule="stuck", play=breaks_when_cut)
    assert [fault.kind for fault in small.faults] == [Kind.CUT]
    assert len(small.asked) == 1
    told = report(small, _with_rule(outcome, "stuck"), whole=whole)
    assert f"make sim SEED={whole.seed}" in told
    assert "cut" in told
    assert small.asked[0].case in told


def _with_rule(outcome, rule: str):
    from msgspec.structs import replace

    return replace(outcome, rule=rule, failure=rule)
