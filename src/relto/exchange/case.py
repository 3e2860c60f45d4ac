"""One case as a node sees it: folded from entries, never edited.

`advance` takes the case so far and the next fact, and returns the case after it, or says that the
fact is out of place. It asks no law and no clock: whether something was lawful is decided before
an entry is written, and what a receiver thinks of it is an entry of its own.

Spec: docs/spec/exchange.md EX-7 to EX-12.
"""

from collections.abc import Iterable
from typing import Final
from unicodedata import category, normalize

from msgspec import Struct
from msgspec.structs import replace
from whenever import Instant

from relto.errors import PeerError
from relto.exchange.table import CLOSED, TABLES, CaseState, Role, Way
from relto.model.case import Request
from relto.model.message import (
    Approval,
    ConsentAsked,
    ConsentGiven,
    Held,
    HopRef,
    Message,
    OfficerStepped,
    Quarantined,
    Queued,
    Reclassified,
    Refused,
    Released,
    Requested,
    Step,
    Unroutable,
)
from relto.model.party import Precedence
from relto.units import CaseId, Digest, HoldingId, OfficerRole, PartyCode

_BEGINNINGS: Final = frozenset({"request", "consent-asked", "officer-step", "unroutable"})


class OutOfPlaceError(PeerError):
    """A move that the case's table does not have."""

    code = "peer.out_of_place"
    hint_default = "the entry is kept as evidence; ask the partner which case it meant"


class IdConflictError(PeerError):
    """A case id that is already taken came again with other content (FL-8)."""

    code = "peer.id_conflict"
    hint_default = "both entries are kept as evidence; a new request needs a new case id"


class RepeatError(PeerError):
    """The same request came again as a new entry.

    Its answer stands where it stood (FL-7, FL-25).
    """

    code = "peer.repeat"
    hint_default = "nothing is done twice; the earlier answer is in the log"


class Fact(Struct, frozen=True, kw_only=True):
    """An entry, verified and decoded, as the node's fold takes it.

    Args:
        source: Who wrote it.
        target: To whom; the same as `source` in a node's own log.
        number: Its place in the log, from 1.
        at: The author's clock.
        kind: From the header.
        case: From the header; `None` when it belongs to no case.
        precedence: From the header.
        header: Digest of the header's bytes.
        body: Digest of the message's bytes; empty when they have been destroyed.
        message: Decoded; `None` when destroyed, or when it could not be read (`fault` then says
            so).
        fault: Why the message could not be read; empty otherwise.
    """

    source: PartyCode
    target: PartyCode
    number: int
    at: Instant
    kind: str
    case: CaseId | None
    precedence: Precedence
    header: Digest
    body: str
    message: Message | None
    fault: str = ""


class EntryRef(Struct, frozen=True, kw_only=True):
    """Where an entry stands: log and number, and the digest of its header."""

    source: PartyCode
    target: PartyCode
    number: int
    header: Digest


class Given(Struct, frozen=True, kw_only=True):
    """A consent as received: what it says, and which entry says it."""

    message: ConsentGiven
    entry: EntryRef


class Arrived(Struct, frozen=True, kw_only=True):
    """A release as journaled: what it says, and which entry says it.

    Args:
        message: The release.
        entry: Its entry.
        at: The releasing side's clock.
    """

    message: Released
    entry: EntryRef
    at: Instant


