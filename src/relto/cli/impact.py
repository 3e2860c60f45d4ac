"""`relto impact`: what lapses, what remains, by which way, and what would restore it.

Exit codes: 0 the comparison was made, 2 a question or a table that cannot be used.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import structs
from rich.console import Console
from whenever import Instant

from relto.cli.impact_sides import (
    Lapse,
    SideSpec,
    Workshop,
    find_lapse,
    other_acts,
    parse_side,
)
from relto.cli.law_views import shown
from relto.cli.output import Exit, InputError, JsonFlag, emit, instant_of, leave, unknown
from relto.cli.progress import progress
from relto.impact import (
    Conditions,
    Engine,
    Exchange,
    Faults,
    Holdings,
    Impact,
    Measurements,
    Other,
    Side,
    changes,
    compare,
)
from relto.law import STATES_IN_FORCE
from relto.limits import ROUTE_HOPS_MAX
from relto.units import InstrumentId, PurposeId

if TYPE_CHECKING:
    from relto.adapters.tables import Traffic

AtOption = Annotated[
    str | None, typer.Option(help="The law just before this instant, compared with the law at it.")
]
CompareOption = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--compare",
        metavar="A B",
        help="Any two laws instead, each as at=…,known=…,reading=PARTY,act=FILE,draft=FILE,"
        "without=ACT.",
    ),
]
HoldingsOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What everybody holds: CSV, JSON lines or Parquet."),
]
TrafficOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Past releases, open requests, standing feeds."),
]
KnownOption = Annotated[
    str | None, typer.Option(help="Only acts known at that instant; without it, found out.")
]
ReadingOption = Annotated[
    str | None,
    typer.Option(metavar="PARTY", help="One party's reading for all; without it, each holder's."),
]
ActOption = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Acts to try: what would they restore? Again for another."),
]
DraftOption = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="A draft instrument to try, taken as in force."),
]
ENGINES = ("numpy", "polars")


def impact(
    *,
    at: AtOption = None,
    compare_sides: CompareOption = None,
    holdings: HoldingsOption = None,
    traffic: TrafficOption = None,
    known: KnownOption = None,
    reading: ReadingOption = None,
    act: ActOption = None,
    draft: DraftOption = None,
    purpose: Annotated[str, typer.Option(help="What requests are for.")] = "defence.analysis",
    hops: Annotated[
        int, typer.Option(min=1, max=ROUTE_HOPS_MAX, help="Ways of at most so many releases.")
    ] = 2,
    no_assurance: Annotated[
        bool, typer.Option("--no-assurance", help="Requests carry no assurance.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first row that cannot be used.")
    ] = False,
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every row at fault to a CSV file.")
    ] = None,
    engine: Annotated[str, typer.Option(help=f"One of {', '.join(ENGINES)}.")] = "numpy",
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the flows as SVG.")] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the flows as PNG.")] = None,
    law: Annotated[
        Path | None,
        typer.Option("--law", metavar="DIR", help="Law files instead of the packaged ones."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """What stops, what goes another way, who loses more, and what would restore it?

    Example: relto impact --at 2019-11-23T00:01+09:00 --holdings holdings.csv --traffic traffic.csv
    """
    if (at is None) == (compare_sides is None):
        raise InputError(
            "give either `--at` or `--compare`", hint="--at 2019-11-23T00:01+09:00 is the usual one"
        )
    workshop = Workshop(law)
    if purpose not in workshop.library.purposes:
        known_purposes = tuple(workshop.library.purposes.purposes)
        raise unknown("purpose", purpose, name="--purpose", known=known_purposes)
    conditions = Conditions(purpose=PurposeId(purpose), is_assured=not no_assurance, hops_most=hops)
    spec = SideSpec(
        known=None if known is None else instant_of(known, name="--known"), reading=reading
    )
    tables = _Tables(workshop, holdings, traffic, is_strict=strict)
    if compare_sides is not None:
        plan = _two_laws(workshop, compare_sides, tables.measured)
    else:
        assert at is not None
        plan = _one_instant(workshop, spec, at=instant_of(at), measured=tables.measured)
    plan.others.extend(
        _files(workshop, plan, acts=act or (), drafts=draft or (), measured=tables.measured)
    )
    found = _run(plan, tables, conditions, _engine(engine))
    _pictures(found, workshop, svg=svg, png=png)
    if faults is not None:
        tables.write_faults(faults)
    _show(found, workshop, tables, as_json=as_json)
    leave(Exit.YES)


class _Plan:
    """What is to be compared."""

    def __init__(
        self, before: Side, after: Side, others: list[Other], spec: SideSpec, known: str
    ) -> None:
        self.before, self.after, self.others = before, after, others
        self.spec, self.known = spec, known


class _Tables:
    """The tables given, read."""

    def __init__(
        self, workshop: Workshop, holdings: Path | None, traffic: Path | None, *, is_strict: bool
    ) -> None:
        try:
            from relto.adapters.tables import Encoder, read_holdings, read_traffic
        except ImportError as error:
            raise InputError(
                "tables need Polars, which is not installed", hint="pip install 'relto[bulk]'"
            ) from error
        whole = workshop.law(SideSpec())
        self.traffic: Traffic | None = None
        if traffic is not None:
            with progress(f"reading {traffic.name}", unit="lines") as tick:
                self.traffic = read_traffic(traffic, whole, is_strict=is_strict, progress=tick)
        if holdings is None:
            self.holdings: Holdings = Encoder(whole).finish()
        else:
            with progress(f"reading {holdings.name}", unit="rows") as tick:
                self.holdings = read_holdings(holdings, whole, is_strict=is_strict, progress=tick)
        self.measured = Measurements() if self.traffic is None else self.traffic.measured

    @property
    def lines(self) -> Sequence[Exchange]:
        """The usable lines of traffic."""
        return () if self.traffic is None else self.traffic.lines

    def exercise(self) -> tuple[str, ...]:
        """Columns with values made up for an exercise, in either table."""
        traffic = {name for one in self.lines for name in one.exercise}
        return tuple(sorted({*self.holdings.exercise, *traffic}))

    def write_faults(self, path: Path) -> None:
        """Write every row at fault of both tables."""
        from relto.adapters.tables import write_faults

        write_faults(path, self.faults())

    def faults(self) -> list[tuple[str, Faults]]:
        """Both lists of faults, named."""
        found = [("holdings", self.holdings.faults)]
        if self.traffic is not None:
            found.append(("traffic", self.traffic.faults))
        return found


def _one_instant(
    workshop: Workshop, spec: SideSpec, *, at: Instant, measured: Measurements
) -> _Plan:
    """The law just before an instant, and at it."""
    lapse = find_lapse(workshop, spec, at=at)
    law = workshop.law(structs.replace(spec, known=lapse.known))
    zone = _zone(workshop, at, law_known=lapse)
    before = workshop.side(
        law,
        at=at.subtract(nanoseconds=1),
        title=f"just before {shown(at, zone=zone)}",
        measured=measured,
    )
    after = workshop.side(law, at=at, title=f"from {shown(at, zone=zone)} on", measured=measured)
    ended = _ended(before, after)
    others = other_acts(workshop, spec, lapse, at=at, ended=ended, measured=measured)
    named = structs.replace(spec, known=lapse.known)
    return _Plan(before, after, others, named, lapse.words(zone))


def _zone(workshop: Workshop, at: Instant, *, law_known: Lapse) -> str:
    """The zone in which the days of the instrument end that changes at the instant."""
    law = workshop.law(SideSpec(known=law_known.known))
    sides = [workshop.side(law, at=when, title="") for when in (at.subtract(nanoseconds=1), at)]
    for change in changes(*sides):
        return workshop.library.instrument(change.instrument).days.zone
    return "UTC"


def _ended(before: Side, after: Side) -> list[InstrumentId]:
    """Instruments that end or are suspended in some reading."""
    return [
        one.instrument
        for one in changes(before, after)
        if any(
            row.before in STATES_IN_FORCE and row.after not in STATES_IN_FORCE
            for row in one.readings
        )
    ]


def _two_laws(workshop: Workshop, texts: tuple[str, str], measured: Measurements) -> _Plan:
    specs = [parse_side(text) for text in texts]
    sides = []
    for text, spec in zip(texts, specs, strict=True):
        if spec.at is None:
            raise InputError(
                "each side of `--compare` needs an instant", hint="begin it with at=2019-11-23T…"
            )
        sides.append(workshop.side(workshop.law(spec), at=spec.at, title=text, measured=measured))
    return _Plan(sides[0], sides[1], [], specs[1], "")


def _files(
    workshop: Workshop,
    plan: _Plan,
    *,
    acts: Sequence[Path],
    drafts: Sequence[Path],
    measured: Measurements,
) -> Iterator[Other]:
    """Each file of acts and each draft, tried on the side after."""
    for path in acts:
        law = workshop.law(structs.replace(plan.spec, acts=(*plan.spec.acts, path)))
        side = workshop.side(law, at=plan.after.at, title=f"acts of {path.name}", measured=measured)
        yield Other(side=side)
    for path in drafts:
        law = workshop.law(structs.replace(plan.spec, drafts=(*plan.spec.drafts, path)))
        title = f"draft {path.name}, taken as in force"
        yield Other(side=workshop.side(law, at=plan.after.at, title=title, measured=measured))


def _run(plan: _Plan, tables: _Tables, conditions: Conditions, engine: Engine) -> Impact:
    with progress("comparing", unit="pairs") as tick:
        return compare(
            plan.before,
            plan.after,
            holdings=tables.holdings,
            traffic=tables.lines,
            measured=tables.measured,
            conditions=conditions,
            engine=engine,
            others=plan.others,
            known=plan.known,
            exercise=tables.exercise(),
            progress=tick,
        )


def _engine(name: str) -> Engine:
    if name == "numpy":
        from relto.adapters.engine_numpy import NumpyEngine

        return NumpyEngine()
    if name == "polars":
        from relto.adapters.engine_polars import PolarsEngine

        return PolarsEngine()
    raise unknown("engine", name, name="--engine", known=ENGINES)


def _pictures(found: Impact, workshop: Workshop, *, svg: Path | None, png: Path | None) -> None:
    if svg is None and png is None:
        return
    try:
        from relto.adapters.picture import draw
    except ImportError as error:
        raise InputError(
            "a picture needs Matplotlib, which is not installed",
            hint="pip install 'relto[picture]'",
        ) from error
    titles = {id: topic.title for id, topic in workshop.library.topics.topics.items()}
    names = {code: party.names.get("en", code) for code, party in workshop.library.parties.items()}
    for path, kind in ((svg, "svg"), (png, "png")):
        if path is not None:
            draw(found, path, kind=kind, titles=titles, names=names)


def _show(found: Impact, workshop: Workshop, tables: _Tables, *, as_json: bool) -> None:
    from relto.cli.impact_views import ImpactView, fault_counts, render_impact

    view = ImpactView(
        impact=found,
        faults=tuple(one for name, faults in tables.faults() for one in fault_counts(name, faults)),
    )
    shorts: dict[str, str] = {
        id: one.terms.short for id, one in workshop.library.instruments.items()
    }
    topics = {id: topic.title for id, topic in workshop.library.topics.topics.items()}

    def render(console: Console) -> None:
        render_impact(console, view, shorts=shorts, topics=topics)

    emit(view, as_json=as_json, render=render)


def register(app: typer.Typer) -> None:
    """Wire the command into the program."""
    app.command()(impact)
