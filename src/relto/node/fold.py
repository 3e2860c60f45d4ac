"""The fold: one entry after another into the state. Whatever an entry says, the fold never fails.

An entry that is out of place changes nothing but the log's head; `fold` says why, and the same
entry says the same again on every replay.

Spec: docs/spec/exchange.md EX-5, EX-8.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace
from whenever import Instant, TimeDelta

from relto.custody import NotInRegisterError, RegisterLine, Side, change, enter
from relto.exchange import (
    Arrived,
    CaseFile,
    Fact,
    OutOfPlaceError,
    RepeatError,
    Role,
    advance,
    answered,
    is_beyond_reading,
    open_case,
    void_case,
)
from relto.exchange.case import IdConflictError
from relto.journal import EPOCH_KIND, first_ring, revoke, rotate
from relto.limits import KEY_OVERLAP_SECONDS
from relto.model.message import (
    Aborted,
    ClockSet,
    DelegationsAdopted,
    Destroyed,
    Held,
    KeyChanged,
    LawAdopted,
    LossReported,
    Quarantined,
    Recalled,
    Receipted,
    Reclassified,
    Refused,
    Released,
)
from relto.model.partner import KeyRevoked, PeerAdded
from relto.node.archive import Kept, Stock
from relto.node.inputs import Fault
from relto.node.state import Head, Parcel, Peer, Relabelled, State, shrink
from relto.units import CaseId, HoldingId, PartyCode

# The latest things not accepted, for the officer's page; the journal holds all of them.
QUARANTINE_SHOWN_MAX: Final = 256

# What an entry is left aside for.
_ASIDE: Final = (RepeatError, OutOfPlaceError, IdConflictError, NotInRegisterError)

# Kinds that need no case: what they say stands by itself.
_CASELESS: Final = frozenset({"refusal", "key-change", "quarantined", EPOCH_KIND})


def fold(state: State, fact: Fact) -> Fault | None:
    """Take one entry into the state.

    Args:
        state: Changed in place.
        fact: The next entry of its log.

    Returns:
        Why the entry was left aside; `None` when it was taken.

    Source: docs/spec/exchange.md EX-5.
    """
    log = f"{fact.source}/{fact.target}"
    head = state.heads.get(log)
    assert fact.number == (1 if head is None else head.number + 1)
    state.heads[log] = Head(number=fact.number, at=fact.at)
    if fact.fault:
        return Fault(code="peer.message", message=fact.fault)
    try:
        if fact.source == fact.target:
            _fold_own(state, fact)
        elif fact.case is None and fact.kind not in _CASELESS:
            return Fault(code="peer.out_of_place", message=f"a `{fact.kind}` names its case")
        if fact.case is not None:
            _fold_case(state, fact, fact.case)
        elif isinstance(fact.message, KeyChanged) and fact.source == state.party:
            before = state.key_changes.get(fact.target, ())
            state.key_changes[fact.target] = (*before, fact.number)
    except RepeatError as error:
        state.repeats += 1
        return Fault(code=error.code, message=error.message)
    except _ASIDE as error:
        _stand_by(state, fact)
        return Fault(code=error.code, message=error.message)
    return None


def _stand_by(state: State, fact: Fact) -> None:
    """Stand by an answer of this party's own that comes back to a case that has lost its way to it.

    After a restored backup what led to the answer may be lost with the own log, or with a partner
    that gives nothing back. The case must not be answered a second time (EX-48).
    """
    file = None if fact.case is None else state.open.get(fact.case)
    after = None if file is None else answered(file, fact, me=state.party)
    if after is not None:
        _parcels(state, fact, after)
        _place(state, after)


def fits(state: State, fact: Fact) -> bool:
    """Tell whether an entry would be taken as things stand; changes nothing."""
    if fact.fault:
        return False
    if fact.case is None:
        return True
    before = state.case(fact.case)
    try:
        file = open_case(fact, me=state.party) if before is None else before
        _custody(state, fact, advance(file, fact, me=state.party))
    except _ASIDE:
        return False
    return True


def fold_again(facts: Iterable[Fact], *, party: PartyCode) -> Kept | None:
    """Fold the entries of one case once more, as they were folded when they came (EX-5).

    Args:
        facts: All that name the case and have been folded, in the order in which they were.
        party: Whose node this is.

    Returns:
        The case as `fold` had left it; `None` when no case had begun.
    """
    scratch = State(party=party)
    for fact in facts:
        assert fact.case is not None
        if fact.fault:
            continue
        try:
            _fold_case(scratch, fact, fact.case)
        except RepeatError:
            continue
        except _ASIDE:
            _stand_by(scratch, fact)
    for file in (*scratch.open.values(), *scratch.closed.values()):
        return Kept(file=file, lines=tuple(scratch.register.values()))
    return None


def _fold_own(state: State, fact: Fact) -> None:
    """Take what the node's own log says about the node itself."""
    match fact.message:
        case PeerAdded() as added:
            state.peers[added.party] = _peer(state.peers.get(added.party), added, at=fact.at)
        case KeyRevoked(party=party, serial=serial) if party in state.peers:
            peer = state.peers[party]
            ring = revoke(peer.ring, serial=serial, at=fact.at)
            state.peers[party] = replace(peer, ring=ring, former=b"")
        case LawAdopted() as adopted:
            state.law, state.law_files = adopted.law, adopted.files
            _ask_officers_anew(state)
        case DelegationsAdopted() as adopted:
            state.delegations = adopted.delegations
            state.margin_seconds = adopted.margin_seconds
        case ClockSet() as clock:
            state.clock_offset_seconds = clock.offset_seconds
        case Held() as held:
            state.stock[held.holding.id] = _stock(held, fact)
            state.stock_count += 1
        case Quarantined() as quarantined:
            state.quarantine.append((fact.case, quarantined))
            del state.quarantine[:-QUARANTINE_SHOWN_MAX]
        case _:
            pass