class CaseFile(Struct, frozen=True, kw_only=True):
    """One case, folded.

    Args:
        case: Its id.
        role: What this node is in it.
        state: Where it stands.
        asker: The partner on the requester's side; `None` when this node is the requester.
        giver: The partner on the holder's side; `None` when this node is the holder.
        originator: The partner that was asked for consent; `None` when none was.
        request: What is asked; `None` only when the entry's body was destroyed.
        request_digest: SHA-256 of the request's message; the same id with another one is a
            conflict.
        hops: The way the requester means.
        is_forced: The requester insists on the direct way.
        opened_at: This node's or the author's clock at the first entry.
        moved_at: The clock of the latest entry.
        precedence: How urgent.
        queued: Why it waits for officers and for how many; `None` when it does not.
        is_relabelled: An item that waits has another label now than when it began to wait (EX-49).
        officers: Names of this node's officers who approved, in order; each counts once.
        approvals: The same, as they are shown to others.
        consent_asked: What this node was asked, as originator, or has asked, as holder.
        consents: Consents that came in.
        arrived: The release that came in.
        released: The release that went out.
        held: What was registered here of what came in, by this party's own ids.
        refused: The refusal that came or went, the latest.
        unroutable: Why there is no way.
        quarantined: What this node would not accept.
        steps: Every officer's step, oldest first.
    """

    case: CaseId
    role: Role
    state: CaseState
    asker: PartyCode | None = None
    giver: PartyCode | None = None
    originator: PartyCode | None = None
    request: Request | None = None
    request_digest: str = ""
    hops: tuple[HopRef, ...] = ()
    is_forced: bool = False
    opened_at: Instant
    moved_at: Instant
    precedence: Precedence
    queued: Queued | None = None
    is_relabelled: bool = False
    officers: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    consent_asked: ConsentAsked | None = None
    consents: tuple[Given, ...] = ()
    arrived: Arrived | None = None
    released: Arrived | None = None
    held: tuple[HoldingId, ...] = ()
    refused: Refused | None = None
    unroutable: Unroutable | None = None
    quarantined: Quarantined | None = None
    steps: tuple[tuple[Step, str, OfficerRole, Instant], ...] = ()

    @property
    def is_closed(self) -> bool:
        """Nobody has to act in it any more."""
        return self.state in CLOSED


def open_case(fact: Fact, *, me: PartyCode) -> CaseFile:
    """Begin a case with its first entry.

    Args:
        fact: The entry.
        me: Whose node this is.

    Raises:
        OutOfPlaceError: No case begins with this.

    Source: docs/spec/exchange.md EX-7.
    """
    assert fact.case is not None
    inbound = fact.source != me
    role = Role.REQUESTER
    asker: PartyCode | None = None
    match fact.message:
        case Requested(request=request) if inbound:
            role = Role.HOLDER if request.holder == me else Role.INTERMEDIARY
            asker = fact.source
        case ConsentAsked() if inbound:
            role = Role.ORIGINATOR
        case Requested(request=request) if request.on_behalf_of is not None:
            # Passed on by this node: the case began with the request that it passes on.
            raise OutOfPlaceError("no case begins with a request that is passed on")
        case Requested() | Unroutable() | OfficerStepped(step=Step.ASK):
            pass
        case _:
            raise OutOfPlaceError(f"no case begins with a `{fact.kind}`")
    return CaseFile(
        case=fact.case,
        role=role,
        state=CaseState.NEW,
        asker=asker,
        giver=fact.source if role is Role.ORIGINATOR else None,
        opened_at=fact.at,
        moved_at=fact.at,
        precedence=fact.precedence,
    )


def is_beyond_reading(fact: Fact) -> bool:
    """Tell whether an entry may have begun a case, and its text has been destroyed (JN-6)."""
    return fact.message is None and not fact.fault and fact.kind in _BEGINNINGS


def void_case(fact: Fact) -> CaseFile:
    """Give the case of an entry that is beyond reading: closed, and moved by nothing any more.

    Nobody can tell what was asked and answered, so the same id is never answered again.
    """
    assert fact.case is not None
    return CaseFile(
        case=fact.case,
        role=Role.HOLDER,
        state=CaseState.QUARANTINED,
        opened_at=fact.at,
        moved_at=fact.at,
        precedence=fact.precedence,
    )


