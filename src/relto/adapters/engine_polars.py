"""The same tables as Polars expressions: lazy, streaming, from Parquet or from memory."""

from functools import reduce
from operator import add, and_, or_
from typing import Final

import numpy as np
import polars as pl

from relto.impact.holdings import Holdings, Outcomes, Words
from relto.impact.words import OUTCOMES, BulkTables, CodeTable

CODE_COLUMNS: Final = ("labels", "topics", "caveats", "origins")
_WORD: Final = "word_{}"


class PolarsEngine:
    """Decides tables of holdings with Polars; nothing is computed row by row in Python.

    Source: docs/spec/impact.md IMP-11.
    """

    def outcomes(self, tables: BulkTables, holdings: Holdings) -> Outcomes:
        """For each row 0, 1 or 2: permit, refer, deny.

        Source: docs/spec/impact.md IMP-3.
        """
        frame = code_frame(holdings).lazy().select(outcome_of(tables))
        return frame.collect().to_series().to_numpy()

    def words(self, tables: BulkTables, holdings: Holdings) -> Words:
        """For each row its words: the outcome with every reason.

        Source: docs/spec/impact.md IMP-4.
        """
        frame = code_frame(holdings).lazy().select(words_of(tables)).collect()
        return np.stack([column.to_numpy() for column in frame.get_columns()])

    def counts(self, tables: BulkTables, frame: pl.LazyFrame) -> dict[str, int]:
        """Count the outcomes of a table of codes while it streams by; it is never held as a whole.

        Args:
            tables: For one question.
            frame: With the columns `labels`, `topics`, `caveats` and `origins`; scanned, not read.

        Returns:
            Outcome to number of rows; all three are there.

        Source: docs/spec/impact.md IMP-11.
        """
        outcome = outcome_of(tables)
        found = frame.select(
            (outcome == place).sum().alias(one.value) for place, one in enumerate(OUTCOMES)
        ).collect(engine="streaming")
        return {name: int(found.item(0, name)) for name in found.columns}

    def decide(self, tables: BulkTables, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Add the columns `outcome` (0, 1, 2) and `word_0`, `word_1`, … to a lazy table of codes.

        Source: docs/spec/impact.md IMP-11.
        """
        return frame.with_columns(outcome_of(tables), *words_of(tables))


def code_frame(holdings: Holdings) -> pl.DataFrame:
    """The four columns of a table of holdings, as a frame; no copy.

    Source: docs/spec/impact.md IMP-11.
    """
    return pl.DataFrame(dict(zip(CODE_COLUMNS, holdings.columns(), strict=True)))


def words_of(tables: BulkTables) -> list[pl.Expr]:
    """One expression for each word of a row: look-ups and additions.

    Source: docs/spec/impact.md IMP-4, IMP-11.
    """
    return [
        reduce(
            add,
            (
                pl.lit(pl.Series(table.words[place], dtype=pl.UInt64)).gather(code)
                for table, code in _used(tables)
            ),
        ).alias(_WORD.format(place))
        for place in range(tables.words)
    ]


def outcome_of(tables: BulkTables) -> pl.Expr:
    """2 for deny, less one if an instrument stands, less one more if one passes.

    Source: docs/spec/impact.md IMP-3, IMP-11.
    """
    kind = {4: pl.UInt8, 8: pl.UInt16, 16: pl.UInt32, 31: pl.UInt64}[tables.half]
    masks = [
        reduce(
            and_,
            (
                pl.lit(pl.Series(table.masks[place], dtype=kind)).gather(code)
                for table, code in _used(tables)
            ),
        )
        for place in range(len(tables.labels.masks))
    ]
    low = pl.lit(tables.low, kind)
    stands = reduce(or_, (mask != 0 for mask in masks))
    passes = reduce(or_, (mask & low != 0 for mask in masks))
    return (2 - stands.cast(pl.UInt8) - passes.cast(pl.UInt8)).cast(pl.UInt8).alias("outcome")


def _used(tables: BulkTables) -> list[tuple[CodeTable, pl.Expr]]:
    """The columns that may deny something, each with its code."""
    origin = pl.col("origins")
    if tables.stride:
        origin = pl.col("topics").cast(pl.UInt32) * tables.stride + origin.cast(pl.UInt32)
    codes = (pl.col("labels"), pl.col("topics"), pl.col("caveats"), origin)
    return [
        (table, code)
        for table, code in zip(tables.columns(), codes, strict=True)
        if not table.is_neutral
    ]
