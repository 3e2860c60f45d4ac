"""The best route among 200 parties and 5,000 agreements, and the whole list, on one machine.

    python -m bench.routes [--parties 200] [--agreements 5000] [--questions 200]

Every tenth agreement is an arrangement through a hub or a circle, so that there are ways of
several hops. Cold is the first time that a router is asked each question, warm the second.
"""

import argparse
import gc
import os
import platform
import time
from collections import Counter
from statistics import median

from relto.decide import Planner
from relto.law import Terms
from relto.routes import Router
from relto.testing import PlainLaw, RandomDice, make_case, make_instant, vocabulary_of
from relto.testing.generate import make_library, make_life, make_terms


def world(*, parties: int, agreements: int, seed: int = 1) -> PlainLaw:
    dice = RandomDice(seed)
    codes = tuple(f"P{number:03d}" for number in range(parties))
    instruments: dict[str, Terms] = {}
    for number in range(agreements):
        count = 2 if number % 10 else 4
        members = dice.some(codes, least=count, most=count)
        name = f"pact-{number:05d}"
        instruments[name] = make_terms(dice, name, parties=members)
    lives = {name: make_life(dice) for name in instruments}
    return PlainLaw(library=make_library(codes), instruments=instruments, lives=lives)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parties", type=int, default=200)
    parser.add_argument("--agreements", type=int, default=5_000)
    parser.add_argument("--questions", type=int, default=200)
    chosen = parser.parse_args()
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    law = world(parties=chosen.parties, agreements=chosen.agreements)
    dice = RandomDice(2)
    words = vocabulary_of(law)
    questions = [(make_case(dice, law, words), make_instant(dice)) for _ in range(chosen.questions)]
    # Python's collector looks through all plans whenever there are a quarter more of them. That
    # falls on some question or other, so it is measured with and without.
    gc.collect()
    gc.freeze()
    for switch, word in ((gc.enable, "with"), (gc.disable, "without")):
        switch()
        router = Router(Planner(law))
        for name in ("cold", "warm"):
            spent, lengths = [], Counter()
            for case, at in questions:
                start = time.perf_counter()
                best = router.best(case, at=at)
                spent.append((time.perf_counter() - start) * 1e3)
                lengths["none" if best is None else len(best.hops)] += 1
            spent.sort()
            print(
                f"best route, {name}, {word} the collector: median {median(spent):.2f} ms, p99 "
                f"{spent[len(spent) * 99 // 100]:.2f} ms, worst {spent[-1]:.2f} ms;"
                f" hops {dict(lengths)}"
            )
    spent, limits = [], Counter()
    for case, at in questions:
        start = time.perf_counter()
        found = router.routes(case, at=at)
        spent.append((time.perf_counter() - start) * 1e3)
        limits[found.limits] += 1
    spent.sort()
    print(
        f"all routes: median {median(spent):.2f} ms, p99 {spent[len(spent) * 99 // 100]:.2f} ms,"
        f" worst {spent[-1]:.2f} ms; cut short by {dict(limits)}"
    )


if __name__ == "__main__":
    main()
