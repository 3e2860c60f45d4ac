"""Delegations: what is released at once, what goes to one officer or two, what is refused."""

import pytest
from msgspec.structs import replace
from whenever import Instant

from relto.adapters.lawfiles import locate, packaged_library
from relto.decide import DelegationFileError, HandlingKind, decide, handle, load_delegations
from relto.decide.delegation import Handling
from relto.law import PartyRecord, compile_law
from relto.limits import LAW_FILE_BYTES_MAX
from relto.model import Assurance, Case, Decision, Evidence, Form, Ground, Label, Outcome
from relto.model.delegation import Delegation, Delegations

LIBRARY = packaged_library()
AT = Instant.from_utc(2018, 6, 1)
LATER = Instant.from_utc(2018, 7, 1)
CASE = Case(
    holder="JPN",
    recipient="KOR",
    originator="JPN",
    label=Label(scheme="jpn", level="hi"),
    topics=("dprk.missile.launch",),
    form=Form.ELECTRONIC,
    purpose="defence.warning",
    requested=True,
    assurance=Assurance(cleared_to="ii-kup", needs_access=True, will_protect=True, by="x"),
)
ONE = Delegation(
    id="launches",
    recipients=("KOR",),
    instruments=("jpn-kor-gsomia-2016",),
    topics=("dprk.missile",),
    up_to="hi",
    by="the bureau",
)
MINE = Delegations(holder="JPN", delegations=(ONE,))


def handled(case=CASE, mine=MINE, at=AT):
    decision = decide(compile_law(LIBRARY), case, at=at)
    return handle(mine, decision, case, library=LIBRARY)


def with_one(**changes):
    return replace(MINE, delegations=(replace(ONE, **changes),))


UNDECIDED = "the instrument wants each release decided, or a step is missing"
NOT_COVERED = "permitted, and no delegation covers it"


def test_a_permission_under_a_delegation_is_released_at_once():
    """DEC-33: for as long as the decision holds."""
    assert handled() == Handling(
        kind=HandlingKind.RELEASE,
        delegation="launches",
        why="delegated by the bureau",
        holds_until=decide(compile_law(LIBRARY), CASE, at=AT).holds_until,
    )


def test_a_denial_is_refused_whatever_is_delegated():
    """DEC-33."""
    case = replace(CASE, requested=False)
    decision = replace(made_up(case, Outcome.DENY), holds_until=LATER)
    assert handle(MINE, decision, case, library=LIBRARY) == Handling(
        kind=HandlingKind.REFUSE, why="the law denies it", holds_until=LATER
    )
    assert handled(case).kind is HandlingKind.REFUSE


def test_a_delegation_for_one_party_does_not_reach_the_one_beyond_it():
    """DEC-34: the final recipient must be named too."""
    beyond = replace(CASE, onward="USA")
    assert handled(beyond).kind is HandlingKind.OFFICER
    assert handled(beyond, with_one(recipients=("KOR", "USA"))).kind is HandlingKind.RELEASE


def test_a_referral_goes_to_an_officer_whatever_is_delegated():
    """DEC-33."""
    assert handled(replace(CASE, assurance=None)).kind is HandlingKind.OFFICER
    decision = replace(made_up(CASE, Outcome.REFER), holds_until=LATER)
    assert handle(MINE, decision, CASE, library=LIBRARY) == Handling(
        kind=HandlingKind.OFFICER, why=UNDECIDED, holds_until=LATER
    )


@pytest.mark.parametrize("mine", [None, replace(MINE, holder="KOR"), with_one(id="x", topics=())])
def test_without_a_delegation_of_the_holders_a_permission_goes_to_an_officer(mine):
    """DEC-33."""
    decision = replace(made_up(CASE), holds_until=LATER)
    assert handle(mine, decision, CASE, library=LIBRARY) == Handling(
        kind=HandlingKind.OFFICER, why=NOT_COVERED, holds_until=LATER
    )


