"""How commands answer: on stdout, talk on stderr, `--json` everywhere, exit codes with a meaning.

Exit codes (house style 11): 0 yes, 1 no, 2 usage, 3 peer, 4 world, 70 bug.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import Annotated, NoReturn, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from whenever import Date, Instant, OffsetDateTime, Time, ZonedDateTime

from relto.errors import LocalError, PeerError, ReltoError, WorldError
from relto.units import PARTY_PATTERN, PartyCode

T = TypeVar("T")


class Exit(IntEnum):
    """What a command's exit code means."""

    YES = 0
    NO = 1
    USAGE = 2
    PEER = 3
    WORLD = 4
    BUG = 70


class OutputError(WorldError):
    """The answer could not be written where it was to go."""

    code = "world.output"
    hint_default = (
        "make room there and ask again; a step may have been taken: look before repeating it"
    )


class InputError(LocalError):
    """An argument of a command cannot be used."""

    code = "local.input"


JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print the answer as JSON on stdout, for programs.")
]

# Written by partners, shown on our terminals: control characters are shown, never obeyed (FL-43).
# Separators that break a line are among them; joiners and overrides hide or reorder text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def safe(text: str) -> str:
    r"""Show control characters instead of obeying them: no text of a partner drives a terminal.

    Args:
        text: Any text, possibly from a partner.

    Returns:
        The text with each control or direction character as `\xNN` or `\uNNNN`.

    Source: reliability FL-43.
    """
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


class _Answers(Console):
    """Stdout, which may be closed by a reader that has seen enough."""

    def on_broken_pipe(self) -> None:
        """Say the rest to nobody: the exit code is still the answer's."""
        _hush()


def _hush() -> None:
    """Let what is still printed go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def stdout() -> Console:
    """A console for answers; wide when it is not a terminal, so that scripts see whole lines.

    It prints square brackets and colons as they are: no text is markup (FL-43).
    """
    console = _Answers(markup=False, emoji=False)
    if console.is_terminal:
        return console
    return _Answers(width=160, highlight=False, markup=False, emoji=False)


def stderr() -> Console:
    """A console for talk: progress, warnings, errors."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def emit(value: object, *, as_json: bool, render: Callable[[Console], None]) -> None:
    """Print one answer, for a person or for a program.

    Args:
        value: The answer, built of msgspec structs and plain values.
        as_json: Print JSON.
        render: Draws it for a person on the console given.
    """
    if as_json:
        try:
            typer.echo(msgspec.json.format(to_json(value), indent=2).decode())
        except BrokenPipeError:
            _hush()
    else:
        render(stdout())


def emit_each(
    values: Iterable[T], *, as_json: bool, heading: str, line: Callable[[T], str]
) -> None:
    """Print one answer that is too long to be held: each part as soon as it is known.

    Args:
        values: The parts; JSON gives them as one list.
        as_json: Print JSON.
        heading: Over the lines, for a person.
        line: One part, for a person; already safe.
    """
    try:
        if as_json:
            mark = "["
            for value in values:
                typer.echo(mark + to_json(value).decode(), nl=False)
                mark = ",\n "
            typer.echo("[]" if mark == "[" else "]")
            return
        typer.echo(heading)
        for value in values:
            typer.echo(line(value))
    except BrokenPipeError:
        _hush()


def to_json(value: object) -> bytes:
    """Encode an answer as JSON; instants in ISO 8601 with `Z`, digests and ids as text."""
    return msgspec.json.encode(value, enc_hook=_encode_other, order="deterministic")


def _encode_other(value: object) -> object:
    if isinstance(value, Instant | Date | Time):
        return value.format_iso()
    raise NotImplementedError(f"no JSON form for {type(value).__name__}")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    """A plain table for people; every cell from outside is made safe."""
    drawn = Table(title=title or None, title_justify="left", header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(cell if isinstance(cell, Text) else Text(safe(cell)) for cell in row))
    return drawn


# A year at both ends is kept free, so that zones and days can be reckoned from any instant.
_FIRST = Instant.from_utc(2, 1, 1)
_LAST = Instant.from_utc(9999, 1, 1)


def instant_of(text: str, *, name: str = "--at") -> Instant:
    """Read an instant from an argument; an offset, a zone or `Z` is required: a day has no zone.

    Args:
        text: `2019-11-23T00:01+09:00`, `2019-11-22T15:01Z` or `2019-11-23T00:01+09:00[Asia/Seoul]`.
        name: The option it came from, for the error.

    Raises:
        InputError: Not an instant, or without an offset.
    """
    for parse in (Instant.parse_iso, _instant_with_offset, _instant_with_zone):
        try:
            at = parse(text)
        except ValueError:
            continue
        if not _FIRST <= at <= _LAST:
            raise InputError(
                f"`{name}` lies outside the calendar: `{safe(text)}`",
                hint="instants of the years 2 to 9998 can be told in every zone",
            )
        return at
    raise InputError(
        f"`{name}` is not an instant: expected a date, a time and an offset, got `{safe(text)}`",
        hint="write it like 2019-11-23T00:01+09:00 or 2019-11-22T15:01:00Z",
    )


def _instant_with_offset(text: str) -> Instant:
    return OffsetDateTime.parse_iso(text).to_instant()


def _instant_with_zone(text: str) -> Instant:
    return ZonedDateTime.parse_iso(text).to_instant()


def party_of(text: str, *, name: str, known: Sequence[str]) -> PartyCode:
    """Read a party code from an argument; only codes of the library are parties (FL-33).

    Raises:
        InputError: Not a known code.
    """
    if text in known:
        return PartyCode(text)
    raise unknown("party", text, name=name, known=known)


def party_code(text: str) -> PartyCode:
    """Read a party code from an argument, whoever that is.

    Raises:
        InputError: Not of the form of a code.
    """
    if not PARTY_PATTERN.fullmatch(text):
        raise InputError(f"no party code: `{safe(text)}`", hint="write a code like KOR")
    return PartyCode(text)


def unknown(what: str, text: str, *, name: str, known: Sequence[str]) -> InputError:
    """The error for a word that is not in a vocabulary, with the nearest words as advice."""
    from difflib import get_close_matches

    near = get_close_matches(text, known, n=3, cutoff=0.5) or get_close_matches(
        text.upper(), known, n=3, cutoff=0.5
    )
    advice = f"did you mean {', '.join(f'`{word}`' for word in near)}?" if near else ""
    return InputError(
        f"unknown {what} in `{name}`: `{safe(text)}`",
        hint=advice or f"known: {', '.join(sorted(known)[:12])}",
    )


def exit_of(error: ReltoError) -> Exit:
    """The exit code that an error stands for: whose fault it is decides."""
    match error:
        case PeerError():
            return Exit.PEER
        case WorldError():
            return Exit.WORLD
        case _:
            return Exit.USAGE


def show_error(error: ReltoError, *, as_json: bool) -> None:
    """Say what happened, where, and what to do next, on stderr."""
    if as_json:
        shown = {"error": error.code, "message": error.message, "hint": error.hint}
        typer.echo(msgspec.json.encode(shown).decode(), err=True)
        return
    console = stderr()
    console.print(Text.assemble((f"{error.code}: ", "bold red"), safe(error.message)))
    if error.hint:
        console.print(Text.assemble(("next: ", "bold"), safe(error.hint)))


def leave(code: Exit) -> NoReturn:
    """End the command with a meaning."""
    raise typer.Exit(int(code))
