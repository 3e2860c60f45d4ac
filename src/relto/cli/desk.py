"""How commands reach a node: by its socket while it runs, else by opening it under its lock."""

import getpass
import os
from pathlib import Path
from typing import Annotated

import typer

from relto.cli.output import InputError
from relto.console import (
    AnyAnswer,
    AnyOrder,
    Home,
    RotateKeys,
    card_answer,
    change_keys,
    decode_answer,
    encode_order,
    is_running,
    open_home,
    send_order,
)
from relto.node import By
from relto.units import OfficerRole

DirOption = Annotated[
    Path,
    typer.Option(
        "--dir",
        metavar="D",
        envvar="RELTO_DIR",
        help="The node's directory; RELTO_DIR names it too.",
    ),
]
OfficerOption = Annotated[
    str, typer.Option("--officer", metavar="NAME", help="Who; without it, your user name.")
]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why, in words; goes into the journal.")
]


def answer_of(directory: Path, order: AnyOrder) -> AnyAnswer:
    """Have an order carried out, by the running node or by the node opened here.

    Args:
        directory: The node's.
        order: The order.

    Raises:
        HomeError: Not a node's directory.
        StoreLockedError: Something else has the node open.
        ReltoError: The order was not carried out.
    """
    Home(directory).config()
    if isinstance(order, RotateKeys) and not is_running(directory):
        return card_answer(change_keys(directory, by=order.by))
    if is_running(directory):
        return decode_answer(send_order(directory, encode_order(order)))
    with open_home(directory) as node:
        return node.office.answer(order)


def by(officer: str, role: str, reason: str = "") -> By:
    """Name the officer behind a command; without a name, the user of this machine.

    Raises:
        InputError: The role is empty, or this user has no name.
    """
    if not role.strip():
        raise InputError("`--as` names no role", hint="write --as disclosure-officer")
    return By(officer=officer or _user(), role=OfficerRole(role), reason=reason)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"
