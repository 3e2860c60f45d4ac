"""`relto recall`, `reclassify`, `destroy`, `report-loss`: what is owed for an item, and done.

Each is an officer's step in the journal and an entry to the partner that gave or received the item.
"""

from pathlib import Path
from typing import Annotated

import typer

from relto.cli.desk import DirOption, OfficerOption, answer_of, by
from relto.cli.desk_views import render_story
from relto.cli.exchange import AsOption, CaseArgument
from relto.cli.output import JsonFlag, emit
from relto.console import CustodyOf, Story
from relto.model import Label
from relto.model.message import Step
from relto.units import CaseId, CategoryId, HoldingId, LevelId, PartyCode, SchemeId

ItemOption = Annotated[
    str, typer.Option("--item", metavar="ID", help="The item; without it, the only one.")
]
WhyOption = Annotated[str, typer.Option("--reason", help="Why; the other side reads it.")]


def recall(
    case: CaseArgument,
    *,
    directory: DirOption,
    role: AsOption,
    reason: WhyOption,
    item: ItemOption = "",
    officer: OfficerOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Ask for an item back that was given in a case; a certificate of destruction answers it.

    Example: relto recall CASE --as disclosure-officer --reason "sent by mistake" --dir jpn
    """
    order = CustodyOf(
        step=Step.RECALL, case=CaseId(case), holding=_item(item), by=by(officer, role, reason)
    )
    _done(directory, order, as_json=as_json)


def reclassify(
    case: CaseArgument,
    *,
    directory: DirOption,
    role: AsOption,
    reason: WhyOption,
    scheme: Annotated[str, typer.Option(help="The scheme of the new label.")],
    level: Annotated[str, typer.Option(help="Its level.")],
    category: Annotated[
        list[str] | None, typer.Option("--category", help="A caveat; repeatable.")
    ] = None,
    releasable_to: Annotated[
        list[str] | None,
        typer.Option("--releasable-to", metavar="PARTY", help="Named on the label; repeatable."),
    ] = None,
    item: ItemOption = "",
    officer: OfficerOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Tell whoever received an item that its label has changed; the receiver alters its marking.

    An item that this party has made stands under the new label here too, whoever asks next.

    Example: relto reclassify CASE --scheme jpn --level gokuhi --as disclosure-officer
    --reason "sources at risk" --dir jpn
    """
    label = Label(
        scheme=SchemeId(scheme),
        level=LevelId(level),
        categories=tuple(CategoryId(one) for one in category or ()),
        releasable_to=None
        if releasable_to is None
        else tuple(PartyCode(one) for one in releasable_to),
    )
    order = CustodyOf(
        step=Step.RECLASSIFY,
        case=CaseId(case),
        holding=_item(item),
        label=label,
        by=by(officer, role, reason),
    )
    _done(directory, order, as_json=as_json)


def destroy(
    case: CaseArgument,
    *,
    directory: DirOption,
    role: AsOption,
    method: Annotated[str, typer.Option(help="How; it stands in the certificate.")],
    item: ItemOption = "",
    officer: OfficerOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Destroy an item received in a case, and certify it to whoever gave it.

    Example: relto destroy CASE --method "erased, disk shredded" --as registrar --dir kor
    """
    order = CustodyOf(
        step=Step.DESTROY,
        case=CaseId(case),
        holding=_item(item),
        text=method,
        by=by(officer, role, method),
    )
    _done(directory, order, as_json=as_json)


def report_loss(
    case: CaseArgument,
    *,
    directory: DirOption,
    role: AsOption,
    text: Annotated[str, typer.Option(help="What is known of it.")],
    possible: Annotated[
        bool, typer.Option("--possible", help="It is possible, and not certain.")
    ] = False,
    item: ItemOption = "",
    officer: OfficerOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Tell whoever gave an item that it is, or may be, lost or compromised; at once.

    Example: relto report-loss CASE --possible --text "a laptop is missing" --as registrar --dir kor
    """
    order = CustodyOf(
        step=Step.REPORT_LOSS,
        case=CaseId(case),
        holding=_item(item),
        text=text,
        is_possible_only=possible,
        by=by(officer, role, text),
    )
    _done(directory, order, as_json=as_json)


def _item(item: str) -> HoldingId | None:
    return HoldingId(item) if item else None


def _done(directory: Path, order: CustodyOf, *, as_json: bool) -> None:
    story = answer_of(directory, order)
    assert isinstance(story, Story)
    emit(story, as_json=as_json, render=lambda console: render_story(console, story))


def register(app: typer.Typer) -> None:
    """Wire these commands into the program."""
    app.command()(recall)
    app.command()(reclassify)
    app.command()(destroy)
    app.command("report-loss")(report_loss)
