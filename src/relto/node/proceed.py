"""What this node does next in a case by itself: decide, pass on, inspect, open, release, refuse.

`proceed` looks at role and state only; it is called after every entry that moved the case, on
start and on every tick, so a crash between two steps leaves nothing undone. The law is asked here,
at the `now` of the transaction that appends the answer.

Spec: docs/spec/exchange.md EX-13 to EX-23.
"""

from typing import assert_never

from msgspec.structs import replace
from whenever import Instant

from relto.exchange import CaseFile, CaseState, Role
from relto.model.case import Case, Consent, ConsentedItem, Holding, Request
from relto.model.finding import Considered
from relto.model.label import Label
from relto.model.message import (
    ConsentGiven,
    Held,
    Item,
    Quarantined,
    Queued,
    Receipted,
    Referred,
    RefusalCode,
    Refused,
    Released,
    Requested,
)
from relto.node.archive import Stock
from relto.node.assess import (
    Go,
    No,
    Wait,
    assess,
    case_for,
    consents_of,
    is_outdated,
    needed_officers,
    onward_of,
    recipient_of,
)
from relto.node.counsel import Counsel, is_open, named, reasons
from relto.node.effects import Alarm, Append, Drop, Effect, Open, OpenOrder, Seal, SealOrder, Then
from relto.node.handed_on import approvals_behind, fits_an_entry, proofs_for, sealed_past
from relto.node.inputs import Opened, Sealed, Unopenable
from relto.node.inspect import Accepted, Objection, inspect, inspect_opened
from relto.node.marking import render
from relto.node.state import State
from relto.units import HoldingId, OfficerRole, PartyCode

NODE_ROLE = OfficerRole("node")

_ANSWERING = frozenset({Role.HOLDER, Role.INTERMEDIARY})
_ANSWERABLE = frozenset({CaseState.RECEIVED, CaseState.OBTAINED, CaseState.QUEUED})


def proceed(state: State, counsel: Counsel, file: CaseFile, *, now: Instant) -> tuple[Effect, ...]:
    """Take the next step of a case, if there is one that needs no officer.

    Args:
        state: What the node knows.
        counsel: The law adopted.
        file: The case.
        now: The instant of law.

    Source: docs/spec/exchange.md EX-13.
    """
    match file.role, file.state:
        case (Role.HOLDER, CaseState.RECEIVED) | (Role.INTERMEDIARY, CaseState.OBTAINED):
            return _answer(state, counsel, file, now=now)
        case (Role.HOLDER | Role.INTERMEDIARY, CaseState.QUEUED):
            return _answer_queued(state, counsel, file, now=now)
        case (Role.HOLDER, CaseState.CONSENT_ASKED):
            return _give_up_consent(file, counsel, now=now)
        case (Role.INTERMEDIARY, CaseState.RECEIVED):
            return _pass_on(state, counsel, file, now=now)
        case (Role.INTERMEDIARY, CaseState.DENIED):
            return _pass_back(file)
        case (Role.REQUESTER | Role.INTERMEDIARY, CaseState.ARRIVED):
            return _take(state, counsel, file)
        case (Role.ORIGINATOR, CaseState.QUEUED):
            return _consent(state, counsel, file, now=now)
        case _:
            return ()


# ---------------------------------------------------------------- releasing


def _answer(state: State, counsel: Counsel, file: CaseFile, *, now: Instant) -> tuple[Effect, ...]:
    """Decide a case for the first time: release, queue, or refuse."""
    outcome = assess(state, counsel, file, now=now)
    match outcome:
        case No():
            return (refuse(file, outcome, counsel),)
        case Wait():
            return _queue(file, outcome, counsel, me=state.party)
        case Go():
            return (_seal(counsel, file, outcome),)
        case _:
            assert_never(outcome)