def _ask_officers_anew(state: State) -> None:
    """A yes was said under the law of its time: under another it is asked for again (EX-49)."""
    for file in tuple(state.open.values()):
        if file.officers:
            state.open[file.case] = replace(file, officers=(), approvals=())


def stock_of(fact: Fact) -> Stock | None:
    """Give the item that an entry of the own log registers; `None` when it registers none."""
    return _stock(fact.message, fact) if isinstance(fact.message, Held) else None


def _stock(held: Held, fact: Fact) -> Stock:
    return Stock(
        holding=held.holding,
        reference=held.reference,
        source=held.source,
        marked=held.marked,
        case=fact.case,
        number=fact.number,
    )


def _peer(before: Peer | None, added: PeerAdded, *, at: Instant) -> Peer:
    """Pin a card. What its keys signed before it was compared may be believed.

    Evidence is often older.
    """
    if before is None:
        ring = first_ring(
            added.party, added.keys, begins_at=Instant.from_timestamp(0), serial=added.serial
        )
    elif added.serial > before.ring.spans[0].serial:
        since = added.since or at
        until = at + TimeDelta(seconds=KEY_OVERLAP_SECONDS)
        ring = rotate(before.ring, added.keys, serial=added.serial, at=since, until=until)
    else:
        ring = before.ring
    return Peer(
        party=added.party,
        card=added.card,
        fingerprint=added.fingerprint,
        ring=ring,
        former=b"" if before is None or added.since is None else before.card,
    )


def _fold_case(state: State, fact: Fact, case: CaseId) -> None:
    """Move the case, then the register and the parcels that hang on it."""
    if isinstance(fact.message, Quarantined) and _is_outside(state, fact, fact.message, case):
        return
    before = state.case(case)
    if before is None and is_beyond_reading(fact):
        state.closed[case] = void_case(fact)
        return
    file = open_case(fact, me=state.party) if before is None else before
    after = advance(file, fact, me=state.party)
    lines = _custody(state, fact, after)
    _parcels(state, fact, after)
    state.bring_back(case)
    state.register.update({line.key: line for line in lines})
    _place(state, after)
    if isinstance(fact.message, Reclassified):
        _relabel(state, fact, lines[0], after)


