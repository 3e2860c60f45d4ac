"""Proofs about a change of law: over every case there can be, not only over those that were tried.

The rules of a pair are finite tables, so that "is there a case that was denied and is now
permitted?" is a question for a solver (z3, extra `analysis`). Every example it finds is decided
again by the reference before it is shown. Only pairs that the change can concern are looked at.

Source: docs/spec/decide.md DEC-41 to DEC-44.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Struct
from whenever import Instant

from relto.decide import LevelFact, Planner, changed_pairs, decide
from relto.decide.cell import Cell
from relto.decide.plan import Book, Plan
from relto.decide.view import LawView
from relto.errors import LocalError
from relto.model import Assurance, Case, Consent, Form, Label, Outcome
from relto.units import InstrumentId, PartyCode, PurposeId, TopicId

if TYPE_CHECKING:
    import z3

T = TypeVar("T")

_Row: TypeAlias = "tuple[z3.BoolRef, int, int]"
_Rule: TypeAlias = list[_Row]
"""Under which condition a rule passes, and stands, for which instruments."""


class AnalysisMissingError(LocalError):
    """The solver is not installed."""

    code = "local.analysis_missing"
    hint_default = "install relto with its extra `analysis`"


class ClaimKind(StrEnum):
    """What is proved, or shown by an example."""

    NEWLY_PERMITTED = "newly-permitted"
    NEWLY_DENIED = "newly-denied"
    DEAD = "dead"  # no case at any instant can rest on the instrument
    OVERLAP = "overlap"  # some case can rest on either of two instruments


class Claim(Struct, frozen=True, kw_only=True):
    """One thing that holds of a change.

    Args:
        kind: What.
        holder: For which pair; `None` for a dead instrument.
        recipient: The other one.
        instruments: The instruments it is about; empty where it is about outcomes.
        case: An example; `None` for a dead instrument.
        at: The instant of the example.
        before: What the reference decides for it under the law before.
        after: What it decides under the law after.
    """

    kind: ClaimKind
    holder: PartyCode | None = None
    recipient: PartyCode | None = None
    instruments: tuple[InstrumentId, ...] = ()
    case: Case | None = None
    at: Instant | None = None
    before: Outcome | None = None
    after: Outcome | None = None


class Proof(Struct, frozen=True, kw_only=True):
    """All claims about a change.

    Args:
        pairs: Ordered pairs looked at; for all others the two laws decide alike.
        claims: By kind, pair and instruments.
    """

    pairs: tuple[tuple[PartyCode, PartyCode], ...]
    claims: tuple[Claim, ...]


def prove(
    before: LawView, after: LawView, *, progress: Callable[[int], None] | None = None
) -> Proof:
    """Find every pair for which a change permits or denies anew, dead instruments and overlaps.

    Args:
        before: One law.
        after: The other; over the same words.
        progress: Told after each pair, and after each instrument.

    Raises:
        AnalysisMissingError: The solver is not installed.

    Source: docs/spec/decide.md DEC-41 to DEC-44.
    """
    try:
        import z3
    except ImportError as error:
        raise AnalysisMissingError("the solver z3 is not installed") from error
    assert z3.get_version() is not None
    changed = changed_pairs(before, after, after.library.parties)
    pairs = tuple(pair for one, other in changed for pair in ((one, other), (other, one)))
    one, two = Planner(before), Planner(after)
    claims: list[Claim] = []
    touched: dict[InstrumentId, None] = {}
    for holder, recipient in pairs:
        space = _Space(one, two, holder=holder, recipient=recipient)
        claims += space.changes()
        claims += space.overlaps()
        touched |= dict.fromkeys(space.names)
        if progress is not None:
            progress(1)
    for name in sorted(touched):
        if not _is_alive(two, name):
            claims.append(Claim(kind=ClaimKind.DEAD, instruments=(name,)))
        if progress is not None:
            progress(1)
    return Proof(pairs=pairs, claims=tuple(sorted(claims, key=_order)))


def _order(claim: Claim) -> tuple[int, str, str, tuple[InstrumentId, ...]]:
    kinds = list(ClaimKind)
    return (
        kinds.index(claim.kind), claim.holder or "", claim.recipient or "", claim.instruments
    )  # fmt: skip


def _is_alive(planner: Planner, name: InstrumentId) -> bool:
    """Whether some pair of its parties can rest on it in some case at some instant."""
    for holder, recipient in permutations(sorted(planner.law.terms(name).parties), 2):
        space = _Space(planner, planner, holder=holder, recipient=recipient)
        if space.example(space.stands(name)) is not None:
            return True
    return False


class _Choice(Generic[T]):
    """A variable of the solver that stands for one of some values."""

    def __init__(self, name: str, values: Sequence[T]) -> None:
        import z3

        self._z3 = z3
        self.values = tuple(values)
        self._variable = z3.Int(name)

    def is_(self, value: T) -> z3.BoolRef:
        """The condition that it is this value."""
        return self._variable == self.values.index(value)

    def bounds(self) -> z3.BoolRef:
        """The condition that it is one of its values."""
        return self._z3.And(self._variable >= 0, self._variable < len(self.values))

    def of(self, model: z3.ModelRef) -> T:
        """Its value in an example."""
        index: int = model.eval(self._variable, model_completion=True).as_long()
        return self.values[index]


class _Space:
    """Every case between two parties, as variables of the solver, under two laws at once."""

    def __init__(
        self, before: Planner, after: Planner, *, holder: PartyCode, recipient: PartyCode
    ) -> None:
        import z3

        self._z3 = z3
        self._before, self._after = before, after
        self._holder, self._recipient = holder, recipient
        plans = (before.plan(holder, recipient), after.plan(holder, recipient))
        self.names = plans[1].names
        library = after.law.library
        purposes: tuple[PurposeId | None, ...] = (None, *sorted(library.purposes))
        parties = sorted(library.parties)
        self._given = _Choice("given", _assurances(plans[1]))
        self._time = _Choice("time", _instants(plans))
        self._form = _Choice("form", _distinct(Form, lambda form: _forms(plans, form)))
        self._level = _Choice("level", self._levels(plans, _levels(after.law, holder)))
        self._origin = _Choice("origin", parties)
        self._wanted = _Choice("wanted", purposes)
        self._received = _Choice("received", purposes)
        self._way = _Choice("way", _ways(plans, parties))
        topics = _distinct(sorted(library.topics), lambda one: _topics(plans, one))
        self._about = {topic: z3.Bool(f"about {topic}") for topic in topics}
        self._asked, self._consented = z3.Bool("asked"), z3.Bool("consented")
        self._passes: list[dict[InstrumentId, z3.BoolRef]] = []
        self._stands: list[dict[InstrumentId, z3.BoolRef]] = []
        for plan in plans:
            rules = list(self._rules(plan))
            self._passes.append(self._each(plan, rules, 1))
            self._stands.append(self._each(plan, rules, 2))

    def _levels(
        self, plans: tuple[Plan, Plan], facts: Iterable[LevelFact]
    ) -> tuple[LevelFact, ...]:
        """One of all level facts that no rule can tell apart at any instant under either law."""
        places = [(plan, book) for plan in plans for book in _books(plan, self._time.values)]

        def masks(fact: LevelFact) -> Iterator[int]:
            for plan, book in places:
                for form in self._form.values:
                    cell = plan.level(book, label=fact.label, marked=fact.marked, form=form)
                    yield from (cell.passes, cell.stands)
                for given in self._given.values:
                    cell = plan.assurance(book, given, label=fact.label, marked=fact.marked)
                    yield from (cell.passes, cell.stands)

        self._alike = _classes(facts, masks)
        return tuple(self._alike)

    def _each(self, plan: Plan, rules: list[_Rule], which: int) -> dict[InstrumentId, z3.BoolRef]:
        """For each instrument: every rule holds under some condition that sets its bit."""
        return {
            name: self._z3.And(
                *(self._z3.Or(*(row[0] for row in rule if row[which] >> bit & 1)) for rule in rules)
            )
            for bit, name in enumerate(plan.names)
        }

    def _rules(self, plan: Plan) -> Iterator[_Rule]:
        """Each rule as a table of conditions."""
        segments = [(self._time.is_(at), plan.segment(at)) for at in self._time.values]
        yield [_row(when, segment.force) for when, segment in segments]
        yield [_row(when, segment.reliance) for when, segment in segments]
        yield [_row(self._way.is_(way), plan.topology(*way)) for way in self._way.values]
        for topic, about in self._about.items():
            yield [
                _row(about, plan.topic((topic,))),
                (self._z3.Not(about), plan.full, plan.full),
            ]
        yield [_row(self._form.is_(form), plan.form(form)) for form in self._form.values]
        books = [(when, segment.book) for when, segment in segments]
        yield [
            _row(self._z3.And(when, self._level.is_(fact), self._form.is_(form)), cell)
            for when, book in books
            for fact in self._level.values
            for form in self._form.values
            for cell in (plan.level(book, label=fact.label, marked=fact.marked, form=form),)
        ]
        yield [
            _row(self._z3.And(when, self._level.is_(fact), self._given.is_(given)), cell)
            for when, book in books
            for fact in self._level.values
            for given in self._given.values
            for cell in (plan.assurance(book, given, label=fact.label, marked=fact.marked),)
        ]
        yield list(self._third_party(plan))
        yield list(self._purpose(plan))
        yield [
            _row(self._asked, plan.initiative(is_requested=True)),
            _row(self._z3.Not(self._asked), plan.initiative(is_requested=False)),
        ]

    def _third_party(self, plan: Plan) -> Iterator[_Row]:
        for party in self._origin.values:
            for consented, when in self._consents():
                cell = plan.third_party(party, is_consented=consented)
                yield _row(self._z3.And(self._origin.is_(party), when), cell)

    def _purpose(self, plan: Plan) -> Iterator[_Row]:
        own = self._is_own()
        for wanted in self._wanted.values:
            cell = plan.purpose(wanted, None, self._holder, is_consented=False)
            yield _row(self._z3.And(own, self._wanted.is_(wanted)), cell)
        for party in self._strangers()[:1]:  # which one makes no difference to the verdict
            for wanted in self._wanted.values:
                for received in self._received.values:
                    for consented, when in self._consents():
                        cell = plan.purpose(wanted, received, party, is_consented=consented)
                        told = self._wanted.is_(wanted), self._received.is_(received)
                        yield _row(self._z3.And(self._z3.Not(own), *told, when), cell)

    def _consents(self) -> tuple[tuple[bool, z3.BoolRef], ...]:
        return (True, self._consented), (False, self._z3.Not(self._consented))

    def _strangers(self) -> list[PartyCode]:
        return [one for one in self._origin.values if one not in {self._holder, self._recipient}]

    def _is_own(self) -> z3.BoolRef:
        return self._z3.Or(self._origin.is_(self._holder), self._origin.is_(self._recipient))

    def stands(self, name: InstrumentId) -> z3.BoolRef:
        """Under the law after, the instrument permits or refers."""
        return self._stands[1].get(name, self._z3.BoolVal(False))

    def changes(self) -> Iterator[Claim]:
        """What is permitted or denied that was not."""
        permits = [self._z3.Or(*one.values()) for one in self._passes]
        denies = [self._z3.Not(self._z3.Or(*one.values())) for one in self._stands]
        for kind, (was, now) in (
            (ClaimKind.NEWLY_PERMITTED, permits),
            (ClaimKind.NEWLY_DENIED, denies),
        ):
            found = self.example(self._z3.And(self._z3.Not(was), now))
            if found is None:
                continue
            claim = self._claim(kind, *found)
            outcome = Outcome.PERMIT if kind is ClaimKind.NEWLY_PERMITTED else Outcome.DENY
            assert claim.after is outcome
            assert claim.before is not outcome
            yield claim

    def overlaps(self) -> Iterator[Claim]:
        """Pairs of instruments that one case can rest on, under the law after."""
        for one, other in combinations(self.names, 2):
            found = self.example(self._z3.And(self.stands(one), self.stands(other)))
            if found is not None:
                claim = self._claim(ClaimKind.OVERLAP, *found)
                decided = decide(self._after.law, *found[:1], at=found[1])
                open_ones = {
                    each.instrument
                    for each in decided.considered
                    if each.outcome is not Outcome.DENY
                }
                assert {one, other} <= open_ones
                yield msgspec.structs.replace(claim, instruments=(one, other))

    def _claim(self, kind: ClaimKind, case: Case, at: Instant) -> Claim:
        """The claim with what the reference says of its example."""
        return Claim(
            kind=kind,
            holder=self._holder,
            recipient=self._recipient,
            case=case,
            at=at,
            before=decide(self._before.law, case, at=at).outcome,
            after=decide(self._after.law, case, at=at).outcome,
        )

    def example(self, wanted: z3.BoolRef) -> tuple[Case, Instant] | None:
        """A case for which a condition holds, or `None` where there is none at all.

        Preferred is an own item of the holder's with its own label, and nothing beside it that the
        condition does not need.
        """
        solver = self._z3.Solver()
        choices = (
            self._time, self._form, self._level, self._origin, self._wanted, self._received,
            self._way, self._given,
        )  # fmt: skip
        solver.add(*(choice.bounds() for choice in choices))
        solver.add(self._z3.Or(*self._about.values()))
        # A consent without a purpose speaks to nothing (DEC-16).
        solver.add(self._z3.Implies(self._consented, self._z3.Not(self._wanted.is_(None))))
        solver.add(wanted)
        if solver.check() != self._z3.sat:
            return None
        found = solver.model()
        plain = [
            self._origin.is_(self._holder),
            self._natural(),
            self._z3.Not(self._consented),
            self._received.is_(None),
        ]
        if (None, None) in self._way.values:
            plain.append(self._way.is_((None, None)))
        for preferred in plain:
            solver.push()
            solver.add(preferred)
            if solver.check() == self._z3.sat:
                found = solver.model()
            else:
                solver.pop()
        return self._case(found)

    def _natural(self) -> z3.BoolRef:
        """The label is its originator's own, and the holder marked what it received."""
        return self._z3.Or(
            *(
                self._z3.And(self._origin.is_(party), self._level.is_(fact))
                for party in self._origin.values
                for fact, alike in self._alike.items()
                if any(self._is_natural(one, party) for one in alike)
            )
        )

    def _is_natural(self, fact: LevelFact, origin: PartyCode) -> bool:
        own = self._after.law.library.parties[origin].scheme
        is_marked = fact.marked is not None
        return fact.label.scheme == own and is_marked == (origin != self._holder)

    def _case(self, model: z3.ModelRef) -> tuple[Case, Instant]:
        """Read an example off the solver."""
        fact, (onward, provenance) = self._level.of(model), self._way.of(model)
        origin, wanted = self._origin.of(model), self._wanted.of(model)
        fact = next((one for one in self._alike[fact] if self._is_natural(one, origin)), fact)
        topics = tuple(
            topic
            for topic, about in self._about.items()
            if self._z3.is_true(model.eval(about, model_completion=True))
        )
        consents: tuple[Consent, ...] = ()
        if wanted is not None and self._z3.is_true(model.eval(self._consented)):
            consent = Consent(
                originator=origin,
                recipient=self._recipient,
                topics=topics,
                purposes=(wanted,),
                given_at=Instant.MIN,
            )
            consents = (consent,)
        case = Case(
            holder=self._holder,
            recipient=self._recipient,
            onward=onward,
            originator=origin,
            label=fact.label,
            marked=fact.marked,
            topics=topics,
            form=self._form.of(model),
            provenance=provenance,
            purpose=wanted,
            received_for=self._received.of(model),
            requested=self._z3.is_true(model.eval(self._asked)),
            assurance=self._given.of(model),
            consents=consents,
        )
        return case, self._time.of(model)


