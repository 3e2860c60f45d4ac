"""Best-first search over hops: a chain grows only by hops that are lawful for what the item now is.

After each hop the item has changed for the law: who holds it, under which instrument it came, for
which purpose, and how the holder marks it. Costs only grow along a chain, so that the first chain
to reach the requester is the best, the second the second best, and so on.

Source: docs/spec/routes.md RT-1 to RT-9.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import combinations

from msgspec import Struct, structs
from whenever import Instant

from relto.decide import Planner, Sifted
from relto.law import Terms, ThirdPartyKind
from relto.limits import ROUTE_HOPS_MAX, ROUTE_TRIALS_MAX, ROUTES_BLOCKED_MAX, ROUTES_MAX
from relto.model import Case, Finding, Label, Outcome, Verdict
from relto.routes.route import Blocked, Hop, Measured, Route, Routes
from relto.units import InstrumentId, LevelId, PartyCode

_NO_MEASURE: Measured = {}
# Towards the requester so many hops are looked at backwards; more would cost more than it saves.
_NEAR_HOPS = 2
_Cost = tuple[int, int, int, int]


class _Step(Struct, frozen=True, kw_only=True):
    """One hop of a chain, not yet in words."""

    case: Case
    sifted: Sifted
    bit: int
    outcome: Outcome
    marking: LevelId
    expected_ms: int | None

    @property
    def instrument(self) -> InstrumentId:
        return self.sifted.instruments[self.bit]


class _Chain(Struct, frozen=True, kw_only=True):
    """What has been travelled so far, and the facts of the item where it now lies."""

    steps: tuple[_Step, ...]
    case: Case

    @property
    def parties(self) -> tuple[PartyCode, ...]:
        return (*(step.case.holder for step in self.steps), self.case.holder)


class _Search(Struct, kw_only=True):
    """The bookkeeping of one search."""

    goal: PartyCode
    at: Instant
    measured: Measured
    hops_most: int
    trials: int = 0
    near: list[frozenset[PartyCode]]
    usable: dict[tuple[PartyCode, PartyCode], bool]


class Router:
    """Finds routes under one law.

    Args:
        planner: Decides the hops.
        measured: Past times; empty when nothing was measured.

    Source: docs/spec/routes.md RT-1.
    """

    def __init__(self, planner: Planner, *, measured: Measured = _NO_MEASURE) -> None:
        """Index who is linked with whom."""
        self._planner = planner
        self._measured = measured
        linked: dict[PartyCode, list[PartyCode]] = {}
        for one, other in combinations(sorted(planner.law.library.parties), 2):
            if planner.law.links(one, other):
                linked.setdefault(one, []).append(other)
                linked.setdefault(other, []).append(one)
        self._linked = {one: tuple(sorted(others)) for one, others in linked.items()}

    def best(self, case: Case, *, at: Instant, hops_most: int = ROUTE_HOPS_MAX) -> Route | None:
        """Return the best route, or `None` when the law leaves none open within the limits.

        Args:
            case: The item, its holder, and the requester as recipient.
            at: The instant decided for.
            hops_most: At most `ROUTE_HOPS_MAX`.

        Source: docs/spec/routes.md RT-2.
        """
        chain = next(self._found(case, self._search(case, at, hops_most)), None)
        return None if chain is None else self._route(chain, at)

    def routes(
        self,
        case: Case,
        *,
        at: Instant,
        hops_most: int = ROUTE_HOPS_MAX,
        routes_most: int = ROUTES_MAX,
    ) -> Routes:
        """Return all routes, best first, and the closed ways with the rule that closes each.

        Args:
            case: The item, its holder, and the requester as recipient.
            at: The instant decided for.
            hops_most: At most `ROUTE_HOPS_MAX`.
            routes_most: At most `ROUTES_MAX`.

        Source: docs/spec/routes.md RT-1 to RT-9.
        """
        limits: list[str] = []
        search = self._search(case, at, hops_most)
        found: list[Route] = []
        for chain in self._found(case, search):
            if len(found) == min(routes_most, ROUTES_MAX):
                limits.append("ROUTES_MAX")
                break
            found.append(self._route(chain, at))
        if search.trials > ROUTE_TRIALS_MAX:
            limits.append("ROUTE_TRIALS_MAX")
        blocked = self._blocked(case, search)
        if len(blocked) > ROUTES_BLOCKED_MAX:
            limits.append("ROUTES_BLOCKED_MAX")
        return Routes(
            routes=tuple(found),
            blocked=tuple(blocked[:ROUTES_BLOCKED_MAX]),
            limits=tuple(limits),
            at=at,
        )

    def _search(self, case: Case, at: Instant, hops_most: int) -> _Search:
        return _Search(
            goal=case.recipient,
            at=at,
            measured=self._measured,
            hops_most=max(1, min(hops_most, ROUTE_HOPS_MAX)),
            near=[frozenset({case.recipient})],
            usable={},
        )

    def _near(self, case: Case, remaining: int, search: _Search) -> frozenset[PartyCode] | None:
        """The parties that could be so many hops before the requester; `None` when all count."""
        if remaining > _NEAR_HOPS:
            return None
        while len(search.near) <= remaining:
            last = search.near[-1]
            reaching = {
                party
                for other in sorted(last)
                for party in self._neighbours(other)
                if self._is_usable(case, party, other, search)
            }
            search.near.append(last | reaching)
        return search.near[remaining]

    def _found(self, case: Case, search: _Search) -> Iterator[_Chain]:
        """Complete chains in order of cost."""
        start = _Chain(steps=(), case=case)
        # The names make the order total, so that equal costs never compare chains.
        heap: list[tuple[_Cost, tuple[tuple[str, str], ...], _Chain]] = [((0, 0, 0, 0), (), start)]
        while heap and search.trials <= ROUTE_TRIALS_MAX:
            cost, names, chain = heappop(heap)
            if chain.case.holder == search.goal:
                yield chain
                continue
            for longer in self._grow(chain, search):
                step = longer.steps[-1]
                name = (step.case.recipient, step.instrument)
                heappush(heap, (_plus(cost, step), (*names, name), longer))

    def _grow(self, chain: _Chain, search: _Search) -> Iterator[_Chain]:
        """Every lawful next hop of a chain."""
        seen = set(chain.parties)
        remaining = search.hops_most - len(chain.steps) - 1
        near = self._near(chain.case, remaining, search)
        for recipient in self._neighbours(chain.case.holder):
            if recipient in seen or (near is not None and recipient not in near):
                continue
            if not self._is_usable(chain.case, chain.case.holder, recipient, search):
                continue
            search.trials += 1
            case = _hop_case(chain.case, recipient, search.goal)
            yield from self._open(chain, case, self._planner.sift(case, at=search.at), search)

    def _open(self, chain: _Chain, case: Case, sifted: Sifted, search: _Search) -> Iterator[_Chain]:
        """The chain one hop longer, under each instrument that lets it: the item changes hands."""
        stands, passes = sifted.stands, sifted.passes
        for bit, name in enumerate(sifted.instruments):
            if not stands >> bit & 1:
                continue
            scheme, markings = self._planner.markings(case, name, at=search.at)
            step = _Step(
                case=case,
                sifted=sifted,
                bit=bit,
                outcome=Outcome.PERMIT if passes >> bit & 1 else Outcome.REFER,
                marking=markings[0],
                expected_ms=search.measured.get((case.holder, case.recipient, name)),
            )
            received = structs.replace(
                chain.case,
                holder=case.recipient,
                marked=Label(scheme=scheme, level=markings[0]),
                provenance=name,
                received_for=case.purpose,
            )
            yield _Chain(steps=(*chain.steps, step), case=received)

    def _neighbours(self, party: PartyCode) -> tuple[PartyCode, ...]:
        return self._linked.get(party, ())

    def _is_usable(
        self, case: Case, holder: PartyCode, recipient: PartyCode, search: _Search
    ) -> bool:
        """Rule out, without deciding, a hop that no chain could take under any instrument.

        Nothing is asked that a hop before could change: not the marking, not the provenance.
        """
        key = (holder, recipient)
        found = search.usable.get(key)
        if found is None:
            law, planner = self._planner.law, self._planner
            found = search.usable[key] = any(
                _may_pass(case, law.terms(name), holder, recipient)
                and planner.may_carry(case, name, holder=holder, recipient=recipient, at=search.at)
                for name in law.links(holder, recipient)
            )
        return found

    def _route(self, chain: _Chain, at: Instant) -> Route:
        """Put a complete chain into words."""
        times = [step.expected_ms for step in chain.steps]
        known = [time for time in times if time is not None]
        ends = [step.sifted.holds_until for step in chain.steps]
        return Route(
            hops=tuple(self._hop(step, at) for step in chain.steps),
            approvals=sum(step.outcome is Outcome.REFER for step in chain.steps),
            expected_ms=sum(known) if len(known) == len(times) else None,
            holds_until=min((end for end in ends if end is not None), default=None),
        )

    def _hop(self, step: _Step, at: Instant) -> Hop:
        steps: tuple[Finding, ...] = ()
        if step.outcome is Outcome.REFER:
            decision = self._planner.decide(step.case, at=at)
            one = next(one for one in decision.considered if one.instrument == step.instrument)
            steps = tuple(found for found in one.findings if found.verdict is Verdict.ASK)
        return Hop(
            sender=step.case.holder,
            recipient=step.case.recipient,
            instrument=step.instrument,
            outcome=step.outcome,
            steps=steps,
            marking=step.marking,
            expected_ms=step.expected_ms,
        )

    def _blocked(self, case: Case, search: _Search) -> list[Blocked]:
        """Closed ways of one hop, and of two where the second or a named hub's first fails."""
        found = self._closed((), case, search)
        start = _Chain(steps=(), case=case)
        between = [one for one in self._neighbours(case.holder) if one != search.goal]
        for hub in between:
            if not self._planner.law.links(hub, search.goal):
                continue
            first = _hop_case(case, hub, search.goal)
            shared = set(self._planner.law.links(case.holder, search.goal))
            found += [
                one
                for one in self._closed((), first, search)
                if one.instrument in shared and self._hub_of(one.instrument) == hub
            ]
            sifted = self._planner.sift(first, at=search.at)
            for chain in self._open(start, first, sifted, search):
                one = chain.steps[-1]
                found += [
                    two
                    for two in self._closed((case.holder,), chain.case, search)
                    # Its first leg is judged above; entering halfway is no way of its own.
                    if self._hub_of(two.instrument) is None or two.instrument == one.instrument
                ]
        unique = {(one.parties, one.instrument, one.finding.rule): one for one in found}
        return sorted(unique.values(), key=_blocked_order)

    def _closed(self, before: tuple[PartyCode, ...], case: Case, search: _Search) -> list[Blocked]:
        """Every instrument that denies one hop, with its first failing rule."""
        decision = self._planner.decide(case, at=search.at)
        return [
            Blocked(
                parties=(*before, case.holder, case.recipient),
                instrument=one.instrument,
                finding=one.reason,
                remedy=one.remedy,
            )
            for one in decision.considered
            if one.outcome is Outcome.DENY and one.reason is not None
        ]

    def _hub_of(self, name: InstrumentId) -> PartyCode | None:
        return self._planner.law.terms(name).topology.intermediary


