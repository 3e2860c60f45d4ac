"""The story of a case, told from the journal: one line for each entry, and what it comes to."""

from collections.abc import Callable, Mapping
from pathlib import Path

from whenever import Instant

from relto.console.orders import BlockedWay, CaseLine, Story, StoryItem, StoryLine
from relto.driver import Story as Journaled
from relto.exchange import Arrived, CaseFile, Fact, Role
from relto.model import Holding, Obligation
from relto.model.message import (
    Aborted,
    ConsentAsked,
    ConsentGiven,
    ConsentRefused,
    DelegationsAdopted,
    Destroyed,
    Held,
    Item,
    LawAdopted,
    LossReported,
    Message,
    OfficerStepped,
    Quarantined,
    Queued,
    Recalled,
    Receipted,
    Reclassified,
    Referred,
    Refused,
    Released,
    Requested,
    Unroutable,
)
from relto.node import Stock, Waiting
from relto.units import HoldingId, PartyCode


def case_line(file: CaseFile, waiting: Waiting | None) -> CaseLine:
    """Put a case into one line.

    Args:
        file: The case, perhaps closed and without its texts.
        waiting: Its place in the officers' queue; `None` when it does not wait for them.
    """
    request = file.request
    queued = file.queued
    instrument = None if queued is None else queued.instrument
    return CaseLine(
        case=file.case,
        role=str(file.role),
        state=str(file.state),
        partner=file.giver if file.role is Role.REQUESTER else (file.asker or file.giver),
        requester=None if request is None else (request.on_behalf_of or request.requester),
        topics=() if request is None else request.topics,
        purpose=None if request is None else request.purpose,
        precedence=file.precedence,
        opened_at=file.opened_at,
        waits_for="" if waiting is None else waiting.why,
        needs=0 if waiting is None else waiting.needs,
        approved=0 if waiting is None else waiting.approved,
        instrument=instrument,
    )


def tell(
    story: Journaled,
    *,
    waiting: Waiting | None,
    stock: Mapping[HoldingId, Stock],
    lay_out: Callable[[Holding], Path | None],
) -> Story:
    """Tell a case whole.

    Args:
        story: From the journal.
        waiting: Its place in the officers' queue, if it has one.
        stock: What came in under it, by the originator's id.
        lay_out: Gives the file that holds a content, or `None` when it is not here.
    """
    file = story.file
    release = file.arrived or file.released
    gone = {} if release is None else _destroyed(story, release)
    refused = file.refused
    considered = () if refused is None else refused.considered
    if file.quarantined is not None and not considered:
        considered = file.quarantined.considered
    if file.queued is not None and not considered:
        considered = file.queued.considered
    return Story(
        line=case_line(file, waiting),
        is_closed=file.is_closed,
        request=file.request,
        route=_route(file),
        instrument=None if release is None else release.message.instrument,
        entries=tuple(
            StoryLine(
                position=place,
                source=fact.source,
                target=fact.target,
                number=fact.number,
                at=fact.at,
                kind=fact.kind,
                text=_say(fact),
            )
            for place, fact in enumerate(story.facts, start=1)
        ),
        items=_items(release, stock=stock, lay_out=lay_out, gone=gone),
        obligations=_owed(release, gone),
        considered=considered,
        blocked=(
            ()
            if file.unroutable is None
            else tuple(
                BlockedWay(way=one.way, instrument=one.instrument, finding=one.finding)
                for one in file.unroutable.blocked
            )
        ),
        refusal=_refusal(file),
        reason="" if refused is None else refused.reason,
        holds_until=None if release is None else release.message.holds_until,
        assumed=() if release is None else release.message.assumed,
    )


def _route(file: CaseFile) -> tuple[PartyCode, ...]:
    if file.hops:
        return (file.hops[0].source, *(hop.target for hop in file.hops))
    if file.request is not None and file.unroutable is None:
        return (file.request.holder, file.request.on_behalf_of or file.request.requester)
    return ()


def _refusal(file: CaseFile) -> str:
    if file.unroutable is not None:
        return "unroutable"
    if file.quarantined is not None:
        return file.quarantined.code.value
    return "" if file.refused is None else file.refused.code.value


