"""Law told in order: timelines, deadlines, differences, what is assumed."""

from whenever import Instant

from relto.law import DueKind, assumed, compare, compile_law, dues, grounds, suppose, timeline
from relto.law.files import convert, fold
from relto.units import PartyCode
from tests.unit.law.building import PACT, act, day, files, law, library, pact, rule, signed, toml

AAA = PartyCode("AAA")
NOTICE = act("n", "notice", "2016-10-01T00:00:00Z")
EVENT = rule(id="talks", title="Talks begin", on=day("2016-09-01"))


def at(year: int, month: int = 1, day: int = 1) -> Instant:
    return Instant.from_utc(year, month, day)


def test_a_timeline_tells_states_acts_and_what_each_did() -> None:
    """LAW-41."""
    said = act(
        "a",
        "announcement",
        "2016-09-15",
        links=[{"to": "talks", "kind": "answers"}, {"to": "n", "kind": "depends-on"}],
    )
    made = law(acts=[signed(), said, NOTICE], events=[EVENT])
    told = timeline(made, PACT, reading=AAA, after=at(2016, 6))
    assert [step.act.id for step in told.steps] == ["signature", "a", "n"]
    assert told.steps[1].tied == ("Talks begin", "n")
    assert told.spans == made.spans(PACT, reading=AAA)
    assert told.next_deadline is not None
    assert told.contested == ()


def test_a_condition_is_told_and_moves_nothing() -> None:
    """LAW-39: its author's word is shown; only an act changes the law."""
    condition = rule(text="talks go on", status="failed")
    plain = act("s", "notice-suspension", "2016-12-01", of=["n"])
    tied = {**plain, "conditions": [condition]}
    one, two = (law(acts=[signed(), NOTICE, item]) for item in (plain, tied))
    assert one.spans(PACT, reading=AAA) == two.spans(PACT, reading=AAA)
    told = timeline(two, PACT, reading=None, after=at(2016))
    assert told.steps[-1].act.conditions[0].text == "talks go on"


def test_dues_are_last_days_for_notices_and_known_ends_soonest_first() -> None:
    """LAW-56."""
    other = pact(id="other")
    acts = [signed(), NOTICE, {**signed(), "id": "second", "instrument": "other"}]
    found = dues(law(pact(), other, acts=acts), after=at(2016, 11))
    assert [(due.kind, due.instrument) for due in found] == [
        (DueKind.NOTICE, "other"),
        (DueKind.END, PACT),
    ]
    assert found[1].at == at(2017, 3)


def test_an_entry_that_is_coming_is_due_too() -> None:
    """LAW-56."""
    tables = pact(entry=rule(kind="signature", first_of_month_after=2))
    found = dues(law(tables, acts=[signed()]), after=at(2016, 3, 2))
    assert [(due.kind, due.at) for due in found] == [(DueKind.ENTRY, at(2016, 5))]


def test_a_change_to_another_state_than_force_or_end_is_not_due() -> None:
    """LAW-56."""
    acts = [signed(), act("o", "operation-suspension", "2016-06-01")]
    tables = pact(term=rule(kind="indefinite"), notice=None)
    assert dues(law(tables, acts=acts), after=at(2016, 5)) == ()


def test_each_reading_of_a_contested_pact_has_its_own_dues() -> None:
    """LAW-56."""
    reading = rule(
        id="r",
        instrument=PACT,
        party="AAA",
        on=day("2016-12-01"),
        suspended_notice="dormant",
        text="x",
    )
    acts = [signed(), NOTICE, act("s", "notice-suspension", "2016-12-01", of=["n"])]
    found = dues(law(acts=acts, readings=[reading]), after=at(2017, 4))
    assert [(due.kind, due.reading) for due in found] == [(DueKind.NOTICE, "BBB")]


