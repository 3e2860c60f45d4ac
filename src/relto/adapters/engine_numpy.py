"""The engine in this process: chunks that fit the cache, two threads, four look-ups a row."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import Final

import numpy as np
import numpy.typing as npt

from relto.impact.holdings import Codes, Holdings, Outcomes, Words
from relto.impact.words import BulkTables

_CHUNK_ROWS: Final = (
    65_536  # four columns and two words for each row stay in the second-level cache
)

Progress = Callable[[int], None]


class NumpyEngine:
    """Decides tables of holdings with NumPy.

    Args:
        threads: How many; the look-ups release the interpreter's lock.
        progress: Told after each chunk how many rows are done; called from any of the threads.

    Source: docs/spec/impact.md IMP-10.
    """

    def __init__(self, *, threads: int | None = None, progress: Progress | None = None) -> None:
        """Keep the number of threads; they are started for each table anew."""
        self._threads = threads or min(2, cpu_count() or 1)
        self._progress = progress

    def outcomes(self, tables: BulkTables, holdings: Holdings) -> Outcomes:
        """For each row 0, 1 or 2: permit, refer, deny.

        Source: docs/spec/impact.md IMP-3.
        """
        found = np.empty(holdings.rows, dtype=np.uint8)
        kernel = _Kernel(tables, holdings.columns())
        self._run(holdings.rows, lambda start, end: kernel.outcomes(start, end, found[start:end]))
        return found

    def words(self, tables: BulkTables, holdings: Holdings) -> Words:
        """For each row its words: the outcome with every reason.

        Source: docs/spec/impact.md IMP-4.
        """
        found = np.empty((tables.words, holdings.rows), dtype=np.uint64)
        kernel = _Kernel(tables, holdings.columns())
        self._run(holdings.rows, lambda start, end: kernel.words(start, end, found[:, start:end]))
        return found

    def _run(self, rows: int, work: Callable[[int, int], None]) -> None:
        bounds = [(start, min(start + _CHUNK_ROWS, rows)) for start in range(0, rows, _CHUNK_ROWS)]

        def share(part: list[tuple[int, int]]) -> None:
            for start, end in part:
                work(start, end)
                if self._progress is not None:
                    self._progress(end - start)

        if self._threads == 1 or len(bounds) < 2:
            share(bounds)
            return
        # Each thread takes one stretch of the table: neighbouring chunks share no cache line.
        step = -(-len(bounds) // self._threads)
        parts = [bounds[index : index + step] for index in range(0, len(bounds), step)]
        with ThreadPoolExecutor(len(parts)) as pool:
            for done in [pool.submit(share, part) for part in parts]:
                done.result()


class _Kernel:
    """The tables as arrays, and what is done to one chunk."""

    def __init__(self, tables: BulkTables, columns: tuple[Codes, Codes, Codes, Codes]) -> None:
        self._columns = columns
        self._stride = np.intp(tables.stride)
        given = tables.columns()
        # A column that denies nothing is left out, and reads no memory.
        self._used = [place for place in range(4) if not given[place].is_neutral]
        self._words = [
            [np.array(given[one].words[place], dtype=np.uint64) for one in self._used]
            for place in range(tables.words)
        ]
        narrow = _NARROWEST[tables.half]
        self._masks = [
            [np.array(given[one].masks[place], dtype=narrow) for one in self._used]
            for place in range(len(tables.labels.masks))
        ]
        self._narrow = narrow
        self._low = narrow(tables.low)

    def words(self, start: int, end: int, out: Words) -> None:
        """The sum of the words, place by place."""
        scratch = np.empty(end - start, dtype=np.uint64)
        codes = self._codes(start, end)
        for total, tables in zip(out, self._words, strict=True):
            tables[0].take(codes[0], out=total, mode="clip")
            for table, code in zip(tables[1:], codes[1:], strict=True):
                table.take(code, out=scratch, mode="clip")
                np.add(total, scratch, out=total)

    def outcomes(self, start: int, end: int, out: Outcomes) -> None:
        """2 for deny, less one if an instrument stands, less one more if one passes."""
        rows = end - start
        codes = self._codes(start, end)
        mask, scratch = np.empty(rows, dtype=self._narrow), np.empty(rows, dtype=self._narrow)
        stands, passes = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
        for tables in self._masks:
            tables[0].take(codes[0], out=mask, mode="clip")
            for table, code in zip(tables[1:], codes[1:], strict=True):
                table.take(code, out=scratch, mode="clip")
                np.bitwise_and(mask, scratch, out=mask)
            stands |= mask != 0
            passes |= mask & self._low != 0
        np.subtract(np.uint8(2), stands.view(np.uint8), out=out)
        np.subtract(out, passes.view(np.uint8), out=out)

    def _codes(self, start: int, end: int) -> list[npt.NDArray[np.intp]]:
        found = [self._columns[place][start:end].astype(np.intp) for place in self._used]
        if self._stride:
            # With consents an origin is looked up together with the topics.
            topics = self._columns[1][start:end].astype(np.intp)
            found[self._used.index(3)] += topics * self._stride
        return found


# The narrowest integer that holds both halves of a mask: the narrower, the more fits in the cache.
_NARROWEST: Final[Mapping[int, type[np.uint8 | np.uint16 | np.uint32 | np.uint64]]] = {
    4: np.uint8,
    8: np.uint16,
    16: np.uint32,
    31: np.uint64,
}