def advance(file: CaseFile, fact: Fact, *, me: PartyCode) -> CaseFile:
    """Move a case by one entry.

    Args:
        file: The case so far.
        fact: The next entry that names it.
        me: Whose node this is.

    Returns:
        The case after it.

    Raises:
        RepeatError: The same request as before; nothing changes.
        IdConflictError: The case id is taken by another request.
        OutOfPlaceError: The table has no such move.

    Source: docs/spec/exchange.md EX-8.
    """
    way = way_of(file, fact, me=me)
    _check_author(fact)
    after = TABLES[file.role].get(file.state, {}).get((fact.kind, way))
    if after is None:
        _refuse_repeat(file, fact)
        raise OutOfPlaceError(f"a `{fact.kind}` is out of place while a case is `{file.state}`")
    return _file(replace(file, state=after, moved_at=fact.at), fact, way=way)


# A case that stands here has not been answered yet, as far as its entries say.
_UNANSWERED: Final = frozenset(
    {
        CaseState.RECEIVED,
        CaseState.QUEUED,
        CaseState.CONSENT_ASKED,
        CaseState.ASKED,
        CaseState.ARRIVED,
        CaseState.OBTAINED,
        CaseState.DENIED,
    }
)


def answered(file: CaseFile, fact: Fact, *, me: PartyCode) -> CaseFile | None:
    """Give a case with an answer to its asker that came back where the table has no move for it.

    Args:
        file: The case, as holder or intermediary.
        fact: An entry that is out of place.
        me: Whose node this is.

    Returns:
        The case, released or refused; `None` when the entry is no answer of this party to the
        asker, or the case has one.

    Source: docs/spec/exchange.md EX-48.
    """
    states = {"release": CaseState.RELEASED, "refusal": CaseState.REFUSED}
    after = states.get(fact.kind)
    if after is None or file.state not in _UNANSWERED:
        return None
    if (fact.source, fact.target) != (me, file.asker):
        return None
    moved = replace(file, state=after, moved_at=fact.at)
    return _file(moved, fact, way=Way.TO_REQUESTER)


def way_of(file: CaseFile, fact: Fact, *, me: PartyCode) -> Way:
    """Tell from whom to whom an entry goes, in the words of the case.

    Args:
        file: The case.
        fact: The entry.
        me: Whose node this is.

    Raises:
        IdConflictError: A request under an id that another party's case has.
        OutOfPlaceError: It comes from a party that has no part in the case.
    """
    if fact.source == fact.target:
        return Way.OWN
    inbound = fact.source != me
    partner = fact.source if inbound else fact.target
    if partner == file.asker:
        return Way.FROM_REQUESTER if inbound else Way.TO_REQUESTER
    if partner == file.giver:
        return Way.FROM_HOLDER if inbound else Way.TO_HOLDER
    if partner == file.originator:
        return Way.FROM_ORIGINATOR if inbound else Way.TO_ORIGINATOR
    if not inbound and fact.kind == "consent-asked":
        return Way.TO_ORIGINATOR
    if not inbound and fact.kind == "request" and file.giver is None:
        return Way.TO_HOLDER
    if inbound and fact.kind == "request":
        raise IdConflictError("the case id belongs to another party's request")
    raise OutOfPlaceError("a party that has no part in the case")


def _check_author(fact: Fact) -> None:
    """Nobody speaks in another's name: neither a request nor a consent (EX-45)."""
    match fact.message:
        case Requested(request=request) if (request.requester, request.case) != (
            fact.source,
            fact.case,
        ):
            raise OutOfPlaceError("a request in another party's name, or of another case")
        case ConsentGiven(consent=consent) if consent.originator != fact.source:
            raise OutOfPlaceError("a consent in another party's name")
        case _:
            pass


def _refuse_repeat(file: CaseFile, fact: Fact) -> None:
    """Tell a repeated request from one that reuses an id."""
    if fact.kind != "request":
        return
    if fact.body and fact.body == file.request_digest:
        raise RepeatError("the same request came again")
    raise IdConflictError("the case id belongs to another request")


