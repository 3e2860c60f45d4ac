"""Laws made up from choices, so that one generator serves fuzzing, corpora and benches.

Whoever makes the choices is a `Dice`: Hypothesis, which can shrink what it finds, or a seeded
generator, which is fast. Cases for a law are made in `cases`.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, Protocol, TypeVar

from whenever import Instant

from relto.law import (
    AssuranceRule,
    Category,
    CategoryEffect,
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
    Reliance,
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
    Evidence,
    Form,
    Ground,
    ObligationKind,
    Weight,
)
from relto.testing.plain import PlainLaw, PlainLibrary
from relto.units import (
    CategoryId,
    InstrumentId,
    LevelId,
    PartyCode,
    PurposeId,
    SchemeId,
    TopicId,
)

T = TypeVar("T")

GRID: Final = tuple(
    Instant.from_utc(2019, month, day) for month in (1, 5, 8, 11) for day in (1, 23)
)
TOPICS: Final = tuple(
    TopicId(name)
    for name in ("dprk", "dprk.missile", "dprk.missile.launch", "dprk.nuclear", "prc", "prc.cyber")
)
PURPOSES: Final = tuple(
    PurposeId(name) for name in ("defence", "defence.warning", "defence.planning", "relief")
)
PARTIES: Final = tuple(PartyCode(code) for code in ("AAA", "BBB", "CCC", "DDD"))
LEVELS: Final = tuple(LevelId(name) for name in ("low", "middle", "high"))
CATEGORIES: Final = (CategoryId("own-eyes"), CategoryId("with-care"))
UNKNOWN_INSTRUMENT: Final = InstrumentId("lost-pact")


class Dice(Protocol):
    """Makes every choice."""

    def pick(self, options: Sequence[T], /) -> T:
        """Choose one; the first is the plainest."""

    def some(self, options: Sequence[T], /, *, least: int, most: int) -> tuple[T, ...]:
        """Choose several without repeats, in the given order."""

    def chance(self, percent: int, /) -> bool:
        """Choose true about so often; false is the plainer."""


class RandomDice:
    """Choices of a seeded generator."""

    def __init__(self, seed: int) -> None:
        """Start from a seed; the same seed makes the same choices."""
        self._random = Random(seed)  # noqa: S311 - choices for tests, not secrets

    def pick(self, options: Sequence[T], /) -> T:
        """Choose one."""
        return self._random.choice(options)

    def some(self, options: Sequence[T], /, *, least: int, most: int) -> tuple[T, ...]:
        """Choose several without repeats, in the given order."""
        count = self._random.randint(least, min(most, len(options)))
        chosen = sorted(self._random.sample(range(len(options)), count))
        return tuple(options[index] for index in chosen)

    def chance(self, percent: int, /) -> bool:
        """Choose true about so often."""
        return self._random.randrange(100) < percent


def make_library(parties: Sequence[PartyCode] = PARTIES) -> PlainLibrary:
    """The small words in which made-up laws are written; each party has a scheme of its own."""
    schemes = {_scheme_id(party): _scheme(party) for party in parties}
    records = {
        party: PartyRecord(
            code=party, names={}, zone="UTC", scheme=_scheme_id(party), ground=_ground("party")
        )
        for party in parties
    }
    return PlainLibrary(
        schemes=schemes,
        topics=frozenset(TOPICS),
        purposes=frozenset(PURPOSES),
        parties=records,
    )


def _scheme_id(party: PartyCode) -> SchemeId:
    return SchemeId(party.lower())


def _scheme(party: PartyCode) -> Scheme:
    ground = _ground("scheme")
    effects = (CategoryEffect.NO_RELEASE, CategoryEffect.HANDLING)
    return Scheme(
        id=_scheme_id(party),
        title=party,
        party=party,
        levels=tuple(
            Level(id=one, native=one, gloss=one, marking=one, ground=ground) for one in LEVELS
        ),
        categories=tuple(
            Category(id=one, native=one, gloss=one, marking=one, effect=effect, ground=ground)
            for one, effect in zip(CATEGORIES, effects, strict=True)
        ),
        file="",
    )


def _ground(article: str, evidence: Evidence = Evidence.TEXT) -> Ground:
    return Ground(article=article, evidence=evidence, source="made up")


def make_law(dice: Dice, *, most: int = 4, parties: Sequence[PartyCode] = PARTIES) -> PlainLaw:
    """Make a law of up to `most` instruments.

    Args:
        dice: Makes the choices.
        most: The greatest number of instruments.
        parties: Who may be a party.
    """
    count = dice.pick(range(most + 1))
    names = [InstrumentId(f"pact-{index}") for index in range(count)]
    instruments: dict[InstrumentId, Terms] = {}
    lives: dict[InstrumentId, tuple[Span, ...]] = {}
    readings: dict[tuple[InstrumentId, PartyCode], tuple[Span, ...]] = {}
    for name in names:
        terms = make_terms(dice, name, parties=parties, others=tuple(instruments))
        instruments[name] = terms
        lives[name] = make_life(dice)
        if dice.chance(30):
            readings[name, dice.pick(terms.parties)] = make_life(dice)
    return PlainLaw(
        library=make_library(parties), instruments=instruments, lives=lives, readings=readings
    )


def refine_law(law: PlainLaw, instruments: Mapping[InstrumentId, Terms]) -> PlainLaw:
    """The same law with other terms for some instruments, or without those left out."""
    return PlainLaw(
        library=law.library, instruments=instruments, lives=law.lives, readings=law.readings
    )


def make_life(dice: Dice) -> tuple[Span, ...]:
    """Make the life of an instrument: up to four spans, in force more often than not."""
    bounds = dice.some(GRID, least=0, most=3)
    lively = (State.IN_FORCE, State.NOTICE_GIVEN, State.NOTICE_SUSPENDED)
    states = (*lively, *lively, *lively, *State)
    starts: tuple[Instant | None, ...] = (None, *bounds)
    ends: tuple[Instant | None, ...] = (*bounds, None)
    return tuple(
        Span(
            start=start,
            end=end,
            state=dice.pick(states),
            cause="a step",
            evidence=_evidence(dice),
        )
        for start, end in zip(starts, ends, strict=True)
    )


def make_terms(
    dice: Dice,
    name: InstrumentId,
    *,
    parties: Sequence[PartyCode] = PARTIES,
    others: tuple[InstrumentId, ...] = (),
) -> Terms:
    """Make what one instrument says.

    Args:
        dice: Makes the choices.
        name: Its id.
        parties: Who may be a party.
        others: Instruments it may rely on.
    """
    members = dice.some(parties, least=2, most=4)
    topology = _topology(dice, members)
    reliance = _reliance(dice, members, others)
    return Terms(
        id=name,
        title=f"The {name}",
        short=name.upper(),
        kind=dice.pick(tuple(Kind)),
        parties=members,
        topology=topology,
        initiative=Initiative(kind=dice.pick(tuple(InitiativeKind)), ground=_ruled(dice, "9")),
        topics=_topic_scope(dice),
        forms=FormScope(
            forms=dice.some(tuple(Form), least=1, most=4) if dice.chance(25) else tuple(Form),
            is_within_protecting=bool(reliance) and dice.chance(30),
            ground=_ruled(dice, "2"),
        ),
        equivalence=() if reliance and dice.chance(60) else _tables(dice, members),
        caps=_caps(dice),
        third_party=ThirdPartyRule(
            kind=dice.pick(tuple(ThirdPartyKind)), ground=_ruled(dice, "6(a)")
        ),
        purposes=_purpose_rule(dice),
        assurance=AssuranceRule(is_required=dice.chance(30), ground=_ruled(dice, "7(5)")),
        duties=tuple(
            Duty(kind=kind, weight=dice.pick(tuple(Weight)), text=f"do {kind}", ground=_ground("6"))
            for kind in dice.some(tuple(ObligationKind), least=0, most=2)
        ),
        reliance=reliance,
        force_ground=_ruled(dice, "21"),
    )


def _ruled(dice: Dice, article: str) -> Ground:
    return _ground(article, _evidence(dice))


def _evidence(dice: Dice) -> Evidence:
    return Evidence.ASSUMED if dice.chance(10) else dice.pick((Evidence.TEXT, Evidence.SECONDARY))


def _topology(dice: Dice, members: tuple[PartyCode, ...]) -> Topology:
    kinds = [TopologyKind.DIRECT, TopologyKind.CIRCLE]
    if len(members) > 2:
        kinds.append(TopologyKind.INTERMEDIARY)
    kind = dice.pick(kinds)
    hub = dice.pick(members) if kind is TopologyKind.INTERMEDIARY else None
    return Topology(kind=kind, intermediary=hub, ground=_ruled(dice, "4"))


def _topic_scope(dice: Dice) -> TopicScope:
    is_open = not dice.chance(40)
    return TopicScope(
        is_open=is_open,
        topics=() if is_open else dice.some(TOPICS, least=1, most=3),
        excluded=dice.some(TOPICS, least=1, most=2) if dice.chance(15) else (),
        ground=_ruled(dice, "1"),
    )


def _purpose_rule(dice: Dice) -> PurposeRule:
    is_open = not dice.chance(35)
    return PurposeRule(
        is_open=is_open,
        purposes=() if is_open else dice.some(PURPOSES, least=1, most=2),
        ground=_ruled(dice, "6(b)"),
    )


def _tables(dice: Dice, members: tuple[PartyCode, ...]) -> tuple[Equivalence, ...]:
    """One version for ever, or two that follow each other, or one that leaves a gap."""
    whole: tuple[tuple[Instant | None, Instant | None], ...] = ((None, None),)
    bounds = dice.pick(
        (
            whole,
            whole,
            ((None, GRID[4]), (GRID[4], None)),
            ((GRID[1], GRID[6]),),
            ((GRID[2], None),),
            ((None, GRID[5]),),
        )
    )
    return tuple(
        Equivalence(
            id=f"v{index}",
            rows=_rows(dice, members),
            valid_from=start,
            valid_until=end,
            ground=_ruled(dice, "4(2)"),
        )
        for index, (start, end) in enumerate(bounds)
    )


def _rows(dice: Dice, members: tuple[PartyCode, ...]) -> tuple[EquivalenceRow, ...]:
    """Two rows; a scheme may hold one or two levels in the upper, or have a gap."""
    upper: dict[SchemeId, tuple[LevelId, ...]] = {}
    lower: dict[SchemeId, tuple[LevelId, ...]] = {}
    for party in members:
        scheme = _scheme_id(party)
        if not dice.chance(10):
            lower[scheme] = (LEVELS[0],)
        upper[scheme] = dice.pick(((LEVELS[1], LEVELS[2]), (LEVELS[1],), (LEVELS[2],)))
    return (EquivalenceRow(id="LOWER", levels=lower), EquivalenceRow(id="UPPER", levels=upper))


def _caps(dice: Dice) -> tuple[LevelCap, ...]:
    if not dice.chance(20):
        return ()
    row = dice.pick(("UPPER", "LOWER", "NOWHERE"))
    form = dice.pick((None, Form.ELECTRONIC, Form.DOCUMENT))
    return (LevelCap(row=row, form=form, ground=_ruled(dice, "4(3)")),)


def _reliance(
    dice: Dice, members: tuple[PartyCode, ...], others: tuple[InstrumentId, ...]
) -> tuple[Reliance, ...]:
    if not others or not dice.chance(50):
        return ()
    pair = dice.pick(((), members[:2], members[-2:]))
    names = others if dice.chance(90) else (UNKNOWN_INSTRUMENT,)
    return tuple(
        Reliance(parties=pair, instrument=name, ground=_ruled(dice, "3"))
        for name in dice.some(names, least=1, most=2)
    )
