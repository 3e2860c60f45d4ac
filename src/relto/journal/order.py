"""The order in which the entries of several logs are told: no effect before its cause.

Each entry is dated by its author's clock, and clocks differ. What is certain comes first: numbers
within a log; one author's own clock across its logs; what a message refers to; what a partner had
acknowledged. Only what none of these orders is ordered by time. Where signed entries contradict
each other, the order is that of the numbers and of time.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from whenever import Instant

from relto.journal.statement import Place, Statement, spoken_of
from relto.model import Acknowledgement, LogId
from relto.model.message import (
    ConsentAsked,
    ConsentGiven,
    ConsentRefused,
    Destroyed,
    Held,
    LossReported,
    Message,
    OfficerStepped,
    Recalled,
    Receipted,
    Reclassified,
    Released,
    Step,
    kind_of,
)
from relto.units import HoldingId, PartyCode

# A kind, to whom, about which item.
_About: TypeAlias = tuple[str, PartyCode, HoldingId | None]

# What an officer's step brings about in its own transaction, and so at the same instant.
STEPS: Final[Mapping[Step, frozenset[str]]] = {
    Step.ASK: frozenset({"request"}),
    Step.APPROVE: frozenset({"release", "consent-given"}),
    Step.REFUSE: frozenset({"refusal", "consent-refused"}),
    Step.ASK_CONSENT: frozenset({"consent-asked"}),
    Step.RECALL: frozenset({"recall"}),
    Step.RECLASSIFY: frozenset({"reclassified"}),
    Step.DESTROY: frozenset({"destroyed"}),
    Step.REPORT_LOSS: frozenset({"loss-reported"}),
}


def in_order(
    statements: Sequence[Statement], *, acknowledged: Mapping[LogId, Acknowledgement]
) -> tuple[Statement, ...]:
    """Put the entries of several logs into one order.

    Args:
        statements: Those of each log by number.
        acknowledged: The newest acknowledgement of each log that has one.

    Source: docs/spec/journal.md JN-37.
    """
    waiting: defaultdict[LogId, deque[Statement]] = defaultdict(deque)
    for statement in statements:
        waiting[statement.log].append(statement)
    causes = _causes(statements)
    told: list[Statement] = []
    placed: set[Place] = set()
    while heads := sorted((queue[0] for queue in waiting.values() if queue), key=_time):
        ready = [
            one
            for one in heads
            if causes[one.place] <= placed
            and not _is_preceded(one, heads)
            and not _is_held(one, heads, acknowledged)
        ]
        # What a party writes down at one instant is one step, and its own log tells of it first.
        whole = [one for one in ready if not _is_preceded(one, heads, is_local_first=True)]
        # INVARIANT: something is told in every round, whatever the entries say about each other.
        following = (*whole, *ready, *heads)[0]
        waiting[following.log].popleft()
        placed.add(following.place)
        told.append(following)
    return tuple(told)


def _time(statement: Statement) -> tuple[Instant, bool, str, int]:
    """By time; a party writes down for itself first what it then says."""
    log, number = statement.place
    return statement.entry.header.at, not log.is_local, log.origin, number


def _is_preceded(
    one: Statement, heads: Sequence[Statement], *, is_local_first: bool = False
) -> bool:
    """Tell whether its author has said something else before it, by its own clock."""

    def place(it: Statement) -> tuple[Instant, bool]:
        return it.entry.header.at, is_local_first and not it.log.is_local

    return any(head.log.source == one.log.source and place(head) < place(one) for head in heads)


def _is_held(
    one: Statement, heads: Sequence[Statement], acknowledged: Mapping[LogId, Acknowledgement]
) -> bool:
    """Tell whether its author had acknowledged something before that is not told yet."""
    for head in heads:
        given = acknowledged.get(head.log)
        if (
            given is not None
            and head.log.target == one.log.source != head.log.source
            and head.entry.header.number <= given.size
            # An acknowledgement is dated in whole seconds.
            and given.at.add(seconds=1) <= one.entry.header.at
        ):
            return True
    return False


# ---------------------------------------------------------------- causes


def _causes(statements: Sequence[Statement]) -> Mapping[Place, set[Place]]:
    """Give for each entry those among the others without which it would not be there."""
    shown = {one.place for one in statements}
    begun, about = _begun(statements), _about_items(statements)
    named = {
        one.place: {place for place in _named(one, begun, about) if place in shown}
        for one in statements
    }
    found = {place: set(causes) for place, causes in named.items()}
    for step, effect in _steps(statements):
        # An officer who answers knows what is answered.
        found[step] |= named[effect] - {step}
        found[effect].add(step)
    return found


def _begun(statements: Sequence[Statement]) -> Mapping[PartyCode, Place]:
    """Find with which entry of another party the case began for each that did not begin it."""
    asked: dict[PartyCode, Place] = {}
    consulted: dict[PartyCode, Place] = {}
    asking: set[PartyCode] = set()
    for one in sorted(statements, key=_time):
        match one.entry.header.kind:
            case "request":
                asked.setdefault(one.log.target, one.place)
                asking.add(one.log.source)
            case "consent-asked":
                consulted.setdefault(one.log.target, one.place)
            case _:
                pass
    # Who requests without having been requested is the one that began.
    return {**{party: at for party, at in consulted.items() if party not in asking}, **asked}


def _about_items(statements: Sequence[Statement]) -> Mapping[_About, Place]:
    """Find what first came to a party about an item, by kind."""
    items = {one.place: _items_of(one.message) for one in statements}
    found: dict[_About, Place] = {}
    for one in sorted(statements, key=_time):
        about = items[one.place]
        if isinstance(one.message, Receipted):
            released = LogId(source=one.log.target, target=one.log.source)
            about = items.get((released, one.message.number), ())
        for holding in about:
            found.setdefault((one.entry.header.kind, one.log.target, holding), one.place)
    return found


def _items_of(message: Message | None) -> tuple[HoldingId | None, ...]:
    match message:
        case Released(items=items):
            return tuple(item.holding for item in items)
        case (
            ConsentAsked(holding=holding)
            | Recalled(holding=holding)
            | Reclassified(holding=holding)
            | LossReported(holding=holding)
        ):
            return (holding,)
        case _:
            return ()


def _named(
    one: Statement, begun: Mapping[PartyCode, Place], about: Mapping[_About, Place]
) -> Iterator[Place]:
    """Name what an entry refers to, whether or not it is shown."""
    party = one.log.source
    if one.entry.header.case is not None and party in begun:
        yield begun[party]
    yield from spoken_of(one)
    if one.basis is not None:
        yield from ((it.header.log, it.header.number) for it in one.basis.consents)
    for kind, holding in _rests_on(one.message):
        if (kind, party, holding) in about:
            yield about[kind, party, holding]


def _rests_on(message: Message | None) -> Iterator[tuple[str, HoldingId | None]]:
    """Say what must have come to an author before it said this, and about which item."""
    match message:
        case Held(reference=holding):
            yield "release", holding
        case Released(items=items):
            yield from (("release", item.holding) for item in items)
        case ConsentGiven(consent=consent):
            yield "consent-asked", consent.holding
        case ConsentRefused(holding=holding):
            yield "consent-asked", holding
        case Destroyed(holding=holding):
            yield "recall", holding
        case Recalled(holding=holding) | Reclassified(holding=holding):
            yield "receipt", holding
            yield kind_of(message), holding  # from hop to hop
        case LossReported(holding=holding):
            yield kind_of(message), holding
        case _:
            pass


def _steps(statements: Sequence[Statement]) -> Iterator[tuple[Place, Place]]:
    """Pair each officer's step with the first entry of each kind that it brought about."""
    said: dict[tuple[PartyCode, Instant, str], Place] = {}
    for one in statements:
        header = one.entry.header
        said.setdefault((header.source, header.at, header.kind), one.place)
    for one in statements:
        if isinstance(one.message, OfficerStepped):
            header = one.entry.header
            for kind in sorted(STEPS.get(one.message.step, ())):
                place = said.get((header.source, header.at, kind))
                if place is not None:
                    yield one.place, place
