"""`relto peer` and `relto link`: partners pinned, and how the links to them are."""

from pathlib import Path
from typing import Annotated

import typer

from relto.cli.desk import DirOption, OfficerOption, ReasonOption, answer_of, by
from relto.cli.desk_views import render_done, render_links
from relto.cli.output import InputError, JsonFlag, emit, party_code
from relto.console import (
    Done,
    Links,
    LookLinks,
    PassOverPartner,
    PinCard,
    ReconcileLink,
    ResumePartner,
    RevokePartner,
)
from relto.limits import CARD_BYTES_MAX

peer_app = typer.Typer(name="peer", help="Partners, by their cards.", no_args_is_help=True)
link_app = typer.Typer(name="link", help="Links to partners.", no_args_is_help=True)


@peer_app.command("add")
def add(
    card: Annotated[Path, typer.Argument(metavar="CARD", help="The partner's card, a file.")],
    *,
    fingerprint: Annotated[
        str,
        typer.Option(help="As the partner read it to you, over a channel you trust."),
    ],
    directory: DirOption,
    officer: OfficerOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Pin a partner's card, if its fingerprint is the one you were told.

    Example: relto peer add kor.relto --fingerprint "3f1c 88a0 …" --dir jpn
    """
    order = PinCard(
        card=_read(card), fingerprint=fingerprint, by=by(officer, "administrator", reason)
    )
    answer = answer_of(directory, order)
    assert isinstance(answer, Done)
    emit(answer, as_json=as_json, render=lambda console: render_done(console, answer))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(CARD_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(
            f"cannot read `{path}`: {(error.strerror or 'unreadable').lower()}",
            hint="the partner writes it with `relto card --out FILE`",
        ) from error
    if len(content) > CARD_BYTES_MAX:
        raise InputError(f"`{path}` is too large for a card: limit {CARD_BYTES_MAX} bytes")
    return content


@peer_app.command("revoke")
def revoke(
    partner: Annotated[str, typer.Argument(metavar="PARTNER")],
    *,
    serial: Annotated[int, typer.Option(min=1, help="Which of its cards.")],
    directory: DirOption,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the journal as evidence.")],
    officer: OfficerOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Believe nothing more that arrives signed with one of a partner's cards.

    What is in the journal already stays, and stays verifiable; `relto key uses` lists it. When it
    is the newest card, the link rests until `relto peer add` pins the next one.

    Example: relto peer revoke KOR --serial 1 --reason "its keys were copied" --dir jpn
    """
    order = RevokePartner(
        partner=party_code(partner), serial=serial, by=by(officer, "administrator", reason)
    )
    answer = answer_of(directory, order)
    assert isinstance(answer, Done)
    emit(answer, as_json=as_json, render=lambda console: render_done(console, answer))


@link_app.command("status")
def status(directory: DirOption, as_json: JsonFlag = False) -> None:
    """Say how each link is: what the partner holds of our log, what we hold of its.

    Example: relto link status --dir jpn
    """
    _shown(directory, LookLinks(), as_json=as_json)


@link_app.command("reconcile")
def reconcile(
    partner: Annotated[str, typer.Argument(metavar="PARTNER")],
    directory: DirOption,
    as_json: JsonFlag = False,
) -> None:
    """Call a partner now, hand over what it lacks, and compare both logs.

    Example: relto link reconcile KOR --dir jpn
    """
    _shown(directory, ReconcileLink(partner=party_code(partner)), as_json=as_json)


@link_app.command("pass-over")
def pass_over(
    partner: Annotated[str, typer.Argument(metavar="PARTNER")],
    *,
    directory: DirOption,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the journal as evidence.")],
    officer: OfficerOption = "",
    is_sure: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Go on, after a restored backup, without a partner that is gone for good.

    What it could give back stays unknown. If it comes back and holds more of our log than the
    backup, while this node has said something new to it, that is a fork, and the link stops.

    Example: relto link pass-over USA --reason "its node was destroyed" --dir jpn
    """
    code = party_code(partner)
    if not is_sure:
        typer.confirm(
            f"{code} cannot give back any more what this node said after the backup. Go on?",
            abort=True,
            err=True,
        )
    order = PassOverPartner(partner=code, by=by(officer, "administrator", reason))
    _shown(directory, order, as_json=as_json)


@link_app.command("resume")
def resume(
    partner: Annotated[str, typer.Argument(metavar="PARTNER")],
    *,
    directory: DirOption,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the journal as evidence.")],
    officer: OfficerOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Let a link run again that was stopped because the partner had shown two histories.

    First find out with the partner, outside the network, what has happened and put it right: while
    it still shows another history, the link stops again at once, with new evidence.

    Example: relto link resume KOR --reason "it had served a copy of its store" --dir jpn
    """
    order = ResumePartner(partner=party_code(partner), by=by(officer, "administrator", reason))
    _shown(directory, order, as_json=as_json)


def _shown(
    directory: Path,
    order: LookLinks | ReconcileLink | PassOverPartner | ResumePartner,
    *,
    as_json: bool,
) -> None:
    answer = answer_of(directory, order)
    assert isinstance(answer, Links)
    emit(answer, as_json=as_json, render=lambda console: render_links(console, answer))


def register(app: typer.Typer) -> None:
    """Wire these commands into the program."""
    app.add_typer(peer_app)
    app.add_typer(link_app)
