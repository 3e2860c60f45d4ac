"""Tables of traffic: every line is read or listed, no time without its offset (IMP-29, IMP-40)."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant, OffsetDateTime

from relto.adapters.lawfiles import packaged_library
from relto.adapters.tables import TrafficReader, read_traffic, write_faults
from relto.adapters.tables import faults as faults_module
from relto.adapters.tables import traffic as traffic_module
from relto.adapters.tables.times import instants
from relto.impact import (
    NO_FAULTS,
    Flaw,
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
    assert line.received == Instant.from_utc(2019, 5, 9, 1, 12)
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
    "a count of nothing": ({"count": "0"}, Flaw(column="count", kind="type", value="0")),
    "a time whose offset is not that of its zone": (
        {"asked": "2019-05-09T10:00+08:00[Asia/Seoul]"},
        Flaw(column="asked", kind="zone", value="2019-05-09T10:00+08:00[Asia/Seoul]"),
    ),
    "received before it was asked for": (
        {"received": "2019-05-09T09:59+09:00"},
        Flaw(column="received", kind="order", value="before `asked`"),
    ),
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


def test_releases_that_tell_the_same_are_one_line_with_their_count(
    law: Law, tmp_path: Path
) -> None:
    """IMP-29: the first of them stands for all; requests stay by themselves."""
    other, asks = {"topics": "dprk.nuclear"}, {"kind": "request", "received": ""}
    rows = [{"id": "a"}, {"id": "b", "count": "4"}, other, asks | {"id": "c"}, asks | {"id": "d"}]
    found = read_traffic(write(tmp_path / "t.csv", *rows), law)
    assert [(one.row, one.id, one.count) for one in found.lines] == [
        (1, "a", 5),
        (3, "", 1),
        (4, "c", 1),
        (5, "d", 1),
    ]


def test_a_release_that_is_a_repeat_stands_for_nothing(law: Law, tmp_path: Path) -> None:
    """IMP-29: also where it is the only one that tells so much."""
    rows = ({"id": "a"}, {"id": "a", "topics": "dprk.nuclear"}, {"topics": "dprk.nuclear"})
    found = read_traffic(write(tmp_path / "t.csv", *rows), law)
    assert [(one.row, one.topics) for one in found.lines] == [
        (1, ("dprk.missile.launch",)),
        (3, ("dprk.nuclear",)),
    ]


def test_a_table_is_read_in_batches_as_if_in_one(law: Law) -> None:
    """IMP-29: numbers of lines, repeats and delays go on from batch to batch."""
    rows = [GOOD | {"id": str(number % 40), "received": minutes(number)} for number in range(59)]
    rows[50]["to"] = "MARS"
    frame = pl.DataFrame(rows)
    parts = TrafficReader(law)
    for start in range(0, 59, 7):
        parts.add(frame[start : start + 7])
    whole = TrafficReader(law)
    whole.add(frame)
    found, expected = parts.finish(), whole.finish()
    assert found.lines == expected.lines
    assert list(found.faults) == list(expected.faults)
    assert [one.row for one in found.faults] == sorted([*range(41, 60), 51])
    assert found.measured.of(direct()) == expected.measured.of(direct())


def test_a_file_that_keeps_instants_and_numbers_needs_no_text(law: Law, tmp_path: Path) -> None:
    """IMP-29: a column of instants without a zone is at fault in each of its rows."""
    frame = pl.DataFrame([GOOD, GOOD]).with_columns(
        pl.Series("asked", [1_557_363_600_000, None]).cast(pl.Datetime("ms", "Asia/Seoul")),
        pl.Series("count", [3, None]),
        pl.Series("via", [["USA"], []]),
    )
    frame.write_parquet(tmp_path / "a.parquet")
    found = read_traffic(tmp_path / "a.parquet", law)
    assert [(one.asked, one.count, one.via) for one in found.lines] == [
        (Instant.from_utc(2019, 5, 9, 1), 3, ("USA",)),
        (None, 1, ()),
    ]
    frame.with_columns(pl.col("asked").dt.replace_time_zone(None)).write_parquet(
        tmp_path / "b.parquet"
    )
    faults = list(read_traffic(tmp_path / "b.parquet", law).faults)
    assert [(one.row, one.flaw.column, one.flaw.kind) for one in faults] == [(1, "asked", "zone")]


def test_a_column_of_another_type_puts_its_lines_at_fault(law: Law, tmp_path: Path) -> None:
    """IMP-24."""
    frame = pl.DataFrame([GOOD]).with_columns(pl.Series("level", [4]), pl.Series("count", [1.5]))
    frame.write_parquet(tmp_path / "a.parquet")
    found = read_traffic(tmp_path / "a.parquet", law)
    assert {(one.flaw.column, one.flaw.kind) for one in found.faults} == {
        ("level", "type"),
        ("count", "type"),
    }


def test_every_line_at_fault_is_listed_and_only_so_many_values_are_kept(
    law: Law, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IMP-22: ten million different times that are none do not fill the memory."""
    monkeypatch.setattr(faults_module, "BULK_FLAW_VALUES_MAX", 2)
    rows = [{"asked": f"soon {number}"} for number in range(5)]
    found = read_traffic(write(tmp_path / "t.csv", *rows), law)
    assert [(one.row, one.flaw.value) for one in found.faults] == [
        (1, "soon 0"),
        (2, "soon 1"),
        (3, ""),
        (4, ""),
        (5, ""),
    ]
    assert all(count for _, count, _ in found.faults.counts(first=1))


