"""Orders and answers as JSON, for the officers' port; a failure is raised as the error it was."""

from typing import Final

import msgspec
from msgspec import Struct

from relto.codec.pack import instant_from_text, instant_to_text
from relto.console.orders import AnyAnswer, AnyOrder
from relto.errors import LocalError, PeerError, ReltoError, WorldError


class Failure(Struct, frozen=True, kw_only=True, tag="failure"):
    """An order that was not carried out.

    Args:
        code: Dotted; its first word says whose fault.
        message: What happened.
        hint: What to do next.
    """

    code: str
    message: str
    hint: str


_ENCODER: Final = msgspec.json.Encoder(enc_hook=instant_to_text)
_ORDERS: Final[msgspec.json.Decoder[AnyOrder]] = msgspec.json.Decoder(
    AnyOrder, dec_hook=instant_from_text
)
_ANSWERS: Final[msgspec.json.Decoder[AnyAnswer | Failure]] = msgspec.json.Decoder(
    AnyAnswer | Failure, dec_hook=instant_from_text
)


class OrderFormError(LocalError):
    """Bytes at the officers' port are no order."""

    code = "local.order_form"


class AnswerFormError(WorldError):
    """What the node answered cannot be read: another version is running."""

    code = "world.answer_form"
    hint_default = "restart the node, so that command and node are of one version"


def encode_order(order: AnyOrder) -> bytes:
    """Give an order as JSON."""
    return _ENCODER.encode(order)


def decode_order(data: bytes) -> AnyOrder:
    """Read an order.

    Raises:
        OrderFormError: It is none.
    """
    try:
        return _ORDERS.decode(data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise OrderFormError(f"no order: {str(error).lower()}") from error


def encode_answer(answer: AnyAnswer | ReltoError) -> bytes:
    """Give an answer, or the error in its place, as JSON."""
    if isinstance(answer, ReltoError):
        return _ENCODER.encode(Failure(code=answer.code, message=answer.message, hint=answer.hint))
    return _ENCODER.encode(answer)


def decode_answer(data: bytes) -> AnyAnswer:
    """Read an answer; a failure is raised as the error it was.

    Raises:
        AnswerFormError: It is none.
        ReltoError: The order failed.
    """
    try:
        answer = _ANSWERS.decode(data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise AnswerFormError("the node's answer cannot be read") from error
    if isinstance(answer, Failure):
        raise _error_of(answer)
    return answer


class _Told:
    """An error that happened in the node, told here under its own code."""


def _error_of(failure: Failure) -> ReltoError:
    families: dict[str, type[ReltoError]] = {
        "local": LocalError,
        "peer": PeerError,
        "world": WorldError,
    }
    family = families.get(failure.code.split(".", 1)[0], LocalError)
    told = type("ToldError", (_Told, family), {"code": failure.code})
    error = told(failure.message, hint=failure.hint)
    assert isinstance(error, ReltoError)
    return error
