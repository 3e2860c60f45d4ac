"""Millions of holdings beside the same rules written by hand on the same engine, in one run.

    python -m bench.bulk [--rows 10000000] [--agreements 2000] [--stream 100000000] [--runs 5]

Answers are checked equal before any time counts: every engine against every other on all rows, and
against the reference on a sample. The hand-written expressions get the same codes and give the
outcome alone; relto's lines say whether reasons are in it. The last two parts stream a table from
Parquet under a limit of memory, and compare two laws over as many holdings of eight parties.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

import ibis
import numpy as np
import polars as pl
import pyarrow as pa

from bench.bulk_world import (
    HandMasks,
    at,
    bulk_world,
    by_hand,
    facts_of,
    lapse_world,
    question,
    rows_of,
    topic_sets,
)
from bench.decide_world import PARTIES
from relto.adapters.engine_ibis import CODE_COLUMNS, counts, decide_codes
from relto.adapters.engine_numpy import NumpyEngine
from relto.adapters.engine_polars import PolarsEngine, code_frame
from relto.decide import Planner, decide
from relto.impact import (
    BulkTables,
    Conditions,
    Holdings,
    Side,
    compare,
    compile_tables,
    read_answer,
)
from relto.impact.ways import case_at
from relto.impact.words import OUTCOMES
from relto.routes import Router

TARGETS = {"NumPy": 80, "Polars": 45, "DuckDB through Ibis": 12}
MEMORY_MB_MAX = 4096
IMPACT_SECONDS_MAX = 3


def timed(call: Callable[[], object], runs: int) -> float:
    """The median of some runs, after one that does not count."""
    call()
    spent = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    return median(spent)


# ---------------------------------------------------------------- by hand, on each engine


def hand_numpy(holdings: Holdings, masks: HandMasks) -> np.ndarray:
    """Chunks on two threads, three look-ups, two intersections."""
    found = np.empty(holdings.rows, np.uint8)
    low = np.uint64((1 << 32) - 1)

    def share(part: range) -> None:
        for start in part:
            stop = min(start + 65_536, holdings.rows)
            mask = masks.labels.take(holdings.labels[start:stop].astype(np.intp), mode="clip")
            mask &= masks.topics.take(holdings.topics[start:stop].astype(np.intp), mode="clip")
            mask &= masks.origins.take(holdings.origins[start:stop].astype(np.intp), mode="clip")
            out = found[start:stop]
            np.subtract(np.uint8(2), (mask != 0).view(np.uint8), out=out)
            np.subtract(out, (mask & low != 0).view(np.uint8), out=out)

    starts = range(0, holdings.rows, 65_536)
    half = len(starts) // 2
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(share, (starts[:half], starts[half:])))
    return found


def hand_polars(masks: HandMasks) -> pl.Expr:
    mask = (
        pl.lit(pl.Series(masks.labels)).gather(pl.col("labels"))
        & pl.lit(pl.Series(masks.topics)).gather(pl.col("topics"))
        & pl.lit(pl.Series(masks.origins)).gather(pl.col("origins"))
    )
    passes = mask & pl.lit((1 << 32) - 1, pl.UInt64)
    return 2 - (mask != 0).cast(pl.UInt8) - (passes != 0).cast(pl.UInt8)


HAND_SQL = """
select count(*) filter (where m & 4294967295 != 0),
       count(*) filter (where m != 0 and m & 4294967295 = 0),
       count(*) filter (where m = 0)
from (select coalesce(l.m, 0) & coalesce(t.m, 0) & coalesce(o.m, 0) as m
      from holdings h
      left join hand_labels l on h.labels = l.code
      left join hand_topics t on h.topics = t.code
      left join hand_origins o on h.origins = o.code)
