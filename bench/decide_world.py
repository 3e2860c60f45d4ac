"""The world of the decision bench: agreements, items and requests, and the same as records.

What the peers see is what relto sees: each record holds an agreement's or a request's facts as
numbers and sets, so that no peer has to know relto's types, and none is given less to decide.
"""

from dataclasses import dataclass
from random import Random

from whenever import Instant, TimeDelta

from relto.law import (
    AssuranceRule,
    Duty,
    Equivalence,
    EquivalenceRow,
    FormScope,
    Initiative,
    InitiativeKind,
    Kind,
    Level,
    LevelCap,
    PartyRecord,
    PurposeRule,
    Scheme,
    Span,
    State,
    Terms,
    ThirdPartyKind,
    ThirdPartyRule,
    TopicScope,
    Topology,
    TopologyKind,
)
from relto.model import (
    Assurance,
    Case,
    Evidence,
    Form,
    Ground,
    Label,
    ObligationKind,
    Weight,
)
from relto.testing import PlainLaw, PlainLibrary
from relto.units import covers

PARTIES = tuple(f"P{number:02d}" for number in range(50))
ROOTS = tuple(f"t{number}" for number in range(10))
TOPICS = tuple(f"{root}.{leaf}" for root in ROOTS for leaf in ("a", "b", "c", "d"))
LEVELS = ("l1", "l2", "l3", "l4")
PURPOSES = ("defence", "defence.warning", "defence.planning", "relief")
START = Instant.from_utc(2019, 1, 1)
DAYS = 1000


