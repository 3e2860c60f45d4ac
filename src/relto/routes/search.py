"""Best-first search over hops: a chain grows only by hops that are lawful for what the item now is.

After each hop the item has changed for the law: who holds it, under which instrument it came, for
which purpose, and how the holder marks it. Costs only grow along a chain, so that the first chain
to reach the requester is the best, the second the second best, and so on.

Source: docs/spec/routes.md RT-1 to RT-9.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

from msgspec import Struct, structs
from whenever import Instant

from relto.decide import Planner
from relto.law import ThirdPartyKind
from relto.limits import ROUTE_HOPS_MAX, ROUTE_TRIALS_MAX, ROUTES_BLOCKED_MAX, ROUTES_MAX
from relto.model import Case, Considered, Label, Outcome, Verdict
from relto.routes.route import Blocked, Hop, Measured, Route, Routes
from relto.units import InstrumentId, PartyCode

_NO_MEASURE: Measured = {}
_Cost = tuple[int, int, int, int]


class _Chain(Struct, frozen=True, kw_only=True):
    """What has been travelled so far, and the facts of the item where it now lies."""

    hops: tuple[Hop, ...]
    case: Case
    holds_until: Instant | None

    @property
    def parties(self) -> tuple[PartyCode, ...]:
        return (*(hop.sender for hop in self.hops), self.case.holder)


class _Search(Struct, kw_only=True):
    """The bookkeeping of one search."""

    goal: PartyCode
    at: Instant
    measured: Measured
    hops_most: int
    trials: int = 0


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
        self._linked: dict[PartyCode, tuple[PartyCode, ...]] = {}

    def best(self, case: Case, *, at: Instant, hops_most: int = ROUTE_HOPS_MAX) -> Route | None:
        """Return the best route, or `None` when the law leaves none open within the limits.

        Args:
            case: The item, its holder, and the requester as recipient.
            at: The instant decided for.
            hops_most: At most `ROUTE_HOPS_MAX`.

        Source: docs/spec/routes.md RT-2.
        """
        return next(self._found(case, self._search(case, at, hops_most)), None)

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
        for route in self._found(case, search):
            if len(found) == min(routes_most, ROUTES_MAX):
                limits.append("ROUTES_MAX")
                break
            found.append(route)
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
        )

    def _found(self, case: Case, search: _Search) -> Iterator[Route]:
        """Complete chains in order of cost."""
        start = _Chain(hops=(), case=case, holds_until=None)
        # The names make the order total, so that equal costs never compare chains.
        heap: list[tuple[_Cost, tuple[tuple[str, str], ...], _Chain]] = [((0, 0, 0, 0), (), start)]
        while heap and search.trials <= ROUTE_TRIALS_MAX:
            cost, names, chain = heappop(heap)
            if chain.case.holder == search.goal:
                yield _route(chain)
                continue
            for longer in self._grow(chain, search):
                hop = longer.hops[-1]
                grown = _plus(cost, hop)
                heappush(heap, (grown, (*names, (hop.recipient, hop.instrument)), longer))

    def _grow(self, chain: _Chain, search: _Search) -> Iterator[_Chain]:
        """Every lawful next hop of a chain."""
        seen = set(chain.parties)
        is_last = len(chain.hops) == search.hops_most - 1
        for recipient in (search.goal,) if is_last else self._neighbours(chain.case.holder):
            if recipient in seen or not self._may_pass(chain.case, recipient):
                continue
            search.trials += 1
            case = _hop_case(chain.case, recipient, search.goal)
            if self._planner.outcome(case, at=search.at) is Outcome.DENY:
                continue
            decision = self._planner.decide(case, at=search.at)
            for one in decision.considered:
                if one.outcome is not Outcome.DENY:
                    yield self._after(chain, case, one, decision.holds_until, search)

    def _after(
        self,
        chain: _Chain,
        case: Case,
        one: Considered,
        holds_until: Instant | None,
        search: _Search,
    ) -> _Chain:
        """The chain one hop longer: for the law the item is now the recipient's."""
        scheme, markings = self._planner.markings(case, one.instrument, at=search.at)
        hop = Hop(
            sender=case.holder,
            recipient=case.recipient,
            instrument=one.instrument,
            outcome=one.outcome,
            steps=tuple(found for found in one.findings if found.verdict is Verdict.ASK),
            marking=markings[0],
            expected_ms=search.measured.get((case.holder, case.recipient, one.instrument)),
        )
        received = structs.replace(
            chain.case,
            holder=case.recipient,
            marked=Label(scheme=scheme, level=markings[0]),
            provenance=one.instrument,
            received_for=case.purpose,
        )
        bounds = [end for end in (chain.holds_until, holds_until) if end is not None]
        return _Chain(hops=(*chain.hops, hop), case=received, holds_until=min(bounds, default=None))

    def _neighbours(self, party: PartyCode) -> tuple[PartyCode, ...]:
        found = self._linked.get(party)
        if found is None:
            law = self._planner.law
            others = sorted(law.library.parties)
            found = tuple(one for one in others if one != party and law.links(party, one))
            self._linked[party] = found
        return found

    def _may_pass(self, case: Case, recipient: PartyCode) -> bool:
        """Rule out, without deciding, what the third-party rule forbids under every instrument."""
        if case.originator in {case.holder, recipient}:
            return True
        if any(one.recipient == recipient for one in case.consents):
            return True
        law = self._planner.law
        for name in law.links(case.holder, recipient):
            terms = law.terms(name)
            if terms.third_party.kind is ThirdPartyKind.CONSENT_PROCEDURE:
                return True
            is_circle = terms.third_party.kind is ThirdPartyKind.CIRCLE_EXEMPT
            if is_circle and case.originator in terms.parties:
                return True
        return False

    def _blocked(self, case: Case, search: _Search) -> list[Blocked]:
        """Closed ways of one hop, and of two where the second or a named hub's first fails."""
        found = self._closed((), case, search)
        start = _Chain(hops=(), case=case, holds_until=None)
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
            decision = self._planner.decide(first, at=search.at)
            open_ways = [one for one in decision.considered if one.outcome is not Outcome.DENY]
            for one in open_ways:
                chain = self._after(start, first, one, None, search)
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


def _plus(cost: _Cost, hop: Hop) -> _Cost:
    """Approvals, hops, hops never measured, milliseconds."""
    approvals, hops, unmeasured, ms = cost
    return (
        approvals + (hop.outcome is Outcome.REFER),
        hops + 1,
        unmeasured + (hop.expected_ms is None),
        ms + (hop.expected_ms or 0),
    )


def _route(chain: _Chain) -> Route:
    times = [hop.expected_ms for hop in chain.hops]
    known = [time for time in times if time is not None]
    return Route(
        hops=chain.hops,
        approvals=sum(hop.outcome is Outcome.REFER for hop in chain.hops),
        expected_ms=sum(known) if len(known) == len(times) else None,
        holds_until=chain.holds_until,
    )


def _blocked_order(one: Blocked) -> tuple[int, tuple[PartyCode, ...], InstrumentId]:
    return len(one.parties), one.parties, one.instrument
