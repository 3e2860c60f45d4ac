"""`relto check`: whether anybody has to see to the node, for whatever watches over it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import Struct
from rich.console import Console
from rich.text import Text
from whenever import Instant

from relto.cli.desk import DirOption, answer_of
from relto.cli.output import Exit, InputError, JsonFlag, emit, leave, safe
from relto.console import LinkLine, Links, LookLinks, LookStatus, Status

# So many calls take some minutes, since each waits longer than the one before.
_FAILURES: Final = 10
_MIB: Final = 1_048_576
# States of a link: the partner refuses our frames; only the partner calls.
_REFUSED: Final = "refused"
_WAITING: Final = "waiting"


class Trouble(Struct, frozen=True, kw_only=True):
    """Something that does not heal by itself, or not soon.

    Args:
        code: What kind, for programs.
        partner: Whose link; empty when it is about the node.
        text: In words.
        next: What to do.
    """

    code: str
    partner: str = ""
    text: str
    next: str


class Bounds(Struct, frozen=True, kw_only=True):
    """From where on something is a trouble.

    Args:
        days: A certificate that ends within so many.
        minutes: A partner that lacks something and was silent for so many.
        free_mib: Less room than this on the disk of the node's directory.
    """

    days: int
    minutes: int
    free_mib: int


class Checked(Struct, frozen=True, kw_only=True):
    """What was found.

    Args:
        party: Whose node.
        now: The node's clock.
        free_bytes: Room on the disk of its directory.
        troubles: What somebody has to see to; empty when nothing.
    """

    party: str
    now: Instant
    free_bytes: int
    troubles: tuple[Trouble, ...]


def check(
    directory: DirOption,
    days: Annotated[
        int, typer.Option(min=0, metavar="N", help="Certificates that end within N days.")
    ] = 60,
    minutes: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Partners that lack something and were silent for N minutes."
        ),
    ] = 30,
    free: Annotated[
        int, typer.Option(min=0, metavar="MIB", help="Less room than this on the node's disk.")
    ] = 1_024,
    as_json: JsonFlag = False,
) -> None:
    """Say whether somebody has to see to the node: for a timer, and for whatever raises alarms.

    Looks at the process, the clock, the law, each link, the certificates and the disk. What waits
    for officers is not looked at: `relto inbox` lists it.

    Exit: 0 nothing has to be done, 1 something has, 4 the node cannot be asked.

    Example: relto check --dir jpn
    """
    status = answer_of(directory, LookStatus())
    assert isinstance(status, Status)
    links = answer_of(directory, LookLinks())
    assert isinstance(links, Links)
    free_bytes = _room(directory)
    bounds = Bounds(days=days, minutes=minutes, free_mib=free)
    found = troubles(
        status, links.links, free_bytes=free_bytes, bounds=bounds, machine=Instant.now()
    )
    answer = Checked(party=status.party, now=status.now, free_bytes=free_bytes, troubles=found)
    emit(answer, as_json=as_json, render=lambda console: _render(console, answer))
    leave(Exit.NO if found else Exit.YES)


def troubles(
    status: Status,
    links: tuple[LinkLine, ...],
    *,
    free_bytes: int,
    bounds: Bounds,
    machine: Instant,
) -> tuple[Trouble, ...]:
    """List what somebody has to see to, the node's own first.

    Args:
        status: How the node says that it is.
        links: How its links are.
        free_bytes: Room on its disk.
        bounds: From where on something is a trouble.
        machine: The machine's clock, by which certificates end.
    """
    found = [*_own(status, free_bytes=free_bytes, bounds=bounds, machine=machine)]
    for link in links:
        one = _of_link(link, status=status, bounds=bounds)
        if one is not None:
            found.append(one)
        until = link.certificate_until
        if until is not None and until <= machine.add(hours=24 * bounds.days):
            found.append(
                Trouble(
                    code="partner-certificate",
                    partner=link.partner,
                    text=f"its certificate ends at {_second(until)}",
                    next="ask its people for `relto key rotate`",
                )
            )
    return tuple(found)


def _own(status: Status, *, free_bytes: int, bounds: Bounds, machine: Instant) -> Iterator[Trouble]:
    if not status.is_running:
        yield Trouble(code="stopped", text="the node is not running", next="relto serve")
    if status.ahead_until is not None:
        said = f"the clock is behind the journal until {_second(status.ahead_until)}"
        yield Trouble(code="clock", text=said, next="relto clock check")
    if status.law is None:
        said = "no law is adopted: nothing is released"
        yield Trouble(code="law", text=said, next="relto law adopt")
    until = status.certificate_until
    if until is not None and until <= machine.add(hours=24 * bounds.days):
        said = f"the links' certificate ends at {_second(until)}"
        yield Trouble(code="certificate", text=said, next="relto key rotate")
    if free_bytes < bounds.free_mib * _MIB:
        said = f"{free_bytes // _MIB} MiB are free on the disk"
        then = "make room: without it nothing is taken or sent"
        yield Trouble(code="disk", text=said, next=then)


def _second(at: Instant) -> str:
    return at.format_iso(unit="second")


def _of_link(link: LinkLine, *, status: Status, bounds: Bounds) -> Trouble | None:
    """Give the gravest trouble of a link; the rest follows from it."""

    def trouble(code: str, text: str, then: str) -> Trouble:
        return Trouble(code=code, partner=link.partner, text=text, next=then)

    if link.fork:
        return trouble(
            "link-stopped", f"the link is stopped: {link.fork}", "relto journal evidence"
        )
    if link.is_awaited:
        return trouble(
            "link-awaited",
            "it has not given back yet what this node said after its backup",
            f"relto link reconcile {link.partner}",
        )
    if not status.is_running:
        return None
    since = status.now.subtract(minutes=bounds.minutes)
    is_silent = link.heard_at < since if link.heard_at is not None else None
    if link.error and (not link.failures or link.state == _REFUSED):
        return trouble("link", link.error, "relto link status")
    # A partner that was not heard since the node's start may be on its way.
    if link.failures and (link.failures >= _FAILURES if is_silent is None else is_silent):
        said = link.error or "no reason given"
        return trouble("link-down", f"{link.failures} calls failed: {said}", "relto link status")
    lacks = link.ours - link.acknowledged
    if lacks and (link.state == _WAITING if is_silent is None else is_silent):
        return trouble("link-silent", f"silent, and lacks {lacks} entries", "relto link status")
    return None


def _room(directory: Path) -> int:
    try:
        return shutil.disk_usage(directory).free
    except OSError as error:
        raise InputError(f"cannot look at `{directory}`: {error.strerror}") from error


def _render(console: Console, answer: Checked) -> None:
    if not answer.troubles:
        console.print(f"{answer.party}: nothing has to be done", highlight=False)
    for one in answer.troubles:
        about = f"{one.partner}: " if one.partner else ""
        console.print(Text(safe(f"{answer.party}: {about}{one.text}; next: {one.next}")))


def register(app: typer.Typer) -> None:
    """Wire the command into the program."""
    app.command()(check)
