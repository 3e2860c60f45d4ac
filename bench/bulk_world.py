"""Tables of holdings for the bulk bench: the law of the decision bench, and rows as codes.

The hand-written engines get what an expert would prepare for exactly these agreements: masks by
the same codes, a bit
for each agreement of the pair, the standing half above the passing half.
"""

from dataclasses import dataclass
from itertools import combinations
from random import Random

import numpy as np
from msgspec import structs
from whenever import Instant

from bench.decide_world import (
    LEVELS,
    PARTIES,
    TOPICS,
    Agreement,
    World,
    day,
    ground,
    make_world,
)
from relto.impact import (
    BulkQuestion,
    CaveatFacts,
    Holdings,
    LabelFacts,
    OriginFacts,
    RowFacts,
    TopicFacts,
)
from relto.law import (
    InitiativeKind,
    Span,
    State,
    Terms,
    ThirdPartyKind,
    Topology,
    TopologyKind,
)
from relto.model import Assurance, Evidence, Form
from relto.testing import PlainLaw
from relto.units import covers

AT_DAY = 500
PURPOSE = "defence.warning"
OTHER_PURPOSE = "relief"
RECIPIENT = PARTIES[1]
ASSURANCE = Assurance(cleared_to=LEVELS[-1], needs_access=True, will_protect=True, by="bench")


@dataclass(frozen=True, slots=True)
class Sets:
    """The sets of topics that rows have: each alone, and some pairs."""

    names: tuple[tuple[str, ...], ...]


def topic_sets(random: Random) -> tuple[tuple[str, ...], ...]:
    pairs = random.sample(list(combinations(TOPICS, 2)), 120)
    return (*((one,) for one in TOPICS), *(tuple(sorted(pair)) for pair in pairs))


def question() -> BulkQuestion:
    return BulkQuestion(recipient=RECIPIENT, at=day(AT_DAY), purpose=PURPOSE, assurance=ASSURANCE)


def facts_of(parties: tuple[str, ...], sets: tuple[tuple[str, ...], ...]) -> RowFacts:
    """Every fact that a row may have, in the order in which `rows_of` counts them."""
    return RowFacts(
        labels=tuple(
            LabelFacts(holder=holder, scheme=holder.lower(), level=level, form=form)
            for holder in parties
            for level in LEVELS
            for form in Form
        ),
        topics=tuple(
            TopicFacts(holder=holder, topics=topics) for holder in parties for topics in sets
        ),
        caveats=tuple(CaveatFacts(scheme=holder.lower()) for holder in parties),
        origins=(
            None,
            *(
                OriginFacts(
                    holder=holder,
                    originator=originator,
                    received_for=None if originator == holder else purpose,
                )
                for holder in parties
                for originator in parties
                for purpose in (PURPOSE, OTHER_PURPOSE)
            ),
        ),
    )


def rows_of(facts: RowFacts, parties: tuple[str, ...], count: int, *, seed: int) -> Holdings:
    """Rows drawn at random: one in ten received from somebody, the rest the holder's own."""
    random = np.random.default_rng(seed)
    people, sets = len(parties), len(facts.topics) // len(parties)
    holders = random.integers(0, people, count, dtype=np.int32)
    made = np.where(random.random(count) < 0.9, holders, random.integers(0, people, count))
    kept = random.integers(0, 2, count)
    labels = holders * len(LEVELS) * len(Form) + random.integers(0, len(LEVELS) * len(Form), count)
    return Holdings(
        facts=facts,
        labels=labels.astype(np.uint16),
        topics=(holders * sets + random.integers(0, sets, count)).astype(np.uint16),
        caveats=holders.astype(np.uint8),
        origins=(1 + (holders * people + made) * 2 + kept).astype(np.uint16),
    )


# ---------------------------------------------------------------- by hand


@dataclass(frozen=True, slots=True)
class HandMasks:
    """What an expert would look up: for each code the agreements that stand and those that pass."""

    labels: np.ndarray
    topics: np.ndarray
    origins: np.ndarray


_HALF = 32


