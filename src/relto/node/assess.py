"""May what is asked go out now, who has to be asked first, or not at all.

For holder and intermediary.

The law is asked first, then the party's own delegations. Everything that is not an explicit yes is
a no or a question for an officer: an officer's approval answers the rule `initiative` and nothing
else.

Spec: docs/spec/exchange.md EX-13 to EX-18.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from whenever import Instant, TimeDelta

from relto.custody import CustodyState, Side
from relto.decide import HandlingKind, handle
from relto.exchange import CaseFile, CaseState, Role
from relto.limits import CLOCK_SKEW_SECONDS_MAX, RELEASE_ITEMS_MAX
from relto.model.case import Case, Consent, Request
from relto.model.finding import Considered, Decision, Outcome, Rule
from relto.model.label import Label
from relto.model.message import LawRef, RefusalCode
from relto.node.archive import Stock
from relto.node.counsel import Counsel, fails, is_open, named, reasons, steps
from relto.node.state import State
from relto.units import HoldingId, InstrumentId, PartyCode

# What an officer's yes can answer. The others need the receiver's or the originator's word.
_OFFICER_ANSWERS: Final = frozenset({Rule.INITIATIVE})
_ORIGINATOR_ANSWERS: Final = frozenset({Rule.THIRD_PARTY, Rule.PURPOSE})


class No(Struct, frozen=True, kw_only=True):
    """It may not go out."""

    code: RefusalCode
    considered: tuple[Considered, ...] = ()
    reason: str = ""


class Wait(Struct, frozen=True, kw_only=True):
    """Officers have to act first.

    Args:
        stock: The items meant.
        instrument: The instrument that would carry them.
        considered: What the law said about the first.
        needs: How many officers.
        why: In words.
        is_consent_missing: The originator has to be asked.
    """

    stock: tuple[Stock, ...]
    instrument: InstrumentId | None
    considered: tuple[Considered, ...]
    needs: int
    why: str
    is_consent_missing: bool = False


class Cleared(Struct, frozen=True, kw_only=True):
    """One item that may go out now."""

    stock: Stock
    decision: Decision
    considered: Considered


class Go(Struct, frozen=True, kw_only=True):
    """It may go out now.

    Args:
        items: What, with the decision for each.
        instrument: Under which instrument.
        delegation: The standing authority that stands for an officer; empty when officers approved.
    """

    items: tuple[Cleared, ...]
    instrument: InstrumentId
    delegation: str = ""


Assessment: TypeAlias = No | Wait | Go


def recipient_of(file: CaseFile) -> PartyCode:
    """The partner to whom this node would release."""
    assert file.asker is not None
    return file.asker


def onward_of(file: CaseFile) -> PartyCode | None:
    """The final recipient, when this node is the holder and an intermediary asked."""
    if file.role is not Role.HOLDER or file.request is None:
        return None
    return file.request.on_behalf_of


def instrument_of(file: CaseFile, *, me: PartyCode) -> InstrumentId | None:
    """The instrument that the way names for this node's hop.

    Binding only through an intermediary.
    """
    if len(file.hops) < 2:
        return None
    for hop in file.hops:
        if hop.source == me:
            return hop.instrument
    return None


def assess(state: State, counsel: Counsel, file: CaseFile, *, now: Instant) -> Assessment:
    """Say what to do with a case that this node could answer with a release.

    Args:
        state: What the node knows.
        counsel: The law adopted.
        file: A case as holder (received or queued) or intermediary (obtained or queued).
        now: The instant of law.

    Source: docs/spec/exchange.md EX-13 to EX-18.
    """
    request = file.request
    if request is None:
        return No(code=RefusalCode.MALFORMED)
    if request.expires_at is not None and request.expires_at <= now:
        return No(code=RefusalCode.EXPIRED_MESSAGE)
    if not state.is_linked(recipient_of(file)):
        return No(code=RefusalCode.NO_LINK)
    if file.role is Role.HOLDER:
        closed = _closed_to_the_request(state, counsel, file, request, now=now)
        if closed is not None:
            return closed
    stock = _stock(state, counsel, file, request, now=now)
    if not stock:
        return No(code=RefusalCode.NOTHING_HELD)
    cleared = [(one, _decide(state, counsel, file, request, one, now=now)) for one in stock]
    instrument = instrument_of(file, me=state.party)
    viable = [
        Cleared(stock=one, decision=decision, considered=considered)
        for one, decision in cleared
        if (considered := _best(state, file, one, decision, instrument)) is not None
    ]
    if not viable:
        return No(
            code=RefusalCode.NOT_LAWFUL,
            considered=reasons(cleared[0][1], instrument, is_of_item=True),
        )
    return _sort_out(state, counsel, file, viable, now=now)


def case_for(
    state: State, file: CaseFile, request: Request, stock: Stock, *, consents: Sequence[Consent]
) -> Case:
    """State the facts of one item for the law."""
    return Case(
        holder=state.party,
        recipient=recipient_of(file),
        onward=onward_of(file),
        originator=stock.holding.originator,
        label=stock.holding.label,
        marked=stock.marked,
        topics=stock.holding.topics,
        form=stock.holding.form,
        provenance=stock.holding.provenance,
        purpose=request.purpose,
        received_for=stock.holding.received_for,
        requested=True,
        assurance=request.assurance,
        consents=tuple(consents),
        holding=stock.reference,
    )


def consents_of(file: CaseFile, *, at: Instant) -> tuple[Consent, ...]:
    """Consents that came in with the case, as they count at an instant."""
    return tuple(as_heard(given.message.consent, at=at) for given in file.consents)


def as_heard(consent: Consent, *, at: Instant) -> Consent:
    """Take a consent that is here as given, though its author's clock is a little ahead (FL-13).

    Args:
        consent: As its author dated it.
        at: By the clock that decides.

    Returns:
        The consent; one that is dated further ahead than clocks may differ is left as it is, and
        does not work yet.
    """
    if at < consent.given_at <= at + TimeDelta(seconds=CLOCK_SKEW_SECONDS_MAX):
        return replace(consent, given_at=at)
    return consent


def needed_officers(state: State, counsel: Counsel, stock: Sequence[Stock]) -> int:
    """How many different officers must approve.

    Two from the configured level on, or if it cannot be placed.
    """
    from_level = None if state.delegations is None else state.delegations.two_persons_from
    if from_level is None:
        return 1
    ladder = counsel.ladder(state.party)
    if from_level not in ladder:
        return 2
    bound = ladder.index(from_level)
    for one in stock:
        rank = counsel.rank(one.marked or one.holding.label, party=state.party)
        if rank is None or rank >= bound:
            return 2
    return 1


def _closed_to_the_request(
    state: State, counsel: Counsel, file: CaseFile, request: Request, *, now: Instant
) -> No | None:
    """Refuse what no item could make lawful.

    So that the refusal says nothing about what is held (EX-15).
    """
    if not _is_on_its_way(counsel, file, request, me=state.party):
        return No(
            code=RefusalCode.NOT_ACCEPTED,
            reason="a request on behalf of another names its way, through an intermediary",
        )
    instrument = instrument_of(file, me=state.party)
    onward = onward_of(file)
    is_sealed_past = instrument is not None and counsel.sees_labels_only(instrument)
    if is_sealed_past and onward is not None and not state.is_linked(onward):
        return No(code=RefusalCode.NO_LINK)
    first: tuple[Considered, ...] = ()
    for level in counsel.ladder(state.party):
        scheme = counsel.scheme_of(state.party)
        assert scheme is not None
        decision = counsel.decide(
            Case(
                holder=state.party,
                recipient=recipient_of(file),
                onward=onward_of(file),
                originator=state.party,
                label=Label(scheme=scheme, level=level),
                topics=request.topics,
                purpose=request.purpose,
                requested=True,
                assurance=request.assurance,
            ),
            at=now,
        )
        if is_open(named(decision, instrument)):
            return None
        first = _fewer_fails(first, reasons(decision, instrument))
    return No(code=RefusalCode.NOT_LAWFUL, considered=first)


def _is_on_its_way(counsel: Counsel, file: CaseFile, request: Request, *, me: PartyCode) -> bool:
    """Whoever asks for somebody else does so as the intermediary of an instrument that has one.

    Under any other instrument the asker itself is the recipient, and a consent to go on would be a
    release to a third party that nobody has decided.
    """
    onward = request.on_behalf_of
    if onward is None:
        return True
    if len(file.hops) != 2 or (file.hops[0].source, file.hops[0].target) != (me, file.asker):
        return False
    if (file.hops[1].source, file.hops[1].target) != (file.asker, onward):
        return False
    name = file.hops[0].instrument
    # An unknown instrument is refused by the law, by its name.
    return not counsel.knows(name) or counsel.is_through_intermediary(name)


def _fewer_fails(
    first: tuple[Considered, ...], second: tuple[Considered, ...]
) -> tuple[Considered, ...]:
    """Keep the answer that stays closest to a yes: it names the rule that really closes the way."""
    if not first or not second:
        return first or second
    return second if len(second[0].findings) < len(first[0].findings) else first


def _stock(
    state: State, counsel: Counsel, file: CaseFile, request: Request, *, now: Instant
) -> tuple[Stock, ...]:
    """The items that a request means, newest first.

    An intermediary means only what came in with the case.
    """
    meant: Iterable[Stock | None]
    if file.state is CaseState.QUEUED and file.queued is not None:
        meant = map(state.item, file.queued.holdings)
    elif file.role is Role.INTERMEDIARY:
        meant = map(state.item, file.held)
    elif request.holding is not None:
        meant = (state.item(request.holding),)
    else:
        meant = state.items(request.topics)
    today = (as_it_stands(state, counsel, one, now=now) for one in meant if one is not None)
    # A release names each item once: of two with one id, made by two parties, the newer one goes.
    found: dict[HoldingId, Stock] = {}
    for one in today:
        if one is not None:
            found.setdefault(one.reference, one)
        if len(found) == RELEASE_ITEMS_MAX:
            break
    return tuple(found.values())


def as_it_stands(state: State, counsel: Counsel, stock: Stock, *, now: Instant) -> Stock | None:
    """Give an item with the label that its originator gives it today.

    Args:
        state: What the node knows.
        counsel: The law adopted, for the equivalent of a new label.
        stock: The item as it was registered.
        now: The instant of law.

    Returns:
        The item; `None` when it is not this party's to release: recalled, lost or destroyed, with
        a label changed by another than its originator, or received as this party's own.

    Source: docs/spec/exchange.md EX-44.
    """
    if stock.source is None or stock.case is None:
        return stock
    if stock.holding.originator == state.party:
        return None
    line = state.line(side=Side.RECEIVED, case=stock.case, holding=stock.reference)
    if line is None or line.state is not CustodyState.HELD:
        return None
    if line.label == stock.holding.label:
        return stock
    if line.partner != line.originator:
        return None
    given = Case(
        holder=line.partner,
        recipient=state.party,
        originator=line.originator,
        label=line.label,
        topics=stock.holding.topics,
    )
    equal = counsel.markings(given, line.instrument, at=now)
    relabelled = replace(stock.holding, label=line.label)
    return replace(stock, holding=relabelled, marked=equal[0] if equal else None)


def _decide(
    state: State, counsel: Counsel, file: CaseFile, request: Request, stock: Stock, *, now: Instant
) -> Decision:
    """Ask the law at `now`, and also the margin ahead; the stricter answer counts (FL-34)."""
    case = case_for(state, file, request, stock, consents=consents_of(file, at=now))
    decision = counsel.decide(case, at=now)
    if state.margin_seconds and decision.outcome is not Outcome.DENY:
        later = counsel.decide(case, at=now + TimeDelta(seconds=state.margin_seconds))
        if later.outcome is Outcome.DENY:
            return later
    return decision


def _best(
    state: State,
    file: CaseFile,
    stock: Stock,
    decision: Decision,
    instrument: InstrumentId | None,
) -> Considered | None:
    """What may still become a release: what is open, or what only the originator's word closes."""
    considered = named(decision, instrument)
    if is_open(considered):
        return considered
    originator = stock.holding.originator
    if file.role is not Role.HOLDER or originator not in state.peers or originator == file.asker:
        return None
    for one in decision.considered:
        if instrument in {None, one.instrument} and fails(one) <= _ORIGINATOR_ANSWERS:
            return one
    return None