def _hop_case(case: Case, recipient: PartyCode, goal: PartyCode) -> Case:
    """The facts of one hop; the requester's assurance speaks for the requester alone."""
    is_final = recipient == goal
    return structs.replace(
        case,
        recipient=recipient,
        onward=None if is_final else goal,
        assurance=case.assurance if is_final else None,
    )


def _may_pass(case: Case, terms: Terms, holder: PartyCode, recipient: PartyCode) -> bool:
    """The third-party rule at its most generous."""
    if case.originator in {holder, recipient}:
        return True
    match terms.third_party.kind:
        case ThirdPartyKind.CONSENT_PROCEDURE:
            return True
        case ThirdPartyKind.CIRCLE_EXEMPT if case.originator in terms.parties:
            return True
        case _:
            return any(one.recipient == recipient for one in case.consents)


def _plus(cost: _Cost, step: _Step) -> _Cost:
    """Approvals, hops, hops never measured, milliseconds."""
    approvals, hops, unmeasured, ms = cost
    return (
        approvals + (step.outcome is Outcome.REFER),
        hops + 1,
        unmeasured + (step.expected_ms is None),
        ms + (step.expected_ms or 0),
    )


def _blocked_order(one: Blocked) -> tuple[int, tuple[PartyCode, ...], InstrumentId]:
    return len(one.parties), one.parties, one.instrument
