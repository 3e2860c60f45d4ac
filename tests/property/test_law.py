"""Laws of law: whatever the pact and whatever is done about it."""

from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from whenever import Date, Instant, Time, TimeDelta

from relto.adapters.lawfiles import packaged_files, packaged_library
from relto.law import (
    STATES_IN_FORCE,
    Act,
    ActKind,
    Channel,
    Counting,
    DayRule,
    Doctrine,
    EndAtOnce,
    EntryKind,
    EntryRule,
    Instrument,
    Library,
    NoticeAnchor,
    NoticeCount,
    NoticeDate,
    NoticeRule,
    NoticeUnit,
    Reading,
    State,
    SuspendedNotice,
    TermKind,
    TermRule,
    compile_law,
    load_library,
)
from relto.model import Evidence, Ground
from relto.units import ActId, InstrumentId, PartyCode

ID = InstrumentId("jpn-kor-gsomia-2016")
JPN, KOR = PartyCode("JPN"), PartyCode("KOR")
GROUND = Ground(article="1", evidence=Evidence.TEXT, source="made for a test")
BASE = packaged_library()
NANOSECOND = TimeDelta(nanoseconds=1)

zones = st.sampled_from(
    [
        "UTC",
        "Asia/Seoul",
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",  # clocks change by half an hour
        "Pacific/Apia",  # a day is missing
        "America/St_Johns",
        "Pacific/Kiritimati",
    ]
)
hours = st.sampled_from([Time(0, 0), Time(0, 1), Time(2, 30), Time(23, 59)])
days = st.one_of(
    st.sampled_from([Date(2016, 2, 29), Date(2012, 2, 29), Date(2015, 12, 31)]),
    st.integers(0, 4_000).map(lambda count: Date(2010, 1, 1).add(days=count)),
)
instants = st.integers(0, 12 * 365 * 86_400).map(
    lambda seconds: Instant.from_utc(2010, 1, 1).add(seconds=seconds)
)


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    """Any pact: its entry, term, notice, zone, hours and doctrine."""
    is_fixed = draw(st.booleans())
    is_back = is_fixed and draw(st.booleans())
    anchors = (
        [NoticeAnchor.EXPIRY_DATE, NoticeAnchor.LAST_FULL_DAY]
        if is_back
        else [NoticeAnchor.SAME_DAY, NoticeAnchor.DAY_AFTER]
    )
    unit = draw(st.sampled_from(NoticeUnit))
    notice = NoticeRule(
        length=draw(st.integers(1, 120 if unit is NoticeUnit.DAYS else 14)),
        unit=unit,
        count=NoticeCount.BACK_FROM_TERM_END if is_back else NoticeCount.FORWARD_FROM_NOTICE,
        counting=Counting(anchor=draw(st.sampled_from(anchors)), ground=GROUND),
        counts_when=draw(st.sampled_from(NoticeDate)),
        channel=draw(st.sampled_from([None, Channel.DIPLOMATIC])),
        ground=GROUND,
    )
    term = TermRule(
        kind=TermKind.FIXED if is_fixed else TermKind.INDEFINITE,
        first_months=draw(st.sampled_from([1, 12, 60])) if is_fixed else None,
        renewal_months=draw(st.sampled_from([None, 1, 12])) if is_fixed else None,
        ground=GROUND,
    )
    return structs.replace(
        BASE.instruments[ID],
        entry=EntryRule(
            kind=draw(st.sampled_from(EntryKind)),
            first_of_month_after=draw(st.integers(0, 3)),
            ground=GROUND,
        ),
        term=term,
        notice=draw(st.sampled_from([notice, notice, None])),
        days=DayRule(
            zone=draw(zones),
            term_ends_at=draw(hours),
            notice_day_ends_at=draw(hours),
            ground=GROUND,
        ),
        doctrine=Doctrine(
            suspended_notice=draw(st.sampled_from(SuspendedNotice)),
            end_at_once=draw(st.sampled_from(EndAtOnce)),
            ground=GROUND,
        ),
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[Act, ...]:
    """Any acts, sensible or not: the machine answers for all of them."""
    made: list[Act] = []
    for number in range(draw(st.integers(0, 9))):
        at = draw(instants)
        earlier = [act.id for act in made]
        limit = draw(st.sampled_from([None, at.add(hours=1), at.add(hours=9_000)]))
        made.append(
            Act(
                id=ActId(f"act-{number}"),
                instrument=ID,
                kind=draw(st.sampled_from(ActKind)),
                by=draw(st.sampled_from([(JPN,), (KOR,), (JPN, KOR), (JPN, KOR)])),
                at=at,
                known=at.add(hours=draw(st.integers(0, 5_000))),
                received=draw(st.sampled_from([None, at.add(hours=30)])),
                effective=draw(st.sampled_from([None, None, limit])),
                until=limit,
                of=tuple(draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True)))
                if earlier
                else (),
                channel=draw(st.sampled_from(Channel)),
                text="x",
                ground=GROUND,
                file="test",
            )
        )
    return tuple(made)