NARROWER = {
    "another recipient": {"recipients": ("USA",)},
    "another instrument": {"instruments": ("tisa-2014",)},
    "other topics": {"topics": ("dprk.nuclear",)},
    "another form": {"forms": (Form.DOCUMENT,)},
    "another purpose": {"purposes": ("defence.planning",)},
    "an unknown level": {"up_to": "cosmic"},
    "not yet": {"valid_from": Instant.from_utc(2018, 6, 2)},
    "no longer": {"valid_until": AT},
}


@pytest.mark.parametrize("changes", NARROWER.values(), ids=NARROWER)
def test_what_a_delegation_does_not_name_it_does_not_cover(changes):
    """DEC-34."""
    assert handled(mine=with_one(**changes)).kind is HandlingKind.OFFICER


WIDER = {
    "the form": {"forms": (Form.ELECTRONIC,)},
    "the purpose": {"purposes": ("defence",)},
    "a higher level": {"up_to": "gokuhi"},
    "from this instant": {"valid_from": AT},
    "until the next nanosecond": {"valid_until": AT.add(nanoseconds=1)},
}


@pytest.mark.parametrize("changes", WIDER.values(), ids=WIDER)
def test_what_a_delegation_names_it_covers(changes):
    """DEC-34."""
    assert handled(mine=with_one(**changes)).kind is HandlingKind.RELEASE


def test_a_level_above_the_delegations_goes_to_an_officer():
    """DEC-34."""
    case = replace(CASE, label=Label(scheme="jpn", level="gokuhi"))
    assert handled(case).kind is HandlingKind.OFFICER
    assert handled(case, with_one(up_to="gokuhi")).kind is HandlingKind.RELEASE


def test_a_purpose_that_is_not_stated_is_not_covered_by_a_list():
    """DEC-34."""
    assert handled(replace(CASE, purpose=None)).kind is HandlingKind.RELEASE
    mine = with_one(purposes=("defence",))
    assert handled(replace(CASE, purpose=None), mine).kind is HandlingKind.OFFICER


def made_up(case, outcome=Outcome.PERMIT):
    return Decision(
        outcome=outcome,
        instrument="jpn-kor-gsomia-2016",
        considered=(),
        at=AT,
        reading=case.holder,
    )


def test_a_received_item_is_covered_only_where_it_is_said():
    """DEC-34, DEC-36: and its level is the holder's own marking."""
    received = replace(
        CASE,
        originator="USA",
        label=Label(scheme="usa", level="confidential"),
        marked=Label(scheme="jpn", level="hi"),
    )
    decision = made_up(received)
    kinds = [
        handle(mine, decision, received, library=LIBRARY).kind
        for mine in (MINE, with_one(is_for_received=True))
    ]
    assert kinds == [HandlingKind.OFFICER, HandlingKind.RELEASE]
    bare = replace(received, marked=None)
    found = handle(with_one(is_for_received=True), decision, bare, library=LIBRARY)
    assert found.kind is HandlingKind.OFFICER


def test_from_a_level_on_two_officers_are_needed():
    """DEC-35, DEC-36: an unknown level is above every level."""
    mine = replace(MINE, two_persons_from="gokuhi")
    assert handled(mine=mine).kind is HandlingKind.RELEASE
    for level in ("gokuhi", "kimitsu", "cosmic"):
        case = replace(CASE, label=Label(scheme="jpn", level=level))
        for outcome in (Outcome.PERMIT, Outcome.REFER):
            decision = replace(made_up(case, outcome), holds_until=LATER)
            assert handle(mine, decision, case, library=LIBRARY) == Handling(
                kind=HandlingKind.TWO_OFFICERS,
                why="at this level two officers are needed",
                holds_until=LATER,
            )
    nameless = replace(mine, two_persons_from="cosmic")
    assert handled(mine=nameless).kind is HandlingKind.TWO_OFFICERS


def test_a_holder_without_a_scheme_has_no_levels_to_delegate():
    """DEC-36."""
    stranger = replace(CASE, holder="ZZZ", originator="ZZZ")
    mine = replace(MINE, holder="ZZZ")
    assert handle(mine, made_up(stranger), stranger, library=LIBRARY).kind is HandlingKind.OFFICER


