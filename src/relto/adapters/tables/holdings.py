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

from relto.adapters.tables.faults import FaultList, check_strictly
from relto.adapters.tables.files import batches
from relto.adapters.tables.times import instants
from relto.adapters.tables.words import check_columns, encode, text_of
from relto.decide.view import LawView
from relto.impact.holdings import Codes, Holdings
from relto.impact.reading import BESIDE, LISTED, OPTIONAL, REQUIRED, FactReader, split_words


class PolarsIds:
    """Ids by row, in one Polars column.

    Args:
        values: Text, by row.
    """

    def __init__(self, values: pl.Series) -> None:
        """Keep the column."""
        self._values = values

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
        self._faults = FaultList()

    def add(self, batch: pl.DataFrame) -> None:
        """Take a batch of rows.

        Args:
            batch: The required columns and any of the optional ones; lists as lists or as text
                with `;`.

        Raises:
            TableError: A column is missing, or one is there that nobody knows.

        Source: docs/spec/impact.md IMP-20, IMP-21.
        """
        frame = _plain(batch, self._faults, start=self._rows)
        if "exercise" in batch.columns:
            for text in batch["exercise"].cast(pl.String).unique().to_list():
                self._exercise.update(split_words(text))
        for parts, column in zip(self._parts, self._reader.columns(), strict=True):
            parts.append(encode(frame, column, self._faults, start=self._rows))
        ids = frame["id"]
        missing = (ids == "").fill_null(value=True)
        self._faults.note_rows(missing, ids, "missing", start=self._rows)
        if "held_at" in batch.columns:
            _, wrong = instants(batch["held_at"])
            self._faults.note_rows(wrong, batch["held_at"], "zone", start=self._rows)
        if self._keep_ids:
            self._ids.append(ids.fill_null(""))
        self._rows += frame.height

    def finish(self) -> Holdings:
        """Return the table of all batches.

        Source: docs/spec/impact.md IMP-22, IMP-23.
        """
        ids = pl.concat(self._ids) if self._ids else pl.Series(dtype=pl.String)
        if self._keep_ids and len(ids):
            twice = ids.is_duplicated() & (ids != "")
            self._faults.note_rows(twice, ids, "duplicate", start=0)
        faults = self._faults.finish()
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


def _joined(parts: Sequence[Codes], count: int) -> Codes:
    """One column from all batches, as narrow as its codes allow."""
    if count <= 1 << 8:
        return np.concatenate([np.empty(0, np.uint8), *(part.astype(np.uint8) for part in parts)])
    if count <= 1 << 16:
        return np.concatenate([part.astype(np.uint16) for part in parts])
    return np.concatenate([part.astype(np.uint32) for part in parts])


def _plain(batch: pl.DataFrame, faults: FaultList, *, start: int) -> pl.DataFrame:
    """The known columns as text; a list becomes text with separators."""
    check_columns(batch, REQUIRED, (*OPTIONAL, *BESIDE))
    columns = []
    for name in (*REQUIRED, *OPTIONAL):
        if name not in batch.columns:
            columns.append(pl.lit(None, dtype=pl.String).alias(name))
            continue
        columns.append(text_of(batch[name], faults, listed=LISTED, start=start))
    return batch.select(columns)


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
    if is_strict:
        check_strictly(holdings.faults, holdings.rows, "rows")
    return holdings
