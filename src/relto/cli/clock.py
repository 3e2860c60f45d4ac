"""`relto clock`: whether the clock was ahead and what follows; the exercise clock."""

from contextlib import closing
from typing import Annotated

import typer
from msgspec import Struct
from rich.console import Console
from whenever import Instant

from relto.adapters.store import open_store, place_of
from relto.cli.desk import DirOption, OfficerOption, ReasonOption, answer_of, by
from relto.cli.desk_views import render_done
from relto.cli.output import Exit, JsonFlag, emit, instant_of, leave, safe, table
from relto.console import Done, LookStatus, MoveClock, Status
from relto.journal import Ahead, find_ahead
from relto.model import LogId
from relto.ports import Transaction

clock_app = typer.Typer(
    name="clock",
    help="The node's clock: was it ahead, what follows; the exercise clock.",
    no_args_is_help=True,
)


class Clock(Struct, frozen=True, kw_only=True):
    """How a node's clock stands to what the node has written.

    Args:
        now: The node's clock.
        ahead: The logs in which it has written entries that are dated after it.
        goes_on_at: When the last of them has healed by itself; `None` when nothing has to.
        can_be_restored: A backup from before the first of them would let the node go on at once:
            no partner holds any of them.
    """

    now: Instant
    ahead: tuple[Ahead, ...]
    goes_on_at: Instant | None = None
    can_be_restored: bool = False


@clock_app.command("check")
def check(directory: DirOption, as_json: JsonFlag = False) -> None:
    """Say whether entries are dated after the clock, from when on that heals, and what can be done.

    Times in a journal never go back: a node whose clock was ahead writes nothing before it has
    caught up, and its partners take nothing of what it wrote.

    Exit: 0 the clock is not behind the journal, 1 it is.

    Example: relto clock check --dir jpn
    """
    status = answer_of(directory, LookStatus())
    assert isinstance(status, Status)
    with closing(open_store(place_of(directory), is_readonly=True)) as store, store.reading() as tx:
        own = [state for state in tx.logs() if state.log.source == status.party]
        found = [
            find_ahead(state, now=status.now, time_of=_Times(tx, state.log).of) for state in own
        ]
    ahead = tuple(one for one in found if one is not None)
    answer = Clock(
        now=status.now,
        ahead=ahead,
        goes_on_at=max((one.until for one in ahead), default=None),
        can_be_restored=bool(ahead) and not any(one.is_held for one in ahead),
    )
    emit(answer, as_json=as_json, render=lambda console: _render(console, answer))
    leave(Exit.NO if ahead else Exit.YES)


class _Times:
    def __init__(self, tx: Transaction, log: LogId) -> None:
        self._tx, self._log = tx, log

    def of(self, number: int) -> Instant:
        (entry,) = self._tx.entries(self._log, first=number, end=number + 1)
        return entry.header.at


def _render(console: Console, answer: Clock) -> None:
    console.print(f"the clock stands at {answer.now.format_iso(unit='second')}", highlight=False)
    if answer.goes_on_at is None:
        console.print("no entry is dated after it", highlight=False)
        return
    rows = [
        (
            f"{one.log.source} > {one.log.target}",
            f"{one.first} to {one.final}",
            one.until.format_iso(unit="second"),
            _reader(one),
        )
        for one in answer.ahead
    ]
    console.print(table("", ("log", "entries ahead", "written again from", "reader"), rows))
    heals = answer.goes_on_at.format_iso(unit="second")
    lines = [
        "The clock was ahead when these were written, or it is behind now: compare it with others.",
        f"If it is right now, all heals by itself: the node goes on from {heals}.",
    ]
    if answer.can_be_restored:
        lines.append(
            "Sooner: no partner holds any of them. A backup from before them, restored, goes on at "
            "once; the node's own steps since that backup have to be made again."
        )
    else:
        lines.append(
            "A partner holds some of them, so a backup does not help: it would give them back."
        )
    for line in lines:
        console.print(safe(line), highlight=False)


def _reader(one: Ahead) -> str:
    if one.log.is_local:
        return "nobody else"
    if one.is_held:
        return f"{one.log.target} holds some of them"
    return f"{one.log.target} takes them from {one.taken_from.format_iso(unit='second')}"


@clock_app.command("set")
def clock_set(
    at: Annotated[str, typer.Argument(metavar="INSTANT", help="Later than the clock is now.")],
    directory: DirOption,
    officer: OfficerOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Move the clock of an exercise node forward; it runs on from there.

    Example: relto clock set 2019-11-23T00:01+09:00 --dir jpn
    """
    order = MoveClock(at=instant_of(at, name="INSTANT"), by=by(officer, "administrator", reason))
    answer = answer_of(directory, order)
    assert isinstance(answer, Done)
    emit(answer, as_json=as_json, render=lambda console: render_done(console, answer))


def register(app: typer.Typer) -> None:
    """Wire these commands into the program."""
    app.add_typer(clock_app)