def _answer_queued(
    state: State, counsel: Counsel, file: CaseFile, *, now: Instant
) -> tuple[Effect, ...]:
    """Decide a queued case again: when officers have approved.

    When its time or its law has run out.
    """
    outcome = assess(state, counsel, file, now=now)
    match outcome:
        case No():
            return (refuse(file, outcome, counsel),)
        case Wait() if is_outdated(file, outcome, law=counsel.ref):
            return (_queue(file, outcome, counsel, me=state.party)[0],)
        case Wait():
            return ()
        case Go():
            return (_seal(counsel, file, outcome),)
        case _:
            assert_never(outcome)


def _give_up_consent(file: CaseFile, counsel: Counsel, *, now: Instant) -> tuple[Effect, ...]:
    """Wait for the originator's consent, but no longer than an answer is of use."""
    request = file.request
    if request is None or request.expires_at is None or now < request.expires_at:
        return ()
    return (refuse(file, No(code=RefusalCode.EXPIRED_MESSAGE), counsel),)


def _queue(file: CaseFile, wait: Wait, counsel: Counsel, *, me: PartyCode) -> tuple[Effect, ...]:
    """Put a case before the officers, and tell the asker that it waits."""
    queued = Queued(
        holdings=tuple(one.holding.id for one in wait.stock),
        instrument=wait.instrument,
        considered=wait.considered,
        law=counsel.ref,
        needs=wait.needs,
        why=wait.why,
    )
    told = Referred(holder=me, instrument=wait.instrument, waits_for="disclosure-officer")
    return (
        Append(target=me, case=file.case, message=queued, precedence=file.precedence),
        Append(target=recipient_of(file), case=file.case, message=told, precedence=file.precedence),
    )


def _seal(counsel: Counsel, file: CaseFile, go: Go) -> Seal:
    """Ask for packages; where the intermediary sees labels only, they are sealed past it."""
    onward = onward_of(file)
    is_past = onward is not None and counsel.sees_labels_only(go.instrument)
    is_passed_on = file.role is Role.INTERMEDIARY and counsel.sees_labels_only(go.instrument)
    return Seal(
        case=file.case,
        orders=()
        if is_passed_on
        else tuple(
            SealOrder(
                holding=one.stock.reference,
                title=one.stock.holding.title,
                blob=one.stock.holding.digest,
                recipient=onward if is_past and onward is not None else recipient_of(file),
                instrument=go.instrument,
                originator=one.stock.holding.originator,
                label=one.stock.holding.label,
            )
            for one in go.items
        ),
        prove=proofs_for(file, tuple(one.stock for one in go.items)),
        rests_on=go,
    )


def on_sealed(
    state: State, counsel: Counsel, file: CaseFile, sealed: Sealed, *, now: Instant, go: Go | None
) -> tuple[Effect, ...]:
    """Append the release, if the law still allows it at this instant (EX-14).

    Args:
        state: What the node knows.
        counsel: The law adopted.
        file: The case.
        sealed: The packages.
        now: The instant of law: the one in the release's header.
        go: What the law has just said, at this instant of this state; `None` asks it.
    """
    is_answerable = file.role in _ANSWERING and file.state in _ANSWERABLE
    drops = tuple(Drop(digest=one.package.digest) for one in sealed.items)
    if not is_answerable:
        return drops
    outcome = go or assess(state, counsel, file, now=now)
    if not isinstance(outcome, Go):
        return (*drops, Then(case=file.case))
    made = {one.holding: one for one in (*sealed_past(counsel, file), *sealed.items)}
    request = file.request
    assert request is not None
    items: list[Item] = []
    for cleared in outcome.items:
        one = made.get(cleared.stock.reference)
        if one is None or one.package.instrument != outcome.instrument:
            # Sealed past this node under another instrument: it cannot be handed on under this one.
            return (*drops, refuse(file, No(code=RefusalCode.BAD_PACKAGE), counsel))
        stock = cleared.stock
        items.append(
            Item(
                holding=stock.reference,
                originator=stock.holding.originator,
                label=stock.holding.label,
                marked=stock.marked,
                markings=render(
                    counsel.law,
                    originator=stock.holding.originator,
                    label=stock.holding.label,
                    marked=stock.marked,
                    marked_by=None if stock.marked is None else state.party,
                    is_exercise=state.is_exercise,
                ),
                topics=stock.holding.topics,
                form=stock.holding.form,
                content=one.content,
                content_bytes=one.content_bytes,
                package=one.package,
                findings=cleared.considered.findings,
            )
        )
    first = outcome.items[0]
    case = case_for(state, file, request, first.stock, consents=consents_of(file, at=now))
    release = Released(
        instrument=outcome.instrument,
        onward=onward_of(file),
        purpose=request.purpose,
        precedence=file.precedence,
        law=counsel.ref,
        obligations=counsel.obligations(case, outcome.instrument, at=now),
        holds_until=first.decision.holds_until,
        assumed=first.decision.assumed,
        approvals=approvals_behind(file),
        delegation=outcome.delegation,
        consents=sealed.proofs,
        items=tuple(items),
    )
    if sealed.proofs and not fits_an_entry(release):
        return (*drops, refuse(file, No(code=RefusalCode.BAD_EVIDENCE), counsel))
    consents = _own_consents(state, file, items, now=now)
    return (*consents, _to_asker(file, release))