def _relabel(state: State, fact: Fact, line: RegisterLine, file: CaseFile) -> None:
    """A new label counts here for every later release, and for whatever waits for officers.

    What the originator tells one recipient of its own item is the label of the item itself. Of
    several orders about it, to whomever, the latest counts, in whatever order they come back after
    a restored backup: the officer's step beside each is in one log, whose times never go back.

    Source: docs/spec/exchange.md EX-44, EX-49, EX-58.
    """
    touched: frozenset[HoldingId]
    if line.side is Side.RECEIVED:
        items = (state.item(holding) for holding in file.held)
        touched = frozenset(
            one.holding.id for one in items if one is not None and one.reference == line.holding
        )
    elif line.originator == state.party:
        before = state.relabelled.get(line.holding)
        if before is not None and before.at > fact.at:
            return
        state.relabelled[line.holding] = Relabelled(label=line.label, at=fact.at)
        touched = frozenset({line.holding})
    else:
        return
    for one in tuple(state.open.values()):
        if one.queued is not None and not touched.isdisjoint(one.queued.holdings):
            state.open[one.case] = replace(one, is_relabelled=True, officers=(), approvals=())
        elif (
            one.role is Role.ORIGINATOR
            and one.consent_asked is not None
            and one.consent_asked.holding in touched
        ):
            state.open[one.case] = replace(one, officers=(), approvals=())


def _place(state: State, file: CaseFile) -> None:
    """Put a case among those in which somebody has to act, or among the others."""
    if file.is_closed:
        state.open.pop(file.case, None)
        state.closed[file.case] = shrink(file)
    else:
        state.closed.pop(file.case, None)
        state.open[file.case] = file


def _is_outside(state: State, fact: Fact, note: Quarantined, case: CaseId) -> bool:
    """A note about an entry that never moved the case does not move it either."""
    if fact.source != fact.target:
        return False
    file = state.case(case)
    if file is None or file.arrived is None:
        return True
    entry = file.arrived.entry
    return (entry.source, entry.number) != (note.source, note.number)


def _custody(state: State, fact: Fact, file: CaseFile) -> tuple[RegisterLine, ...]:
    """Lines of the register that an entry adds or changes."""
    outbound = fact.source == state.party
    match fact.message:
        case Receipted() as receipt:
            side = Side.RECEIVED if outbound else Side.GIVEN
            release = file.arrived if outbound else file.released
            if release is None or not _is_for(receipt, release):
                raise OutOfPlaceError("a receipt for another release than this one")
            return tuple(
                enter(
                    item,
                    release.message,
                    side=side,
                    partner=fact.target if outbound else fact.source,
                    case=file.case,
                    marked=marked,
                    at=fact.at,
                )
                for item, marked in zip(release.message.items, receipt.marked, strict=True)
            )
        case Recalled() | Reclassified() as note:
            side = Side.GIVEN if outbound else Side.RECEIVED
        case Destroyed() | LossReported() as note:
            side = Side.RECEIVED if outbound else Side.GIVEN
        case _:
            return ()
    line = state.line(side=side, case=file.case, holding=note.holding)
    if line is None:
        raise NotInRegisterError("the register has no such item in this case")
    return (change(line, note, kind=fact.kind, at=fact.at),)


def _is_for(receipt: Receipted, release: Arrived) -> bool:
    """A receipt names the very release.

    Its place in the log, its header, and its packages in order.
    """
    items = release.message.items
    return (
        (receipt.number, receipt.header) == (release.entry.number, release.entry.header)
        and receipt.packages == tuple(item.package.digest for item in items)
        and len(receipt.marked) == len(items)
    )


def _parcels(state: State, fact: Fact, file: CaseFile) -> None:
    """Packages begin to travel with a release and cease to with its receipt, refusal or abort."""
    inbound = fact.source != state.party
    partner = fact.source if inbound else fact.target
    match fact.message:
        case Released() as release:
            parcels = state.incoming if inbound else state.outgoing
            for item in release.items:
                parcel = Parcel(
                    digest=item.package.digest,
                    size_bytes=item.package.size_bytes,
                    partner=partner,
                    case=file.case,
                    number=fact.number,
                    precedence=release.precedence,
                )
                parcels[parcel.digest] = (*parcels.get(parcel.digest, ()), parcel)
        case Receipted() | Aborted() | Refused():
            _end_parcels(state, file, partners=frozenset({partner}))
        case Quarantined():
            _end_parcels(state, file, partners=frozenset(state.peers))
        case _:
            pass


def _end_parcels(state: State, file: CaseFile, *, partners: frozenset[PartyCode]) -> None:
    """Let no package of this case travel from or to these partners any more."""
    for release in (file.arrived, file.released):
        for item in () if release is None else release.message.items:
            for parcels in (state.incoming, state.outgoing):
                rest = tuple(
                    parcel
                    for parcel in parcels.pop(item.package.digest, ())
                    if parcel.case != file.case or parcel.partner not in partners
                )
                if rest:
                    parcels[item.package.digest] = rest