def _sort_out(
    state: State, counsel: Counsel, file: CaseFile, viable: list[Cleared], *, now: Instant
) -> Assessment:
    """Tell what goes at once, what waits, and what nobody here can answer."""
    stock = tuple(one.stock for one in viable)
    needs = needed_officers(state, counsel, stock)
    approved = _approved(file, viable, law=counsel.ref, needs=needs)
    if approved:
        return Go(items=approved, instrument=approved[0].considered.instrument)
    ready = [one for one in viable if not steps(one.considered)]
    first = ready[0].considered.instrument if ready else None
    ready = [one for one in ready if one.considered.instrument == first]
    if first is not None and needs == 1 and onward_of(file) is None:
        # A delegation lets an item go to its recipient; consent to a third party is never implied.
        delegation = _delegation(state, counsel, file, ready, now=now)
        if delegation is not None:
            return Go(items=tuple(ready), instrument=first, delegation=delegation)
    best = viable[0]
    open_asks = steps(best.considered) - _OFFICER_ANSWERS
    if Rule.ASSURANCE in open_asks:
        return No(
            code=RefusalCode.NOT_LAWFUL,
            considered=reasons(best.decision, best.considered.instrument, is_of_item=True),
            reason="the request lacks the assurance that the instrument asks for",
        )
    return Wait(
        stock=stock,
        instrument=best.considered.instrument,
        considered=(best.considered,),
        needs=needs,
        why=_why(
            open_asks,
            steps(best.considered),
            needs=needs,
            is_onward=onward_of(file) is not None,
        ),
        is_consent_missing=bool(open_asks & _ORIGINATOR_ANSWERS),
    )


