"""Files of rows, batch by batch, as text: CSV, JSON lines or Parquet, told by the name's ending.

Text stays text, so that nothing is guessed from its looks. A file that breaks its own format is
refused as a
whole: where one line cannot be read, nobody can say which rows are missing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl
from polars.exceptions import PolarsError

from relto.errors import WorldError
from relto.impact import TableError

BATCH_ROWS: Final = 1_000_000


class TableReadError(WorldError):
    """A table that the disk would not give."""

    code = "world.table_read"


def scan(path: Path) -> pl.LazyFrame:
    """Open a table without reading it.

    Args:
        path: Ends in `.csv`, `.jsonl`, `.ndjson` or `.parquet`.

    Raises:
        TableError: No such file, or another ending.

    Source: docs/spec/impact.md IMP-20.
    """
    if not path.is_file():
        raise TableError(f"no such file: `{path}`", hint="mend the name")
    match path.suffix.lower():
        case ".csv":
            return pl.scan_csv(path, infer_schema=False)
        case ".jsonl" | ".ndjson":
            with _told(path):
                names = pl.scan_ndjson(path, infer_schema_length=None).collect_schema().names()
            return pl.scan_ndjson(path, schema=dict.fromkeys(names, pl.String))
        case ".parquet":
            return pl.scan_parquet(path)
        case other:
            raise TableError(
                f"a table ends in .csv, .jsonl or .parquet; got `{other or path.name}`",
                hint="convert it, or rename it",
            )


def batches(path: Path, *, rows: int = BATCH_ROWS) -> Iterator[pl.DataFrame]:
    """Read a table in batches, in order; a table without rows gives one empty batch.

    Args:
        path: As for `scan`.
        rows: About how many in a batch.

    Raises:
        TableError: The file breaks its format.
        TableReadError: The disk failed.

    Source: docs/spec/impact.md IMP-20, IMP-27.
    """
    frame = scan(path)
    with _told(path):
        count = 0
        for batch in frame.collect_batches(chunk_size=rows, maintain_order=True):
            count += 1
            yield batch
        if not count:
            yield pl.DataFrame(schema=frame.collect_schema())


class _told:  # noqa: N801 - reads as a word where it is used
    """Say in our own words what a reader found wrong with a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PolarsError):
            first = str(error).strip().splitlines()[0]
            raise TableError(
                f"`{self._path}` cannot be read: {first}",
                hint="mend the file; a line that breaks the format would hide rows",
            ) from error
        if isinstance(error, OSError):
            raise TableReadError(
                f"`{self._path}` cannot be read: {error.strerror}",
                hint="see whether the file may be read",
            ) from error