def readings(draw_kind: SuspendedNotice) -> tuple[Reading, ...]:
    return (
        Reading(
            id="reading",
            instrument=ID,
            party=KOR,
            known=Instant.from_utc(2012, 1, 1),
            suspended_notice=draw_kind,
            end_at_once=EndAtOnce.ENDS,
            text="x",
            ground=GROUND,
            file="test",
        ),
    )


def library(instrument: Instrument, acts: tuple[Act, ...]) -> Library:
    return structs.replace(
        BASE,
        instruments={ID: instrument},
        acts={ID: acts},
        readings={ID: readings(SuspendedNotice.DORMANT)},
    )


signed_acts = st.tuples(days, zones).map(
    lambda pair: Act(
        id=ActId("signed"),
        instrument=ID,
        kind=ActKind.SIGNATURE,
        by=(JPN, KOR),
        at=pair[0].at(Time(0, 0)).assume_tz("UTC").to_instant(),
        known=pair[0].at(Time(0, 0)).assume_tz("UTC").to_instant(),
        text="x",
        ground=GROUND,
        file="test",
    )
)


@given(instruments(), signed_acts, histories())
def test_spans_follow_each_other_without_gap_and_cover_all_time(pact, signed, acts) -> None:
    """LAW-50."""
    law = compile_law(library(pact, (signed, *acts)))
    for reading in (JPN, KOR):
        spans = law.spans(ID, reading=reading)
        assert spans[0].start is None
        assert spans[-1].end is None
        for first, second in pairwise(spans):
            assert first.end == second.start
            assert first.start is None or first.start < second.start


@given(instruments(), signed_acts, histories())
def test_the_end_is_final_and_holds_from_its_instant(pact, signed, acts) -> None:
    """LAW-50, LAW-51: to the nanosecond."""
    law = compile_law(library(pact, (signed, *acts)))
    for reading in (JPN, KOR):
        for span in law.spans(ID, reading=reading):
            if span.state is not State.ENDED:
                continue
            assert span.end is None
            before = law.state(ID, at=span.start.subtract(nanoseconds=1), reading=reading)
            assert before.state is not State.ENDED
            assert law.state(ID, at=span.start, reading=reading) == span


@given(instruments(), signed_acts, histories(), instants)
def test_the_state_found_by_search_is_the_one_found_by_looking_at_all(
    pact, signed, acts, at
) -> None:
    """LAW-51."""
    law = compile_law(library(pact, (signed, *acts)))
    for reading in (JPN, KOR):
        (found,) = [
            span
            for span in law.spans(ID, reading=reading)
            if (span.start is None or span.start <= at) and (span.end is None or at < span.end)
        ]
        assert law.state(ID, at=at, reading=reading) == found


@given(instruments(), signed_acts, histories(), histories(), instants)
def test_an_act_changes_nothing_as_known_before_it_was_known(
    pact, signed, acts, more, known
) -> None:
    """LAW-14."""
    later = tuple(
        structs.replace(act, id=ActId(f"later-{act.id}"), known=known.add(nanoseconds=1))
        for act in more
    )
    one = compile_law(library(pact, (signed, *acts)), known=known)
    two = compile_law(library(pact, (signed, *acts, *later)), known=known)
    for reading in (JPN, KOR):
        assert one.life(ID, reading=reading) == two.life(ID, reading=reading)


