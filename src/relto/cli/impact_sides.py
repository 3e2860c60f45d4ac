"""The two sides of `relto impact`, and other acts to try: laws of files, dates and readings.

When nothing changes at the instant asked about, as the law is known today, the question is about
what would have
changed: then the law is taken as it was known just before the act that kept things as they were.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, structs
from whenever import Instant, TimeDelta

from relto.adapters import lawfiles
from relto.cli.law_views import shown
from relto.cli.output import InputError, instant_of, party_of, unknown
from relto.decide import LawView, Planner
from relto.impact import Measurements, Other, ReadAs, Side, changes
from relto.law import (
    Act,
    ActKind,
    Instrument,
    Law,
    Library,
    Span,
    State,
    Terms,
    compile_law,
)
from relto.model import Evidence, Ground
from relto.routes import Router
from relto.units import ActId, InstrumentId, PartyCode

_BESIDE: Final = TimeDelta(nanoseconds=1)
_SUPPOSED: Final = "supposed"


class SideSpec(Struct, frozen=True, kw_only=True):
    """One law as a person names it.

    Args:
        at: The instant; `None` where the command gives one.
        known: Only acts known then; `None` takes all.
        reading: The party whose reading counts for all; `None` leaves each holder its own.
        acts: Files with acts that nobody has done.
        drafts: Files with draft instruments, taken as in force.
        without: Acts to leave out.
    """

    at: Instant | None = None
    known: Instant | None = None
    reading: str | None = None
    acts: tuple[Path, ...] = ()
    drafts: tuple[Path, ...] = ()
    without: tuple[str, ...] = ()


class Enacted(Struct, frozen=True, kw_only=True, eq=False):
    """A law in which some drafts are taken as in force; everything else is as it was.

    Args:
        law: The law.
        drafts: The instruments that count as in force, always.
    """

    law: Law
    drafts: frozenset[InstrumentId]

    @property
    def library(self) -> Library:
        """The words, with the drafts in them."""
        return self.law.library

    def links(self, a: PartyCode, b: PartyCode, /) -> Sequence[InstrumentId]:
        """The instruments of the law, the drafts among them."""
        return self.law.links(a, b)

    def terms(self, instrument: InstrumentId, /) -> Terms:
        """What an instrument says."""
        return self.law.terms(instrument)

    def spans(self, instrument: InstrumentId, /, *, reading: PartyCode) -> Sequence[Span]:
        """Its life; that of a draft is one span."""
        if instrument in self.drafts:
            return (_IN_FORCE,)
        return self.law.spans(instrument, reading=reading)

    def state(self, instrument: InstrumentId, /, *, at: Instant, reading: PartyCode) -> Span:
        """Its state; a draft is in force."""
        if instrument in self.drafts:
            return _IN_FORCE
        return self.law.state(instrument, at=at, reading=reading)


_IN_FORCE: Final = Span(
    start=None,
    end=None,
    state=State.IN_FORCE,
    cause="a draft, taken as in force",
    evidence=Evidence.ASSUMED,
)


class Workshop:
    """Makes laws and sides from files; loads the library once.

    Args:
        directory: Law files to use instead of the packaged ones.
    """

    def __init__(self, directory: Path | None) -> None:
        """Read the files."""
        self._files = (
            lawfiles.packaged_files() if directory is None else lawfiles.read_files(directory)
        )
        self.library = lawfiles.library_of(self._files)

    def law(self, spec: SideSpec) -> LawView:
        """The law that a specification names."""
        names = {f"{_SUPPOSED}/{path.name}": path for path in (*spec.acts, *spec.drafts)}
        more = {name: lawfiles.read_file(path) for name, path in names.items()}
        library = lawfiles.library_of(lawfiles.overlay(self._files, more)) if more else self.library
        done = [act.id for acts in library.acts.values() for act in acts]
        for act in spec.without:
            if act not in done:
                raise unknown("act", act, name="without", known=done)
        compiled = compile_law(_chosen(library, spec, frozenset(more)), known=spec.known)
        drafted = frozenset(
            one for one in library.instruments if one not in self.library.instruments
        )
        view: LawView = Enacted(law=compiled, drafts=drafted) if drafted else compiled
        if spec.reading is None:
            return view
        reading = party_of(spec.reading, name="reading", known=tuple(library.parties))
        return ReadAs(law=view, reading=reading)

    def side(
        self, law: LawView, *, at: Instant, title: str, measured: Measurements | None = None
    ) -> Side:
        """A side of a comparison, with its planner and its router."""
        planner = Planner(law)
        hops = {} if measured is None else measured.hops()
        return Side(title=title, at=at, planner=planner, finder=Router(planner, measured=hops))


def _chosen(library: Library, spec: SideSpec, supposed: frozenset[str]) -> Library:
    """The library without the acts left out; supposed acts count as known whenever."""

    def known(act: Act) -> Act:
        if spec.known is None or act.file not in supposed:
            return act
        return structs.replace(act, known=min(act.known, spec.known))

    return structs.replace(
        library,
        acts={
            id: tuple(known(act) for act in acts if act.id not in spec.without)
            for id, acts in library.acts.items()
        },
    )


def parse_side(text: str) -> SideSpec:
    """Read a side as `--compare` takes it: `at=…,known=…,reading=…,act=…,draft=…,without=…`.

    Raises:
        InputError: A word that is none of these, or without a value.
    """
    values: dict[str, list[str]] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        if name not in {"at", "known", "reading", "act", "draft", "without"} or not value:
            raise InputError(
                f"`--compare` does not know `{part}`",
                hint="write at=INSTANT,known=INSTANT,reading=PARTY,act=FILE,draft=FILE,without=ACT",
            )
        values.setdefault(name, []).append(value)

    def instant(name: str) -> Instant | None:
        given = values.get(name)
        return None if given is None else instant_of(given[-1], name=f"--compare {name}")

    return SideSpec(
        at=instant("at"),
        known=instant("known"),
        reading=values.get("reading", [None])[-1],
        acts=tuple(Path(one) for one in values.get("act", ())),
        drafts=tuple(Path(one) for one in values.get("draft", ())),
        without=tuple(values.get("without", ())),
    )


class Lapse(Struct, frozen=True, kw_only=True, eq=False):
    """What happens at an instant, and what was taken as known to say so.

    Args:
        known: Up to when acts count as known; `None` takes all.
        kept_by: Acts that, once known, kept things as they were; empty when nothing had to be left
            out.
    """

    known: Instant | None
    kept_by: tuple[Act, ...] = ()

    def words(self, zone: str) -> str:
        """What a reader has to know about it."""
        if self.known is None:
            return ""
        text = f"as known at {shown(self.known, zone=zone)}"
        if self.kept_by:
            text += ", before " + "; ".join(one.id for one in self.kept_by)
        return text


def find_lapse(workshop: Workshop, spec: SideSpec, *, at: Instant) -> Lapse:
    """Find what to take as known so that something happens at an instant.

    Args:
        workshop: Makes the laws.
        spec: What the user named; with `known` set, that is what counts.
        at: The instant.

    Raises:
        InputError: Nothing ever was to change then.
    """
    if spec.known is not None or _happens(workshop, spec, at):
        return Lapse(known=spec.known)
    acts = [act for acts in workshop.library.acts.values() for act in acts if act.known < at]
    for moment in sorted({act.known for act in acts}, reverse=True):
        earlier = structs.replace(spec, known=moment.subtract(nanoseconds=1))
        if _happens(workshop, earlier, at):
            return Lapse(
                known=earlier.known, kept_by=tuple(act for act in acts if act.known == moment)
            )
    raise InputError(
        f"nothing begins or ends at {shown(at, zone='UTC')}, whatever is taken as known",
        hint="`relto law timeline ID` shows when something does",
    )


def _happens(workshop: Workshop, spec: SideSpec, at: Instant) -> bool:
    law = workshop.law(spec)
    sides = [workshop.side(law, at=when, title="") for when in (at.subtract(nanoseconds=1), at)]
    return bool(changes(*sides))


def other_acts(
    workshop: Workshop,
    spec: SideSpec,
    lapse: Lapse,
    *,
    at: Instant,
    ended: Sequence[InstrumentId],
    measured: Measurements,
) -> list[Other]:
    """Acts that might keep what ends: what was done, an extension, steps on the notice.

    Args:
        workshop: Makes the laws.
        spec: The law that lapses.
        lapse: What was taken as known.
        at: The instant of the lapse.
        ended: The instruments that end.
        measured: Delays.
    """
    found: list[Other] = []
    if lapse.kept_by:
        law = workshop.law(structs.replace(spec, known=None))
        title = "what was done: " + "; ".join(one.text for one in lapse.kept_by)
        found.append(Other(side=workshop.side(law, at=at, title=title, measured=measured)))
    base = _chosen(workshop.library, spec, frozenset())
    for name in ended:
        instrument = workshop.library.instrument(name)
        for act in _tries(instrument, base, at=at, known=lapse.known):
            compiled = compile_law(base, known=lapse.known, acts=(act,))
            view: LawView = compiled
            if spec.reading is not None:
                view = ReadAs(law=compiled, reading=PartyCode(spec.reading))
            remark = next(
                (
                    one.text
                    for one in compiled.remarks(name)
                    if one.act == act.id and not one.has_effect
                ),
                "",
            )
            side = workshop.side(view, at=at, title=act.text, measured=measured)
            found.append(Other(side=side, remark=remark))
    return found


def _tries(
    instrument: Instrument, library: Library, *, at: Instant, known: Instant | None
) -> list[Act]:
    """An extension for a year; a suspension and a withdrawal of each notice by its author."""
    terms = instrument.terms
    when = min(at.subtract(seconds=60), known) if known is not None else at.subtract(seconds=60)
    year = at.to_tz(instrument.days.zone).add(years=1).to_instant()
    notices = [
        act
        for act in library.acts[terms.id]
        if act.kind is ActKind.NOTICE and (known is None or act.known <= known)
    ]
    tries: list[tuple[ActKind, tuple[PartyCode, ...], tuple[ActId, ...], str]] = [
        (ActKind.EXTENSION, terms.parties, (), f"{terms.short}: all parties extend it by a year"),
    ]
    for notice in notices:
        author = ", ".join(notice.by)
        tries += [
            (
                ActKind.NOTICE_SUSPENSION,
                notice.by,
                (notice.id,),
                f"{terms.short}: {author} suspends its notice",
            ),
            (
                ActKind.WITHDRAWAL,
                notice.by,
                (notice.id,),
                f"{terms.short}: {author} withdraws its notice",
            ),
        ]
    return [
        Act(
            id=ActId(f"supposed-{kind}-{place}"),
            instrument=terms.id,
            kind=kind,
            by=by,
            at=when,
            known=when,
            until=year if kind is ActKind.EXTENSION else None,
            of=of,
            channel=None if instrument.notice is None else instrument.notice.channel,
            text=text,
            ground=_supposed_ground(),
            file=_SUPPOSED,
        )
        for place, (kind, by, of, text) in enumerate(tries)
    ]


def _supposed_ground() -> Ground:
    return Ground(article="supposed", evidence=Evidence.ASSUMED, source="not done by anybody")