def _distinct(values: Iterable[T], masks: Callable[[T], Iterable[int]]) -> tuple[T, ...]:
    """The first of all values that have the same masks everywhere: no rule tells them apart."""
    return tuple(_classes(values, masks))


def _classes(values: Iterable[T], masks: Callable[[T], Iterable[int]]) -> dict[T, list[T]]:
    """Values that have the same masks everywhere, by the first of them."""
    found: dict[tuple[int, ...], list[T]] = {}
    for value in values:
        found.setdefault(tuple(masks(value)), []).append(value)
    return {alike[0]: alike for alike in found.values()}


def _forms(plans: Iterable[Plan], form: Form) -> Iterator[int]:
    for plan in plans:
        yield plan.form(form).passes
        # A cap may name a form; then it is a kind of its own.
        yield list(Form).index(form) if plan.has_form_caps else 0


def _topics(plans: Iterable[Plan], topic: TopicId) -> Iterator[int]:
    return (plan.topic((topic,)).passes for plan in plans)


def _books(plan: Plan, instants: Iterable[Instant]) -> list[Book]:
    return list({id(book): book for book in (plan.segment(at).book for at in instants)}.values())


def _row(when: z3.BoolRef, cell: Cell) -> _Row:
    return when, cell.passes, cell.stands