"""


def by_sql(connection) -> tuple[int, ...]:
    """The whole result is fetched: the connection then is free for the next question."""
    return connection.raw_sql(HAND_SQL).fetchall()[0]


# ---------------------------------------------------------------- the parts


def check_sample(holdings: Holdings, tables: BulkTables, law, outcomes: np.ndarray) -> int:
    """Rows held to the reference: outcome, instrument, and the rules that fail or ask."""
    engine, asked = NumpyEngine(), tables.question
    rows = np.linspace(0, holdings.rows - 1, 3_000, dtype=np.int64)
    part = Holdings(
        facts=holdings.facts,
        **{name: getattr(holdings, name)[rows] for name in CODE_COLUMNS},
    )
    words = engine.words(tables, part)
    for place, row in enumerate(rows.tolist()):
        case = case_at(holdings, row, asked)
        expected = decide(law, case, at=asked.at)
        answer = read_answer(tables, case.holder, words[:, place].tolist())
        assert OUTCOMES[outcomes[row]] is expected.outcome is answer.outcome
        assert answer.instrument == expected.instrument
        reasons = [one.reason for one in answer.considered]
        wanted = [one.reason and one.reason.rule for one in expected.considered]
        assert reasons == wanted
    return len(rows)


def bulk(rows: int, agreements: int, runs: int) -> None:
    world, facts, holdings = bulk_world(agreements, rows)
    start = time.perf_counter()
    tables = compile_tables(Planner(world.law), facts, question())
    compiling = time.perf_counter() - start
    masks = by_hand(world, facts)
    frame = code_frame(holdings)
    engine, lazy = NumpyEngine(), PolarsEngine()
    connection = ibis.duckdb.connect()
    connection.raw_sql("set threads = 2")
    table = connection.create_table("holdings", frame.to_arrow())
    for name in ("labels", "topics", "origins"):
        column = getattr(masks, name).astype(np.int64)
        connection.create_table(
            f"hand_{name}",
            pa.table({"code": np.arange(len(column), dtype=np.int32), "m": column}),
        )
    decided = decide_codes(table, tables)

    expected = hand_numpy(holdings, masks)
    outcomes = engine.outcomes(tables, holdings)
    assert np.array_equal(outcomes, expected)
    assert np.array_equal(lazy.outcomes(tables, holdings), expected)
    assert np.array_equal(frame.select(hand_polars(masks)).to_series().to_numpy(), expected)
    wanted = np.bincount(expected, minlength=3).tolist()
    assert list(counts(decided, connection=connection).values()) == wanted
    assert list(by_sql(connection)) == wanted
    checked = check_sample(holdings, tables, world.law, outcomes)
    most = max(map(len, tables.pairs.values()))
    print(
        f"{rows:,} holdings of {len(PARTIES)} parties to 1 recipient, {agreements:,} agreements, "
        f"at most {most} for a pair, {tables.words} words\n"
        f"outcomes {wanted}, equal on every engine; {checked:,} rows held to the reference\n"
        f"tables compiled in {compiling * 1000:.0f} ms\n"
    )
    lines = [
        (
            "NumPy",
            lambda: engine.outcomes(tables, holdings),
            lambda: hand_numpy(holdings, masks),
        ),
        (
            "Polars",
            lambda: lazy.outcomes(tables, holdings),
            lambda: frame.lazy().select(hand_polars(masks)).collect(),
        ),
        (
            "DuckDB through Ibis",
            lambda: counts(decided, connection=connection),
            lambda: by_sql(connection),
        ),
    ]
    print(f"{'engine':<24}{'M rows/s':>10}{'target':>8}{'by hand':>10}{'ratio':>8}")
    for name, ours, theirs in lines:
        mine, hand = timed(ours, runs), timed(theirs, runs)
        rate, peer = rows / mine / 1e6, rows / hand / 1e6
        print(f"{name:<24}{rate:>10.0f}{TARGETS[name]:>8}{peer:>10.0f}{mine / hand:>8.2f}")
    spent = timed(lambda: engine.words(tables, holdings), runs)
    print(f"{'NumPy, all reasons':<24}{rows / spent / 1e6:>10.0f}")
    spent = timed(lambda: frame.lazy().select(lazy_words(tables)).collect(), runs)
    print(f"{'Polars, all reasons':<24}{rows / spent / 1e6:>10.0f}\n")


def lazy_words(tables: BulkTables) -> list[pl.Expr]:
    from relto.adapters.engine_polars import words_of

    return words_of(tables)


def stream(rows: int) -> None:
    """Write the table in parts, then count its outcomes in processes of their own."""
    facts = facts_of(PARTIES, topic_sets(Random(2)))
    with TemporaryDirectory() as folder:
        step = 10_000_000
        for number in range(-(-rows // step)):
            count = min(step, rows - number * step)
            part = rows_of(facts, PARTIES, count, seed=100 + number)
            code_frame(part).write_parquet(Path(folder) / f"{number:03d}.parquet")
        for name in ("polars", "numpy"):
            ran = subprocess.run(
                [sys.executable, "-m", "bench.bulk", "--streamed", name, folder],
                check=True,
                capture_output=True,
                text=True,
            )
            seconds, megabytes, total = ran.stdout.split()
            assert int(total) == rows
            print(
                f"{rows:,} rows streamed from Parquet with {name}: "
                f"{rows / float(seconds) / 1e6:.0f} M rows/s, {float(seconds):.1f} s, "
                f"{megabytes} MB at most, limit {MEMORY_MB_MAX} MB"
            )


def streamed(name: str, folder: str) -> None:
    """One streaming run, alone in its process, so that its memory is its own."""
    world, facts, _ = bulk_world(2000, 1)
    tables = compile_tables(Planner(world.law), facts, question())
    scan = pl.scan_parquet(Path(folder) / "*.parquet")
    start = time.perf_counter()
    if name == "polars":
        total = sum(PolarsEngine().counts(tables, scan).values())
    else:
        sums, engine = np.zeros(3, np.int64), NumpyEngine()
        for batch in scan.collect_batches(chunk_size=4_000_000):
            columns = {one: batch[one].to_numpy() for one in CODE_COLUMNS}
            part = Holdings(facts=facts, **columns)
            sums += np.bincount(engine.outcomes(tables, part), minlength=3)
        total = int(sums.sum())
    seconds = time.perf_counter() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(seconds, megabytes, total)


def lapse(rows: int, runs: int) -> None:
    before, after, holdings = lapse_world(rows)

    def side(law, title: str) -> Side:
        planner = Planner(law)
        return Side(title=title, at=at(), planner=planner, finder=Router(planner))

    def run():
        return compare(
            side(before, "with the pact"),
            side(after, "without it"),
            holdings=holdings,
            conditions=Conditions(purpose="defence.warning"),
            engine=NumpyEngine(),
        )

    found = run()
    spent = timed(run, runs)
    start = time.process_time()
    run()
    busy = time.process_time() - start
    changed = sum(flow.items for flow in found.flows if flow.is_changed)
    print(
        f"\nlapse of one pact among 8 parties, {rows:,} holdings, {len(before.instruments)} "
        f"instruments: {spent:.2f} s ({busy:.2f} s of processor), target {IMPACT_SECONDS_MAX} s\n"
        f"{found.pairs_looked_at} of 56 pairs looked at, {len(found.flows):,} kinds of flow with "
        f"reasons before and after, {changed:,} items change their way"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--agreements", type=int, default=2_000)
    parser.add_argument("--stream", type=int, default=100_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--streamed", nargs=2, metavar=("ENGINE", "FOLDER"))
    given = parser.parse_args()
    if given.streamed:
        streamed(*given.streamed)
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, Polars {pl.__version__}, Ibis {ibis.__version__}; "
        f"other work on the machine: load {os.getloadavg()[0]:.1f}\n"
    )
    bulk(given.rows, given.agreements, given.runs)
    if given.stream:
        stream(given.stream)
    lapse(given.rows, max(1, given.runs // 2))


if __name__ == "__main__":
    main()