def test_more_open_requests_than_the_limit_refuse_the_table(
    law: Law, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IMP-29: each is answered by itself."""
    monkeypatch.setattr(traffic_module, "TRAFFIC_OPEN_MAX", 1)
    path = write(tmp_path / "t.csv", {"kind": "request"}, {"kind": "feed"}, {})
    with pytest.raises(TableError, match="too many open requests and feeds: 2, limit 1"):
        read_traffic(path, law)


def test_reading_traffic_says_how_far_it_is(law: Law, tmp_path: Path) -> None:
    """IMP-52."""
    told: list[int] = []
    read_traffic(write(tmp_path / "t.csv", {}, {}), law, progress=told.append)
    assert told == [2]


def test_all_faults_of_both_tables_can_be_written_down(law: Law, tmp_path: Path) -> None:
    """IMP-22."""
    found = read_traffic(write(tmp_path / "t.csv", {"to": "MARS"}, {}, {"count": "x"}), law)
    write_faults(tmp_path / "faults.csv", [("holdings", NO_FAULTS), ("traffic", found.faults)])
    assert (tmp_path / "faults.csv").read_text(encoding="utf-8").splitlines() == [
        "table,row,column,fault,value",
        "traffic,1,to,unknown,MARS",
        "traffic,3,count,type,x",
    ]


OFFSETS = st.integers(-23 * 60, 23 * 60)


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),  # noqa: DTZ001
    OFFSETS,
    st.sampled_from("T "),
    st.sampled_from(["minutes", "seconds", "auto"]),
)
def test_a_time_in_a_column_is_the_instant_it_is_alone(
    when: datetime, offset: int, between: str, precision: str
) -> None:
    """IMP-29."""
    when = when.replace(tzinfo=timezone(timedelta(minutes=offset)))
    text = when.isoformat(between, precision)
    found, wrong = instants(pl.Series("asked", [text, None]))
    alone = OffsetDateTime.parse_iso(text.replace(" ", "T")).to_instant()
    assert found.to_list() == [alone.timestamp(unit="nanosecond") // 1_000_000, None]
    assert wrong.to_list() == [False, False]


@given(st.lists(st.text(alphabet="0123456789-+:.TZ []Asia/Seoul", max_size=30)))
def test_no_text_breaks_a_column_of_times(texts: list[str]) -> None:
    """IMP-29: and what is read, is read alone too."""
    found, wrong = instants(pl.Series("asked", texts, dtype=pl.String))
    for text, instant, is_wrong in zip(texts, found.to_list(), wrong.to_list(), strict=True):
        assert is_wrong is (instant is None and bool(text.strip(" ")))


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
    found = read_traffic(write(tmp_path / "t.csv", *rows), law).measured
    delay = found.of(direct())
    assert delay is not None
    assert (delay.median_ms, delay.count, delay.is_exercise) == (20 * 60_000, 4, False)
    assert found.hops() == {("JPN", "KOR", "jpn-kor-gsomia-2016"): 20 * 60_000}


def test_a_delay_of_an_exercise_counts_only_where_there_is_no_other(
    law: Law, tmp_path: Path
) -> None:
    """IMP-40."""
    drill = {"received": minutes(1), "exercise": "asked;received"}
    alone = read_traffic(write(tmp_path / "a.csv", drill), law).measured.of(direct())
    assert alone is not None
    assert alone.is_exercise
    rows = (drill, {"received": minutes(12)})
    both = read_traffic(write(tmp_path / "b.csv", *rows), law).measured
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
    found = read_traffic(write(tmp_path / "t.csv", changed), law).measured
    assert found.of(direct()) is None
    assert found.of(Way(kind=WayKind.NONE)) is None
