"""The engine in this process: chunks that fit the cache, two threads, four look-ups a row."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import Final

import numpy as np

from relto.impact.holdings import Codes, Holdings, Outcomes, Words
from relto.impact.words import FAILS, FULL, GUARDS, BulkTables

_CHUNK_ROWS: Final = (
    65_536  # four columns and two words for each row stay in the second-level cache
)
_FAILS: Final = np.uint64(FAILS)
_FULL: Final = np.uint64(FULL)
_GUARDS: Final = np.uint64(GUARDS)

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
        self._labels, self._topics, self._caveats, self._origins = columns
        self._stride = np.intp(tables.stride)
        self._tables = [
            [np.array(one, dtype=np.uint64) for one in place]
            for place in zip(
                tables.labels, tables.topics, tables.caveats, tables.origins, strict=True
            )
        ]

    def words(self, start: int, end: int, out: Words) -> None:
        """The sum of the four words, place by place."""
        rows = end - start
        scratch = np.empty(rows, dtype=np.uint64)
        codes = self._codes(start, end)
        for place, (labels, topics, caveats, origins) in enumerate(self._tables):
            total = out[place]
            labels.take(codes[0], out=total, mode="clip")
            for table, code in ((topics, codes[1]), (caveats, codes[2]), (origins, codes[3])):
                table.take(code, out=scratch, mode="clip")
                np.add(total, scratch, out=total)

    def outcomes(self, start: int, end: int, out: Outcomes) -> None:
        """2 for deny, less one if a lane has no fail, less one more if it has no ask either."""
        words = np.empty((len(self._tables), end - start), dtype=np.uint64)
        self.words(start, end, words)
        permitted = np.zeros(end - start, dtype=bool)
        referred = np.zeros(end - start, dtype=bool)
        for word in words:
            referred |= ((word & _FAILS) + _FULL) & _GUARDS != _GUARDS
            permitted |= (word + _FULL) & _GUARDS != _GUARDS
        np.subtract(np.uint8(2), permitted.view(np.uint8), out=out)
        np.subtract(out, referred.view(np.uint8), out=out)

    def _codes(self, start: int, end: int) -> list[np.ndarray[tuple[int], np.dtype[np.intp]]]:
        labels, topics, caveats, origins = (
            one[start:end].astype(np.intp)
            for one in (self._labels, self._topics, self._caveats, self._origins)
        )
        if self._stride:
            origins += topics * self._stride
        return [labels, topics, caveats, origins]