def test_a_day_that_all_readings_share_is_told_once() -> None:
    """LAW-56."""
    reading = rule(
        id="r",
        instrument=PACT,
        party="AAA",
        on=day("2016-04-01"),
        suspended_notice="dormant",
        text="x",
    )
    found = dues(law(acts=[signed()], readings=[reading]), after=at(2016, 6))
    assert [(due.kind, due.reading) for due in found] == [(DueKind.NOTICE, None)]


def test_two_days_of_knowledge_differ_by_acts_and_by_what_they_changed() -> None:
    """LAW-58."""
    given = library(acts=[signed(), NOTICE])
    found = compare(compile_law(given, known=at(2016, 9)), compile_law(given))
    assert [item.id for item in found.acts] == ["n"]
    assert [
        (item.reading, item.start, str(item.before.state), str(item.after.state))
        for item in found.changes
    ] == [
        ("AAA", at(2016, 10), "in-force", "notice-given"),
        ("AAA", at(2017, 3), "in-force", "ended"),
        ("BBB", at(2016, 10), "in-force", "notice-given"),
        ("BBB", at(2017, 3), "in-force", "ended"),
    ]


def test_a_change_tells_which_legs_of_others_it_takes_away() -> None:
    """LAW-58, LAW-74."""
    relying = pact(id="relying", reliance=[rule(parties=["AAA", "BBB"], instrument=PACT)])
    acts = [signed(), NOTICE]
    given = library(pact(), relying, acts=acts)
    found = compare(compile_law(given, known=at(2016, 9)), compile_law(given))
    assert [(leg.instrument, leg.start, leg.is_open) for leg in found.legs] == [
        ("relying", at(2017, 3), False),
        ("relying", at(2017, 3), False),
    ]
    back = compare(compile_law(given), compile_law(given, known=at(2016, 9)))
    assert {leg.is_open for leg in back.legs} == {True}


def test_the_same_law_differs_in_nothing() -> None:
    """LAW-58."""
    made = law(acts=[signed(), NOTICE])
    found = compare(made, made)
    assert (found.acts, found.changes) == ((), ())


def test_supposed_acts_count_as_known_on_a_day_before_them() -> None:
    """LAW-58."""
    supposed = toml(
        {
            "format": "relto.acts/1",
            "acts": [act("e", "end", "2016-07-01")],
            "readings": [
                rule(
                    id="r",
                    instrument=PACT,
                    party="AAA",
                    on=day("2016-08-01"),
                    end_at_once="ends",
                    text="x",
                )
            ],
        }
    )
    from relto.adapters.lawfiles import library_of

    given = library_of(files(acts=[signed(), NOTICE]) | {"if.toml": supposed})
    before, after = suppose(given, file="if.toml", known=at(2016, 6))
    assert before.differences(PACT) == ()
    assert compare(before, after).changes[0].reading == "AAA"
    both = suppose(given, file="if.toml", known=None)
    assert [len(item.acts(PACT)) for item in both] == [2, 3]


def test_assumed_rules_are_named_by_their_place_in_the_file() -> None:
    """LAW-55."""
    weak = {"article": "1", "evidence": "assumed", "source": "recalled"}
    tables = pact(
        topology={"kind": "direct", **weak},
        duties=[
            {"kind": "mark", "weight": "required", "text": "m", **rule()},
            {"kind": "protect", "weight": "required", "text": "p", **weak},
        ],
    )
    found = assumed(library(tables).instrument(PACT))
    assert [item.rule for item in found] == ["topology", "duties[2]"]


def test_every_rule_has_a_ground() -> None:
    """LAW-3."""
    found = list(grounds(library().instrument(PACT), ""))
    assert len(found) >= 12
    assert all(ground.source for _, ground in found)


def test_a_ground_is_folded_out_of_the_keys_beside_it() -> None:
    """LAW-3."""
    from relto.model import Ground

    folded = fold([{"article": "1", "evidence": "text", "source": "s", "x": [{"y": 1}]}])
    assert folded == [
        {"x": [{"y": 1}], "ground": {"article": "1", "evidence": "text", "source": "s"}}
    ]
    assert convert({"article": "1", "evidence": "text", "source": "s"}, Ground).article == "1"
