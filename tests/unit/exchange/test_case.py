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