def _instants(plans: Iterable[Plan]) -> list[Instant]:
    """One instant of each kind of stretch under the two laws."""
    both = tuple(plans)
    cuts = sorted({cut for plan in both for cut in plan.cuts})
    first = cuts[0].subtract(nanoseconds=1) if cuts else Instant.from_utc(2000, 1, 1)

    def masks(at: Instant) -> Iterator[int]:
        for segment in (plan.segment(at) for plan in both):
            yield from (segment.force.passes, segment.reliance.passes, id(segment.book))

    return list(_distinct((first, *cuts), masks))


def _levels(law: LawView, holder: PartyCode) -> list[LevelFact]:
    """Every level of every scheme, alone and with each marking of the holder's own."""
    schemes = law.library.schemes
    labels = [
        Label(scheme=scheme.id, level=level.id)
        for scheme in schemes.values()
        for level in scheme.levels
    ]
    own = law.library.parties[holder].scheme
    marks = [label for label in labels if label.scheme == own]
    return [LevelFact(label=label, marked=marked) for marked in (None, *marks) for label in labels]


def _ways(
    plans: Iterable[Plan], parties: Sequence[PartyCode]
) -> list[tuple[PartyCode | None, InstrumentId | None]]:
    """Final recipients and provenances, where an instrument with a hub asks for them."""
    names = sorted({name for plan in plans if plan.has_hub for name in plan.names})
    if not names:
        return [(None, None)]
    onwards = (None, *parties)
    return [(onward, provenance) for onward in onwards for provenance in (None, *names)]


def _assurances(plan: Plan) -> list[Assurance | None]:
    """None, and one for each clearance of the recipient's."""
    ladder = plan.legs[0].ladder if plan.legs else ()
    return [
        None,
        *(
            Assurance(cleared_to=level, needs_access=True, will_protect=True, by="example")
            for level in ladder
        ),
    ]