def _own_consents(
    state: State, file: CaseFile, items: list[Item], *, now: Instant
) -> tuple[Append, ...]:
    """The originator's consent travels before the first leg's release, as an entry of its own."""
    onward = onward_of(file)
    request = file.request
    if onward is None or request is None:
        return ()
    return tuple(
        _to_asker(
            file,
            ConsentGiven(
                consent=Consent(
                    originator=state.party,
                    recipient=onward,
                    holding=item.holding,
                    purposes=(request.purpose,),
                    given_at=now,
                ),
                item=ConsentedItem(
                    label=item.label,
                    topics=item.topics,
                    form=item.form,
                    content=item.content,
                    inside=own.holding.digest,
                ),
                approvals=file.approvals,
            ),
        )
        for item in items
        if (own := own_item(state, item.holding)) is not None
    )


def refuse(file: CaseFile, no: No, counsel: Counsel) -> Append:
    """Word a refusal to the asker."""
    return _to_asker(
        file,
        Refused(
            code=no.code,
            considered=no.considered,
            law=counsel.ref if no.considered else None,
            reason=no.reason,
        ),
    )


def _to_asker(file: CaseFile, message: Released | Refused | ConsentGiven | Referred) -> Append:
    return Append(
        target=recipient_of(file), case=file.case, message=message, precedence=file.precedence
    )


# ---------------------------------------------------------------- passing on


def _pass_on(state: State, counsel: Counsel, file: CaseFile, *, now: Instant) -> tuple[Effect, ...]:
    """As intermediary, refer a request to its holder, if both legs can be lawful (EX-16)."""
    request = file.request
    assert request is not None
    if not state.is_linked(request.holder) or request.requester != file.asker:
        return (refuse(file, No(code=RefusalCode.NO_LINK), counsel),)
    if request.expires_at is not None and request.expires_at <= now:
        return (refuse(file, No(code=RefusalCode.EXPIRED_MESSAGE), counsel),)
    closed = _closed_leg(state, counsel, file, request, now=now)
    if closed is not None:
        return (refuse(file, No(code=RefusalCode.NOT_LAWFUL, considered=closed), counsel),)
    passed = replace(request, requester=state.party, on_behalf_of=file.asker, assurance=None)
    return (
        Append(
            target=request.holder,
            case=file.case,
            message=Requested(request=passed, hops=file.hops),
            precedence=file.precedence,
        ),
        _to_asker(
            file,
            Referred(
                holder=request.holder,
                instrument=file.hops[0].instrument if file.hops else None,
                waits_for="holder",
            ),
        ),
    )


