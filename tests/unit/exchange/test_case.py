"""One case, folded from entries."""

import pytest
from msgspec.structs import replace

from relto.exchange import (
    CaseState,
    IdConflictError,
    OutOfPlaceError,
    RepeatError,
    Role,
    Way,
    advance,
    answered,
    fold_case,
    open_case,
    way_of,
)
from relto.model.message import Requested
from tests.property.test_exchange import fact_of
from tests.support_messages import EXAMPLES, REQUEST


def asked(*, source: str = "KOR", number: int = 1, about: str = "") -> object:
    message = Requested(request=replace(REQUEST, about=about))
    return fact_of(message, kind="request", source=source, target="JPN", number=number)


def opened():
    fact = asked()
    return advance(open_case(fact, me="JPN"), fact, me="JPN")


def test_a_request_to_us_makes_us_the_holder() -> None:
    file = opened()
    assert (file.role, file.state, file.asker) == (Role.HOLDER, CaseState.RECEIVED, "KOR")
    assert file.request == replace(REQUEST, about="")


def test_a_request_for_somebody_else_makes_us_the_intermediary() -> None:
    message = Requested(request=replace(REQUEST, holder="USA"))
    fact = fact_of(message, kind="request", source="KOR", target="JPN")
    file = advance(open_case(fact, me="JPN"), fact, me="JPN")
    assert file.role is Role.INTERMEDIARY
    ours = Requested(request=replace(message.request, requester="JPN", on_behalf_of="KOR"))
    passed = fact_of(ours, kind="request", source="JPN", target="USA")
    after = advance(file, passed, me="JPN")
    assert (after.state, after.giver, after.request) == (
        CaseState.ASKED,
        "USA",
        message.request,
    )


def test_no_case_begins_with_a_request_that_we_pass_on() -> None:
    """EX-7: it began with the request that is passed on, wherever that stands."""
    request = replace(REQUEST, requester="JPN", holder="USA", on_behalf_of="KOR")
    passed = fact_of(Requested(request=request), kind="request", source="JPN", target="USA")
    with pytest.raises(OutOfPlaceError):
        open_case(passed, me="JPN")
    assert open_case(passed, me="USA").role is Role.HOLDER


def test_the_same_request_again_is_a_repeat() -> None:
    with pytest.raises(RepeatError):
        advance(opened(), asked(number=2), me="JPN")


@pytest.mark.parametrize("changes", [{"about": "other"}, {"source": "USA"}])
def test_a_taken_case_id_is_a_conflict(changes: dict[str, str]) -> None:
    with pytest.raises(IdConflictError):
        advance(opened(), asked(number=2, **changes), me="JPN")


def test_a_party_without_a_part_in_the_case_moves_nothing() -> None:
    stranger = fact_of(EXAMPLES["receipt"], kind="receipt", source="USA", target="JPN")
    with pytest.raises(OutOfPlaceError):
        advance(opened(), stranger, me="JPN")
    with pytest.raises(OutOfPlaceError):
        advance(
            opened(),
            fact_of(EXAMPLES["refusal"], kind="refusal", source="JPN", target="USA"),
            me="JPN",
        )


def test_no_case_begins_with_an_answer() -> None:
    with pytest.raises(OutOfPlaceError):
        open_case(
            fact_of(EXAMPLES["release"], kind="release", source="KOR", target="JPN"), me="JPN"
        )


def test_folding_a_case_passes_over_what_is_out_of_place() -> None:
    stray = fact_of(EXAMPLES["receipt"], kind="receipt", source="KOR", target="JPN", number=2)
    file = fold_case((asked(), stray, asked(number=3)), me="JPN")
    assert file is not None
    assert file.state is CaseState.RECEIVED
    assert fold_case((stray,), me="JPN") is None


def test_the_ways_of_a_case_are_named_from_where_we_stand() -> None:
    file = replace(opened(), originator="GBR", giver="USA")
    for source, target, way in (
        ("KOR", "JPN", Way.FROM_REQUESTER),
        ("JPN", "KOR", Way.TO_REQUESTER),
        ("USA", "JPN", Way.FROM_HOLDER),
        ("JPN", "USA", Way.TO_HOLDER),
        ("GBR", "JPN", Way.FROM_ORIGINATOR),
        ("JPN", "GBR", Way.TO_ORIGINATOR),
        ("JPN", "JPN", Way.OWN),
    ):
        fact = fact_of(EXAMPLES["refusal"], kind="refusal", source=source, target=target)
        assert way_of(file, fact, me="JPN") is way


UNANSWERED = ("received", "queued", "consent-asked", "asked", "arrived", "obtained", "denied")


def answer(kind: str, *, source: str = "JPN", target: str = "KOR") -> object:
    return fact_of(EXAMPLES[kind], kind=kind, source=source, target=target, number=9)


@pytest.mark.parametrize("state", UNANSWERED)
@pytest.mark.parametrize(("kind", "after"), [("release", "released"), ("refusal", "refused")])
def test_an_own_answer_that_comes_back_ends_the_case_wherever_it_stands(
    state: str, kind: str, after: str
) -> None:
    """EX-48."""
    file = answered(replace(opened(), state=CaseState(state)), answer(kind), me="JPN")
    assert file.state is CaseState(after)
    assert (file.released is None) is (kind == "refusal")
    assert file.queued is None


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"state": CaseState.RELEASED}, answer("release")),
        ({"state": CaseState.REFUSED}, answer("release")),
        ({"state": CaseState.ANSWERED}, answer("refusal")),
        ({}, answer("referral")),
        ({}, answer("release", target="USA")),
        ({}, answer("refusal", source="KOR", target="JPN")),
    ],
)
def test_nothing_else_that_is_out_of_place_ends_a_case(
    changes: dict[str, CaseState], fact: object
) -> None:
    assert answered(replace(opened(), **changes), fact, me="JPN") is None


def test_a_story_tells_of_an_own_answer_that_came_back_as_the_node_does() -> None:
    """EX-48: a holder's consent-asked stands between, and what led out of it is lost."""
    sent = fact_of(EXAMPLES["consent-asked"], kind="consent-asked", source="JPN", target="USA")
    queued = fact_of(EXAMPLES["queued"], kind="queued", source="JPN", target="JPN")
    facts = (asked(), queued, sent, answer("release"))
    assert fold_case(facts[:3], me="JPN").state is CaseState.CONSENT_ASKED
    assert fold_case(facts, me="JPN").state is CaseState.RELEASED
    assert fold_case(facts[3:], me="JPN") is None
