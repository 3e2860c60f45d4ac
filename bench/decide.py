"""Single decisions beside the engines that Python can call, in one run, on one machine.

    python -m bench.decide [--sizes 200,2000,20000] [--requests 20000] [--seconds 5]

50 parties, 10,000 items. Every engine answers the same requests, and its answers are checked
against the reference before its time counts. relto is measured twice: cold, on the first requests
a fresh planner sees, and warm, on requests it has not seen, after 16 others for each pair of
parties. The policy of OPA Wasm is compiled beforehand; bench/opa/README.md says how.
"""

import argparse
import gc
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from bench.decide_peers import PEERS
from bench.decide_world import World, make_world
from relto.decide import Planner, decide

WARM_UP = 40_000
# Beyond this size a peer takes minutes to load or seconds for one answer.
SIZE_MAX = {"regopy": 2_000}


class Row(NamedTuple):
    """One line of the table."""

    name: str
    says: str
    size: int
    count: int
    median_us: float
    p99_us: float


def timed(call: Callable[[int], object], count: int, seconds: float) -> list[int]:
    """Nanoseconds of each call; stops after so many seconds."""
    clock = time.perf_counter_ns
    spent: list[int] = []
    gc.collect()
    gc.freeze()
    stop = clock() + int(seconds * 1e9)
    for index in range(count):
        start = clock()
        call(index)
        end = clock()
        spent.append(end - start)
        if end > stop:
            break
    gc.unfreeze()
    return spent


def row(name: str, says: str, size: int, spent: Sequence[int]) -> Row:
    ordered = sorted(spent)
    p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    return Row(name, says, size, len(ordered), median(ordered) / 1e3, p99 / 1e3)


def measure_relto(world: World, size: int, count: int, seconds: float) -> list[Row]:
    early, late = world.questions[:WARM_UP], world.questions[WARM_UP : WARM_UP + count]
    executions = {
        "relto, reasons in words": (Planner.decide, "every finding, obligations"),
        "relto, reasons as bits": (Planner.weigh, "bits of every rule, obligations"),
        "relto, outcome": (Planner.outcome, "outcome"),
    }
    rows = []
    for name, (method, says) in executions.items():
        planner = Planner(world.law)

        def ask(index: int, questions=early, planner=planner, method=method) -> object:
            case, at = questions[index]
            return method(planner, case, at=at)

        cold = timed(ask, min(2_000, len(early)), seconds)
        timed(ask, len(early), 10 * seconds)
        warm = timed(lambda index, ask=ask: ask(index, late), len(late), seconds)
        rows += [row(name, says, size, warm), row(f"{name}, cold", says, size, cold)]

    def plainly(index: int) -> object:
        case, at = late[index]
        return decide(world.law, case, at=at)

    rows.append(row("relto, the reference", "every finding", size, timed(plainly, 2_000, seconds)))
    return rows


def check_relto(world: World, expected: list[str]) -> None:
    planner = Planner(world.law)
    for (case, at), want in zip(world.questions[WARM_UP:], expected, strict=False):
        assert str(planner.outcome(case, at=at)) == want
        assert str(planner.weigh(case, at=at).outcome) == want
        assert str(planner.decide(case, at=at).outcome) == want


def measure_peers(world: World, size: int, expected: list[str], seconds: float) -> list[Row]:
    asked = world.asked[WARM_UP:]
    rows = []
    for name, make in PEERS.items():
        if size > SIZE_MAX.get(name, size):
            print(f"  {name} is left out at {size:,} agreements", flush=True)
            continue
        try:
            peer = make(world.agreements)
        except ImportError as error:
            print(f"  {name} is not installed: {error}", flush=True)
            continue
        answers: list[str] = []
        spent = timed(
            lambda index, peer=peer, answers=answers: answers.append(peer.ask(asked[index])),
            len(expected),
            seconds,
        )
        wrong = sum(got != want for got, want in zip(answers, expected, strict=False))
        assert wrong == 0, f"{name} answers {wrong} of {len(answers)} otherwise"
        rows.append(row(name, "outcome", size, spent))
    return rows


def show(rows: list[Row]) -> None:
    print(f"{'engine':<32} {'says':<32} {'agreements':>10} {'asked':>7} {'median':>12} {'p99':>12}")
    for one in rows:
        print(
            f"{one.name:<32} {one.says:<32} {one.size:>10,} {one.count:>7,}"
            f" {one.median_us:>9,.1f} us {one.p99_us:>9,.1f} us"
        )


def ratios(rows: list[Row]) -> None:
    """How many times slower each peer is than relto's reasons as bits, and than its outcome."""
    sizes = sorted({one.size for one in rows})
    for size in sizes:
        here = {one.name: one.median_us for one in rows if one.size == size}
        full, bits = here["relto, reasons in words"], here["relto, reasons as bits"]
        outcome = here["relto, outcome"]
        for name in PEERS:
            if name in here:
                print(
                    f"at {size:>6,}: {name} takes {here[name] / full:,.1f} times relto in words,"
                    f" {here[name] / bits:,.1f} times as bits, {here[name] / outcome:,.1f} times"
                    " the outcome alone"
                )
    for name in ("relto, reasons in words", "relto, reasons as bits", "relto, outcome"):
        medians = [one.median_us for one in rows if one.name == name]
        print(f"{name}: from {sizes[0]:,} to {sizes[-1]:,}: {medians[-1] / medians[0]:.1f} times")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="200,2000,20000")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    chosen = parser.parse_args()
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"python {platform.python_version()}; 50 parties, 10,000 items")
    rows: list[Row] = []
    for size in (int(text) for text in chosen.sizes.split(",")):
        world = make_world(agreements=size, items=10_000, requests=WARM_UP + chosen.requests)
        late = world.questions[WARM_UP:]
        expected = [str(decide(world.law, case, at=at).outcome) for case, at in late[:3_000]]
        print(f"{size:,} agreements: {dict(sorted(Counter(expected).items()))}", flush=True)
        check_relto(world, expected)
        rows += measure_relto(world, size, chosen.requests, chosen.seconds)
        rows += measure_peers(world, size, expected, chosen.seconds)
    show(rows)
    ratios(rows)


if __name__ == "__main__":
    main()