def _closed_leg(
    state: State, counsel: Counsel, file: CaseFile, request: Request, *, now: Instant
) -> tuple[Considered, ...] | None:
    """Why no item could pass both legs; `None` when one could."""
    asker = recipient_of(file)
    ends = tuple((hop.source, hop.target) for hop in file.hops)
    if request.holder == asker or ends != ((request.holder, state.party), (state.party, asker)):
        return ()
    if not all(counsel.knows(hop.instrument) for hop in file.hops) or not (
        counsel.is_through_intermediary(file.hops[0].instrument)
    ):
        return ()
    first, second = (hop.instrument for hop in file.hops)
    scheme = counsel.scheme_of(request.holder)
    closed: tuple[Considered, ...] = ()
    for level in counsel.ladder(request.holder):
        assert scheme is not None
        leg = Case(
            holder=request.holder,
            recipient=state.party,
            onward=asker,
            originator=request.holder,
            label=Label(scheme=scheme, level=level),
            topics=request.topics,
            purpose=request.purpose,
            requested=True,
        )
        decision = counsel.decide(leg, at=now)
        if not is_open(named(decision, first)):
            closed = closed or reasons(decision, first)
            continue
        marked = counsel.markings(leg, first, at=now)
        onward = replace(
            leg,
            holder=state.party,
            recipient=asker,
            onward=None,
            marked=marked[0] if marked else None,
            provenance=first,
            received_for=request.purpose,
            assurance=request.assurance,
            consents=(
                Consent(
                    originator=request.holder,
                    recipient=asker,
                    topics=request.topics,
                    purposes=(request.purpose,),
                    given_at=now,
                ),
            ),
        )
        decision = counsel.decide(onward, at=now)
        if is_open(named(decision, second)):
            return None
        closed = reasons(decision, second)
    return closed


def _pass_back(file: CaseFile) -> tuple[Effect, ...]:
    """Hand the holder's no on to the requester, with its reasons."""
    told = file.refused or Refused(code=RefusalCode.LAPSED_IN_TRANSFER)
    return (_to_asker(file, replace(told, number=0)),)


# ---------------------------------------------------------------- receiving


def _take(state: State, counsel: Counsel, file: CaseFile) -> tuple[Effect, ...]:
    """Inspect a release that has arrived; open it, or quarantine it."""
    found = inspect(state, counsel, file)
    if isinstance(found, Objection):
        return quarantine(state, file, found)
    arrived = file.arrived
    assert arrived is not None
    orders = tuple(
        OpenOrder(
            holding=item.holding,
            originator=item.originator,
            label=item.label,
            content=item.content,
            content_bytes=item.content_bytes,
            package=item.package,
        )
        for item in arrived.message.items
    )
    is_sealed_past = file.role is Role.INTERMEDIARY and counsel.sees_labels_only(
        arrived.message.instrument
    )
    return (Open(case=file.case, orders=orders, is_sealed_past=is_sealed_past, rests_on=found),)


def quarantine(state: State, file: CaseFile, objection: Objection) -> tuple[Effect, ...]:
    """Keep the entry, accept nothing of it, and tell both sides of it with a code (EX-22)."""
    arrived = file.arrived
    assert arrived is not None
    note = Quarantined(
        source=arrived.entry.source,
        number=arrived.entry.number,
        code=objection.code,
        considered=objection.considered,
        detail=objection.detail,
    )
    told = Refused(code=objection.code, considered=objection.considered)
    effects: list[Effect] = [
        Append(target=state.party, case=file.case, message=note, precedence=file.precedence),
        Append(
            target=arrived.entry.source,
            case=file.case,
            message=told,
            precedence=file.precedence,
        ),
    ]
    if file.role is Role.INTERMEDIARY:
        effects.append(_to_asker(file, Refused(code=RefusalCode.NOT_ACCEPTED)))
    effects += [Drop(digest=item.package.digest) for item in arrived.message.items]
    effects.append(
        Alarm(
            code=f"quarantined.{objection.code.value}",
            partner=arrived.entry.source,
            case=file.case,
            text=objection.detail,
        )
    )
    return tuple(effects)