@given(instruments(), signed_acts, histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_acts_are_told_does_not_matter(pact, signed, acts, random) -> None:
    """LAW-8."""
    told = [signed, *acts]
    random.shuffle(told)
    one = compile_law(library(pact, (signed, *acts)))
    two = compile_law(library(pact, tuple(told)))
    for reading in (JPN, KOR):
        assert one.life(ID, reading=reading) == two.life(ID, reading=reading)


@settings(max_examples=5)
@given(st.randoms(use_true_random=False))
def test_the_order_of_files_does_not_matter(random: Random) -> None:
    """LAW-8."""
    names = list(packaged_files())
    random.shuffle(names)
    files = packaged_files()
    assert load_library({name: files[name] for name in names}) == load_library(files)


@given(instruments(), signed_acts, st.integers(0, 6))
def test_a_notice_works_for_the_term_until_its_deadline_closes_and_then_for_the_next(
    pact, signed, years
) -> None:
    """LAW-31, LAW-32, LAW-33: to the nanosecond, in any zone, over leap days and clock changes."""
    pact = structs.replace(
        pact, entry=structs.replace(pact.entry, kind=EntryKind.SIGNATURE, first_of_month_after=0)
    )
    law = compile_law(library(pact, (signed,)))
    due = law.next_deadline(ID, after=signed.at.add(hours=24 * 365 * years), reading=JPN)
    if due is None:
        return
    assert due.closes.subtract(nanoseconds=1) < due.term_ends

    def end_of(at: Instant) -> Instant | None:
        notice = structs.replace(
            signed,
            id=ActId("notice"),
            kind=ActKind.NOTICE,
            by=(KOR,),
            at=at,
            received=at,
            known=at,
            channel=Channel.DIPLOMATIC,
        )
        spans = compile_law(library(pact, (signed, notice))).spans(ID, reading=JPN)
        return spans[-1].start if spans[-1].state is State.ENDED else None

    in_time = due.closes.subtract(nanoseconds=1)
    if in_time >= signed.at:
        assert end_of(in_time) == due.term_ends
    if pact.term.renewal_months is not None and due.closes < due.term_ends:
        late = end_of(due.closes)
        assert late is not None
        assert late > due.term_ends


@given(instruments(), signed_acts, histories())
def test_while_the_readings_agree_nothing_is_contested(pact, signed, acts) -> None:
    """LAW-53."""
    law = compile_law(library(pact, (signed, *acts)))
    stretches = law.differences(ID)
    cuts = sorted({start for party in (JPN, KOR) for start in law.life(ID, reading=party).starts})
    for at in cuts:
        states = {law.state(ID, at=at, reading=party).state for party in (JPN, KOR)}
        found = law.readings_differ(ID, at=at)
        assert (found is not None) is (len(states) == 2)
        assert found is None or found in stretches


RESTRICTING = st.sampled_from([ActKind.OPERATION_SUSPENSION, ActKind.END, ActKind.NOTICE])


@given(instruments(), signed_acts, histories(), RESTRICTING, instants)
def test_an_act_that_only_stops_lets_nothing_flow_that_did_not(
    pact, signed, acts, kind, at
) -> None:
    """LAW-46, LAW-47: whatever else was done, by whomever, before or after."""
    stop = Act(
        id=ActId("stop"),
        instrument=ID,
        kind=kind,
        by=(JPN,) if kind is ActKind.NOTICE else (JPN, KOR),
        at=at,
        known=at,
        received=at,
        channel=Channel.DIPLOMATIC,
        text="x",
        ground=GROUND,
        file="test",
    )
    before = compile_law(library(pact, (signed, *acts)))
    after = compile_law(library(pact, (signed, *acts, stop)))
    for reading in (JPN, KOR):
        starts = {span.start for law in (before, after) for span in law.spans(ID, reading=reading)}
        for start in sorted(one for one in starts if one is not None):
            if after.state(ID, at=start, reading=reading).state in STATES_IN_FORCE:
                assert before.state(ID, at=start, reading=reading).state in STATES_IN_FORCE
