"""`relto decide` and `relto routes`: may it be released, by which way, and why.

Exit codes: 0 for `permit` and `refer` (it can be had, if only after a step), 1 for `deny` and for
no route at all, 2 for a question that cannot be asked.
"""

from collections.abc import Callable
from functools import update_wrapper
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Concatenate, ParamSpec

import typer
from msgspec import Struct
from msgspec.structs import replace
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
from relto.model import Case, Outcome
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


class _Words(Struct, frozen=True, kw_only=True):
    """What both commands are asked: the options that they share, as they were typed."""

    question: Question
    at: str | None
    known: str | None
    law: Path | None

    def asked(self, *, holder: str, option: str, onward: str = "") -> tuple[Law, Case, Instant]:
        """Give law, case and instant.

        Raises:
            InputError: A word that no question can do without is missing.
        """
        needed = ((option, holder), ("--to", self.question.recipient))
        for name, value in (*needed, ("--level", self.question.level)):
            if not value:
                raise InputError(
                    f"missing `{name}`", hint="the same with `--help` shows a whole example"
                )
        when = None if self.known is None else instant_of(self.known, name="--known")
        law = compile_law(_library(self.law), known=when)
        case = case_of(replace(self.question, holder=holder, onward=onward), law.library)
        return law, case, Instant.now() if self.at is None else instant_of(self.at)


def _words(
    *,
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
    law: LawOption = None,
) -> _Words:
    """Take the options that both commands share; the holder's is named differently in each."""
    question = Question(
        holder="",
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
    return _Words(question=question, at=at, known=known, law=law)


_P = ParamSpec("_P")


def _asking(command: Callable[Concatenate[_Words, _P], None]) -> Callable[_P, None]:
    """Give a command the shared options, after its positional parameters."""
    shared = signature(_words).parameters
    own = list(signature(command).parameters.values())[1:]
    first = [one for one in own if one.kind is Parameter.POSITIONAL_OR_KEYWORD]
    last = [one for one in own if one.kind is Parameter.KEYWORD_ONLY]

    def run(*given: _P.args, **options: _P.kwargs) -> None:
        asked = {name: options.pop(name) for name in shared}
        words = _words(**asked)  # type: ignore[arg-type] # the program reads them as declared
        command(words, *given, **options)

    named = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in (*first, *shared.values(), *last)]
    update_wrapper(run, command)
    # What the program's options are read from.
    run.__signature__ = Signature(named)  # type: ignore[attr-defined] # functions have one
    run.__annotations__ = {one.name: one.annotation for one in named}
    return run


@decide_app.callback()
@_asking
def decide(
    words: _Words,
    context: typer.Context,
    holder: FromOption = "",
    *,
    onward: OnwardOption = "",
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
    law, case, at = words.asked(holder=holder, option="--from", onward=onward)
    decision = Planner(law).decide(case, at=at)
    own = _delegations(delegations, law.library)
    handling = None if own is None else handle(own, decision, case, library=law.library)
    view = DecisionView(
        decision=decision,
        remedies={one.instrument: one.remedy for one in decision.considered},
        handling=handling,
    )
    zone = law.library.parties[case.holder].zone
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


@_asking
def routes(
    words: _Words,
    holder: HolderOption = "",
    *,
    hops: Annotated[int, typer.Option(min=1, max=ROUTE_HOPS_MAX, help="At most so many.")] = 3,
    most: Annotated[int, typer.Option(min=1, max=ROUTES_MAX, help="List at most so many.")] = 16,
    as_json: JsonFlag = False,
) -> None:
    """By which lawful ways can it get from its holder to a recipient? And what closes the others?

    Exit: 0 there is a way, 1 there is none, 2 a question that cannot be asked.

    Example: relto routes --holder JPN --to KOR --topic dprk.missile.launch --level hi --requested
    --form electronic --known 2019-11-20T00:00Z --at 2019-11-23T00:01+09:00
    """
    law, case, at = words.asked(holder=holder, option="--holder")
    found = Router(Planner(law)).routes(case, at=at, hops_most=hops, routes_most=most)
    zone = law.library.parties[case.holder].zone
    emit(found, as_json=as_json, render=lambda console: render_routes(console, found, zone))
    leave(Exit.YES if found.routes else Exit.NO)


def _library(law: Path | None) -> Library:
    if law is None:
        return lawfiles.packaged_library()
    return lawfiles.library_from(law)


def _delegations(path: Path | None, library: Library) -> Delegations | None:
    if path is None:
        return None
    data = lawfiles.read_file(path)
    return load_delegations(data, library=library, file=path.name, locate=lawfiles.locate)


def register(app: typer.Typer) -> None:
    """Wire these commands into the program."""
    app.add_typer(decide_app)
    app.command()(routes)
