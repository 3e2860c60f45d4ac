"""What the law says a request must come to, worked out beside the nodes and without them.

The nodes decide hop by hop, each in its own transaction, for what they hold. This asks the
normative
reference and the search for routes once, about the item that the scenario says is held; then both
must say the same.
"""

from whenever import Instant

from relto.decide import Planner, decide
from relto.law import Law, State
from relto.model import Assurance, Case, Label, Outcome
from relto.routes import Route, Router
from relto.sim.scenario import Closed, Ending, Expected, Item, Plan, Scenario, Step, answers
from relto.units import InstrumentId, PartyCode, covers


def predict(scenario: Scenario, step: Step, plan: Plan, *, law: Law, at: Instant) -> Expected:
    """Work out what the law answers to a request.

    Args:
        scenario: For what is held, and for standing authorities.
        step: Whether the direct way is insisted on.
        plan: What is asked.
        law: As adopted at that instant.
        at: The instant.

    Source: docs/spec/decide.md; docs/spec/routes.md.
    """
    item = item_of(scenario, plan)
    case = case_of(item, plan, law)
    existing = existing_in(law, at=at, reading=plan.holder)
    if step.is_direct:
        decision = decide(law, case, at=at)
        if decision.outcome is Outcome.DENY:
            reasons = ((one.instrument, one.reason) for one in decision.considered)
            return Expected(
                outcome=Ending.REFUSED,
                blocked=tuple(
                    Closed(instrument=name, rule=reason.rule, article=reason.ground.article)
                    for name, reason in reasons
                    if reason is not None and name in existing
                ),
            )
    answer = Router(Planner(law)).routes(case, at=at)
    routes = [one for one in answer.routes if not step.is_direct or len(one.hops) == 1]
    if routes:
        return _released(scenario, item, routes[0])
    return Expected(
        outcome=Ending.UNROUTABLE,
        blocked=tuple(
            Closed(
                instrument=one.instrument, rule=one.finding.rule, article=one.finding.ground.article
            )
            for one in answer.blocked
            if one.instrument in existing
        ),
    )


def existing_in(law: Law, *, at: Instant, reading: PartyCode) -> frozenset[InstrumentId]:
    """Give the instruments that have been signed by then, as far as is known then."""
    return frozenset(
        name
        for name in law.library.terms
        if law.state(name, at=at, reading=reading).state is not State.UNKNOWN
    )


def item_of(scenario: Scenario, plan: Plan) -> Item:
    """Find the item that answers a request; checking has made sure that there is one."""
    return next(item for item in scenario.holdings if answers(item, plan))


def case_of(item: Item, plan: Plan, law: Law) -> Case:
    """State the facts of a direct release of an item that its holder made itself."""
    scheme = law.library.parties[item.holder].scheme
    assert scheme is not None
    return Case(
        holder=item.holder,
        recipient=plan.requester,
        originator=item.holder,
        label=Label(scheme=scheme, level=item.level),
        topics=item.topics,
        form=item.form,
        purpose=plan.purpose,
        requested=True,
        assurance=assurance_of(plan),
        holding=item.id,
    )


def assurance_of(plan: Plan) -> Assurance | None:
    """Give the assurance that comes with a request, if the scenario gives one."""
    if plan.assurance is None:
        return None
    return Assurance(cleared_to=plan.assurance, needs_access=True, will_protect=True, by="analyst")


def _released(scenario: Scenario, item: Item, route: Route) -> Expected:
    """An officer is asked at every hop that no standing authority covers, and at every referral."""
    approvals: list[PartyCode] = []
    for hop in route.hops:
        is_standing = hop.outcome is Outcome.PERMIT and any(
            one.party == hop.sender
            and hop.recipient in one.recipients
            and hop.instrument in one.instruments
            and all(any(covers(root, topic) for root in one.topics) for topic in item.topics)
            for one in scenario.delegations
        )
        if not is_standing:
            approvals.append(hop.sender)
    return Expected(
        outcome=Ending.RELEASED,
        way=route.parties,
        instruments=tuple(hop.instrument for hop in route.hops),
        approvals=tuple(approvals),
        marked=route.hops[-1].marking,
    )