def _items(
    release: Arrived | None,
    *,
    stock: Mapping[HoldingId, Stock],
    lay_out: Callable[[Holding], Path | None],
    gone: Mapping[HoldingId, Instant],
) -> tuple[StoryItem, ...]:
    if release is None:
        return ()
    return tuple(
        _item(item, stock.get(item.holding), lay_out=lay_out, destroyed_at=gone.get(item.holding))
        for item in release.message.items
    )


def _destroyed(story: Journaled, release: Arrived) -> dict[HoldingId, Instant]:
    """Say which items their receiver has certified to have destroyed, and when."""
    back = (release.entry.target, release.entry.source)
    return {
        fact.message.holding: fact.at
        for fact in story.facts
        if isinstance(fact.message, Destroyed) and (fact.source, fact.target) == back
    }


def _owed(release: Arrived | None, gone: Mapping[HoldingId, Instant]) -> tuple[Obligation, ...]:
    """What is owed until the last item of a release is destroyed (EX-26)."""
    if release is None or all(item.holding in gone for item in release.message.items):
        return ()
    return release.message.obligations


def _item(
    item: Item,
    stock: Stock | None,
    *,
    lay_out: Callable[[Holding], Path | None],
    destroyed_at: Instant | None,
) -> StoryItem:
    told = StoryItem(
        holding=item.holding,
        originator=item.originator,
        label=item.label,
        marked=item.marked,
        markings=item.markings,
        destroyed_at=destroyed_at,
    )
    if stock is None:
        return told
    path = None if destroyed_at is not None else lay_out(stock.holding)
    return StoryItem(
        holding=item.holding,
        originator=item.originator,
        label=item.label,
        marked=stock.marked,
        markings=item.markings,
        title=stock.holding.title,
        size_bytes=stock.holding.size_bytes,
        path="" if path is None else str(path),
        destroyed_at=destroyed_at,
    )


def _say(fact: Fact) -> str:
    if fact.message is None:
        return fact.fault or "destroyed"
    return words_of(fact.message)


def words_of(message: Message) -> str:
    """Say in a line what an entry says; empty for what the name of its kind says already.

    Args:
        message: A partner's, perhaps: whoever shows it makes it safe.
    """
    match message:
        case LawAdopted(law=law, files=files):
            return f"law {law.digest}, {len(files)} files"
        case DelegationsAdopted(delegations=adopted):
            return (
                f"standing authorities: {', '.join(it.id for it in adopted.delegations) or 'none'}"
            )
        case Requested(request=request, is_forced=is_forced):
            behalf = f" for {request.on_behalf_of}" if request.on_behalf_of else ""
            insisting = ", directly whatever the law says here" if is_forced else ""
            return f"{', '.join(request.topics)} for {request.purpose}{behalf}{insisting}"
        case Referred(holder=holder, waits_for=waits_for):
            return f"{holder} has to act; waits for {waits_for}"
        case Released(instrument=instrument, items=items, delegation=delegation):
            how = f"delegation `{delegation}`" if delegation else "approved"
            return f"{len(items)} item(s) under {instrument}; {how}"
        case Refused(code=code, reason=reason):
            return f"{code}: {reason}" if reason else str(code)
        case Receipted(number=number):
            return f"release {number} opened, marked and registered"
        case ConsentAsked(recipient=recipient):
            return f"may it go to {recipient}?"
        case ConsentGiven(consent=consent):
            return f"{consent.originator} consents to {consent.recipient}"
        case ConsentRefused(recipient=recipient, reason=reason):
            return f"not to {recipient}" + (f": {reason}" if reason else "")
        case Queued(needs=needs, why=why):
            return f"{why}; {needs} officer(s)"
        case OfficerStepped(step=step, role=role, reason=reason):
            return f"{step} by {role}" + (f": {reason}" if reason else "")
        case Unroutable(blocked=blocked):
            return f"no lawful way; {len(blocked)} closed"
        case Quarantined(code=code, detail=detail):
            return f"{code}: {detail}"
        case Held(holding=holding):
            return f"registered as {holding.id}"
        case Aborted(code=code):
            return str(code)
        case (
            Recalled(holding=holding, reason=reason) | Reclassified(holding=holding, reason=reason)
        ):
            return f"{holding}: {reason}"
        case Destroyed(holding=holding, method=method):
            return f"{holding}: {method}"
        case LossReported(holding=holding, text=text):
            return f"{holding}: {text}"
        case _:
            return ""