@dataclass(frozen=True, slots=True)
class Agreement:
    """One agreement as the peers see it; days counted from `START`."""

    id: str
    a: str
    b: str
    starts: int
    ends: int
    roots: tuple[str, ...]
    forms: tuple[str, ...]
    cap: int
    purposes: tuple[str, ...]
    on_request: bool
    case_by_case: bool
    assured: bool
    procedure: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the peers see it."""

    holder: str
    recipient: str
    originator: str
    level: int
    topics: tuple[tuple[str, ...], ...]
    form: str
    purposes: tuple[str, ...]
    kept_purpose: bool
    requested: bool
    assured: bool
    day: int


@dataclass(frozen=True, slots=True)
class World:
    """A law and requests, twice."""

    law: PlainLaw
    agreements: tuple[Agreement, ...]
    questions: tuple[tuple[Case, Instant], ...]
    asked: tuple[Asked, ...]


def ground(article: str) -> Ground:
    return Ground(article=article, evidence=Evidence.TEXT, source="bench")


def make_world(*, agreements: int, items: int, requests: int, seed: int = 1) -> World:
    random = Random(seed)
    made = tuple(_agreement(random, number) for number in range(agreements))
    law = PlainLaw(
        library=_library(),
        instruments={one.id: _terms(one) for one in made},
        lives={one.id: _life(one) for one in made},
    )
    partners: dict[str, list[str]] = {}
    for one, other in sorted({(each.a, each.b) for each in made}):
        partners.setdefault(one, []).append(other)
        partners.setdefault(other, []).append(one)
    stock = [_item(random, made, holders=sorted(partners)) for _ in range(items)]
    pairs = []
    for _ in range(requests):
        item = random.choice(stock)
        pairs.append(_request(random, item, partners=partners[item.holder]))
    return World(
        law=law,
        agreements=made,
        questions=tuple(question for question, _ in pairs),
        asked=tuple(asked for _, asked in pairs),
    )


def _library() -> PlainLibrary:
    levels = tuple(
        Level(id=one, native=one, gloss=one, marking=one, ground=ground("scheme")) for one in LEVELS
    )
    return PlainLibrary(
        schemes={
            party.lower(): Scheme(
                id=party.lower(), title=party, party=party, levels=levels, categories=(), file=""
            )
            for party in PARTIES
        },
        topics=frozenset((*ROOTS, *TOPICS)),
        purposes=frozenset(PURPOSES),
        parties={
            party: PartyRecord(
                code=party, names={}, zone="UTC", scheme=party.lower(), ground=ground("party")
            )
            for party in PARTIES
        },
    )


def _agreement(random: Random, number: int) -> Agreement:
    a, b = sorted(random.sample(PARTIES, 2))
    starts = random.randrange(DAYS)
    kind = random.random()
    return Agreement(
        id=f"pact-{number:05d}",
        a=a,
        b=b,
        starts=starts,
        ends=starts + random.randrange(100, DAYS),
        roots=tuple(sorted(random.sample(ROOTS, random.randrange(3, 9)))),
        forms=tuple(form.value for form in Form if random.random() < 0.8) or ("document",),
        cap=random.choice((2, 3, 3, 4)),
        purposes=random.choice(((), (), ("defence",), ("defence.warning", "relief"))),
        on_request=kind < 0.5,
        case_by_case=kind > 0.8,
        assured=random.random() < 0.3,
        procedure=random.random() < 0.2,
    )


def _terms(one: Agreement) -> Terms:
    initiative = InitiativeKind.STANDING
    if one.on_request:
        initiative = InitiativeKind.ON_REQUEST
    elif one.case_by_case:
        initiative = InitiativeKind.CASE_BY_CASE
    third = ThirdPartyKind.CONSENT_PROCEDURE if one.procedure else ThirdPartyKind.ORIGINATOR_CONSENT
    rows = tuple(
        EquivalenceRow(id=level, levels={party.lower(): (level,) for party in PARTIES})
        for level in LEVELS
    )
    return Terms(
        id=one.id,
        title=one.id,
        short=one.id,
        kind=Kind.AGREEMENT,
        parties=(one.a, one.b),
        topology=Topology(kind=TopologyKind.DIRECT, ground=ground("4")),
        initiative=Initiative(kind=initiative, ground=ground("9")),
        topics=TopicScope(is_open=False, topics=one.roots, ground=ground("1")),
        forms=FormScope(forms=tuple(Form(form) for form in one.forms), ground=ground("2")),
        equivalence=(Equivalence(id="1", rows=rows, ground=ground("4(2)")),),
        caps=(LevelCap(row=LEVELS[one.cap - 1], ground=ground("4(3)")),),
        third_party=ThirdPartyRule(kind=third, ground=ground("6(a)")),
        purposes=PurposeRule(
            is_open=not one.purposes, purposes=one.purposes, ground=ground("6(b)")
        ),
        assurance=AssuranceRule(is_required=one.assured, ground=ground("7(5)")),
        duties=tuple(
            Duty(kind=kind, weight=Weight.REQUIRED, text=kind, ground=ground("6"))
            for kind in (ObligationKind.PROTECT, ObligationKind.REGISTER, ObligationKind.RECEIPT)
        ),
        force_ground=ground("21"),
    )


def _life(one: Agreement) -> tuple[Span, ...]:
    start, end = day(one.starts), day(one.ends)
    pieces = ((None, start, State.SIGNED), (start, end, State.IN_FORCE), (end, None, State.ENDED))
    return tuple(
        Span(start=begins, end=stops, state=state, cause="bench", evidence=Evidence.TEXT)
        for begins, stops, state in pieces
    )


def day(number: int) -> Instant:
    return START.add(TimeDelta(hours=24 * number))


def _item(random: Random, made: tuple[Agreement, ...], *, holders: list[str]) -> Case:
    """An item, as a case without its request; mostly the holder's own."""
    holder = random.choice(holders)
    originator = random.choice(PARTIES) if random.random() < 0.1 else holder
    own = originator == holder
    return Case(
        holder=holder,
        recipient=holder,
        originator=originator,
        label=Label(scheme=originator.lower(), level=random.choice(LEVELS)),
        topics=tuple(sorted(random.sample(TOPICS, random.choice((1, 1, 2))))),
        form=random.choice((Form.DOCUMENT, Form.DOCUMENT, Form.ELECTRONIC, Form.ORAL)),
        provenance=None if own else random.choice(made).id,
        received_for=None if own else random.choice(PURPOSES),
    )


def _request(
    random: Random, item: Case, *, partners: list[str]
) -> tuple[tuple[Case, Instant], Asked]:
    """A request for an item by a party with which its holder has an agreement."""
    recipient = random.choice(partners)
    purpose, requested = random.choice(PURPOSES), random.random() < 0.8
    assured, number = random.random() < 0.7, random.randrange(2 * DAYS)
    case = Case(
        holder=item.holder,
        recipient=recipient,
        originator=item.originator,
        label=item.label,
        topics=item.topics,
        form=item.form,
        provenance=item.provenance,
        received_for=item.received_for,
        purpose=purpose,
        requested=requested,
        assurance=Assurance(cleared_to="l4", needs_access=True, will_protect=True, by="x")
        if assured
        else None,
    )
    asked = Asked(
        holder=item.holder,
        recipient=recipient,
        originator=item.originator,
        level=LEVELS.index(item.label.level) + 1,
        topics=tuple(_upwards(topic) for topic in item.topics),
        form=item.form.value,
        purposes=_upwards(purpose),
        kept_purpose=item.received_for is None or covers(item.received_for, purpose),
        requested=requested,
        assured=assured,
        day=number,
    )
    return (case, day(number)), asked


def _upwards(dotted: str) -> tuple[str, ...]:
    """An id and all above it: `a.b` gives `a.b` and `a`."""
    parts = dotted.split(".")
    return tuple(".".join(parts[:length]) for length in range(len(parts), 0, -1))
