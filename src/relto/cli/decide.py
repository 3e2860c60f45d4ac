"""`relto decide` and `relto routes`: may it be released, by which way, and why.

Exit codes: 0 for `permit` and `refer` (it can be had, if only after a step), 1 for `deny` and for
no route at all, 2 for a question that cannot be asked.
"""

from pathlib import Path
from typing import Annotated

import typer
from whenever import Instant

from relto.adapters import lawfiles
from relto.cli.decide_views import (
    DecisionView,
    render_checked,
    render_decision,
    render_explained,
    render_routes,
)
from relto.cli.output import Exit, InputError, JsonFlag, emit, instant_of, leave
from relto.decide import Planner, handle, load_delegations
from relto.decide.expectations import check_expectations, load_expectations
from relto.decide.question import Question, case_of
from relto.law import Law, Library, compile_law
from relto.limits import ROUTE_HOPS_MAX, ROUTES_MAX
from relto.model import Outcome
from relto.model.delegation import Delegations
from relto.routes import Router

decide_app = typer.Typer(
    name="decide",
    help="May this holder release this to that recipient? With every reason and its article.",
    rich_markup_mode=None,
    invoke_without_command=True,
)

FromOption = Annotated[str, typer.Option("--from", metavar="PARTY", help="Who would release it.")]
HolderOption = Annotated[str, typer.Option("--holder", metavar="PARTY", help="Who holds it.")]
ToOption = Annotated[str, typer.Option("--to", metavar="PARTY", help="Who would receive it.")]
TopicOption = Annotated[
    list[str] | None, typer.Option("--topic", help="What it is about; again for another topic.")
]
SchemeOption = Annotated[
    str, typer.Option(help="The scheme of the label; without it, the originator's own.")
]
LevelOption = Annotated[str, typer.Option(help="The level of the label.")]
OriginatorOption = Annotated[
    str, typer.Option(metavar="PARTY", help="Who made it; without it, the holder.")
]
FormOption = Annotated[str, typer.Option(help="Its form.")]
PurposeOption = Annotated[str, typer.Option(help="What the recipient wants it for.")]
RequestedOption = Annotated[
    bool, typer.Option("--requested", help="The recipient has asked, and gives the assurance.")
]
NoAssuranceOption = Annotated[
    bool, typer.Option("--no-assurance", help="The request carries no assurance.")
]
ClearedOption = Annotated[
    str, typer.Option(metavar="LEVEL", help="The reader's clearance; without it, the highest.")
]
ConsentOption = Annotated[
    list[str] | None,
    typer.Option("--consent", metavar="PARTY", help="The originator consents to release to it."),
]
CategoryOption = Annotated[list[str] | None, typer.Option("--category", help="A caveat.")]
ReleasableOption = Annotated[
    list[str] | None, typer.Option("--releasable-to", metavar="PARTY", help="Named on the label.")
]
ProvenanceOption = Annotated[
    str, typer.Option(metavar="ID", help="The instrument under which the holder received it.")
]
ReceivedOption = Annotated[str, typer.Option(help="The purpose the holder received it for.")]
MarkedOption = Annotated[
    str, typer.Option(metavar="LEVEL", help="The holder's own level for a received item.")
]
OnwardOption = Annotated[
    str, typer.Option(metavar="PARTY", help="The final recipient beyond an intermediary.")
]
AtOption = Annotated[str | None, typer.Option(help="The instant; without it, now.")]
KnownOption = Annotated[
    str | None, typer.Option(help="Only acts known at that instant; without it, all.")
]
LawOption = Annotated[
    Path | None,
    typer.Option("--law", metavar="DIR", help="Law files to use instead of the packaged ones."),
]
DelegationsOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The holder's delegations.")
]


