"""Virtual time and repeatable chance."""

import subprocess
import sys

from whenever import Instant

from relto.sim.agenda import MINUTE, SECOND, Agenda, chance
from relto.sim.clock import VirtualClock

START = Instant.from_utc(2019, 11, 22, 14)


def test_actions_are_done_in_the_order_of_their_instants() -> None:
    agenda, done = Agenda(start=START), []
    agenda.after(2 * SECOND, lambda: done.append("second"))
    agenda.after(SECOND, lambda: done.append("first"))
    while agenda.step(until_ns=MINUTE):
        pass
    assert done == ["first", "second"]
    assert agenda.passed_ns == MINUTE
    assert agenda.now == START.add(minutes=1)


def test_actions_of_one_instant_are_done_in_the_order_in_which_they_came() -> None:
    agenda, done = Agenda(start=START), []
    for name in ("a", "b", "c"):
        agenda.after(SECOND, lambda name=name: done.append(name))
    while agenda.step(until_ns=MINUTE):
        pass
    assert done == ["a", "b", "c"]


def test_what_is_due_at_the_end_is_not_done_before_it() -> None:
    agenda, done = Agenda(start=START), []
    agenda.after(MINUTE, lambda: done.append("late"))
    assert not agenda.step(until_ns=MINUTE)
    assert done == []
    assert agenda.step(until_ns=MINUTE + 1)
    assert done == ["late"]


def test_chance_is_the_same_in_every_process() -> None:
    script = "from relto.sim.agenda import chance; print(chance(7, 'wire').random())"
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": "src", "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1")
    }
    assert told == {f"{chance(7, 'wire').random()}\n"}


def test_streams_of_chance_do_not_disturb_each_other() -> None:
    assert chance(7, "a").random() != chance(7, "b").random()
    assert chance(7, "a").random() != chance(8, "a").random()


def test_a_clock_may_be_wrong_run_fast_jump_and_be_set_right_fl_13() -> None:
    agenda = Agenda(start=START)
    clock = VirtualClock(agenda, skew_ns=5 * SECOND, drift_ppb=1_000_000)
    assert clock.now() == START.add(seconds=5)
    agenda.step(until_ns=1_000 * SECOND)
    assert clock.error_ns() == 6 * SECOND
    clock.jump(-10 * SECOND)
    assert clock.now() == START.add(seconds=996)
    clock.correct()
    assert clock.now() == agenda.now
