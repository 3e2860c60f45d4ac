"""Rows of text to codes, batch by batch: every distinct fact is read and checked once.

Nothing is dropped and nothing is guessed. A row with a missing or unknown word, a word of the
wrong type or an id that another row has too keeps its place, is denied whatever is asked, and is
listed with its number.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from relto.adapters.tables.files import batches
from relto.decide.view import LawView
from relto.impact.holdings import NO_FAULTS, Codes, Faults, Flaw, Holdings
from relto.impact.reading import (
    BESIDE,
    LISTED,
    NOBODY,
    OPTIONAL,
    REQUIRED,
    SEPARATOR,
    Column,
    FactReader,
    Raw,
    StrictError,
    TableError,
    split_words,
)


class PolarsIds:
    """Ids by row, in one Polars column.

    Args:
        values: Text, by row.
    """

    def __init__(self, values: pl.Series) -> None:
        """Keep the column."""
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: int, /) -> str:
        return str(self._values[index])

    def rows_of(self, ids: Collection[str], /) -> npt.NDArray[np.int64]:
        """The rows, counted from 0, that have one of these ids.

        Source: docs/spec/impact.md IMP-9.
        """
        wanted = pl.Series(sorted(ids), dtype=pl.String)
        return self._values.is_in(wanted.implode()).arg_true().cast(pl.Int64).to_numpy()


class Encoder:
    """Turns batches of rows into `Holdings`.

    Args:
        law: Whose words count as known.
        keep_ids: Keep the ids, to find duplicates and to name rows; without them a table takes nine
            bytes for each row.

    Source: docs/spec/impact.md IMP-20 to IMP-26.
    """

    def __init__(self, law: LawView, *, keep_ids: bool = True) -> None:
        """Begin with no row."""
        self._reader = FactReader(law)
        self._keep_ids = keep_ids
        self._parts: list[list[Codes]] = [[], [], [], []]
        self._exercise: set[str] = set()
        self._rows = 0
        self._ids: list[pl.Series] = []
        self._flaws: dict[Flaw, int] = {}
        self._found: list[tuple[pl.Series, pl.Series]] = []

    def add(self, batch: pl.DataFrame) -> None:
        """Take a batch of rows.

        Args:
            batch: The required columns and any of the optional ones; lists as lists or as text
                with `;`.

        Raises:
            TableError: A column is missing, or one is there that nobody knows.

        Source: docs/spec/impact.md IMP-20, IMP-21.
        """
        frame = _plain(batch, self._note_type)
        if "exercise" in batch.columns:
            for text in batch["exercise"].cast(pl.String).unique().to_list():
                self._exercise.update(split_words(text))
        for parts, column in zip(self._parts, self._reader.columns(), strict=True):
            parts.append(self._encode(frame, column))
        ids = frame["id"]
        self._note_rows((ids == "").fill_null(value=True), ids, "missing", start=self._rows)
        if self._keep_ids:
            self._ids.append(ids.fill_null(""))
        self._rows += frame.height

    def finish(self) -> Holdings:
        """Return the table of all batches.

        Source: docs/spec/impact.md IMP-22, IMP-23.
        """
        ids = pl.concat(self._ids) if self._ids else pl.Series(dtype=pl.String)
        if self._keep_ids and len(ids):
            self._note_rows(ids.is_duplicated() & (ids != ""), ids, "duplicate", start=0)
        faults = self._faults()
        labels, topics, caveats, origins = (
            _joined(parts, len(column.codes))
            for parts, column in zip(self._parts, self._reader.columns(), strict=True)
        )
        origins[faults.rows - 1] = 0
        return Holdings(
            facts=self._reader.facts(),
            labels=labels,
            topics=topics,
            caveats=caveats,
            origins=origins,
            ids=PolarsIds(ids) if self._keep_ids else None,
            faults=faults,
            exercise=tuple(sorted(self._exercise)),
        )

    def _encode(self, frame: pl.DataFrame, column: Column) -> Codes:
        """Read what is new in this batch, then join the codes to the rows."""
        keys = list(column.keys)
        distinct = frame.select(keys).unique(maintain_order=True)
        raws = [column.place(key) for key in distinct.rows()]
        numbers = pl.Series("code", [one.code for one in raws], dtype=pl.UInt32)
        joined = frame.select(keys).join(
            distinct.with_columns(numbers).with_row_index("raw"),
            on=keys,
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        codes: Codes = joined["code"].to_numpy()
        if any(one.flaws for one in raws):
            self._note_raws(joined["raw"], raws)
        return codes

    def _note_raws(self, places: pl.Series, raws: Sequence[Raw]) -> None:
        """Every flaw of every row whose combination has one."""
        known = pl.DataFrame(
            [
                (index, self._flaw_number(flaw))
                for index, one in enumerate(raws)
                for flaw in one.flaws
            ],
            schema={"raw": pl.UInt32, "flaw": pl.Int64},
            orient="row",
        )
        rows = places.alias("raw").to_frame().with_row_index("row")
        found = rows.join(known, on="raw", how="inner")
        self._found.append((found["row"].cast(pl.Int64) + self._rows, found["flaw"]))

    def _note_rows(self, mask: pl.Series, values: pl.Series, kind: str, *, start: int) -> None:
        """The same flaw in every row of a mask; the value stands with it."""
        rows = mask.arg_true()
        texts = values.gather(rows).cast(pl.String).fill_null("")
        numbers = {
            text: self._flaw_number(Flaw(column=values.name, kind=kind, value=text))
            for text in texts.unique(maintain_order=True).to_list()
        }
        if numbers:
            flaws = texts.replace_strict(numbers, return_dtype=pl.Int64)
            self._found.append((rows.cast(pl.Int64) + start, flaws))

    def _note_type(self, values: pl.Series) -> None:
        """A column whose type no rule reads: each of its rows is at fault."""
        mask = pl.Series([True]).new_from_index(0, len(values))
        shown = pl.Series(values.name, [str(values.dtype)]).new_from_index(0, len(values))
        self._note_rows(mask, shown, "type", start=self._rows)

    def _flaw_number(self, flaw: Flaw) -> int:
        return self._flaws.setdefault(flaw, len(self._flaws))

    def _faults(self) -> Faults:
        if not self._found:
            return NO_FAULTS
        rows = pl.concat([rows for rows, _ in self._found]).to_numpy()
        flaws = pl.concat([flaws for _, flaws in self._found]).to_numpy()
        order = np.lexsort((flaws, rows))
        return Faults(rows=rows[order] + 1, flaws=flaws[order], kinds=tuple(self._flaws))


def _joined(parts: Sequence[Codes], count: int) -> Codes:
    """One column from all batches, as narrow as its codes allow."""
    if count <= 1 << 8:
        return np.concatenate([np.empty(0, np.uint8), *(part.astype(np.uint8) for part in parts)])
    if count <= 1 << 16:
        return np.concatenate([part.astype(np.uint16) for part in parts])
    return np.concatenate([part.astype(np.uint32) for part in parts])


def _plain(batch: pl.DataFrame, note_type: Callable[[pl.Series], None]) -> pl.DataFrame:
    """The known columns as text; a list becomes text with separators."""
    missing = [name for name in REQUIRED if name not in batch.columns]
    if missing:
        raise TableError(
            f"column missing: {', '.join(f'`{name}`' for name in missing)}",
            hint=f"required: {', '.join(REQUIRED)}; optional: {', '.join(OPTIONAL)}",
        )
    strange = [name for name in batch.columns if name not in {*REQUIRED, *OPTIONAL, *BESIDE}]
    if strange:
        raise TableError(
            f"unknown column: {', '.join(f'`{name}`' for name in strange)}",
            hint=f"known besides the required ones: {', '.join((*OPTIONAL, *BESIDE))}",
        )
    columns = []
    for name in (*REQUIRED, *OPTIONAL):
        if name not in batch.columns:
            columns.append(pl.lit(None, dtype=pl.String).alias(name))
            continue
        columns.append(_text(batch[name], note_type))
    return batch.select(columns)


def _text(values: pl.Series, note_type: Callable[[pl.Series], None]) -> pl.Expr:
    column = pl.col(values.name)
    match values.dtype:
        case pl.String | pl.Null:
            return column.cast(pl.String)
        case pl.Categorical | pl.Enum:
            return column.cast(pl.String)
        case pl.List(inner=pl.String) if values.name in LISTED:
            text = column.list.join(SEPARATOR)
            if values.name == "releasable_to":
                return (
                    pl.when(column.list.len() == 0)
                    .then(pl.lit(NOBODY))
                    .otherwise(text)
                    .alias(values.name)
                )
            return text
        case _:
            note_type(values)
            return pl.lit(None, dtype=pl.String).alias(values.name)


def read_holdings(
    path: Path,
    law: LawView,
    *,
    is_strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Holdings:
    """Read a table of holdings from a file, batch by batch.

    Args:
        path: CSV, JSON lines or Parquet.
        law: Whose words count as known.
        is_strict: Stop when any row is at fault.
        progress: Told after each batch how many rows it had.

    Raises:
        TableError: The file cannot be read, or a column is missing or unknown.
        StrictError: A row is at fault and `is_strict`.

    Source: docs/spec/impact.md IMP-20 to IMP-27.
    """
    encoder = Encoder(law)
    for batch in batches(path):
        encoder.add(batch)
        if progress is not None:
            progress(batch.height)
    holdings = encoder.finish()
    if is_strict and len(holdings.faults):
        first = next(iter(holdings.faults))
        raise StrictError(
            f"{holdings.faults.rows_at_fault()} of {holdings.rows} rows are at fault, the first is "
            f"row {first.row}: `{first.flaw.column}` {first.flaw.kind} `{first.flaw.value}`"
        )
    return holdings
