"""Delegations: what is released at once, what goes to one officer or two, what is refused."""

import pytest
from msgspec.structs import replace
from whenever import Instant

from relto.adapters.lawfiles import locate, packaged_library
from relto.decide import DelegationFileError, HandlingKind, decide, handle, load_delegations
from relto.law import compile_law
from relto.model import Assurance, Case, Decision, Form, Label, Outcome
from relto.model.delegation import Delegation, Delegations

LIBRARY = packaged_library()
AT = Instant.from_utc(2018, 6, 1)
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


def test_a_permission_under_a_delegation_is_released_at_once():
    """DEC-33."""
    found = handled()
    assert (found.kind, found.delegation) == (HandlingKind.RELEASE, "launches")
    assert found.why == "delegated by the bureau"


def test_a_denial_is_refused_whatever_is_delegated():
    """DEC-33."""
    assert handled(replace(CASE, requested=False)).kind is HandlingKind.REFUSE


def test_a_delegation_for_one_party_does_not_reach_the_one_beyond_it():
    """DEC-34: the final recipient must be named too."""
    beyond = replace(CASE, onward="USA")
    assert handled(beyond).kind is HandlingKind.OFFICER
    assert handled(beyond, with_one(recipients=("KOR", "USA"))).kind is HandlingKind.RELEASE


def test_a_referral_goes_to_an_officer_whatever_is_delegated():
    """DEC-33."""
    assert handled(replace(CASE, assurance=None)).kind is HandlingKind.OFFICER


@pytest.mark.parametrize("mine", [None, replace(MINE, holder="KOR"), with_one(id="x", topics=())])
def test_without_a_delegation_of_the_holders_a_permission_goes_to_an_officer(mine):
    """DEC-33."""
    assert handled(mine=mine).kind is HandlingKind.OFFICER


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
            found = handle(mine, made_up(case, outcome), case, library=LIBRARY)
            assert found.kind is HandlingKind.TWO_OFFICERS
    nameless = replace(mine, two_persons_from="cosmic")
    assert handled(mine=nameless).kind is HandlingKind.TWO_OFFICERS


def test_a_holder_without_a_scheme_has_no_levels_to_delegate():
    """DEC-36."""
    stranger = replace(CASE, holder="ZZZ", originator="ZZZ")
    mine = replace(MINE, holder="ZZZ")
    assert handle(mine, made_up(stranger), stranger, library=LIBRARY).kind is HandlingKind.OFFICER


def test_the_handling_holds_until_a_delegation_begins_or_ends():
    """DEC-34."""
    end = Instant.from_utc(2018, 7, 1)
    assert handled(mine=with_one(valid_until=end)).holds_until == end
    start = Instant.from_utc(2018, 6, 20)
    assert handled(mine=with_one(valid_from=start)).holds_until == start


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


BAD = {
    "no TOML": ("format =", "not TOML"),
    "another format": ('format = "x"', "not a file of delegations"),
    "too large": ("#" * 2_000_001, "file too large"),
    "an unknown key": (GOOD + "colour = 1", "unknown key `colour`"),
    "a missing key": (GOOD.replace('by = "the bureau"', ""), "missing key `by`"),
    "an unknown holder": (GOOD.replace('"JPN"', '"JAP"'), "unknown party `JAP`"),
    "an unknown level": (GOOD.replace('"hi"', '"low"'), "unknown level `low`"),
    "an unknown level for two": (GOOD.replace('"gokuhi"', '"x"'), "unknown level `x`"),
    "an unknown recipient": (GOOD.replace('["KOR"]', '["KOE"]'), "unknown party `KOE`"),
    "itself": (GOOD.replace('["KOR"]', '["JPN"]'), "unknown party `JPN`"),
    "an unknown instrument": (GOOD.replace("gsomia-2016", "x"), "unknown instrument `jpn-kor-x`"),
    "an unknown topic": (GOOD.replace("dprk.missile", "moon"), "unknown topic `moon`"),
    "an unknown purpose": (GOOD + 'purposes = ["fun"]', "unknown purpose `fun`"),
    "nothing covered": (GOOD.replace('["dprk.missile"]', "[]"), "covers nothing"),
    "an id used twice": (GOOD + GOOD[GOOD.index("[[") :], "used twice"),
    "a day for an instant": (
        GOOD.replace("2018-01-01T00:00:00+09:00", "2018-01-01"),
        "expected a date and hour",
    ),
    "ends before it begins": (
        GOOD.replace("2019-01-01", "2017-01-01"),
        "ends before it begins",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_a_wrong_file_of_delegations_is_refused_as_a_whole(text, message):
    """DEC-37."""
    with pytest.raises(DelegationFileError) as refused:
        load_delegations(text.encode(), library=LIBRARY, file="x.toml", locate=locate)
    assert any(message in one.reason for one in refused.value.problems)
    assert all(one.hint for one in refused.value.problems)