def test_the_handling_holds_until_a_delegation_begins_or_ends():
    """DEC-34: or until the decision does; not until what is over."""
    assert handled(mine=with_one(valid_until=LATER)).holds_until == LATER
    start = Instant.from_utc(2018, 6, 20)
    assert handled(mine=with_one(valid_from=start)).holds_until == start
    decision = replace(made_up(CASE), holds_until=LATER)
    for changes in ({"valid_from": AT}, {"valid_until": AT}, {"valid_until": LATER.add(hours=1)}):
        found = handle(with_one(**changes), decision, CASE, library=LIBRARY)
        assert found.holds_until == LATER


GOOD = """
format = "relto.delegations/1"
holder = "JPN"
two_persons_from = "gokuhi"
[[delegations]]
id = "launches"
recipients = ["KOR"]
instruments = ["jpn-kor-gsomia-2016"]
topics = ["dprk.missile"]
up_to = "hi"
by = "the bureau"
valid_from = 2018-01-01T00:00:00+09:00
valid_until = 2019-01-01T00:00:00+09:00
"""


def test_a_file_of_delegations_is_read():
    """DEC-37."""
    found = load_delegations(GOOD.encode(), library=LIBRARY, file="x.toml", locate=locate)
    assert found.two_persons_from == "gokuhi"
    assert found.delegations[0].valid_until == Instant.from_utc(2018, 12, 31, 15)


HINT = "the keys of a delegation stand in docs/guides/delegate-a-release.md"


def known(words):
    return "known: " + ", ".join(sorted(words)[:12])


LEVELS = known(level.id for level in LIBRARY.schemes["jpn"].levels)
PARTIES = known(LIBRARY.parties)
OTHERS = known(set(LIBRARY.parties) - {"JPN"})
EMPTY = "is empty, so that it covers nothing"
# What is wrong: the text, and every problem as (line, key, reason, hint); a hint of another room
# is left out.
BAD = {
    "no TOML": ("format =", [(1, "", "not TOML", None)]),
    "another format": (
        'format = "x"',
        [
            (
                1,
                "format",
                "not a file of delegations",
                'begin the file with format = "relto.delegations/1"',
            )
        ],
    ),
    "too large": (
        "#" * (LAW_FILE_BYTES_MAX + 1),
        [
            (
                0,
                "",
                f"file too large: {LAW_FILE_BYTES_MAX + 1} bytes, limit {LAW_FILE_BYTES_MAX}",
                "keep the delegations of one holder in one short file",
            )
        ],
    ),
    "an unknown key": (
        GOOD + "colour = 1",
        [(14, "delegations[1].colour", "unknown key `colour`", HINT)],
    ),
    "a missing key": (
        GOOD.replace('by = "the bureau"', ""),
        [(5, "delegations[1]", "missing key `by`", HINT)],
    ),
    "an office without a name": (
        GOOD.replace('"the bureau"', '" "'),
        [
            (
                11,
                "delegations[1].by",
                "is empty",
                "each release under it names it, and the office that gave it",
            )
        ],
    ),
    "an unknown holder": (
        GOOD.replace('"JPN"', '"JAP"').replace('"hi"', '"low"'),
        [(3, "holder", "unknown party `JAP`", PARTIES)],
    ),
    "an unknown level": (
        GOOD.replace('"hi"', '"low"'),
        [(10, "delegations[1].up_to", "unknown level `low`", LEVELS)],
    ),
    "an unknown level for two": (
        GOOD.replace('"gokuhi"', '"x"'),
        [(4, "two_persons_from", "unknown level `x`", LEVELS)],
    ),
    "an unknown recipient": (
        GOOD.replace('["KOR"]', '["KOR", "KOE"]'),
        [(7, "delegations[1].recipients[2]", "unknown party `KOE`", OTHERS)],
    ),
    "itself": (
        GOOD.replace('["KOR"]', '["JPN"]'),
        [(7, "delegations[1].recipients[1]", "unknown party `JPN`", OTHERS)],
    ),
    "an unknown instrument": (
        GOOD.replace("gsomia-2016", "x"),
        [
            (
                8,
                "delegations[1].instruments[1]",
                "unknown instrument `jpn-kor-x`",
                known(LIBRARY.instruments),
            )
        ],
    ),
    "an unknown topic": (
        GOOD.replace("dprk.missile", "moon"),
        [(9, "delegations[1].topics[1]", "unknown topic `moon`", known(LIBRARY.topics.topics))],
    ),
    "an unknown purpose": (
        GOOD + 'purposes = ["fun"]',
        [
            (
                14,
                "delegations[1].purposes[1]",
                "unknown purpose `fun`",
                known(LIBRARY.purposes.purposes),
            )
        ],
    ),
    "nothing covered": (
        GOOD.replace('["dprk.missile"]', "[]").replace('["KOR"]', "[]"),
        [(7, "delegations[1].recipients", EMPTY, HINT), (9, "delegations[1].topics", EMPTY, HINT)],
    ),
    "nothing to name it by": (
        GOOD.replace('id = "launches"', 'id = " "'),
        [
            (
                6,
                "delegations[1].id",
                "is empty",
                "each release under it names it, and the office that gave it",
            )
        ],
    ),
    "an id used twice": (
        GOOD + GOOD[GOOD.index("[[") :],
        [(15, "delegations[2].id", "`launches` is used twice", "give each its own id")],
    ),
    "a day for an instant": (
        GOOD.replace("2018-01-01T00:00:00+09:00", "2018-01-01"),
        [(12, "delegations[1].valid_from", "expected a date and hour", None)],
    ),
    **{
        name: (
            GOOD.replace("2019-01-01", day),
            [
                (
                    13,
                    "delegations[1].valid_until",
                    "ends before it begins",
                    "`valid_until` is the first instant at which it no longer runs",
                )
            ],
        )
        for name, day in (("ends before it begins", "2017-01-01"), ("never runs", "2018-01-01"))
    },
}