@decide_app.callback()
def decide(
    context: typer.Context,
    *,
    holder: FromOption = "",
    recipient: ToOption = "",
    topic: TopicOption = None,
    scheme: SchemeOption = "",
    level: LevelOption = "",
    originator: OriginatorOption = "",
    form: FormOption = "document",
    purpose: PurposeOption = "",
    requested: RequestedOption = False,
    no_assurance: NoAssuranceOption = False,
    cleared_to: ClearedOption = "",
    consent: ConsentOption = None,
    category: CategoryOption = None,
    releasable_to: ReleasableOption = None,
    provenance: ProvenanceOption = "",
    received_for: ReceivedOption = "",
    marked: MarkedOption = "",
    onward: OnwardOption = "",
    at: AtOption = None,
    known: KnownOption = None,
    law: LawOption = None,
    delegations: DelegationsOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Draw every rule as a tree.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """May this holder release this to that recipient? With every reason and its article.

    Exit: 0 permit or refer, 1 deny, 2 a question that cannot be asked.

    Example: relto decide --from JPN --to KOR --topic dprk.missile.launch --level hi --requested
    --at 2019-11-21T09:00+09:00 --explain
    """
    if context.invoked_subcommand is not None:
        return
    _need(holder=("--from", holder), recipient=("--to", recipient), level=("--level", level))
    question = Question(
        holder=holder,
        recipient=recipient,
        topics=tuple(topic or ()),
        level=level,
        scheme=scheme,
        originator=originator,
        form=form,
        purpose=purpose,
        is_requested=requested,
        is_assured=not no_assurance,
        cleared_to=cleared_to,
        consents=tuple(consent or ()),
        categories=tuple(category or ()),
        releasable_to=None if releasable_to is None else tuple(releasable_to),
        provenance=provenance,
        received_for=received_for,
        marked=marked,
        onward=onward,
    )
    compiled = _law(law, known)
    case = case_of(question, compiled.library)
    decision = Planner(compiled).decide(case, at=_at(at))
    own = _delegations(delegations, compiled.library)
    handling = None if own is None else handle(own, decision, case, library=compiled.library)
    view = DecisionView(
        decision=decision,
        remedies={one.instrument: one.remedy for one in decision.considered},
        handling=handling,
    )
    zone = compiled.library.parties[case.holder].zone
    emit(
        view,
        as_json=as_json,
        render=lambda console: (render_explained if explain else render_decision)(
            console, view, zone
        ),
    )
    leave(Exit.NO if decision.outcome is Outcome.DENY else Exit.YES)


@decide_app.command("test")
def expected(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of expected decisions.")],
    law: LawOption = None,
    delegations: DelegationsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Decide every question of a file and compare with what it expects, reasons included.

    Exit: 0 all as expected, 1 some not, 2 a file that cannot be used.

    Example: relto decide test expected.toml --delegations delegations.toml
    """
    library = _library(law)
    data = lawfiles.read_file(file)
    found = load_expectations(data, file=file.name, locate=lawfiles.locate)
    own = _delegations(delegations, library)
    checked = check_expectations(found, library=library, delegations=own)
    emit(checked, as_json=as_json, render=lambda console: render_checked(console, checked))
    leave(Exit.YES if all(one.is_met for one in checked) else Exit.NO)


def routes(
    *,
    holder: HolderOption = "",
    recipient: ToOption = "",
    topic: TopicOption = None,
    scheme: SchemeOption = "",
    level: LevelOption = "",
    originator: OriginatorOption = "",
    form: FormOption = "document",
    purpose: PurposeOption = "",
    requested: RequestedOption = False,
    no_assurance: NoAssuranceOption = False,
    cleared_to: ClearedOption = "",
    consent: ConsentOption = None,
    category: CategoryOption = None,
    releasable_to: ReleasableOption = None,
    provenance: ProvenanceOption = "",
    received_for: ReceivedOption = "",
    marked: MarkedOption = "",
    at: AtOption = None,
    known: KnownOption = None,
    hops: Annotated[int, typer.Option(min=1, max=ROUTE_HOPS_MAX, help="At most so many.")] = 3,
    most: Annotated[int, typer.Option(min=1, max=ROUTES_MAX, help="List at most so many.")] = 16,
    law: LawOption = None,
    as_json: JsonFlag = False,
) -> None:
    """By which lawful ways can it get from its holder to a recipient? And what closes the others?

    Exit: 0 there is a way, 1 there is none, 2 a question that cannot be asked.

    Example: relto routes --holder JPN --to KOR --topic dprk.missile.launch --level hi --requested
    --form electronic --known 2019-11-20T00:00Z --at 2019-11-23T00:01+09:00
    """
    _need(holder=("--holder", holder), recipient=("--to", recipient), level=("--level", level))
    question = Question(
        holder=holder,
        recipient=recipient,
        topics=tuple(topic or ()),
        level=level,
        scheme=scheme,
        originator=originator,
        form=form,
        purpose=purpose,
        is_requested=requested,
        is_assured=not no_assurance,
        cleared_to=cleared_to,
        consents=tuple(consent or ()),
        categories=tuple(category or ()),
        releasable_to=None if releasable_to is None else tuple(releasable_to),
        provenance=provenance,
        received_for=received_for,
        marked=marked,
    )
    compiled = _law(law, known)
    case = case_of(question, compiled.library)
    found = Router(Planner(compiled)).routes(case, at=_at(at), hops_most=hops, routes_most=most)
    zone = compiled.library.parties[case.holder].zone
    emit(found, as_json=as_json, render=lambda console: render_routes(console, found, zone))
    leave(Exit.YES if found.routes else Exit.NO)


def _need(**options: tuple[str, str]) -> None:
    for option, value in options.values():
        if not value:
            raise InputError(
                f"missing `{option}`", hint="the same with `--help` shows a whole example"
            )


def _library(law: Path | None) -> Library:
    if law is None:
        return lawfiles.packaged_library()
    return lawfiles.library_from(law)


def _law(law: Path | None, known: str | None) -> Law:
    when = None if known is None else instant_of(known, name="--known")
    return compile_law(_library(law), known=when)


def _at(text: str | None) -> Instant:
    return Instant.now() if text is None else instant_of(text)


def _delegations(path: Path | None, library: Library) -> Delegations | None:
    if path is None:
        return None
    data = lawfiles.read_file(path)
    return load_delegations(data, library=library, file=path.name, locate=lawfiles.locate)
