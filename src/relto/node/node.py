"""One party, whole: a fold over its journal, and what to do next.

    fact  ──> apply(fact)              the only thing that changes the state
    input ──> handle(input, now=...)   looks, decides, returns effects; changes nothing

The driver carries effects out in order; each `Append` becomes an entry that is applied before the
next effect. So the state is what the journal says, after a crash as before.
"""

from collections.abc import Callable, Iterable
from typing import assert_never

from msgspec import Struct
from whenever import Instant

from relto.codec import CARD, SIGNED_CARD
from relto.custody import CustodyState, RegisterLine, Side
from relto.errors import PeerError
from relto.exchange import CaseFile, CaseState, Fact
from relto.journal import verify_successor
from relto.limits import PACKAGE_INLINE_BYTES_MAX
from relto.model.message import (
    Aborted,
    Destroyed,
    KeyChanged,
    LawRef,
    LossReported,
    Quarantined,
    Recalled,
    Receipted,
    RefusalCode,
    Refused,
)
from relto.model.partner import PeerAdded
from relto.model.party import PRECEDENCE_ORDER
from relto.node import cards, commands, proceed
from relto.node.assess import Go
from relto.node.counsel import Counsel
from relto.node.crowd import Crowd, turn_away
from relto.node.effects import Alarm, Append, Drop, Effect, Open, Seal, Then
from relto.node.fold import fits, fold
from relto.node.inputs import (
    AddPeer,
    AdoptDelegations,
    AdoptLaw,
    Approve,
    Ask,
    AskConsent,
    ChangeKeys,
    Command,
    Destroy,
    Fault,
    Hold,
    Input,
    Opened,
    PackageArrived,
    PackageAsked,
    PackageLost,
    PassOver,
    Proceed,
    Recall,
    Received,
    Reclassify,
    Refuse,
    ReportLoss,
    ResumeLink,
    RevokeCard,
    Sealed,
    SetClock,
    Tick,
    Unopenable,
)
from relto.node.inspect import Accepted
from relto.node.proceed import NODE_ROLE
from relto.node.state import Parcel, State
from relto.units import CaseId, Digest, PartyCode

# A refusal of these would be answered by a refusal, and so on.
_NEVER_ANSWERED = frozenset({"refusal", "referral", "receipt", "aborted", "key-change"})
_FAULT_CODES = {
    "peer.message": RefusalCode.MALFORMED,
    "peer.id_conflict": RefusalCode.ID_CONFLICT,
}
# From these states the node goes on by itself, without any input.
_GOES_ON = frozenset(
    {
        CaseState.RECEIVED,
        CaseState.QUEUED,
        CaseState.CONSENT_ASKED,
        CaseState.ARRIVED,
        CaseState.OBTAINED,
        CaseState.DENIED,
    }
)


class Waiting(Struct, frozen=True, kw_only=True):
    """One case in the officers' queue.

    Args:
        file: The case.
        why: What it waits for, in words.
        needs: How many officers must approve.
        approved: How many have.
    """

    file: CaseFile
    why: str
    needs: int
    approved: int


