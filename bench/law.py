"""How fast law is: loading 200 instruments with 10,000 acts, and asking for all of them at once.

    make bench-law

Two promises: loading takes less than a second; the law at an instant for all instruments takes
less than a millisecond and hardly grows with the number of acts in the past, since it is a binary
search.
Prints the best of several runs with the machine; it asserts nothing, because a clock is not a test.
"""

import argparse
import gc
import platform
import time
from collections.abc import Callable
from pathlib import Path

from whenever import Instant

from relto.adapters.lawfiles import library_of, packaged_files
from relto.law import Law, compile_law
from relto.units import InstrumentId

INSTRUMENTS = 200
ASKED = Instant.from_utc(2025, 6, 1)


def instrument(number: int) -> str:
    """One instrument like the agreement of 2016, under another id."""
    text = packaged_files()["instruments/jpn-kor-gsomia-2016.toml"].decode()
    return text.replace('id = "jpn-kor-gsomia-2016"', f'id = "made-{letters(number)}"')


def letters(number: int) -> str:
    """An id that looks like no other."""
    return "".join("abcdefghjk"[int(digit)] for digit in f"{number:03}")


def acts(number: int, count: int) -> str:
    """A signature, an entry, then rounds of notice, suspension, resumption and withdrawal."""
    id = f"made-{letters(number)}"
    made = [
        act(id, 0, "signature", '["JPN", "KOR"]', "2000-01-01T00:00:00Z"),
        act(id, 1, "notification", '["JPN", "KOR"]', "2000-01-01T00:00:00Z"),
    ]
    kinds = ("notice", "notice-suspension", "resumption", "withdrawal")
    for step in range(count - 2):
        at = Instant.from_utc(2000, 2, 1).add(hours=24 * 7 * step).format_iso()
        notice = 2 + step - step % 4
        of = "" if step % 4 == 0 else f'of = ["{id}-act-{letters(notice)}"]\n'
        made.append(act(id, 2 + step, kinds[step % 4], '["KOR"]', at, more=of))
    return "\n".join(made)


def act(id: str, number: int, kind: str, by: str, at: str, *, more: str = "") -> str:
    """One act as it stands in a file."""
    return (
        f'[[acts]]\nid = "{id}-act-{letters(number)}"\ninstrument = "{id}"\nkind = "{kind}"\n'
        f'by = {by}\nat = {at}\nchannel = "diplomatic"\n{more}'
        f'text = "An act made for a measurement."\n'
        f'article = "21(3)"\nevidence = "assumed"\nsource = "measurement"\n'
    )


def files(acts_each: int) -> dict[str, bytes]:
    """Law files with the words of the packaged library, and nothing else of it."""
    made = {
        name: data
        for name, data in packaged_files().items()
        if not name.startswith(("acts/", "instruments/"))
    }
    for number in range(INSTRUMENTS):
        made[f"instruments/{number:03}.toml"] = instrument(number).encode()
        text = 'format = "relto.acts/1"\n' + acts(number, acts_each)
        made[f"acts/{number:03}.toml"] = text.encode()
    return made


def best(work: Callable[[], object], *, runs: int) -> float:
    """The fastest of several runs, in seconds."""
    times = []
    for _ in range(runs):
        gc.collect()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def ask(law: Law, ids: list[InstrumentId]) -> None:
    """The state of every instrument in one party's reading."""
    for id in ids:
        law.state(id, at=ASKED, reading=None)


def machine() -> str:
    """What this was measured on."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        name = f"{models[0]}, {len(models)} cores" if models else name
    except OSError:
        pass
    return f"{name}; Python {platform.python_version()}"


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--runs", type=int, default=5)
    runs = options.parse_args().runs
    print(f"machine: {machine()}")
    print(
        f"{'acts each':>10} {'acts':>7} {'bytes':>10} {'load s':>8} {'compile s':>10} {'ask ms':>8}"
    )
    for acts_each in (2, 10, 50, 250):
        given = files(acts_each)
        library = library_of(given)
        law = compile_law(library)
        ids = list(library.instruments)
        load = best(lambda given=given: library_of(given), runs=runs)
        compiled = best(lambda library=library: compile_law(library), runs=runs)
        asked = best(lambda law=law, ids=ids: ask(law, ids), runs=runs * 20)
        size = sum(len(data) for data in given.values())
        count = sum(len(rows) for rows in library.acts.values())
        timed = f"{load:>7.3f} {compiled:>9.3f} {asked * 1e3:>7.3f}"
        print(f"{acts_each:>9} {count:>6} {size:>9} {timed}")


if __name__ == "__main__":
    main()
