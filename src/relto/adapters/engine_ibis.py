"""The same tables as one Ibis expression: four left joins, three additions, any engine with SQL.

Executed by the tests on DuckDB, PostgreSQL and Spark; compiled for Trino and ClickHouse. An
expression is lazy and
whole: nothing is fetched but what the caller asks of it, and nothing is cut off. There are two
ways in: a table of codes as relto wrote it, or a table of words as a registry keeps it. For words
the engine is first asked for its distinct combinations; these are read and checked here, and
joined back by the words themselves.

A row that finds no match is at fault and denied. That also holds where an outer join gives 0 in
place of NULL (ClickHouse): a mask of 0 denies, and facts that can be used say so with a 1.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from operator import add, and_, or_
from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from relto.decide import Planner
from relto.impact.facts import BulkQuestion
from relto.impact.holdings import Holdings, Outcomes, Words
from relto.impact.reading import OPTIONAL, REQUIRED, Column, FactReader, Raw, TableError
from relto.impact.tabulate import compile_tables
from relto.impact.words import FAULT, OUTCOMES, BulkTables, CodeTable

CODE_COLUMNS: Final = ("labels", "topics", "caveats", "origins")
_PARTS: Final = ("label", "topic", "caveat", "origin")
_PERMIT, _REFER, _DENY = range(len(OUTCOMES))


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
    """Add `outcome` (0, 1, 2), `is_faulty` and the words to a table with four columns of codes.

    An engine leaves out what is not asked for: who selects the outcome alone pays for no word.

    Args:
        table: Has `labels`, `topics`, `caveats`, `origins`, and any other columns, which stay.
        tables: For one question.

    Source: docs/spec/impact.md IMP-12.
    """
    lookups = []
    for part, code, given in zip(_PARTS, CODE_COLUMNS, tables.columns(), strict=True):
        rows = range(len(given.masks[0]))
        keys: dict[str, tuple[Sequence[object], pa.DataType]] = {code: (list(rows), pa.int32())}
        if part == "origin" and tables.stride:
            keys = {
                "topics": ([row // tables.stride for row in rows], pa.int32()),
                "origins": ([row % tables.stride for row in rows], pa.int32()),
            }
        # A column that denies nothing is left out, and costs no join.
        if given.is_neutral:
            continue
        flaws = [bool(word & FAULT) for word in given.words[0]] if part == "origin" else None
        lookups.append((part, _lookup(part, keys, given, list(rows), flaws)))
    return _decided(table, lookups, tables)


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
        question: What is asked of every row.
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
    reader = FactReader(planner.law, items=question.items)
    whole = table.mutate(
        **{
            f"k_{name}": table[name].fill_null("") if name in table.columns else ibis.literal("")
            for name in (*REQUIRED, *OPTIONAL)
        }
    )
    twice = (
        whole.group_by("k_id")
        .aggregate(is_twice=whole.count() > 1)
        .filter(lambda one: one.is_twice | (one.k_id == ""))
        .mutate(is_twice=ibis.literal(value=1, type="int8"))
    )
    if question.items:
        whole = _with_items(whole, question.items)
    raws = [_distinct(whole, column.keys, connection) for column in reader.columns()]
    for column, keys in zip(reader.columns(), raws, strict=True):
        for key in keys:
            _placed(column, key)
    tables = compile_tables(planner, reader.facts(), question)
    lookups = [
        _raw_lookup(part, column, found, given)
        for part, column, found, given in zip(
            _PARTS, reader.columns(), raws, tables.columns(), strict=True
        )
    ]
    if tables.stride:
        lookups[-1] = _joint_lookup(whole, reader, tables, connection)
    marked = whole.left_join(twice, "k_id").drop("k_id_right")
    decided = _decided(marked, lookups, tables, doubted="is_twice")
    return decided.drop(*(name for name in decided.columns if name.startswith("k_")), "is_twice")


def _with_items(whole: ir.Table, items: Collection[str]) -> ir.Table:
    """Add the id of a row that a consent names, and its topics; nothing to any other row."""
    named = ibis.memtable(pa.table({"named": pa.array(sorted(items), type=pa.string())}))
    joined = whole.left_join(named, whole["k_id"] == named["named"])
    item = joined["named"].fill_null("")
    topics = (item == "").ifelse("", joined["k_topics"])
    return joined.mutate(k_item=item, k_item_topics=topics).drop("named")


def _distinct(
    whole: ir.Table, keys: Sequence[str], connection: ibis.BaseBackend
) -> Sequence[Sequence[str]]:
    """Ask for the distinct combinations of some columns."""
    found = connection.to_pyarrow(whole.select(*(f"k_{name}" for name in keys)).distinct())
    return sorted(zip(*(one.to_pylist() for one in found.columns), strict=True))


def _placed(column: Column, key: Sequence[str]) -> Raw:
    return column.place(tuple(word or None for word in key))


def _raw_lookup(
    part: str, column: Column, keys: Sequence[Sequence[str]], given: CodeTable
) -> tuple[str, ir.Table]:
    raws = [_placed(column, key) for key in keys]
    codes, flaws = [one.code for one in raws], [bool(one.flaws) for one in raws]
    return part, _lookup(part, _named(column.keys, keys), given, codes, flaws)


def _joint_lookup(
    whole: ir.Table, reader: FactReader, tables: BulkTables, connection: ibis.BaseBackend
) -> tuple[str, ir.Table]:
    """With consents for topics an origin is looked up together with the topics."""
    topics, origins = reader.topics.keys, reader.origins.keys
    names = tuple(dict.fromkeys((*topics, *origins)))
    keys = _distinct(whole, names, connection)
    codes, flaws = [], []
    for key in keys:
        words = dict(zip(names, key, strict=True))
        topic = _placed(reader.topics, [words[name] for name in topics])
        origin = _placed(reader.origins, [words[name] for name in origins])
        codes.append(topic.code * tables.stride + origin.code)
        flaws.append(bool(origin.flaws))
    return "origin", _lookup("origin", _named(names, keys), tables.origins, codes, flaws)


def _named(
    names: Sequence[str], keys: Sequence[Sequence[str]]
) -> dict[str, tuple[Sequence[object], pa.DataType]]:
    return {
        f"k_{name}": ([key[index] for key in keys], pa.string()) for index, name in enumerate(names)
    }


def _lookup(
    part: str,
    keys: Mapping[str, tuple[Sequence[object], pa.DataType]],
    given: CodeTable,
    codes: Sequence[int],
    flaws: Sequence[bool] | None,
) -> ir.Table:
    """A small table: keys, masks, words, and whether the facts can be used where some cannot."""
    columns = {f"{part}_{name}": pa.array(one, type=kind) for name, (one, kind) in keys.items()}
    for place, masks in enumerate(given.masks):
        chosen = [
            0 if flaws is not None and flaws[index] else masks[code]
            for index, code in enumerate(codes)
        ]
        columns[f"{part}_mask_{place}"] = pa.array(chosen, type=pa.int64())
    for place, words in enumerate(given.words):
        chosen = [words[code] for code in codes]
        columns[f"{part}_word_{place}"] = pa.array(chosen, type=pa.int64())
    if flaws is not None:
        columns[f"{part}_usable"] = pa.array([int(not flaw) for flaw in flaws], type=pa.int8())
    return ibis.memtable(pa.table(columns))


def _decided(
    table: ir.Table,
    lookups: Sequence[tuple[str, ir.Table]],
    tables: BulkTables,
    *,
    doubted: str = "",
) -> ir.Table:
    names = list(table.columns)
    joined = table
    flagged = []
    for part, lookup in lookups:
        held = (f"{part}_mask_", f"{part}_word_", f"{part}_usable")
        keys = [name for name in lookup.columns if not name.startswith(held)]
        joined = joined.left_join(
            lookup, [joined[name.removeprefix(f"{part}_")] == lookup[name] for name in keys]
        )
        if f"{part}_usable" in lookup.columns:
            flagged.append(part)
    parts = [part for part, _ in lookups]
    masks = {
        f"m_{place}": reduce(and_, _looked_up(joined, parts, "mask", place))
        for place in range(len(tables.labels.masks))
    }
    words = {
        f"word_{place}": reduce(add, _looked_up(joined, parts, "word", place))
        for place in range(tables.words)
    }
    usable = reduce(and_, (joined[f"{part}_usable"].fill_null(0) == 1 for part in flagged))
    if doubted:
        sure = joined[doubted].fill_null(0) == 0
        usable = usable & sure
        masks = {name: sure.ifelse(mask, 0) for name, mask in masks.items()}
    found = joined.select(*names, **masks, **words, is_faulty=~usable)
    each = [found[name] for name in masks]
    # Facts that cannot be used have masks of 0, so the outcome needs no other look.
    outcome = ibis.cases(
        (reduce(or_, (mask & tables.low != 0 for mask in each)), _PERMIT),
        (reduce(or_, (mask != 0 for mask in each)), _REFER),
        else_=_DENY,
    )
    return found.select(*names, *words, "is_faulty", outcome=outcome)


def _looked_up(
    joined: ir.Table, parts: Sequence[str], what: str, place: int
) -> list[ir.IntegerValue]:
    """What each part of a row looked up; 0 where it found no match."""
    return [joined[f"{part}_{what}_{place}"].fill_null(0) for part in parts]


def counts(decided: ir.Table, *, connection: ibis.BaseBackend) -> dict[str, int]:
    """Count the outcomes where the table lives.

    Returns:
        Outcome to number of rows; all three are there.

    Source: docs/spec/impact.md IMP-12.
    """
    found = connection.to_pyarrow(decided.group_by("outcome").aggregate(rows=decided.count()))
    numbers = dict(zip(found["outcome"].to_pylist(), found["rows"].to_pylist(), strict=True))
    return {one.value: int(numbers.get(place, 0)) for place, one in enumerate(OUTCOMES)}
