"""Tables of traffic: rows a second and memory, reading and comparing, for each format.

    python -m bench.traffic [--rows 10000000] [--formats csv,parquet] [--faults 1]

Releases between parties of the packaged law, each with an instant of asking and of receiving in one
of three offsets, some open requests, and a percentage of lines at fault. Each reading runs in a
process of its own, so that its memory is its own.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

PARTIES = ("JPN", "KOR", "USA")
TOPICS = ("dprk.missile.launch", "dprk.nuclear", "dprk.cyber", "dprk.maritime", "prc.maritime")
LEVELS = {"JPN": ("jpn", "hi"), "KOR": ("kor", "ii-kup"), "USA": ("usa", "secret")}
OFFSETS = ("Z", "+09:00", "-05:00")
STEP_ROWS = 1_000_000


def frame(rows: int, first: int, *, percent_at_fault: int) -> pl.DataFrame:
    """Some lines; their numbers go on from `first`."""
    random = np.random.default_rng(first)
    source, shift = random.integers(0, 3, rows), random.integers(1, 3, rows)
    asked = 1_546_300_800 + random.integers(0, 300 * 86_400, rows)
    offsets = random.integers(0, 3, rows)
    lines = pl.DataFrame(
        {
            "number": np.arange(first, first + rows),
            "from": np.array(PARTIES)[source],
            "to": np.array(PARTIES)[(source + shift) % 3],
            "topics": np.array(TOPICS)[random.integers(0, 5, rows)],
            "asked": asked,
            "received": asked + random.integers(60, 86_400, rows),
            "offset": np.array(OFFSETS)[offsets],
            "draw": random.integers(0, 100, rows),
        }
    )
    at = {
        name: pl.from_epoch(pl.col(name), time_unit="s").dt.strftime("%Y-%m-%dT%H:%M:%S")
        + pl.col("offset")
        for name in ("asked", "received")
    }
    is_open = pl.col("number") % 1_000 == 0
    return lines.select(
        pl.format("R-{}", "number").alias("id"),
        pl.when(is_open).then(pl.lit("request")).otherwise(pl.lit("release")).alias("kind"),
        "from",
        "to",
        pl.when(pl.col("draw") < percent_at_fault)
        .then(pl.lit("moon"))
        .otherwise("topics")
        .alias("topics"),
        pl.col("from").replace_strict({one: LEVELS[one][0] for one in PARTIES}).alias("scheme"),
        pl.col("from").replace_strict({one: LEVELS[one][1] for one in PARTIES}).alias("level"),
        pl.lit("document").alias("form"),
        at["asked"].alias("asked"),
        pl.when(is_open).then(None).otherwise(at["received"]).alias("received"),
    )


def write(path: Path, rows: int, percent: int) -> None:
    """One file, in parts, so that a large one needs little memory."""
    with TemporaryDirectory(dir=path.parent) as folder:
        for first in range(0, rows, STEP_ROWS):
            part = frame(min(STEP_ROWS, rows - first), first, percent_at_fault=percent)
            part.write_parquet(Path(folder) / f"{first:012d}.parquet")
        scan = pl.scan_parquet(Path(folder) / "*.parquet")
        match path.suffix:
            case ".csv":
                scan.sink_csv(path)
            case ".jsonl":
                scan.sink_ndjson(path)
            case _:
                scan.sink_parquet(path)


def read(path: Path) -> None:
    """Read one file and say how long it took, and how much memory."""
    from relto.adapters.lawfiles import packaged_library
    from relto.adapters.tables import read_traffic
    from relto.law import compile_law

    law = compile_law(packaged_library())
    start = time.perf_counter()
    found = read_traffic(path, law)
    seconds = time.perf_counter() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(seconds, megabytes, found.rows, found.faults.rows_at_fault())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--formats", default="csv,jsonl,parquet")
    parser.add_argument("--faults", type=int, default=1, help="lines at fault, in percent")
    parser.add_argument("--read", type=Path)
    given = parser.parse_args()
    if given.read is not None:
        read(given.read)
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Polars {pl.__version__}; "
        f"other work on the machine: load {os.getloadavg()[0]:.1f}"
    )
    with TemporaryDirectory() as folder:
        for name in given.formats.split(","):
            path = Path(folder) / f"traffic.{name}"
            write(path, given.rows, given.faults)
            ran = subprocess.run(
                [sys.executable, "-m", "bench.traffic", "--read", str(path)],
                check=True,
                capture_output=True,
                text=True,
            )
            seconds, megabytes, rows, faulty = ran.stdout.split()
            assert int(rows) == given.rows
            print(
                f"{name}: {int(rows):,} lines, {int(faulty):,} at fault: "
                f"{int(rows) / float(seconds):,.0f} lines/s, {float(seconds):.1f} s, "
                f"{megabytes} MB at most",
                flush=True,
            )
            path.unlink()


if __name__ == "__main__":
    main()
