"""Words: fifteen bits for each instrument, summed over four codes (IMP-1 to IMP-9)."""

from collections.abc import Collection

import numpy as np
import pytest
from msgspec import structs
from whenever import Instant

from relto.adapters.engine_numpy import NumpyEngine
from relto.adapters.lawfiles import packaged_library
from relto.decide import Planner
from relto.impact import (
    BulkError,
    BulkQuestion,
    BulkTables,
    CaveatFacts,
    Holdings,
    ItemFacts,
    LabelFacts,
    OriginFacts,
    RowFacts,
    TopicFacts,
    compile_tables,
    name_items,
    read_answer,
)
from relto.impact import tabulate as room
from relto.impact.holdings import Rows
from relto.law import Law, compile_law
from relto.model import RULE_ORDER, Assurance, Consent, Form, Outcome, Rule
from relto.units import HoldingId, LevelId, PartyCode, PurposeId, SchemeId, TopicId

JPN, KOR = PartyCode("JPN"), PartyCode("KOR")
NOON = Instant.from_utc(2019, 11, 22, 3)
LAPSE = Instant.from_utc(2019, 11, 22, 15, 1)
ASSURED = Assurance(
    cleared_to=LevelId("ii-kup"), needs_access=True, will_protect=True, by="liaison"
)


@pytest.fixture(scope="module")
def law() -> Law:
    return compile_law(packaged_library(), known=NOON)


def facts(*, holder: PartyCode = JPN, originator: PartyCode = JPN) -> RowFacts:
    """One row: a track of a launch, level `hi`."""
    return RowFacts(
        labels=(
            LabelFacts(
                holder=holder,
                scheme=SchemeId("jpn"),
                level=LevelId("hi"),
                form=Form.ELECTRONIC,
            ),
        ),
        topics=(TopicFacts(holder=holder, topics=(TopicId("dprk.missile.launch"),)),),
        caveats=(CaveatFacts(scheme=SchemeId("jpn")),),
        origins=(None, OriginFacts(holder=holder, originator=originator)),
    )


def question(at: Instant, **changes: object) -> BulkQuestion:
    plain = BulkQuestion(
        recipient=KOR, at=at, purpose=PurposeId("defence.analysis"), assurance=ASSURED
    )
    return structs.replace(plain, **changes)


def summed(tables: BulkTables, origin: int = 1) -> list[int]:
    codes = (0, 0, 0, origin)
    return [
        sum(table.words[place][code] for table, code in zip(tables.columns(), codes, strict=True))
        for place in range(tables.words)
    ]


def bits(*rules: Rule) -> int:
    return sum(1 << RULE_ORDER.index(rule) for rule in rules)


INITIATIVE_ASKS = 1 << 13
NO_INSTRUMENT = bits(Rule.IN_FORCE)


def test_the_example_of_the_specification(law: Law) -> None:
    """IMP-3, IMP-4, IMP-5: before the lapse the first lane is 0, after it one bit is set."""
    tisa = bits(Rule.TOPOLOGY, Rule.FORM, Rule.LEVEL) | INITIATIVE_ASKS
    warning = bits(Rule.IN_FORCE, Rule.TOPIC, Rule.PURPOSE)
    before = compile_tables(Planner(law), facts(), question(NOON))
    assert before.pairs[JPN] == ("jpn-kor-gsomia-2016", "jpn-kor-usa-warning-2023", "tisa-2014")
    assert lanes(before) == [0, warning, tisa, NO_INSTRUMENT]
    after = compile_tables(Planner(law), facts(), question(LAPSE))
    assert lanes(after) == [bits(Rule.IN_FORCE), warning | bits(Rule.RELIANCE), tisa, NO_INSTRUMENT]
    answer = read_answer(after, JPN, summed(after))
    assert (answer.outcome, answer.instrument) == (Outcome.DENY, "jpn-kor-gsomia-2016")
    assert answer.considered[0].fails == (Rule.IN_FORCE,)
    assert answer.considered[1].fails == (Rule.TOPOLOGY, Rule.FORM, Rule.LEVEL)
    assert answer.considered[0].reason is Rule.IN_FORCE
    assert answer.approvals == 0


def lanes(tables: BulkTables) -> list[int]:
    return [summed(tables)[0] >> (15 * lane) & 0x7FFF for lane in range(4)]


def test_an_answer_counts_the_steps_that_somebody_must_take(law: Law) -> None:
    """IMP-4: without an assurance GSOMIA asks for one."""
    tables = compile_tables(Planner(law), facts(), question(NOON, assurance=None))
    answer = read_answer(tables, JPN, summed(tables))
    assert (answer.outcome, answer.approvals) == (Outcome.REFER, 1)
    assert answer.considered[0].asks == (Rule.ASSURANCE,)
    assert answer.considered[0].reason is Rule.ASSURANCE


def test_a_permit_has_no_reason_against_it(law: Law) -> None:
    """IMP-5."""
    tables = compile_tables(Planner(law), facts(), question(NOON))
    answer = read_answer(tables, JPN, summed(tables))
    assert (answer.outcome, answer.approvals) == (Outcome.PERMIT, 0)
    assert answer.considered[0].reason is None


def test_the_unusable_origin_denies_in_every_lane(law: Law) -> None:
    """IMP-2: code 0 of the origin."""
    tables = compile_tables(Planner(law), facts(), question(NOON))
    answer = read_answer(tables, JPN, summed(tables, origin=0))
    assert answer.is_faulty
    assert answer.outcome is Outcome.DENY