def _approved(
    file: CaseFile, viable: Sequence[Cleared], *, law: LawRef, needs: int
) -> tuple[Cleared, ...]:
    """The items that enough officers have said yes to, under this law, instrument and label.

    What they said yes to under another is put before them again (EX-49).
    """
    queued = file.queued
    if queued is None or file.is_relabelled or queued.law != law:
        return ()
    if len(file.officers) < max(needs, queued.needs):
        return ()
    return tuple(
        one
        for one in viable
        if one.considered.instrument == queued.instrument
        and steps(one.considered) <= _OFFICER_ANSWERS
    )


def is_outdated(file: CaseFile, wait: Wait, *, law: LawRef) -> bool:
    """Tell whether officers see another decision than the one that waits for them now (EX-49)."""
    queued = file.queued
    return queued is not None and (
        file.is_relabelled
        or (queued.law, queued.instrument) != (law, wait.instrument)
        or queued.needs < wait.needs
    )


def _why(
    open_asks: frozenset[Rule], all_asks: frozenset[Rule], *, needs: int, is_onward: bool
) -> str:
    """Say in words what a queued case waits for."""
    if open_asks:
        return "the originator's consent is missing"
    if Rule.INITIATIVE in all_asks:
        return "each release under this instrument is decided case by case"
    if is_onward:
        return "release through an intermediary needs this party's consent"
    if needs > 1:
        return "two officers decide from this level on"
    return "no delegation covers it"


def _delegation(
    state: State, counsel: Counsel, file: CaseFile, items: list[Cleared], *, now: Instant
) -> str | None:
    """Find the standing authority that covers every item; `None` when an officer has to decide."""
    request = file.request
    assert request is not None
    named_by: list[str] = []
    for item in items:
        case = case_for(state, file, request, item.stock, consents=consents_of(file, at=now))
        decision = replace(
            item.decision,
            outcome=item.considered.outcome,
            instrument=item.considered.instrument,
        )
        handling = handle(state.delegations, decision, case, library=counsel.law.library)
        if handling.kind is not HandlingKind.RELEASE or handling.delegation is None:
            return None
        named_by.append(handling.delegation)
    return named_by[0]