class Node:
    """One party's node: its state, and the rules by which it goes on.

    Args:
        state: Folded so far; a fresh one for a new node.
        counsel_of: Gives the counsel for a law that has been adopted.
    """

    def __init__(self, state: State, *, counsel_of: Callable[[LawRef], Counsel]) -> None:
        self.state = state
        self._counsel_of = counsel_of
        # What the law has said last, at which instant and after how many facts.
        self._answer: tuple[Instant, int, Seal | Open] | None = None
        self._applied = 0
        self._crowd = Crowd(state)

    @property
    def party(self) -> PartyCode:
        """Whose node this is."""
        return self.state.party

    def apply(self, fact: Fact) -> Fault | None:
        """Fold one entry; says why it was left aside, if it was (EX-5)."""
        self._applied += 1
        fault = fold(self.state, fact)
        if fact.case is not None:
            self._crowd.follow(fact.case)
        return fault

    def fits(self, fact: Fact) -> bool:
        """Tell whether an entry would be taken as things stand; changes nothing."""
        return fits(self.state, fact)

    def destroy_again(self, facts: Iterable[Fact]) -> tuple[Effect, ...]:
        """Drop what this party has certified as destroyed, and what a backup has brought back.

        Args:
            facts: Entries of its own that partners have given back, all folded.

        Source: docs/spec/exchange.md EX-27, EX-42.
        """
        return tuple(
            drop
            for fact in facts
            if isinstance(fact.message, Destroyed) and fact.case is not None
            for drop in commands.drops_of(self.state, case=fact.case, holding=fact.message.holding)
        )

    def handle(self, given: Input, *, now: Instant) -> tuple[Effect, ...]:
        """Say what has to be done about an input.

        Args:
            given: The input. Entries have been applied before.
            now: The transaction's instant; what is appended bears it.

        Returns:
            Effects in the order in which they must happen.

        Raises:
            LocalError: A command breaks a rule; nothing has changed.

        Source: docs/spec/exchange.md EX-13 to EX-32.
        """
        match given:
            case Received():
                return self._received(given)
            case Proceed(case=case):
                file, counsel = self.state.open.get(case), self._counsel()
                if file is not None and self._crowd.is_one_too_many(file):
                    return turn_away(file)
                if file is None or counsel is None:
                    return ()
                effects = proceed.proceed(self.state, counsel, file, now=now)
                for effect in effects:
                    if isinstance(effect, Seal | Open):
                        self._answer = (now, self._applied, effect)
                return effects
            case Sealed() | Opened() | Unopenable():
                return self._carried_out(given, now=now)
            case PackageArrived(digest=digest):
                parcels = self.state.incoming.get(digest, ())
                return tuple(Then(case=parcel.case) for parcel in parcels)
            case PackageLost(digest=digest, partner=partner):
                parcel = self.parcel(digest, partner)
                return () if parcel is None else self._lose(parcel)
            case PackageAsked(digest=digest, partner=partner):
                parcel = self.parcel(digest, partner)
                return () if parcel is None else self._lapse(parcel, now=now)
            case Tick():
                return self._tick(now=now)
            case _:
                return commands.acceptable(self._command(given, now=now), me=self.party)

    # ------------------------------------------------------------ what shells ask

    def queue(self) -> tuple[Waiting, ...]:
        """Give the cases that wait for officers: the most urgent first, then the oldest (EX-33)."""
        counsel = self._counsel()
        found: list[Waiting] = []
        for file in self.state.open.values():
            if file.state is not CaseState.QUEUED:
                continue
            needs, why = 1, "a holder asks for this party's consent"
            if file.queued is not None:
                needs, why = file.queued.needs, file.queued.why
            elif file.consent_asked is not None and counsel is not None:
                stock = proceed.own_item(self.state, file.consent_asked.holding)
                if stock is not None:
                    needs = proceed.officers_for_consent(self.state, counsel, stock)
            found.append(Waiting(file=file, why=why, needs=needs, approved=len(file.officers)))
        found.sort(
            key=lambda one: (
                -PRECEDENCE_ORDER.index(one.file.precedence),
                one.file.opened_at,
                one.file.case,
            )
        )
        return tuple(found)

    def to_destroy(self) -> tuple[RegisterLine, ...]:
        """Give the items that a giver has recalled and that still stand in the register."""
        return tuple(
            line
            for line in self.state.register.values()
            if line.side is Side.RECEIVED and line.state is CustodyState.RECALLED
        )

    def wanted(self, partner: PartyCode) -> tuple[Parcel, ...]:
        """Give the packages to fetch from a partner, the most urgent first (EX-33)."""
        return _urgent_first(self.state.incoming.values(), partner)

    def owed(self, partner: PartyCode) -> tuple[Parcel, ...]:
        """Give the packages that a partner has not receipted yet, the most urgent first (EX-33)."""
        return _urgent_first(self.state.outgoing.values(), partner)

    def parcel(self, digest: Digest, partner: PartyCode) -> Parcel | None:
        """Find a package that a partner may fetch; `None` when there is none for it."""
        for parcel in self.state.outgoing.get(digest, ()):
            if parcel.partner == partner:
                return parcel
        return None

    def next_deadline(self) -> Instant | None:
        """Give the instant of the next thing that happens by itself; `None` when nothing does."""
        return min(
            (
                file.request.expires_at
                for file in self.state.open.values()
                if file.request is not None
                and file.request.expires_at is not None
                and file.state in {CaseState.QUEUED, CaseState.CONSENT_ASKED}
            ),
            default=None,
        )

    # ------------------------------------------------------------ inside

    def _counsel(self) -> Counsel | None:
        return None if self.state.law is None else self._counsel_of(self.state.law)

    def _need_counsel(self) -> Counsel:
        counsel = self._counsel()
        if counsel is None:
            raise commands.NoLawError("no law has been adopted")
        return counsel

    def _received(self, given: Received) -> tuple[Effect, ...]:
        fact, fault = given.fact, given.fault
        if fault is not None:
            return self._left_aside(fact, fault)
        if isinstance(fact.message, Receipted):
            return self._receipt(fact.message)
        if isinstance(fact.message, Aborted) and fact.case is not None:
            return (*self._drops(fact.case), Then(case=fact.case))
        if isinstance(fact.message, Refused) and fact.case is None:
            return (
                Alarm(
                    code=f"refused.{fact.message.code.value}",
                    partner=fact.source,
                    case=None,
                    text=f"entry {fact.message.number} was not accepted",
                ),
            )
        if isinstance(fact.message, KeyChanged):
            return self._new_keys(fact, fact.message)
        if isinstance(fact.message, Recalled | LossReported) and fact.case is not None:
            # At once, and by somebody: a loss is told on to whoever made the item (Art. 17).
            text = f"`{fact.message.holding}`: `relto show` tells more"
            code = f"custody.{fact.kind}"
            alarm = Alarm(code=code, partner=fact.source, case=fact.case, text=text)
            return (alarm, Then(case=fact.case))
        return () if fact.case is None else (Then(case=fact.case),)

    def _left_aside(self, fact: Fact, fault: Fault) -> tuple[Effect, ...]:
        """Keep what is out of place as evidence, and tell its author.

        A repeat is simply counted.
        """
        if fault.code == "peer.repeat":
            return ()
        code = _FAULT_CODES.get(fault.code, RefusalCode.OUT_OF_PLACE)
        note = Quarantined(source=fact.source, number=fact.number, code=code, detail=fault.message)
        effects: list[Effect] = [Append(target=self.party, case=fact.case, message=note)]
        if fact.kind not in _NEVER_ANSWERED:
            told = Refused(code=code, number=fact.number)
            effects.append(Append(target=fact.source, case=None, message=told))
        alarm = Alarm(code=fault.code, partner=fact.source, case=fact.case, text=fault.message)
        return (*effects, alarm)

    def _new_keys(self, fact: Fact, changed: KeyChanged) -> tuple[Effect, ...]:
        """Pin a partner's new card, if old and new keys announce it (EX-41)."""
        peer = self.state.peers.get(fact.source)
        if peer is None or peer.card == changed.card:
            # Nobody's, or compared by people before its announcement came.
            return ()
        try:
            current = CARD.decode(SIGNED_CARD.decode(peer.card).card)
            verified = verify_successor(changed.card, current=current)
        except PeerError as error:
            fault = Fault(code=error.code, message=error.message)
            return self._left_aside(fact, fault)
        added = PeerAdded(
            party=fact.source,
            card=changed.card,
            fingerprint=verified.fingerprint,
            keys=verified.card.keys,
            serial=verified.card.serial,
            since=Instant.from_timestamp(fact.at.timestamp()),
            by=NODE_ROLE,
        )
        return (Append(target=self.party, case=None, message=added),)

    def _receipt(self, receipt: Receipted) -> tuple[Effect, ...]:
        """The package has arrived where it was to go.

        Its sealed bytes are not needed here any more.
        """
        return tuple(
            Drop(digest=digest)
            for digest in receipt.packages
            if digest not in self.state.outgoing and digest not in self.state.incoming
        )

    def _drops(self, case: CaseId) -> tuple[Effect, ...]:
        file = self.state.case(case)
        if file is None or file.arrived is None:
            return ()
        return tuple(Drop(digest=item.package.digest) for item in file.arrived.message.items)

    def _carried_out(
        self, given: Sealed | Opened | Unopenable, *, now: Instant
    ) -> tuple[Effect, ...]:
        file, counsel = self.state.open.get(given.case), self._counsel()
        if file is None or counsel is None:
            return ()
        just = self._rests_on(given.case, now=now)
        match given:
            case Sealed():
                go = just if isinstance(just, Go) else None
                return proceed.on_sealed(self.state, counsel, file, given, now=now, go=go)
            case Opened():
                accepted = just if isinstance(just, Accepted) else None
                return proceed.on_opened(
                    self.state, counsel, file, given, now=now, accepted=accepted
                )
            case Unopenable():
                return proceed.on_unopenable(self.state, counsel, file, given)
            case _:
                assert_never(given)

    def _rests_on(self, case: CaseId, *, now: Instant) -> Go | Accepted | None:
        """What the law has just said of a case; `None` once a fact or an instant lies between."""
        if self._answer is None:
            return None
        at, applied, effect = self._answer
        is_same = (at, applied, effect.case) == (now, self._applied, case)
        return effect.rests_on if is_same else None

    def _lapse(self, parcel: Parcel, *, now: Instant) -> tuple[Effect, ...]:
        """Stop a transfer by range whose instrument has ended (FL-36).

        Small ones travel with their entry.
        """
        file, counsel = self.state.open.get(parcel.case), self._counsel()
        if parcel.size_bytes <= PACKAGE_INLINE_BYTES_MAX or file is None or counsel is None:
            return ()
        release = file.released
        if release is None or counsel.is_in_force(
            release.message.instrument, at=now, reading=self.party
        ):
            return ()
        return self._abort(parcel, code=RefusalCode.LAPSED_IN_TRANSFER)

    def _abort(self, parcel: Parcel, *, code: RefusalCode) -> tuple[Effect, ...]:
        """End a release whose package will never be handed over whole (EX-40)."""
        file = self.state.open.get(parcel.case)
        release = None if file is None else file.released
        if file is None or release is None or file.state is not CaseState.RELEASED:
            return ()
        return (
            Append(
                target=parcel.partner,
                case=parcel.case,
                message=Aborted(number=release.entry.number, code=code),
                precedence=parcel.precedence,
            ),
            *(Drop(digest=item.package.digest) for item in release.message.items),
        )

    def _lose(self, parcel: Parcel) -> tuple[Effect, ...]:
        """End a release whose package the disk has lost or changed, and tell who mends disks."""
        aborted = self._abort(parcel, code=RefusalCode.BAD_PACKAGE)
        text = "a released package is gone from the disk, or is not what was written"
        alarm = Alarm(
            code="local.package_lost", partner=parcel.partner, case=parcel.case, text=text
        )
        return (*aborted, alarm) if aborted else ()

    def _tick(self, *, now: Instant) -> tuple[Effect, ...]:
        """Go on with everything that needs no officer, and stop what has run out of time."""
        effects: list[Effect] = [
            Then(case=file.case) for file in self.state.open.values() if file.state in _GOES_ON
        ]
        # A release ends once, however many of its packages are still under way.
        by_range = {
            parcel.case: parcel
            for parcels in self.state.outgoing.values()
            for parcel in parcels
            if parcel.size_bytes > PACKAGE_INLINE_BYTES_MAX
        }
        for parcel in by_range.values():
            effects.extend(self._lapse(parcel, now=now))
        return tuple(effects)

    def _command(self, given: Command, *, now: Instant) -> tuple[Effect, ...]:
        state = self.state
        match given:
            case Ask():
                return commands.ask(state, self._need_counsel(), given, now=now)
            case Approve():
                return commands.approve(state, self._need_counsel(), given, now=now)
            case Refuse():
                return commands.refuse(state, self._need_counsel(), given)
            case AskConsent():
                return commands.ask_consent(state, given)
            case Hold():
                return commands.hold(state, self._counsel(), given)
            case AddPeer():
                return cards.add_peer(state, given)
            case ChangeKeys():
                return cards.change_keys(state, given)
            case PassOver():
                return cards.pass_over(state, given)
            case ResumeLink():
                return cards.resume_link(state, given)
            case RevokeCard():
                return cards.revoke_card(state, given)
            case AdoptLaw():
                return commands.adopt_law(state, given)
            case AdoptDelegations():
                return commands.adopt_delegations(state, self._counsel(), given)
            case SetClock():
                return commands.set_clock(state, given, now=now)
            case Recall():
                return commands.recall(state, given)
            case Reclassify():
                return commands.reclassify(state, self._need_counsel(), given)
            case Destroy():
                return commands.destroy(state, given)
            case ReportLoss():
                return commands.report_loss(state, given)
            case _:
                assert_never(given)


def _urgent_first(parcels: Iterable[tuple[Parcel, ...]], partner: PartyCode) -> tuple[Parcel, ...]:
    found = [one for group in parcels for one in group if one.partner == partner]
    found.sort(key=lambda one: one.urgency)
    return tuple(found)