def by_hand(world: World, facts: RowFacts) -> HandMasks:
    """The rules again, written for these agreements alone and without relto's."""
    pairs: dict[str, list[Agreement]] = {
        holder: [one for one in world.agreements if {one.a, one.b} == {holder, RECIPIENT}]
        for holder in PARTIES
    }
    assert max(map(len, pairs.values())) <= _HALF

    def masks(holder: str, verdict) -> int:
        stands = passes = 0
        for bit, one in enumerate(pairs[holder]):
            found = verdict(one)
            stands |= (found > 0) << bit
            passes |= (found > 1) << bit
        return stands << _HALF | passes

    def label(facts: LabelFacts):
        rank = LEVELS.index(facts.level) + 1

        def verdict(one: Agreement) -> int:
            in_force = one.starts <= AT_DAY < one.ends
            if not in_force or rank > one.cap or facts.form.value not in one.forms:
                return 0
            return 1 if one.case_by_case and not one.on_request else 2

        return verdict

    def topic(facts: TopicFacts):
        return lambda one: (
            2 * all(any(covers(root, topic) for root in one.roots) for topic in facts.topics)
        )

    def origin(facts: OriginFacts | None):
        def verdict(one: Agreement) -> int:
            if facts is None:
                return 0
            if one.purposes and not any(covers(root, PURPOSE) for root in one.purposes):
                return 0
            if facts.originator in {facts.holder, RECIPIENT}:
                return 2
            kept = facts.received_for is not None and covers(facts.received_for, PURPOSE)
            return (1 if one.procedure else 0) if kept else 0

        return verdict

    return HandMasks(
        labels=np.array([masks(one.holder, label(one)) for one in facts.labels], np.uint64),
        topics=np.array([masks(one.holder, topic(one)) for one in facts.topics], np.uint64),
        origins=np.array(
            [0 if one is None else masks(one.holder, origin(one)) for one in facts.origins],
            np.uint64,
        ),
    )


def bulk_world(agreements: int, rows: int) -> tuple[World, RowFacts, Holdings]:
    """The law of the decision bench, and a table for it."""
    world = make_world(agreements=agreements, items=1, requests=1)
    facts = facts_of(PARTIES, topic_sets(Random(2)))
    return world, facts, rows_of(facts, PARTIES, rows, seed=3)


# ---------------------------------------------------------------- a lapse among eight


def lapse_world(rows: int) -> tuple[PlainLaw, PlainLaw, Holdings]:
    """Eight parties: most pairs have a pact, three share through a hub, four are a circle.

    Returns:
        The law, the law without the pact of the first two, and a table of holdings.
    """
    parties = PARTIES[:8]
    plain = make_world(agreements=1, items=1, requests=1).law
    pact = structs.replace(
        next(iter(plain.instruments.values())),
        topics=structs.replace(
            next(iter(plain.instruments.values())).topics, is_open=True, topics=()
        ),
        purposes=structs.replace(
            next(iter(plain.instruments.values())).purposes, is_open=True, purposes=()
        ),
    )
    random = Random(4)
    made: dict[str, Terms] = {}
    for one, other in combinations(parties, 2):
        if (one, other) == parties[:2] or random.random() < 0.7:
            made[f"pact-{one}-{other}"] = _between(pact, f"pact-{one}-{other}", (one, other))
    hub = _between(pact, "hub", parties[:3])
    made["hub"] = structs.replace(
        hub,
        topology=Topology(
            kind=TopologyKind.INTERMEDIARY, intermediary=parties[2], ground=ground("4")
        ),
        topics=structs.replace(hub.topics, is_open=False, topics=("t0", "t1")),
        initiative=structs.replace(hub.initiative, kind=InitiativeKind.CASE_BY_CASE),
        third_party=structs.replace(hub.third_party, kind=ThirdPartyKind.CONSENT_PROCEDURE),
    )
    circle = _between(pact, "circle", parties[4:])
    made["circle"] = structs.replace(
        circle,
        topology=Topology(kind=TopologyKind.CIRCLE, ground=ground("1")),
        third_party=structs.replace(circle.third_party, kind=ThirdPartyKind.CIRCLE_EXEMPT),
    )
    library = structs.replace(
        plain.library, parties={one: plain.library.parties[one] for one in parties}
    )
    lives = dict.fromkeys(made, (_always(),))
    before = PlainLaw(library=library, instruments=made, lives=lives)
    left = {
        name: terms for name, terms in made.items() if name != f"pact-{parties[0]}-{parties[1]}"
    }
    after = PlainLaw(library=library, instruments=left, lives=lives)
    facts = facts_of(parties, topic_sets(Random(2)))
    return before, after, rows_of(facts, parties, rows, seed=5)


def _between(pact: Terms, name: str, parties: tuple[str, ...]) -> Terms:
    return structs.replace(
        pact,
        id=name,
        title=name,
        short=name,
        parties=tuple(sorted(parties)),
        forms=structs.replace(pact.forms, forms=tuple(Form)),
        initiative=structs.replace(pact.initiative, kind=InitiativeKind.ON_REQUEST),
        caps=(),
    )


def _always() -> Span:
    return Span(start=None, end=None, state=State.IN_FORCE, cause="bench", evidence=Evidence.TEXT)


def at() -> Instant:
    return day(AT_DAY)
