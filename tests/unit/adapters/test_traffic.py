"""Tables of traffic: every line is read or listed, no time without its offset (IMP-29, IMP-40)."""

from pathlib import Path

import polars as pl
import pytest
from whenever import Instant

from relto.adapters.lawfiles import packaged_library
from relto.adapters.tables import read_traffic
from relto.impact import (
    Flaw,
    Measurements,
    StrictError,
    TableError,
    TrafficKind,
    Way,
    WayKind,
)
from relto.law import Law, compile_law

GOOD = {
    "id": "",
    "kind": "release",
    "from": "JPN",
    "to": "KOR",
    "topics": "dprk.missile.launch",
    "level": "hi",
    "via": "",
    "instrument": "jpn-kor-gsomia-2016",
    "asked": "2019-05-09T10:00+09:00",
    "received": "2019-05-09T01:12:00Z",
    "count": "",
    "exercise": "",
}


@pytest.fixture(scope="module")
def law() -> Law:
    return compile_law(packaged_library())


def write(path: Path, *rows: dict[str, str]) -> Path:
    pl.DataFrame([GOOD | row for row in rows]).write_csv(path)
    return path


def test_a_line_is_read_with_its_offsets(law: Law, tmp_path: Path) -> None:
    """IMP-29: each time has an offset of its own; they may differ."""
    found = read_traffic(write(tmp_path / "t.csv", {}), law)
    line = found.lines[0]
    assert line.kind is TrafficKind.RELEASE
    assert line.asked == Instant.from_utc(2019, 5, 9, 1)
    assert line.delay_ms == 12 * 60 * 1000
    assert line.parties == ("JPN", "KOR")
    assert found.rows == 1


FLAWS = {
    "a time without an offset": (
        {"asked": "2019-05-09T10:00"},
        Flaw(column="asked", kind="zone", value="2019-05-09T10:00"),
    ),
    "a time that is none": (
        {"received": "soon"},
        Flaw(column="received", kind="zone", value="soon"),
    ),
    "an unknown kind": ({"kind": "gift"}, Flaw(column="kind", kind="unknown", value="gift")),
    "nobody who gave": ({"from": ""}, Flaw(column="from", kind="missing")),
    "an unknown receiver": ({"to": "MARS"}, Flaw(column="to", kind="unknown", value="MARS")),
    "no topic": ({"topics": ""}, Flaw(column="topics", kind="missing")),
    "an unknown topic": ({"topics": "moon"}, Flaw(column="topics", kind="unknown", value="moon")),
    "a level of another scheme": (
        {"level": "ii-kup"},
        Flaw(column="level", kind="unknown", value="ii-kup"),
    ),
    "an unknown party between": ({"via": "MARS"}, Flaw(column="via", kind="unknown", value="MARS")),
    "an unknown instrument": (
        {"instrument": "lost-pact"},
        Flaw(column="instrument", kind="unknown", value="lost-pact"),
    ),
    "a count that is none": ({"count": "many"}, Flaw(column="count", kind="type", value="many")),
}


@pytest.mark.parametrize("name", FLAWS)
def test_a_line_at_fault_is_listed_and_in_no_figure(law: Law, tmp_path: Path, name: str) -> None:
    """IMP-29."""
    changed, flaw = FLAWS[name]
    found = read_traffic(write(tmp_path / "t.csv", {"id": "a"}, changed | {"id": "b"}), law)
    assert found.rows == 2
    assert [one.id for one in found.lines] == ["a"]
    assert [(one.row, one.flaw) for one in found.faults] == [(2, flaw)]


def test_a_second_line_of_one_id_is_at_fault(law: Law, tmp_path: Path) -> None:
    """IMP-29."""
    found = read_traffic(write(tmp_path / "t.csv", {"id": "a"}, {"id": "a"}), law)
    assert [(one.row, one.flaw.kind) for one in found.faults] == [(2, "duplicate")]


def test_strict_stops_at_a_line_at_fault(law: Law, tmp_path: Path) -> None:
    """IMP-28."""
    path = write(tmp_path / "t.csv", {}, {"to": "MARS"})
    with pytest.raises(StrictError, match="1 of 2 lines of traffic are at fault"):
        read_traffic(path, law, is_strict=True)


def test_a_strange_or_a_missing_column_is_refused(law: Law, tmp_path: Path) -> None:
    """IMP-21."""
    pl.DataFrame([GOOD | {"form ": ""}]).write_csv(tmp_path / "a.csv")
    with pytest.raises(TableError, match="unknown column: `form `"):
        read_traffic(tmp_path / "a.csv", law)
    pl.DataFrame([GOOD]).drop("kind").write_csv(tmp_path / "b.csv")
    with pytest.raises(TableError, match="column missing: `kind`"):
        read_traffic(tmp_path / "b.csv", law)


def direct() -> Way:
    return Way(kind=WayKind.DIRECT, parties=("JPN", "KOR"), instruments=("jpn-kor-gsomia-2016",))


def minutes(count: int) -> str:
    return f"2019-05-09T10:{count:02d}+09:00"


def test_a_delay_is_the_middle_of_those_measured(law: Law, tmp_path: Path) -> None:
    """IMP-40: the lower of two middles."""
    rows = [{"received": minutes(count)} for count in (40, 10, 20, 30)]
    found = Measurements(read_traffic(write(tmp_path / "t.csv", *rows), law).lines)
    delay = found.of(direct())
    assert delay is not None
    assert (delay.median_ms, delay.count, delay.is_exercise) == (20 * 60_000, 4, False)
    assert found.hops() == {("JPN", "KOR", "jpn-kor-gsomia-2016"): 20 * 60_000}


def test_a_delay_of_an_exercise_counts_only_where_there_is_no_other(
    law: Law, tmp_path: Path
) -> None:
    """IMP-40."""
    drill = {"received": minutes(1), "exercise": "asked;received"}
    alone = Measurements(read_traffic(write(tmp_path / "a.csv", drill), law).lines).of(direct())
    assert alone is not None
    assert alone.is_exercise
    rows = (drill, {"received": minutes(12)})
    both = Measurements(read_traffic(write(tmp_path / "b.csv", *rows), law).lines)
    found = both.of(direct())
    assert found is not None
    assert (found.median_ms, found.is_exercise) == (12 * 60_000, False)


@pytest.mark.parametrize(
    "changed",
    [{"asked": ""}, {"received": ""}, {"via": "USA"}, {"kind": "request"}],
    ids=["nobody wrote down the asking", "nor the receiving", "another way", "not yet released"],
)
def test_what_was_not_measured_has_no_delay(law: Law, tmp_path: Path, changed) -> None:
    """IMP-40."""
    found = Measurements(read_traffic(write(tmp_path / "t.csv", changed), law).lines)
    assert found.of(direct()) is None
    assert found.of(Way(kind=WayKind.NONE)) is None
