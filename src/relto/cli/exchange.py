"""`relto hold`, `request`, `inbox`, `approve`, `refuse`, `show` …: the officers' work at a node."""

import time
from pathlib import Path
from typing import Annotated

import typer

from relto.cli.desk import DirOption, OfficerOption, ReasonOption, answer_of, by
from relto.cli.desk_views import render_cases, render_done, render_holdings, render_story
from relto.cli.output import Exit, InputError, JsonFlag, emit, leave, stderr
from relto.console import (
    ApproveCase,
    AskConsentOf,
    AskFor,
    Cases,
    Done,
    HoldingAnswer,
    Holdings,
    HoldItem,
    LookCase,
    LookCases,
    LookHoldings,
    LookInbox,
    RefuseCase,
    Story,
    keep_content,
)
from relto.exchange import CaseState
from relto.model import Form, Label, Precedence
from relto.units import (
    CaseId,
    CategoryId,
    HoldingId,
    LevelId,
    PartyCode,
    PurposeId,
    SchemeId,
    TopicId,
)

AsOption = Annotated[str, typer.Option("--as", metavar="ROLE", help="In which role you act.")]
CaseArgument = Annotated[str, typer.Argument(metavar="CASE")]
TopicOption = Annotated[
    list[str], typer.Option("--topic", help="What about; repeat it for several.")
]


