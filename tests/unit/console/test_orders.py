"""Orders and answers as they cross the officers' port."""

import pytest
from whenever import Instant

from relto.console import (
    AnswerFormError,
    ApproveCase,
    AskFor,
    CustodyOf,
    Done,
    MoveClock,
    OrderFormError,
    PinCard,
    Status,
    decode_answer,
    decode_order,
    encode_answer,
    encode_order,
)
from relto.errors import LocalError, PeerError, ReltoError, WorldError
from relto.model import Label
from relto.model.message import Step
from relto.node import By
from relto.units import CaseId, LevelId, OfficerRole, PartyCode, PurposeId, SchemeId, TopicId

BY = By(officer="Ono", role=OfficerRole("disclosure-officer"), reason="need confirmed")
NOW = Instant.parse_iso("2019-11-22T15:01:00Z")

ORDERS = {
    "approve": ApproveCase(case=CaseId("kor-1"), by=BY),
    "pin": PinCard(card=b"\x00card", fingerprint="12 34", by=BY),
    "clock": MoveClock(at=NOW, by=BY),
    "custody": CustodyOf(
        step=Step.RECLASSIFY,
        case=CaseId("kor-1"),
        label=Label(scheme=SchemeId("jpn"), level=LevelId("hi")),
        by=BY,
    ),
    "ask": AskFor(
        holder=PartyCode("JPN"),
        topics=(TopicId("dprk"),),
        purpose=PurposeId("defence"),
        by=BY,
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_comes_through_unchanged(name: str) -> None:
    assert decode_order(encode_order(ORDERS[name])) == ORDERS[name]


BAD = {
    "nothing": b"",
    "no JSON": b"{",
    "an unknown order": b'{"type":"launch"}',
    "an unknown key": b'{"type":"inbox","all":true}',
    "a missing key": b'{"type":"approve","case":"x"}',
    "a day without a zone": (
        b'{"type":"clock-set","at":"2019-11-22","by":{"officer":"x","role":"y"}}'
    ),
    "two orders": b'{"type":"inbox"}{"type":"inbox"}',
}


@pytest.mark.parametrize("name", BAD)
def test_bytes_that_are_no_order_are_refused(name: str) -> None:
    with pytest.raises(OrderFormError):
        decode_order(BAD[name])


ANSWERS = {
    "done": Done(text="pinned KOR"),
    "status": Status(party=PartyCode("JPN"), is_exercise=True, is_running=True, now=NOW),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_comes_through_unchanged(name: str) -> None:
    assert decode_answer(encode_answer(ANSWERS[name])) == ANSWERS[name]


class HandError(LocalError):
    """A slip of the hand."""

    code = "local.hand"
    hint_default = "try again"


ERRORS: dict[str, tuple[ReltoError, type[ReltoError]]] = {
    "local": (HandError("no"), LocalError),
    "peer": (PeerError("they"), PeerError),
    "world": (WorldError("disk"), WorldError),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_told_under_its_own_code_and_family(name: str) -> None:
    error, family = ERRORS[name]
    with pytest.raises(family) as told:
        decode_answer(encode_answer(error))
    assert (told.value.code, told.value.message) == (error.code, error.message)
    assert told.value.hint == error.hint


def test_an_answer_of_another_version_is_said_to_be_one() -> None:
    with pytest.raises(AnswerFormError):
        decode_answer(b'{"type":"oracle"}')
