"""The same tables as one Ibis expression: four left joins, three additions, any engine with SQL.

Executed by the tests on DuckDB, PostgreSQL and Spark; compiled for Trino and ClickHouse. An
expression is lazy and
whole: nothing is fetched but what the caller asks of it, and nothing is cut off. There are two
ways in: a table of codes as relto wrote it, or a table of words as a registry keeps it. For words
the engine is first asked for its distinct combinations; these are read and checked here, and
joined back by the words themselves.

A row that finds no word gets none of its instruments: "no match" is read as a fault, never as a
permission. That also holds where an outer join gives 0 instead of NULL (ClickHouse), since every
real word is more than 0.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add, or_
from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from relto.decide import Planner
from relto.impact.facts import BulkQuestion
from relto.impact.holdings import Holdings, Outcomes, Words
from relto.impact.reading import OPTIONAL, REQUIRED, Column, FactReader, TableError
from relto.impact.words import FAILS, FAULT, FULL, GUARDS, OUTCOMES, BulkTables, compile_tables

CODE_COLUMNS: Final = ("labels", "topics", "caveats", "origins")
_PARTS: Final = ("label", "topic", "caveat", "origin")
_PERMIT, _REFER, _DENY = range(len(OUTCOMES))
_UNMATCHED: Final = FAULT | FULL

# One is added to every word on its way into a database and taken off again after the join, so that
# a word is never 0 and an engine whose outer join fills in 0 cannot turn "no match" into a pass.
_SHIFT: Final = 1


class IbisEngine:
    """Decides tables that another engine holds.

    Args:
        connection: An Ibis backend; small tables of words are handed to it with each question.

    Source: docs/spec/impact.md IMP-12 to IMP-14.
    """

    def __init__(self, connection: ibis.BaseBackend) -> None:
        """Keep the connection; the caller opens and closes it."""
        self._connection = connection

    def outcomes(self, tables: BulkTables, holdings: Holdings) -> Outcomes:
        """For each row 0, 1 or 2: permit, refer, deny.

        Source: docs/spec/impact.md IMP-3.
        """
        found = self._fetched(tables, holdings)
        outcomes: Outcomes = found["outcome"].to_numpy().astype(np.uint8)
        return outcomes

    def words(self, tables: BulkTables, holdings: Holdings) -> Words:
        """For each row its words: the outcome with every reason.

        Source: docs/spec/impact.md IMP-4.
        """
        found = self._fetched(tables, holdings)
        columns = [found[f"word_{place}"].to_numpy() for place in range(tables.words)]
        return np.stack(columns).astype(np.uint64)

    def _fetched(self, tables: BulkTables, holdings: Holdings) -> pa.Table:
        """Rows come back in any order, so they are numbered on the way in."""
        frame = pa.table(
            {
                "row": np.arange(holdings.rows, dtype=np.int64),
                **{
                    name: one.astype(np.int32)
                    for name, one in zip(CODE_COLUMNS, holdings.columns(), strict=True)
                },
            }
        )
        decided = decide_codes(ibis.memtable(frame), tables)
        return self._connection.to_pyarrow(decided).sort_by("row")


def decide_codes(table: ir.Table, tables: BulkTables) -> ir.Table:
    """Add `outcome` (0, 1, 2) and the words to a table with the four columns of codes.

    Args:
        table: Has `labels`, `topics`, `caveats`, `origins`, and any other columns, which stay.
        tables: For one question.

    Returns:
        The table with `word_0`, …, `is_faulty` and `outcome`.

    Source: docs/spec/impact.md IMP-12.
    """
    lookups = []
    columns = (tables.labels, tables.topics, tables.caveats, tables.origins)
    for part, code, words in zip(_PARTS, CODE_COLUMNS, columns, strict=True):
        rows = range(len(words[0]))
        if part == "origin" and tables.stride:
            keys = {
                "topics": [row // tables.stride for row in rows],
                "origins": [row % tables.stride for row in rows],
            }
        else:
            keys = {code: list(rows)}
        lookups.append(
            _lookup(part, {name: (one, pa.int32()) for name, one in keys.items()}, words)
        )
    return _decided(table, lookups, tables.words)


def decide_words(
    table: ir.Table, planner: Planner, question: BulkQuestion, *, connection: ibis.BaseBackend
) -> ir.Table:
    """Decide a table that holds words, in the columns of a table of holdings.

    The engine is asked four times for distinct combinations, which are few, and then holds the
    expression.

    Args:
        table: With the required columns of a table of holdings as text, lists with `;` between
            their
            words; optional columns may be missing.
        planner: Holds the law.
        question: What is asked of every row; without consents.
        connection: Where the table lives.

    Returns:
        The table with `word_0`, …, `is_faulty` and `outcome`; a row whose id stands twice is
        faulty.

    Raises:
        TableError: A column is missing.

    Source: docs/spec/impact.md IMP-13, IMP-14.
    """
    missing = [name for name in REQUIRED if name not in table.columns]
    if missing:
        raise TableError(f"column missing: {', '.join(f'`{name}`' for name in missing)}")
    if question.consents:
        raise TableError("consents are not joined to words", hint="encode the table to codes first")
    reader = FactReader(planner.law)
    whole = table.mutate(
        **{
            f"k_{name}": table[name].fill_null("") if name in table.columns else ibis.literal("")
            for name in (*REQUIRED, *OPTIONAL)
        }
    )
    raws = [_distinct(whole, column, connection) for column in reader.columns()]
    tables = compile_tables(planner, reader.facts(), question)
    lookups = [
        _raw_lookup(part, column, found, words)
        for part, column, found, words in zip(
            _PARTS,
            reader.columns(),
            raws,
            (tables.labels, tables.topics, tables.caveats, tables.origins),
            strict=True,
        )
    ]
    twice = (
        whole.group_by("k_id")
        .aggregate(is_twice=whole.count() > 1)
        .filter(lambda one: one.is_twice | (one.k_id == ""))
        .mutate(is_twice=ibis.literal(value=1, type="int8"))
    )
    marked = whole.left_join(twice, "k_id").drop("k_id_right")
    decided = _decided(marked, lookups, tables.words, doubted="is_twice")
    return decided.drop(*(name for name in decided.columns if name.startswith("k_")), "is_twice")


def _distinct(
    whole: ir.Table, column: Column, connection: ibis.BaseBackend
) -> Sequence[Sequence[str]]:
    """Ask for the distinct combinations of one kind of fact, and have them read."""
    found = connection.to_pyarrow(whole.select(*(f"k_{name}" for name in column.keys)).distinct())
    keys = list(zip(*(one.to_pylist() for one in found.columns), strict=True))
    for key in sorted(keys):
        column.place(tuple(word or None for word in key))
    return sorted(keys)


def _raw_lookup(
    part: str, column: Column, keys: Sequence[Sequence[str]], words: tuple[tuple[int, ...], ...]
) -> ir.Table:
    raws = [column.place(tuple(word or None for word in key)) for key in keys]
    chosen = tuple(
        tuple(_UNMATCHED if one.flaws else place[one.code] for one in raws) for place in words
    )
    named = {
        f"k_{name}": ([key[index] for key in keys], pa.string())
        for index, name in enumerate(column.keys)
    }
    return _lookup(part, named, chosen)


def _lookup(
    part: str,
    keys: Mapping[str, tuple[Sequence[object], pa.DataType]],
    words: tuple[tuple[int, ...], ...],
) -> ir.Table:
    """A small table: keys, and for each place of the answer a word and a shift."""
    columns = {f"{part}_{name}": pa.array(one, type=kind) for name, (one, kind) in keys.items()}
    for place, column in enumerate(words):
        shifted = [word + _SHIFT for word in column]
        columns[f"{part}_word_{place}"] = pa.array(shifted, type=pa.int64())
    return ibis.memtable(pa.table(columns))


def _decided(
    table: ir.Table, lookups: Sequence[ir.Table], count: int, *, doubted: str = ""
) -> ir.Table:
    kept = list(table.columns)
    joined = table
    for part, lookup in zip(_PARTS, lookups, strict=True):
        names = [name for name in lookup.columns if not name.startswith(f"{part}_word_")]
        joined = joined.left_join(
            lookup, [joined[name.removeprefix(f"{part}_")] == lookup[name] for name in names]
        )
    words = {f"word_{place}": _sum(joined, place) for place in range(count)}
    # The fault of a row without a match stands in its first word; every place of it denies.
    summed = joined.select(*kept, **words)
    first = summed["word_0"]
    is_faulty = first >= FAULT
    if doubted:
        is_faulty = is_faulty | (summed[doubted].fill_null(0) == 1)
    columns = [summed[f"word_{place}"] for place in range(count)]
    referred = reduce(or_, (_has_empty_lane(word & FAILS) for word in columns))
    permitted = reduce(or_, (_has_empty_lane(word) for word in columns))
    outcome = ibis.cases(
        (is_faulty, _DENY),
        (permitted, _PERMIT),
        (referred, _REFER),
        else_=_DENY,
    )
    return summed.mutate(is_faulty=is_faulty, outcome=outcome)


def _sum(joined: ir.Table, place: int) -> ir.IntegerValue:
    """The four words of a row at one place; one that found no match counts as a fault."""
    parts = [joined[f"{part}_word_{place}"].fill_null(0) for part in _PARTS]
    missing = reduce(or_, (one == 0 for one in parts))
    return missing.ifelse(_UNMATCHED, reduce(add, parts) - len(parts) * _SHIFT)


def _has_empty_lane(word: ir.IntegerValue) -> ir.BooleanValue:
    return ((word & FULL) + FULL) & GUARDS != GUARDS


def counts(decided: ir.Table, *, connection: ibis.BaseBackend) -> dict[str, int]:
    """Count the outcomes where the table lives.

    Returns:
        Outcome to number of rows; all three are there.

    Source: docs/spec/impact.md IMP-12.
    """
    found = connection.to_pyarrow(decided.group_by("outcome").aggregate(rows=decided.count()))
    numbers = dict(zip(found["outcome"].to_pylist(), found["rows"].to_pylist(), strict=True))
    return {one.value: int(numbers.get(place, 0)) for place, one in enumerate(OUTCOMES)}