def hold(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The content.")],
    *,
    topic: TopicOption,
    scheme: Annotated[str, typer.Option(help="Whose words the level is in.")],
    level: Annotated[str, typer.Option(help="A level of that scheme.")],
    directory: DirOption,
    title: Annotated[
        str, typer.Option(help="One line for people; without it, the file's name.")
    ] = "",
    originator: Annotated[
        str, typer.Option(metavar="PARTY", help="Who made it; without it, this party.")
    ] = "",
    category: Annotated[list[str] | None, typer.Option(help="A caveat; repeatable.")] = None,
    form: Annotated[Form, typer.Option(help="Its form.")] = Form.ELECTRONIC,
    releasable_to: Annotated[
        list[str] | None,
        typer.Option(metavar="PARTY", help="Named by the originator; repeatable."),
    ] = None,
    role: AsOption = "registrar",
    officer: OfficerOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Register an item that this party holds.

    Example: relto hold launch.json --topic dprk.missile.launch --scheme jpn --level hi --dir jpn
    """
    kept = keep_content(directory, file)
    order = HoldItem(
        digest=kept.digest,
        size_bytes=kept.size_bytes,
        title=title or file.name,
        originator=PartyCode(originator) if originator else None,
        label=Label(
            scheme=SchemeId(scheme),
            level=LevelId(level),
            categories=tuple(sorted({CategoryId(one) for one in category or ()})),
            releasable_to=(
                None
                if releasable_to is None
                else tuple(sorted({PartyCode(one) for one in releasable_to}))
            ),
        ),
        topics=tuple(TopicId(one) for one in topic),
        form=form,
        by=by(officer, role, reason),
    )
    answer = answer_of(directory, order)
    assert isinstance(answer, HoldingAnswer)
    shown = Holdings(holdings=(answer.holding,))
    emit(answer, as_json=as_json, render=lambda console: render_holdings(console, shown))


def holdings(directory: DirOption, as_json: JsonFlag = False) -> None:
    """List what this party holds.

    Example: relto holdings --dir jpn
    """
    answer = answer_of(directory, LookHoldings())
    assert isinstance(answer, Holdings)
    emit(answer, as_json=as_json, render=lambda console: render_holdings(console, answer))


def request(
    holder: Annotated[str, typer.Argument(metavar="HOLDER", help="Who is thought to hold it.")],
    *,
    topic: TopicOption,
    purpose: Annotated[str, typer.Option(help="What the information is for.")],
    directory: DirOption,
    about: Annotated[str, typer.Option(help="Words for the officer on the other side.")] = "",
    item: Annotated[
        str, typer.Option(metavar="ID", help="One known item, instead of whatever is held.")
    ] = "",
    precedence: Annotated[Precedence, typer.Option(help="How urgent.")] = Precedence.ROUTINE,
    cleared_to: Annotated[
        str,
        typer.Option(
            metavar="LEVEL",
            help="Give the assurance: the reader is cleared to it, needs it, will protect it.",
        ),
    ] = "",
    is_direct: Annotated[
        bool, typer.Option("--direct", help="Ask directly even if the direct way seems closed.")
    ] = False,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="Wait so long for the answer.")
    ] = 0.0,
    role: AsOption = "analyst",
    officer: OfficerOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Request information, by the best lawful way; without one, say what closes each.

    Ends with 1 where there is no lawful way, or the answer that was waited for is no.

    Example: relto request JPN --topic dprk.missile.launch --purpose defence.analysis --dir kor
    """
    order = AskFor(
        holder=PartyCode(holder),
        topics=tuple(TopicId(one) for one in topic),
        holding=HoldingId(item) if item else None,
        purpose=PurposeId(purpose),
        about=about,
        precedence=precedence,
        cleared_to=LevelId(cleared_to) if cleared_to else None,
        is_direct=is_direct,
        by=by(officer, role, reason),
    )
    answer = answer_of(directory, order)
    assert isinstance(answer, Story)
    answer = _wait(directory, answer, seconds=wait)
    emit(answer, as_json=as_json, render=lambda console: render_story(console, answer))
    if answer.is_closed and answer.line.state != CaseState.RECEIPTED:
        leave(Exit.NO)


def _wait(directory: Path, story: Story, *, seconds: float) -> Story:
    """Look again until the case is closed or the time is over."""
    until, pause = time.monotonic() + seconds, 0.02
    while not story.is_closed and time.monotonic() < until:
        time.sleep(min(pause, max(until - time.monotonic(), 0.0)))
        pause = min(pause * 1.5, 0.5)
        story = _story(directory, story.line.case)
    if not story.is_closed and seconds:
        stderr().print(f"no answer yet; look again with: relto show {story.line.case}")
    return story


def _story(directory: Path, case: str) -> Story:
    answer = answer_of(directory, LookCase(case=CaseId(case)))
    assert isinstance(answer, Story)
    return answer


def inbox(directory: DirOption, as_json: JsonFlag = False) -> None:
    """List the cases that wait for this party's officers, the most urgent first.

    Example: relto inbox --dir jpn
    """
    answer = answer_of(directory, LookInbox())
    assert isinstance(answer, Cases)
    emit(answer, as_json=as_json, render=lambda console: render_cases(console, answer, "inbox"))


def cases(directory: DirOption, as_json: JsonFlag = False) -> None:
    """List all cases, the oldest first.

    Example: relto cases --dir jpn
    """
    answer = answer_of(directory, LookCases())
    assert isinstance(answer, Cases)
    emit(answer, as_json=as_json, render=lambda console: render_cases(console, answer, "cases"))


def approve(
    case: CaseArgument,
    *,
    directory: DirOption,
    role: AsOption,
    reason: Annotated[str, typer.Option("--reason", help="Why; goes into the journal.")],
    officer: OfficerOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Approve what waits: a release, or consent to another party's release.

    Example: relto approve CASE --as disclosure-officer --reason "need confirmed" --dir jpn
    """
    order = ApproveCase(case=CaseId(case), by=by(officer, role, reason))
    _stepped(directory, order, as_json=as_json)


def refuse(
    case: CaseArgument,
    *,
    directory: DirOption,
    role: AsOption,
    reason: Annotated[str, typer.Option("--reason", help="Why; shown to the other side.")],
    officer: OfficerOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Refuse what waits; the reason is shown to the other side.

    Example: relto refuse CASE --as disclosure-officer --reason "no longer current" --dir jpn
    """
    order = RefuseCase(case=CaseId(case), by=by(officer, role, reason))
    _stepped(directory, order, as_json=as_json)


def ask_consent(
    case: CaseArgument,
    *,
    directory: DirOption,
    role: AsOption,
    reason: ReasonOption = "",
    officer: OfficerOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Ask the originator of an item for consent to the release that waits.

    Example: relto ask-consent CASE --as disclosure-officer --dir usa
    """
    order = AskConsentOf(case=CaseId(case), by=by(officer, role, reason))
    _stepped(directory, order, as_json=as_json)


def _stepped(
    directory: Path, order: ApproveCase | RefuseCase | AskConsentOf, *, as_json: bool
) -> None:
    answer = answer_of(directory, order)
    if isinstance(answer, Story):
        story = answer
        emit(story, as_json=as_json, render=lambda console: render_story(console, story))
        return
    assert isinstance(answer, Done)
    done = answer
    emit(done, as_json=as_json, render=lambda console: render_done(console, done))


def show(
    case: CaseArgument,
    directory: DirOption,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="Wait so long for the case to close.")
    ] = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """Tell the whole story of a case: entries both ways, route, markings, obligations, content.

    Example: relto show CASE --dir kor
    """
    if not case:
        raise InputError("no case was named", hint="`relto cases` lists them")
    story = _wait(directory, _story(directory, case), seconds=wait)
    emit(story, as_json=as_json, render=lambda console: render_story(console, story))


def register(app: typer.Typer) -> None:
    """Wire these commands into the program."""
    app.command()(hold)
    app.command()(holdings)
    app.command()(request)
    app.command()(inbox)
    app.command()(cases)
    app.command()(approve)
    app.command()(refuse)
    app.command("ask-consent")(ask_consent)
    app.command()(show)
