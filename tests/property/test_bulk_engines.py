"""Every engine gives the answers of the reference, with reasons and obligations (IMP-3 …)."""

import warnings
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from relto.adapters.engine_ibis import CODE_COLUMNS, IbisEngine, decide_codes, decide_words
from relto.adapters.engine_numpy import NumpyEngine
from relto.adapters.engine_polars import PolarsEngine, code_frame
from relto.decide import Planner, decide
from relto.impact import Engine, compile_tables
from relto.model import Consent, Verdict
from relto.testing import PlainLaw, RandomDice, make_law
from relto.testing.strategies import laws
from tests.support_bulk import Sample, check_engine, encode, make_sample

ENGINES: dict[str, Engine] = {
    "numpy": NumpyEngine(),
    "numpy on one thread": NumpyEngine(threads=1),
    "polars": PolarsEngine(),
}


@pytest.mark.parametrize("name", ENGINES)
@given(law=laws(), seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_an_engine_in_process_agrees_with_the_reference_row_by_row(
    name: str, law: PlainLaw, seed: int
) -> None:
    """IMP-1, IMP-2, IMP-3, IMP-4, IMP-5, IMP-6, IMP-7, IMP-10, IMP-11."""
    check_engine(ENGINES[name], make_sample(RandomDice(seed), law, rows=20))


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("seed", range(4))
def test_pairs_with_more_instruments_than_one_word_holds_agree_too(name: str, seed: int) -> None:
    """IMP-8: forty instruments take ten words and more."""
    dice = RandomDice(seed)
    sample = make_sample(dice, _wide(seed), rows=40)
    tables = compile_tables(
        Planner(sample.law),
        encode(sample.law, sample.frame, sample.question).facts,
        sample.question,
    )
    assert tables.words > 1
    assert check_engine(ENGINES[name], sample) > 0


@pytest.mark.parametrize("seed", range(12))
def test_consents_for_topics_reach_the_rows_they_cover(seed: int) -> None:
    """IMP-9: with consents the origin is looked up together with the topics."""
    sample = _consented(seed, for_items=False)
    for engine in ENGINES.values():
        check_engine(engine, sample)


@pytest.mark.parametrize("with_topics", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_consent_for_one_item_reaches_that_row_alone(seed: int, *, with_topics: bool) -> None:
    """IMP-9: beside consents for topics, and by itself, when no code grows with the topics."""
    sample = _consented(seed, for_items=True)
    if not with_topics:
        only = tuple(one for one in sample.question.consents if one.holding is not None)
        sample = _asking(sample, only)
    for engine in ENGINES.values():
        check_engine(engine, sample)
    holdings = encode(sample.law, sample.frame, sample.question)
    tables = compile_tables(Planner(sample.law), holdings.facts, sample.question)
    topics = any(one.topics and one.holding is None for one in sample.question.consents)
    assert bool(tables.stride) is topics


def _wide(seed: int) -> PlainLaw:
    from relto.testing.generate import PARTIES, make_library, make_life, make_terms
    from relto.units import InstrumentId

    dice = RandomDice(seed)
    names = [InstrumentId(f"pact-{index:02d}") for index in range(40)]
    return PlainLaw(
        library=make_library(),
        instruments={name: make_terms(dice, name, parties=PARTIES) for name in names},
        lives={name: make_life(dice) for name in names},
    )


def _consented(seed: int, *, for_items: bool) -> Sample:
    """The first sample from a seed on in which such consents change what the reference says."""
    for number in range(1000):
        dice = RandomDice(seed * 1000 + number)
        sample = make_sample(dice, make_law(dice, most=4), rows=30)
        consents = sample.question.consents
        left = tuple(one for one in consents if (one.holding is None) is for_items)
        if len(left) < len(consents) and _decided(sample) != _decided(_asking(sample, left)):
            return sample
    raise AssertionError("no sample with consents that matter")


def _asking(sample: Sample, consents: tuple[Consent, ...]) -> Sample:
    """The same rows with other consents at hand."""
    return Sample(
        sample.law,
        structs.replace(sample.question, consents=consents),
        tuple(structs.replace(one, consents=consents) for one in sample.cases),
        sample.frame,
    )


def _decided(sample: Sample) -> list[list[list[Verdict]]]:
    """By row and instrument what each rule says."""
    return [
        [
            [found.verdict for found in each.findings]
            for each in decide(sample.law, one, at=sample.question.at).considered
        ]
        for one in sample.cases
    ]


def _small(seed: int) -> Sample:
    dice = RandomDice(seed)
    return make_sample(dice, make_law(dice, most=6), rows=40)


@pytest.mark.parametrize("seed", range(6))
def test_duckdb_through_ibis_agrees_with_the_reference(seed: int) -> None:
    """IMP-12."""
    sample = _consented(seed, for_items=seed > 2) if seed % 2 else _small(seed)
    check_engine(IbisEngine(ibis.duckdb.connect()), sample)


@pytest.mark.slow
@pytest.mark.postgres
def test_postgresql_through_ibis_agrees_with_the_reference(postgres_url: str) -> None:
    """IMP-12."""
    connection = ibis.connect(postgres_url.replace("postgresql+psycopg://", "postgres://", 1))
    try:
        for seed in range(3):
            check_engine(IbisEngine(connection), _small(seed))
            check_engine(IbisEngine(connection), _consented(seed, for_items=False))
            check_engine(IbisEngine(connection), _consented(seed, for_items=True))
        check_words(connection, _small(7))
        check_words(connection, _consented(8, for_items=True))
    finally:
        connection.disconnect()


@pytest.mark.slow
@pytest.mark.spark
def test_spark_through_ibis_agrees_with_the_reference(tmp_path: Path) -> None:
    """IMP-12: local mode; needs a Java machine."""
    pyspark = pytest.importorskip("pyspark.sql")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = (
            pyspark.SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.warehouse.dir", str(tmp_path))
            .getOrCreate()
        )
        try:
            connection = ibis.pyspark.connect(session)
            check_engine(IbisEngine(connection), _small(1))
            check_engine(IbisEngine(connection), _consented(2, for_items=False))
            check_engine(IbisEngine(connection), _consented(2, for_items=True))
            check_words(connection, _consented(3, for_items=True))
        finally:
            session.stop()


@pytest.mark.parametrize("seed", range(4))
def test_words_in_a_database_are_decided_as_codes_are(seed: int) -> None:
    """IMP-13, IMP-14: a registry's own columns; the engine is asked for its distinct words."""
    check_words(ibis.duckdb.connect(), _small(seed))


@pytest.mark.parametrize("for_items", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_consents_reach_words_in_a_database_too(seed: int, *, for_items: bool) -> None:
    """IMP-9, IMP-13."""
    check_words(ibis.duckdb.connect(), _consented(seed, for_items=for_items))


def check_words(connection: ibis.BaseBackend, sample: Sample) -> None:
    """The rows as words, one id given twice, against the same rows as codes."""
    import polars as pl

    twice = pl.concat([sample.frame, sample.frame[:1]])
    is_temporary = connection.name != "pyspark"  # which knows no temporary tables
    table = connection.create_table("registry", twice.to_arrow(), temp=is_temporary, overwrite=True)
    question, planner = sample.question, Planner(sample.law)
    decided = decide_words(table, planner, question, connection=connection)
    found = connection.to_pyarrow(decided).to_pylist()
    holdings = encode(sample.law, twice, question)
    tables = compile_tables(planner, holdings.facts, question)
    expected = NumpyEngine().outcomes(tables, holdings).tolist()
    by_id = {twice["id"][row]: outcome for row, outcome in enumerate(expected)}
    assert len(found) == len(expected)
    assert {row["id"]: row["outcome"] for row in found} == by_id
    faulty = {twice["id"][row - 1] for row in holdings.faults.rows.tolist()}
    assert {row["id"] for row in found if row["is_faulty"]} == faulty
    assert sample.frame["id"][0] in faulty
    connection.drop_table("registry", force=True)


# How each says that two masks are intersected; an engine that reads another sign would decide
# wrongly.
DIALECTS = {
    "trino": "BITWISE_AND(",
    "clickhouse": "bitAnd(",
    "postgres": " & ",
    "pyspark": " & ",
    "duckdb": " & ",
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_expression_compiles_for_engines_we_do_not_run(dialect: str) -> None:
    """IMP-12: one expression, no function of ours in it, read back by a parser of that dialect."""
    sample = _small(3)
    holdings = encode(sample.law, sample.frame, sample.question)
    tables = compile_tables(Planner(sample.law), holdings.facts, sample.question)
    table = ibis.table(dict.fromkeys(CODE_COLUMNS, "int32"), name="holdings")
    check_sql(decide_codes(table, tables), dialect, joins=4)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_words_are_decided_by_an_expression_that_compiles_too(dialect: str) -> None:
    """IMP-13: with consents for items, which take a join to find them, and one for the ids."""
    sample = _consented(1, for_items=True)
    connection = ibis.duckdb.connect()
    table = connection.create_table("registry", sample.frame.to_arrow())
    decided = decide_words(table, Planner(sample.law), sample.question, connection=connection)
    check_sql(decided, dialect, joins=6)


def check_sql(decided: ir.Table, dialect: str, *, joins: int) -> None:
    """The text of a dialect: the joins, the signs, and nothing cut off or made up by us."""
    text = str(ibis.to_sql(decided, dialect=dialect))
    (tree,) = sqlglot.parse(text, read={"pyspark": "spark"}.get(dialect, dialect))
    assert tree is not None
    assert sum(one.side == "LEFT" for one in tree.find_all(sqlglot.exp.Join)) == joins
    assert not list(tree.find_all(sqlglot.exp.Limit))
    assert DIALECTS[dialect] in text
    # What the parser does not know by itself: nothing but the sign that it reads as a function.
    assert {one.name for one in tree.find_all(sqlglot.exp.Anonymous)} <= {"bitAnd"}


def test_polars_counts_a_table_while_it_streams_by() -> None:
    """IMP-11: from a scan, never held as a whole."""
    sample = _small(5)
    holdings = encode(sample.law, sample.frame, sample.question)
    tables = compile_tables(Planner(sample.law), holdings.facts, sample.question)
    outcomes = NumpyEngine().outcomes(tables, holdings).tolist()
    found = PolarsEngine().counts(tables, code_frame(holdings).lazy())
    assert found == {
        name: outcomes.count(place) for place, name in enumerate(("permit", "refer", "deny"))
    }