def _file(file: CaseFile, fact: Fact, *, way: Way) -> CaseFile:
    """Put what an entry says into the case; the move itself has been checked."""
    entry = EntryRef(source=fact.source, target=fact.target, number=fact.number, header=fact.header)
    match fact.message:
        case Requested() as asked:
            return _file_request(file, fact, asked, way=way)
        case OfficerStepped() as step:
            return _file_step(file, fact, step)
        case Queued() as queued:
            return replace(file, queued=queued, is_relabelled=False, officers=(), approvals=())
        case ConsentAsked() as asked:
            if way is Way.TO_ORIGINATOR:
                return replace(file, originator=fact.target, consent_asked=asked)
            # Asked again, it is decided again: an earlier yes was to an earlier question.
            return replace(
                file,
                consent_asked=asked,
                precedence=fact.precedence,
                officers=(),
                approvals=(),
            )
        case ConsentGiven() as given if way in {Way.FROM_HOLDER, Way.FROM_ORIGINATOR}:
            return replace(file, consents=(*file.consents, Given(message=given, entry=entry)))
        case Released() as released:
            arrived = Arrived(message=released, entry=entry, at=fact.at)
            if way is Way.FROM_HOLDER:
                return replace(file, arrived=arrived)
            return replace(file, released=arrived, queued=None)
        case Held() as held:
            return replace(file, held=(*file.held, held.holding.id))
        case Refused() as refused if way is Way.FROM_ORIGINATOR:
            # It still waits for officers, who may ask again.
            return replace(file, refused=refused)
        case Refused() as refused:
            return replace(file, refused=refused, queued=None)
        case Reclassified():
            # The officers had said yes to another label.
            return replace(file, officers=(), approvals=())
        case Unroutable() as unroutable:
            return replace(file, unroutable=unroutable, request=unroutable.request)
        case Quarantined() as quarantined:
            return replace(file, quarantined=quarantined)
        case _:
            return file


def _file_request(file: CaseFile, fact: Fact, asked: Requested, *, way: Way) -> CaseFile:
    """File what is asked. An intermediary keeps the requester's words, not its own copy of them."""
    if way is Way.TO_HOLDER and file.role is Role.INTERMEDIARY:
        return replace(file, giver=fact.target)
    return replace(
        file,
        request=asked.request,
        request_digest=fact.body,
        hops=asked.hops,
        is_forced=asked.is_forced,
        precedence=asked.request.precedence,
        giver=fact.target if way is Way.TO_HOLDER else file.giver,
    )


def _file_step(file: CaseFile, fact: Fact, step: OfficerStepped) -> CaseFile:
    """File an officer's step; one officer's second yes counts no more than the first."""
    steps = (*file.steps, (step.step, step.officer, step.role, fact.at))
    if step.step is not Step.APPROVE or has_approved(file, step.officer):
        return replace(file, steps=steps)
    approval = Approval(party=fact.source, role=step.role, at=fact.at)
    return replace(
        file,
        steps=steps,
        officers=(*file.officers, step.officer),
        approvals=(*file.approvals, approval),
    )


def has_approved(file: CaseFile, officer: str) -> bool:
    """Tell whether an officer has said yes already, however the name is spelt this time.

    Two names that differ only in case, in spaces, in what no reader sees, or in the way Unicode
    writes the same letters are one person's (EX-30).

    Args:
        file: The case.
        officer: As named in the step.
    """
    return _plain_name(officer) in {_plain_name(one) for one in file.officers}


def _plain_name(officer: str) -> str:
    folded = normalize("NFKC", normalize("NFKC", officer).casefold())
    return "".join(one for one in folded if category(one)[0] not in "CZ")


def fold_case(facts: Iterable[Fact], *, me: PartyCode) -> CaseFile | None:
    """Fold the entries of one case, with all their texts; what is out of place is passed over.

    Args:
        facts: The case's entries, in the order in which they were stored.
        me: Whose node this is.

    Returns:
        The case; `None` when no case begins among them.

    Source: docs/spec/exchange.md EX-5.
    """
    file: CaseFile | None = None
    for fact in facts:
        try:
            begun = open_case(fact, me=me) if file is None else file
            file = advance(begun, fact, me=me)
        except OutOfPlaceError:
            file = None if file is None else answered(file, fact, me=me) or file
        except (IdConflictError, RepeatError):
            continue
    return file
