"""Columns of words: as text, whatever a file keeps them in, and as codes, read once each."""

from collections.abc import Collection, Sequence

import polars as pl

from relto.adapters.tables.faults import FaultList
from relto.impact.holdings import Codes
from relto.impact.reading import NOBODY, SEPARATOR, Column, TableError


def check_columns(batch: pl.DataFrame, required: Sequence[str], others: Sequence[str]) -> None:
    """Refuse a table that lacks a column, or has one that nobody knows.

    Raises:
        TableError: With all such columns.

    Source: docs/spec/impact.md IMP-21.
    """
    missing = [name for name in required if name not in batch.columns]
    strange = sorted({*batch.columns} - {*required, *others})
    if missing or strange:
        what, names = ("column missing", missing) if missing else ("unknown column", strange)
        raise TableError(
            f"{what}: {', '.join(f'`{name}`' for name in names)}",
            hint=f"required: {', '.join(required)}; known besides: {', '.join(others)}",
        )


def text_of(
    values: pl.Series, faults: FaultList, *, listed: Collection[str], start: int
) -> pl.Expr:
    """A column as text; a list becomes text with separators, any other type is at fault.

    Args:
        values: The column.
        faults: Where a type that holds no words is noted, for each of its rows.
        listed: Columns that may be lists.
        start: How many rows came before these.

    Source: docs/spec/impact.md IMP-20, IMP-25.
    """
    column = pl.col(values.name)
    match values.dtype:
        case pl.String | pl.Null | pl.Categorical | pl.Enum:
            return column.cast(pl.String)
        case pl.List(inner=pl.String) if values.name in listed:
            text = column.list.join(SEPARATOR)
            if values.name == "releasable_to":
                nobody = column.list.len() == 0
                return pl.when(nobody).then(pl.lit(NOBODY)).otherwise(text).alias(values.name)
            return text
        case _:
            faults.note_all(values, "type", str(values.dtype), start=start)
            return pl.lit(None, dtype=pl.String).alias(values.name)


def encode(frame: pl.DataFrame, column: Column, faults: FaultList, *, start: int) -> Codes:
    """Read what is new in this batch, then join the codes to the rows.

    Args:
        frame: Has the columns `column.keys`, as text.
        column: Reads them.
        faults: Where the flaws of each row are noted.
        start: How many rows came before these.

    Source: docs/spec/impact.md IMP-20, IMP-22.
    """
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
    if any(one.flaws for one in raws):
        faults.note_raws(joined["raw"], raws, start=start)
    codes: Codes = joined["code"].to_numpy()
    return codes