@pytest.mark.parametrize("holder", [KOR, PartyCode("MARS")])
def test_a_holder_that_nothing_links_with_the_recipient_has_no_instrument(
    law: Law, holder: PartyCode
) -> None:
    """IMP-5: also the recipient itself, and a party that nobody knows."""
    tables = compile_tables(Planner(law), facts(holder=holder), question(NOON))
    answer = read_answer(tables, holder, summed(tables))
    assert (answer.outcome, answer.instrument, answer.considered) == (Outcome.DENY, None, ())


def consent(**changes: object) -> Consent:
    plain = Consent(
        originator=PartyCode("USA"),
        recipient=KOR,
        topics=(TopicId("dprk.missile"),),
        purposes=(PurposeId("defence"),),
        given_at=Instant.from_utc(2019, 1, 1),
    )
    return structs.replace(plain, **changes)


def test_a_consent_for_topics_opens_what_it_covers(law: Law) -> None:
    """IMP-9."""
    rows = facts(originator=PartyCode("USA"))
    shut = compile_tables(Planner(law), rows, question(NOON))
    assert read_answer(shut, JPN, summed(shut)).outcome is Outcome.DENY
    tables = compile_tables(Planner(law), rows, question(NOON, consents=(consent(),)))
    assert tables.stride == 2
    assert read_answer(tables, JPN, summed(tables)).outcome is Outcome.PERMIT
    assert read_answer(tables, JPN, summed(tables, origin=0)).is_faulty


class Ids(list[str]):
    """Ids by row, in a list."""

    def rows_of(self, ids: Collection[str], /) -> Rows:
        return np.array([row for row, one in enumerate(self) if one in ids], dtype=np.int64)


def three(ids: Ids | None) -> Holdings:
    """Three rows, made by the United States; the last is at fault."""
    zeros = np.zeros(3, dtype=np.uint8)
    return Holdings(
        facts=facts(originator=PartyCode("USA")),
        labels=zeros,
        topics=zeros,
        caveats=zeros,
        origins=np.array([1, 1, 0], dtype=np.uint8),
        ids=ids,
    )


@pytest.mark.parametrize("topics", [(), ("dprk.missile",)])
def test_a_consent_for_one_item_opens_that_item_alone(law: Law, topics: tuple[str, ...]) -> None:
    """IMP-9: with or without topics of its own, and the tables do not grow with the topics."""
    one = consent(holding=HoldingId("b"), topics=tuple(map(TopicId, topics)))
    asked = question(NOON, consents=(one,))
    holdings = name_items(three(Ids(("a", "b", "b"))), asked.items)
    tables = compile_tables(Planner(law), holdings.facts, asked)
    assert tables.stride == 0
    assert NumpyEngine().outcomes(tables, holdings).tolist() == [2, 0, 2]
    origin = holdings.facts.origins[holdings.origins[1]]
    assert origin is not None
    assert origin.item == ItemFacts(
        holding=HoldingId("b"), topics=(TopicId("dprk.missile.launch"),)
    )


def test_a_consent_for_one_item_on_other_topics_opens_nothing(law: Law) -> None:
    """IMP-9, DEC-16: both, where it names both; also beside one for topics."""
    item = consent(holding=HoldingId("b"), topics=(TopicId("prc"),))
    for consents in ((item,), (item, consent(topics=(TopicId("prc"),)))):
        asked = question(NOON, consents=consents)
        holdings = name_items(three(Ids(("a", "b", "c"))), asked.items)
        tables = compile_tables(Planner(law), holdings.facts, asked)
        assert NumpyEngine().outcomes(tables, holdings).tolist() == [2, 2, 2]


def test_a_consent_for_an_item_that_was_not_looked_for_is_refused(law: Law) -> None:
    """IMP-9: silence would deny what may be released."""
    asked = question(NOON, consents=(consent(holding=HoldingId("b")),))
    with pytest.raises(BulkError, match="names the item `b`, which was not looked for"):
        compile_tables(Planner(law), facts(), asked)
    with pytest.raises(BulkError, match="was read without ids"):
        name_items(three(None), asked.items)
    once = name_items(three(Ids(("a", "b", "c"))), asked.items)
    assert name_items(once, asked.items) is once


def test_tables_do_not_grow_beyond_their_limits(law: Law, monkeypatch: pytest.MonkeyPatch) -> None:
    """IMP-8, IMP-9."""
    monkeypatch.setattr(room, "BULK_INSTRUMENTS_MAX", 1)
    with pytest.raises(BulkError, match="too many instruments link one pair: 3, limit 1"):
        compile_tables(Planner(law), facts(), question(NOON))
    monkeypatch.undo()
    monkeypatch.setattr(room, "BULK_JOINT_CODES_MAX", 1)
    with pytest.raises(BulkError, match="too many combinations of topics and origins: 2, limit 1"):
        compile_tables(Planner(law), facts(), question(NOON, consents=(consent(),)))


@pytest.mark.parametrize("threads", [1, 2])
def test_an_engine_tells_how_far_it_is(law: Law, threads: int) -> None:
    """IMP-10: every row is told once, whatever the threads."""
    count = 200_000
    zeros = np.zeros(count, dtype=np.uint8)
    holdings = Holdings(
        facts=facts(), labels=zeros, topics=zeros, caveats=zeros, origins=zeros + np.uint8(1)
    )
    tables = compile_tables(Planner(law), holdings.facts, question(NOON))
    told: list[int] = []
    outcomes = NumpyEngine(threads=threads, progress=told.append).outcomes(tables, holdings)
    assert sum(told) == count
    assert not outcomes.any()