@pytest.mark.parametrize(("text", "problems"), BAD.values(), ids=BAD)
def test_a_wrong_file_of_delegations_is_refused_as_a_whole(text, problems):
    """DEC-37: with every problem, in the order of lines."""
    with pytest.raises(DelegationFileError) as refused:
        load_delegations(text.encode(), library=LIBRARY, file="x.toml", locate=locate)
    found = refused.value.problems
    assert [(one.file, one.line, one.key) for one in found] == [
        ("x.toml", line, key) for line, key, _, _ in problems
    ]
    for one, (_, _, reason, hint) in zip(found, problems, strict=True):
        assert one.reason == reason or (hint is None and one.reason.startswith(reason))
        assert one.hint == hint or (hint is None and one.hint)


def test_problems_come_in_the_order_of_lines_keys_and_reasons():
    """DEC-37: also where nobody finds the lines."""
    text = GOOD.replace('"hi"', '"low"').replace('["KOR"]', '["KOE"]').replace('"gokuhi"', '"x"')
    with pytest.raises(DelegationFileError) as refused:
        load_delegations(text.encode(), library=LIBRARY, file="x.toml")
    assert [(one.line, one.key) for one in refused.value.problems] == [
        (0, "delegations[1].recipients[1]"),
        (0, "delegations[1].up_to"),
        (0, "two_persons_from"),
    ]


def test_the_largest_file_is_still_read():
    """DEC-37."""
    text = GOOD + "#" * (LAW_FILE_BYTES_MAX - len(GOOD))
    found = load_delegations(text.encode(), library=LIBRARY, file="x.toml")
    assert found.delegations[0].id == "launches"


def test_a_holder_without_a_scheme_can_name_no_level():
    """DEC-36, DEC-37."""
    bare = PartyRecord(
        code="XXX",
        names={},
        zone="UTC",
        scheme=None,
        ground=Ground(article="x", evidence=Evidence.TEXT, source="by hand"),
    )
    nameless = replace(LIBRARY, parties={**LIBRARY.parties, "XXX": bare})
    unknown = replace(LIBRARY, schemes={})
    for holder, library in (("XXX", nameless), ("JPN", unknown)):
        text = GOOD.replace('"JPN"', f'"{holder}"')
        with pytest.raises(DelegationFileError) as refused:
            load_delegations(text.encode(), library=library, file="x.toml")
        keys = [one.key for one in refused.value.problems]
        assert keys == ["delegations[1].up_to", "two_persons_from"]
        assert {one.hint for one in refused.value.problems} == {"known: "}
