"""Tables of holdings from files: nothing is dropped, nothing is guessed (IMP-20 to IMP-28)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from whenever import Instant

from relto.adapters.engine_numpy import NumpyEngine
from relto.adapters.lawfiles import packaged_library
from relto.adapters.tables import Encoder, TableReadError, batches, read_holdings
from relto.decide import Planner
from relto.impact import (
    BulkQuestion,
    Flaw,
    Holdings,
    StrictError,
    TableError,
    compile_tables,
    read_answer,
)
from relto.law import Law, compile_law
from relto.model import Assurance
from relto.units import LevelId, PartyCode, PurposeId

AT = Instant.from_utc(2019, 6, 1)
GOOD = {
    "id": "JPN-1",
    "holder": "JPN",
    "originator": "JPN",
    "scheme": "jpn",
    "level": "hi",
    "topics": "dprk.missile.launch",
    "form": "document",
    "categories": None,
    "releasable_to": None,
    "provenance": None,
    "received_for": None,
    "marked_scheme": None,
    "marked_level": None,
}


@pytest.fixture(scope="module")
def law() -> Law:
    return compile_law(packaged_library())


def frame_of(*rows: dict[str, str | None]) -> pl.DataFrame:
    full = [GOOD | {"id": f"JPN-{index}"} | row for index, row in enumerate(rows)]
    return pl.DataFrame(full, schema=dict.fromkeys(GOOD, pl.String))


def encoded(law: Law, frame: pl.DataFrame) -> Holdings:
    encoder = Encoder(law)
    encoder.add(frame)
    return encoder.finish()


def outcomes(law: Law, holdings: Holdings) -> list[int]:
    """To KOR, on request, with an assurance: 0 permit, 1 refer, 2 deny."""
    question = BulkQuestion(
        recipient=PartyCode("KOR"),
        at=AT,
        purpose=PurposeId("defence.analysis"),
        assurance=Assurance(
            cleared_to=LevelId("ii-kup"), needs_access=True, will_protect=True, by="liaison"
        ),
    )
    tables = compile_tables(Planner(law), holdings.facts, question)
    return NumpyEngine().outcomes(tables, holdings).tolist()


FLAWS: dict[str, tuple[dict[str, str | None], Flaw]] = {
    "an unknown topic": (
        {"topics": "moon"},
        Flaw(column="topics", kind="unknown", value="moon"),
    ),
    "one unknown topic among known ones": (
        {"topics": "dprk.missile;moon"},
        Flaw(column="topics", kind="unknown", value="moon"),
    ),
    "no topic": ({"topics": ""}, Flaw(column="topics", kind="missing")),
    "a topic that is not text": (
        {"topics": '["dprk", 4]'},
        Flaw(column="topics", kind="unknown", value='["dprk", 4]'),
    ),
    "an unknown scheme": (
        {"scheme": "mars"},
        Flaw(column="scheme", kind="unknown", value="mars"),
    ),
    "a level of another scheme": (
        {"level": "ii-kup"},
        Flaw(column="level", kind="unknown", value="ii-kup"),
    ),
    "no level": ({"level": None}, Flaw(column="level", kind="missing")),
    "an unknown originator": (
        {"originator": "MARS"},
        Flaw(column="originator", kind="unknown", value="MARS"),
    ),
    "an unknown holder": (
        {"holder": "MARS"},
        Flaw(column="holder", kind="unknown", value="MARS"),
    ),
    "no holder": ({"holder": None}, Flaw(column="holder", kind="missing")),
    "no form": ({"form": ""}, Flaw(column="form", kind="missing")),
    "an unknown form": (
        {"form": "smell"},
        Flaw(column="form", kind="unknown", value="smell"),
    ),
    "an unknown category": (
        {"categories": "burn"},
        Flaw(column="categories", kind="unknown", value="burn"),
    ),
    "an unknown reader": (
        {"releasable_to": "KOR;MARS"},
        Flaw(column="releasable_to", kind="unknown", value="MARS"),
    ),
    "an unknown provenance": (
        {"provenance": "lost-pact"},
        Flaw(column="provenance", kind="unknown", value="lost-pact"),
    ),
    "an unknown purpose": (
        {"received_for": "leisure"},
        Flaw(column="received_for", kind="unknown", value="leisure"),
    ),
    "half a marking": (
        {"marked_level": "hi"},
        Flaw(column="marked_scheme", kind="missing"),
    ),
    "no id": ({"id": None}, Flaw(column="id", kind="missing")),
}


@pytest.mark.parametrize("name", FLAWS)
def test_a_row_at_fault_is_kept_listed_and_denied(law: Law, name: str) -> None:
    """IMP-22, IMP-24."""
    changed, flaw = FLAWS[name]
    holdings = encoded(law, frame_of({}, changed, {}))
    assert holdings.rows == 3
    assert next((one.row, one.flaw) for one in holdings.faults) == (2, flaw)
    assert holdings.faults.rows_at_fault() == 1
    assert outcomes(law, holdings) == [0, 2, 0]


def test_every_row_of_a_repeated_id_is_at_fault_also_across_batches(law: Law) -> None:
    """IMP-23: nobody can say which of them is the item."""
    encoder = Encoder(law)
    encoder.add(frame_of({"id": "a"}, {"id": "b"}))
    encoder.add(frame_of({"id": "a"}))
    holdings = encoder.finish()
    assert [(one.row, one.flaw.kind, one.flaw.value) for one in holdings.faults] == [
        (1, "duplicate", "a"),
        (3, "duplicate", "a"),
    ]
    assert outcomes(law, holdings) == [2, 0, 2]


def test_a_column_of_another_type_puts_every_row_at_fault(law: Law) -> None:
    """IMP-24."""
    frame = frame_of({}, {}).with_columns(pl.Series("level", [1, 2]))
    holdings = encoded(law, frame)
    kinds = {(one.row, one.flaw.column, one.flaw.kind) for one in holdings.faults}
    assert {(1, "level", "type"), (2, "level", "type")} <= kinds
    assert outcomes(law, holdings) == [2, 2]


def test_a_time_of_holding_without_its_offset_is_at_fault_and_offsets_may_differ(law: Law) -> None:
    """IMP-24."""
    times = ["2019-05-09T10:00+09:00", "2019-05-09T10:00", "2019-05-09T01:00Z", None]
    frame = frame_of({}, {}, {}, {}).with_columns(pl.Series("held_at", times))
    holdings = encoded(law, frame)
    assert [(one.row, one.flaw) for one in holdings.faults] == [
        (2, Flaw(column="held_at", kind="zone", value="2019-05-09T10:00"))
    ]
    assert outcomes(law, holdings) == [0, 2, 0, 0]


def test_flaws_are_counted_the_most_frequent_first(law: Law) -> None:
    """IMP-22."""
    holdings = encoded(law, frame_of({"topics": "moon"}, {"level": "x"}, {"topics": "moon"}))
    counts = holdings.faults.counts(first=1)
    assert len(counts) == len(holdings.faults.kinds) == 2
    assert [(flaw.value, count, rows) for flaw, count, rows in counts] == [
        ("moon", 2, (1,)),
        ("x", 1, (2,)),
    ]


def test_a_list_may_be_a_list_or_words_with_separators(law: Law) -> None:
    """IMP-25: order and repeats do not matter."""
    text = frame_of({"topics": "dprk.nuclear; dprk.missile;dprk.nuclear", "releasable_to": "KOR"})
    lists = text.with_columns(
        pl.Series("topics", [["dprk.missile", "dprk.nuclear"]]),
        pl.Series("releasable_to", [["KOR"]]),
    )
    json = text.with_columns(
        pl.Series("topics", ['["dprk.nuclear", "dprk.missile"]']),
        pl.Series("releasable_to", ['["KOR"]']),
    )
    assert encoded(law, text).facts == encoded(law, lists).facts == encoded(law, json).facts


@pytest.mark.parametrize(("listed", "outcome"), [(None, 0), ("", 0), ("-", 2), ("[]", 2)])
def test_a_label_that_lets_nobody_read_differs_from_one_that_names_nobody(
    law: Law, listed: str | None, outcome: int
) -> None:
    """IMP-26."""
    holdings = encoded(law, frame_of({"releasable_to": listed}))
    assert len(holdings.faults) == 0
    assert outcomes(law, holdings) == [outcome]


def test_an_empty_list_of_readers_lets_nobody_read(law: Law) -> None:
    """IMP-26."""
    frame = frame_of({}).with_columns(pl.Series("releasable_to", [[]], dtype=pl.List(pl.String)))
    assert outcomes(law, encoded(law, frame)) == [2]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda frame: frame.drop("level"), "column missing: `level`"),
        (lambda frame: frame.rename({"categories": "catgories"}), "unknown column: `catgories`"),
    ],
)
def test_a_table_without_a_column_or_with_a_strange_one_is_refused(law: Law, change, what) -> None:
    """IMP-21: a slip of the pen would otherwise widen what may be released."""
    with pytest.raises(TableError, match=what):
        encoded(law, change(frame_of({})))


def test_columns_beside_the_rules_are_let_through(law: Law) -> None:
    """IMP-21."""
    frame = frame_of({}).with_columns(title=pl.lit("a track"), remark=pl.lit("exercise"))
    assert outcomes(law, encoded(law, frame)) == [0]


def test_a_table_without_rows_has_none(law: Law) -> None:
    """IMP-20."""
    holdings = encoded(law, frame_of())
    assert holdings.rows == 0
    assert outcomes(law, holdings) == []


def written(frame: pl.DataFrame, folder: Path) -> Iterator[Path]:
    frame.write_csv(folder / "a.csv")
    yield folder / "a.csv"
    frame.write_ndjson(folder / "a.jsonl")
    yield folder / "a.jsonl"
    frame.write_parquet(folder / "a.parquet")
    yield folder / "a.parquet"


def test_all_three_formats_give_the_same_table(law: Law, tmp_path: Path) -> None:
    """IMP-20."""
    frame = frame_of({}, {"topics": "moon"}, {"form": "equipment"})
    tables = [read_holdings(path, law) for path in written(frame, tmp_path)]
    assert len({table.facts for table in tables}) == 1
    for table in tables:
        assert [one.row for one in table.faults] == [2]
        for column, other in zip(table.columns(), tables[0].columns(), strict=True):
            assert np.array_equal(column, other)


def test_a_file_is_read_in_batches_and_in_order(tmp_path: Path) -> None:
    """IMP-27: memory does not grow with the file."""
    frame = pl.DataFrame({"id": [str(number) for number in range(250_000)]})
    for path in written(frame, tmp_path):
        parts = list(batches(path, rows=50_000))
        assert len(parts) > 1
        assert pl.concat(parts)["id"].to_list() == frame["id"].to_list()


BROKEN = {
    "a line with more fields than columns": ("a.csv", b"id,level\n1,hi\n2,hi,x\n"),
    "a quote that never closes": ("a.csv", b'id,level\n1,"hi\n2,hi\n'),
    "bytes that are no text": ("a.csv", b"id,level\n1,\xff\n"),
    "a line that is no JSON": ("a.jsonl", b'{"id":"1"}\n{"id":\n'),
    "a Parquet file cut short": ("a.parquet", b"PAR1\x00\x00"),
    "another ending": ("a.xls", b"id"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_breaks_its_format_is_refused_as_a_whole(
    law: Law, tmp_path: Path, name: str
) -> None:
    """IMP-27: where one line cannot be read, nobody can say which rows are missing."""
    file, data = BROKEN[name]
    (tmp_path / file).write_bytes(data)
    with pytest.raises(TableError) as caught:
        read_holdings(tmp_path / file, law)
    assert caught.value.hint


def test_a_missing_file_is_named(law: Law, tmp_path: Path) -> None:
    """IMP-27."""
    with pytest.raises(TableError, match="no such file"):
        read_holdings(tmp_path / "none.csv", law)


def test_a_disk_that_fails_is_told_apart_from_a_table_that_is_wrong(
    law: Law, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IMP-27."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "input/output error")

    frame_of({}).write_csv(tmp_path / "a.csv")
    monkeypatch.setattr(pl.LazyFrame, "collect_batches", fail)
    with pytest.raises(TableReadError, match="input/output error"):
        read_holdings(tmp_path / "a.csv", law)


def test_strict_stops_at_a_row_at_fault_and_names_it(law: Law, tmp_path: Path) -> None:
    """IMP-28."""
    frame_of({}, {"level": "x"}).write_csv(tmp_path / "a.csv")
    with pytest.raises(StrictError, match="1 of 2 rows are at fault, the first is row 2: `level`"):
        read_holdings(tmp_path / "a.csv", law, is_strict=True)
    frame_of({}, {}).write_csv(tmp_path / "b.csv")
    assert read_holdings(tmp_path / "b.csv", law, is_strict=True).rows == 2


def test_reading_says_how_far_it_is(law: Law, tmp_path: Path) -> None:
    """IMP-27."""
    frame_of({}, {}, {}).write_csv(tmp_path / "a.csv")
    told: list[int] = []
    read_holdings(tmp_path / "a.csv", law, progress=told.append)
    assert sum(told) == 3


def test_a_row_at_fault_says_so_in_its_answer(law: Law) -> None:
    """IMP-14."""
    holdings = encoded(law, frame_of({"originator": "MARS"}))
    question = BulkQuestion(recipient=PartyCode("KOR"), at=AT)
    tables = compile_tables(Planner(law), holdings.facts, question)
    words = NumpyEngine().words(tables, holdings)
    assert read_answer(tables, PartyCode("JPN"), [int(words[0, 0])]).is_faulty
