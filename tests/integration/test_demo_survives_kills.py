"""Nodes are killed at random moments of the demonstration and started again: the same table.

The moments come from a seed; `RELTO_KILL_SEED` replays one. Each kill is SIGKILL to a process that
may be in the middle of anything, on the real store and the real sockets.
"""

import os
import random
import sys
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from relto.cli.demo import run
from relto.cli.drill import play_all
from relto.cli.live import LiveStage
from relto.cli.scenarios import Loaded, load_scenario
from relto.sim.account import Row

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(400)]

KILLS = 10
# A node needs about half a second to start; moments lie between its first order and its last.
PAUSE_SECONDS_MAX = 0.6


class Killer:
    """Kills a random node at a random moment, starts it again, and goes on until it has enough."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.done = 0
        self._stage: LiveStage | None = None
        self._thread: threading.Thread | None = None
        self._is_over = threading.Event()

    def start(self, stage: LiveStage) -> None:
        self._stage = stage
        self._is_over.clear()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        assert self._stage is not None
        processes = self._stage.processes
        parties = sorted(processes.directories)
        while self.done < KILLS:
            pause = self.luck.uniform(0, PAUSE_SECONDS_MAX)
            party = self.luck.choice(parties)
            if self._is_over.wait(pause):
                return
            processes.kill(party)
            processes.start(party)
            self.done += 1


def _rows(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(replace(row, wire_ms=None) for row in rows)


def test_ten_kills_at_random_moments_change_nothing_in_the_table(
    tmp_path: Path,
) -> None:
    seed = int(os.environ.get("RELTO_KILL_SEED") or random.SystemRandom().randrange(2**32))
    sys.stdout.write(f"RELTO_KILL_SEED={seed}\n")  # shown when the test fails
    loaded: Loaded = load_scenario("gsomia-2019")
    world = loaded.scenario.ending("lapsed")
    expected = play_all(loaded, ending="lapsed", is_quiet=True).endings[0].rows
    killer = Killer(seed)
    rounds = 0
    while killer.done < KILLS:
        rounds += 1
        assert rounds <= KILLS
        place = tmp_path / f"round-{rounds}"
        try:
            report, _ = run(
                loaded, (world,), place, is_quiet=True, is_restarting=True, started=killer.start
            )
        finally:
            killer.stop()
        assert report.differences == ()
        assert _rows(report.endings[0].rows) == expected
    sys.stdout.write(f"{killer.done} kills in {rounds} rounds\n")