def on_opened(
    state: State,
    counsel: Counsel,
    file: CaseFile,
    opened: Opened,
    *,
    now: Instant,
    accepted: Accepted | None,
) -> tuple[Effect, ...]:
    """Register what was opened, and give the receipt.

    Args:
        state: What the node knows.
        counsel: The receiver's law.
        file: The case.
        opened: What was inside, in the release's order.
        now: When it was registered.
        accepted: What the inspection has just found; `None` to inspect again.
    """
    arrived = file.arrived
    if file.state is not CaseState.ARRIVED or arrived is None:
        return ()
    found = accepted or inspect(state, counsel, file)
    if not isinstance(found, Objection):
        found = inspect_opened(state, counsel, file, opened) or found
    if isinstance(found, Objection):
        return quarantine(state, file, found)
    release = arrived.message
    effects: list[Effect] = []
    for item, inside, marked in zip(release.items, opened.items, found.marked, strict=True):
        assert item.holding == inside.holding
        holding = Holding(
            id=state.name_received(item.holding, of=item.originator, case=file.case),
            title=inside.title,
            originator=item.originator,
            label=item.label,
            topics=item.topics,
            form=item.form,
            provenance=release.instrument,
            received_for=release.purpose,
            digest=inside.content,
            size_bytes=inside.size_bytes,
            held_at=now,
        )
        held = Held(
            holding=holding,
            reference=item.holding,
            source=arrived.entry.source,
            marked=marked,
            by=NODE_ROLE,
        )
        effects.append(
            Append(target=state.party, case=file.case, message=held, precedence=file.precedence)
        )
    receipt = Receipted(
        number=arrived.entry.number,
        header=arrived.entry.header,
        packages=tuple(item.package.digest for item in release.items),
        marked=found.marked,
        law=counsel.ref,
    )
    effects.append(
        Append(
            target=arrived.entry.source,
            case=file.case,
            message=receipt,
            precedence=file.precedence,
        )
    )
    return (*effects, Then(case=file.case))


def on_unopenable(
    state: State, counsel: Counsel, file: CaseFile, broken: Unopenable
) -> tuple[Effect, ...]:
    """A package that does not fit its release, or cannot be made: nothing of it is used (EX-23)."""
    if file.state is CaseState.ARRIVED:
        found = Objection(code=RefusalCode.BAD_PACKAGE, detail=broken.detail)
        return quarantine(state, file, found)
    if file.role not in _ANSWERING or file.state not in _ANSWERABLE:
        return ()
    alarm = Alarm(code="local.unsealable", partner=file.asker, case=file.case, text=broken.detail)
    return (refuse(file, No(code=RefusalCode.NOTHING_HELD), counsel), alarm)


# ---------------------------------------------------------------- consenting


def _consent(state: State, counsel: Counsel, file: CaseFile, *, now: Instant) -> tuple[Effect, ...]:
    """As originator, answer a holder that asks for consent, once officers have approved."""
    asked = file.consent_asked
    assert asked is not None
    assert file.giver is not None
    stock = own_item(state, asked.holding)
    if stock is None:
        no = Refused(code=RefusalCode.NOTHING_HELD)
        return (Append(target=file.giver, case=file.case, message=no, precedence=file.precedence),)
    if len(file.officers) < officers_for_consent(state, counsel, stock):
        return ()
    given = ConsentGiven(
        consent=Consent(
            originator=state.party,
            recipient=asked.recipient,
            holding=asked.holding,
            purposes=() if asked.purpose is None else (asked.purpose,),
            given_at=now,
        ),
        item=ConsentedItem(
            label=stock.holding.label,
            topics=stock.holding.topics,
            form=stock.holding.form,
            inside=stock.holding.digest,
        ),
        approvals=file.approvals,
    )
    return (Append(target=file.giver, case=file.case, message=given, precedence=file.precedence),)


def own_item(state: State, holding: HoldingId) -> Stock | None:
    """Find an item that this party made, by the id it gave it."""
    stock = state.item(holding)
    if stock is None or stock.source is not None or stock.holding.originator != state.party:
        return None
    return stock


def officers_for_consent(state: State, counsel: Counsel, stock: Stock) -> int:
    """How many officers must approve a consent: as many as a release."""
    return needed_officers(state, counsel, (stock,))
