"""What officers may tell a node, and what follows. A command either works whole or changes nothing.

Every step leaves an entry in the node's own log that names officer, role and reason; its time is
the entry's. The same officer never counts twice.

Spec: docs/spec/exchange.md EX-28 to EX-32.
"""

from collections.abc import Iterable

from msgspec.structs import replace
from whenever import Instant

from relto.codec.message import check_message, check_own, encode_message
from relto.custody import CustodyState, RegisterLine, Side
from relto.errors import LocalError, PeerError
from relto.exchange import CaseFile, CaseState, Role, has_approved
from relto.limits import TEXT_CHARS_MAX
from relto.model.case import Case, Request
from relto.model.label import Label
from relto.model.message import (
    Blocked,
    ClockSet,
    ConsentAsked,
    ConsentRefused,
    DelegationsAdopted,
    Destroyed,
    Held,
    LawAdopted,
    LossReported,
    OfficerStepped,
    Recalled,
    Reclassified,
    RefusalCode,
    Refused,
    Requested,
    Step,
    Unroutable,
)
from relto.node.assess import Wait, assess, is_outdated
from relto.node.counsel import Counsel, Way
from relto.node.effects import Append, Drop, Effect, Then
from relto.node.inputs import (
    AdoptDelegations,
    AdoptLaw,
    Approve,
    Ask,
    AskConsent,
    By,
    Destroy,
    Hold,
    Recall,
    Reclassify,
    Refuse,
    ReportLoss,
    SetClock,
)
from relto.node.state import State
from relto.units import CaseId, HoldingId, PartyCode


class NoSuchCaseError(LocalError):
    """No case of that id here."""

    code = "local.no_such_case"
    hint_default = "`relto inbox` lists the cases that wait"


class NotWaitingError(LocalError):
    """The case does not wait for an officer here."""

    code = "local.not_waiting"
    hint_default = "`relto show CASE` says where it stands"


class SameOfficerError(LocalError):
    """An officer has already approved; the second approval must be another's."""

    code = "local.same_officer"
    hint_default = "two different officers decide at this level"


class OutdatedError(LocalError):
    """What waits is decided otherwise now than an officer could see."""

    code = "local.outdated"
    hint_default = "`relto show CASE` says how it is decided now; then approve or refuse that"


class ConsentMissingError(LocalError):
    """An approval cannot stand for the originator's consent."""

    code = "local.consent_missing"
    hint_default = "ask the originator first"


class UnknownWordError(LocalError):
    """A topic, level, purpose, party or scheme that the adopted law does not know."""

    code = "local.unknown_word"
    hint_default = "`relto law list` and `relto law show` name what the law knows"


class UnknownItemError(LocalError):
    """No such item: not held, not received, or not given in that case."""

    code = "local.unknown_item"


class CaseTakenError(LocalError):
    """A case of that id exists and asks for something else."""

    code = "local.case_taken"
    hint_default = "leave the id out: a fresh one is made"


class NoPartnerError(LocalError):
    """No pinned partner of that code."""

    code = "local.no_partner"
    hint_default = "`relto peer add CARD --fingerprint F` pins one"


class NoLawError(LocalError):
    """No law has been adopted, so nothing can be decided."""

    code = "local.no_law"
    hint_default = "`relto init` adopts the library; `relto law adopt` adopts files"


class ClockBackError(LocalError):
    """The exercise clock was to go back, or the node has none."""

    code = "local.clock_back"
    hint_default = "an exercise clock only goes forward; a fresh directory begins anew"


class BadCardError(LocalError):
    """A card that must not be pinned: one's own, of the other world.

    Or older than the one pinned.
    """

    code = "local.bad_card"


class NoReasonError(LocalError):
    """A step that others will ask about was given no reason."""

    code = "local.no_reason"
    hint_default = "say why with `--reason`; it is kept in the journal"


class OutOfBoundsError(LocalError):
    """An id, a list or a text that partners would set aside, so that nothing came of it."""

    code = "local.out_of_bounds"
    hint_default = "ids are lower-case letters, digits, dots and hyphens; lists have 64 members"


class TextTooLongError(LocalError):
    """A reason or text is longer than a partner accepts."""

    code = "local.text_too_long"
    hint_default = f"at most {TEXT_CHARS_MAX} characters"


def ask(state: State, counsel: Counsel, cmd: Ask, *, now: Instant) -> tuple[Effect, ...]:
    """Ask for information by the best lawful way, or say why there is none (EX-28)."""
    _check_words(counsel, cmd)
    check_text(cmd.about, cmd.by.reason)
    before = state.case(cmd.case)
    request = Request(
        case=cmd.case,
        requester=state.party,
        holder=cmd.holder,
        holding=cmd.holding,
        topics=cmd.topics,
        purpose=cmd.purpose,
        about=cmd.about,
        precedence=cmd.precedence,
        assurance=cmd.assurance,
        asked_at=now,
        expires_at=cmd.expires_at,
    )
    if before is not None:
        return _ask_again(before, request)
    if cmd.holder == state.party:
        raise NoPartnerError("a party does not ask itself")
    step = _step(state, Step.ASK, cmd.case, cmd.by)
    if cmd.is_forced:
        _check_linked(state, cmd.holder)
        message = Requested(request=request, is_forced=True)
        return (step, _out(cmd.holder, request, message))
    way, blocked = _way(state, counsel, request, now=now)
    if way is None:
        none = Unroutable(request=request, law=counsel.ref, blocked=blocked)
        return (step, Append(target=state.party, case=cmd.case, message=none))
    first = way.hops[-1].source
    return (step, _out(first, request, Requested(request=request, hops=way.hops)))


def _out(target: PartyCode, request: Request, message: Requested) -> Append:
    return Append(target=target, case=request.case, message=message, precedence=request.precedence)


def _ask_again(before: CaseFile, request: Request) -> tuple[Effect, ...]:
    """The same command again changes nothing; the same id for something else is refused."""
    known = before.request
    if before.role is Role.REQUESTER and (
        known is None or replace(known, asked_at=request.asked_at) == request
    ):
        return ()
    raise CaseTakenError(f"case `{request.case}` exists")


def _way(
    state: State, counsel: Counsel, request: Request, *, now: Instant
) -> tuple[Way | None, tuple[Blocked, ...]]:
    """The best way at the lowest level at which there is one.

    The holder decides about the item itself.
    """
    scheme = counsel.scheme_of(request.holder)
    best: tuple[Blocked, ...] = ()
    for level in counsel.ladder(request.holder):
        assert scheme is not None
        case = Case(
            holder=request.holder,
            recipient=state.party,
            originator=request.holder,
            label=Label(scheme=scheme, level=level),
            topics=request.topics,
            purpose=request.purpose,
            requested=True,
            assurance=request.assurance,
        )
        ways = counsel.ways(case, at=now)
        for way in ways.open:
            if state.is_linked(way.hops[-1].source):
                return way, ()
        best = best or ways.blocked
    return None, best


def hold(state: State, counsel: Counsel | None, cmd: Hold) -> tuple[Effect, ...]:
    """Register an item of the party's own (EX-29)."""
    holding = cmd.holding
    if counsel is not None:
        _check_label(counsel, holding.label)
        for topic in holding.topics:
            if topic not in counsel.law.library.topics:
                raise _unknown("topic", topic, counsel.law.library.topics)
    if not holding.topics:
        raise UnknownWordError("an item names at least one topic")
    try:
        check_own(holding)
    except PeerError as error:
        raise OutOfBoundsError(f"holding `{holding.id}`: {error.message}") from error
    known = state.item(holding.id)
    if known is not None:
        if replace(known.holding, held_at=holding.held_at) == holding:
            return ()
        raise CaseTakenError(
            f"holding `{holding.id}` exists, with other words about it",
            hint="`relto holdings` shows it; content that is the same is one item",
        )
    held = Held(holding=holding, reference=holding.id, by=cmd.by.role)
    return (Append(target=state.party, case=None, message=held),)


def approve(state: State, counsel: Counsel, cmd: Approve, *, now: Instant) -> tuple[Effect, ...]:
    """Say yes to a queued case; the release follows as soon as enough officers have (EX-30)."""
    file = _waiting(state, cmd.case)
    check_text(cmd.by.reason)
    if has_approved(file, cmd.by.officer):
        raise SameOfficerError(f"`{cmd.by.officer}` has approved this case already")
    if file.role is not Role.ORIGINATOR:
        outcome = assess(state, counsel, file, now=now)
        if isinstance(outcome, Wait) and outcome.is_consent_missing:
            raise ConsentMissingError("the originator's consent is missing")
        if isinstance(outcome, Wait) and is_outdated(file, outcome, law=counsel.ref):
            raise OutdatedError(
                "law, label or officers needed are others now than when this began to wait"
            )
    return (_step(state, Step.APPROVE, cmd.case, cmd.by), Then(case=cmd.case))


def refuse(state: State, counsel: Counsel, cmd: Refuse) -> tuple[Effect, ...]:
    """Say no to a queued case; the reason goes to the other side (EX-30).

    A case that waits for an originator's consent can be refused too: the originator may never
    answer.
    """
    file = _waiting(state, cmd.case, also=CaseState.CONSENT_ASKED)
    check_text(cmd.by.reason)
    step = _step(state, Step.REFUSE, cmd.case, cmd.by)
    if file.role is Role.ORIGINATOR:
        asked, holder = file.consent_asked, file.giver
        assert asked is not None
        assert holder is not None
        no = ConsentRefused(
            recipient=asked.recipient,
            holding=asked.holding,
            reason=cmd.by.reason,
            approvals=file.approvals,
        )
        return (
            step,
            Append(target=holder, case=cmd.case, message=no, precedence=file.precedence),
        )
    assert file.asker is not None
    told = Refused(
        code=RefusalCode.OFFICER_REFUSED,
        law=counsel.ref,
        reason=cmd.by.reason,
        approvals=file.approvals,
    )
    return (
        step,
        Append(target=file.asker, case=cmd.case, message=told, precedence=file.precedence),
    )


def ask_consent(state: State, cmd: AskConsent) -> tuple[Effect, ...]:
    """Ask the originator of a queued item for its consent (EX-31)."""
    file = _waiting(state, cmd.case)
    if file.queued is None or not file.queued.holdings or file.asker is None:
        raise NotWaitingError("nothing in this case needs an originator's consent")
    if file.role is not Role.HOLDER:
        raise NotWaitingError("an intermediary hands on under the consent that came to it")
    stock = state.item(file.queued.holdings[0])
    if stock is None or stock.holding.originator == state.party:
        raise NotWaitingError("the item is this party's own")
    originator = stock.holding.originator
    _check_linked(state, originator)
    request = file.request
    # Behind an intermediary, the originator plays the requester in this very case.
    if originator in {file.asker, None if request is None else request.on_behalf_of}:
        raise NotWaitingError("the originator itself is asking")
    message = ConsentAsked(
        recipient=file.asker,
        holding=stock.reference,
        topics=stock.holding.topics,
        purpose=None if request is None else request.purpose,
        precedence=file.precedence,
        about=cmd.by.reason,
    )
    return (
        _step(state, Step.ASK_CONSENT, cmd.case, cmd.by),
        Append(target=originator, case=cmd.case, message=message, precedence=file.precedence),
    )


def adopt_law(state: State, cmd: AdoptLaw) -> tuple[Effect, ...]:
    """Adopt law files; the same law again changes nothing (EX-32)."""
    if state.law == cmd.law:
        return ()
    adopted = LawAdopted(law=cmd.law, files=cmd.files, by=cmd.by.role, reason=cmd.by.reason)
    return (Append(target=state.party, case=None, message=adopted),)


def adopt_delegations(
    state: State, counsel: Counsel | None, cmd: AdoptDelegations
) -> tuple[Effect, ...]:
    """Adopt the party's standing authorities (EX-32)."""
    adopted = cmd.delegations
    if adopted.holder != state.party:
        raise UnknownWordError(f"delegations of `{adopted.holder}`, this is `{state.party}`")
    if counsel is not None:
        ladder = counsel.ladder(state.party)
        for level in (adopted.two_persons_from, *(one.up_to for one in adopted.delegations)):
            if level is not None and level not in ladder:
                raise UnknownWordError(f"unknown level `{level}`")
    message = DelegationsAdopted(
        delegations=adopted, margin_seconds=max(cmd.margin_seconds, 0), by=cmd.by.role
    )
    return (Append(target=state.party, case=None, message=message),)


def set_clock(state: State, cmd: SetClock, *, now: Instant) -> tuple[Effect, ...]:
    """Move the exercise clock forward."""
    if not state.is_exercise:
        raise ClockBackError("only a node in exercise has a clock that can be set")
    moved = now.add(seconds=cmd.offset_seconds - state.clock_offset_seconds)
    if moved < now:
        raise ClockBackError(f"the clock stands at {now} and was to be set back to {moved}")
    message = ClockSet(offset_seconds=cmd.offset_seconds, by=cmd.by.role)
    return (Append(target=state.party, case=None, message=message),)


# ---------------------------------------------------------------- custody


def recall(state: State, cmd: Recall) -> tuple[Effect, ...]:
    """Ask for an item back: a signed request, answered by a signed certificate (FL-48)."""
    line = _line(state, Side.GIVEN, cmd.case, cmd.holding)
    check_text(cmd.by.reason)
    message = Recalled(holding=cmd.holding, reason=cmd.by.reason)
    return _custody(state, Step.RECALL, line, cmd.by, message)


def reclassify(state: State, counsel: Counsel, cmd: Reclassify) -> tuple[Effect, ...]:
    """Tell a receiver that the originator has changed the label; it counts here too (EX-58)."""
    line = _line(state, Side.GIVEN, cmd.case, cmd.holding)
    check_text(cmd.by.reason)
    _check_label(counsel, cmd.label)
    message = Reclassified(holding=cmd.holding, label=cmd.label, reason=cmd.by.reason)
    return _custody(state, Step.RECLASSIFY, line, cmd.by, message)


def destroy(state: State, cmd: Destroy) -> tuple[Effect, ...]:
    """Certify that a received item has been destroyed; its content goes with the commit."""
    line = _line(state, Side.RECEIVED, cmd.case, cmd.holding)
    check_text(cmd.method)
    message = Destroyed(holding=cmd.holding, by=cmd.by.role, method=cmd.method)
    drops = drops_of(state, case=cmd.case, holding=cmd.holding)
    return (*_custody(state, Step.DESTROY, line, cmd.by, message), *drops)


def drops_of(state: State, *, case: CaseId, holding: HoldingId) -> tuple[Drop, ...]:
    """What goes with a certificate of destruction: the content, unless it is another item too."""
    file = state.case(case)
    items = () if file is None else map(state.item, file.held)
    return tuple(
        Drop(digest=one.holding.digest, is_content=True)
        for one in items
        if one is not None
        and one.reference == holding
        and not state.keeps(one.holding.digest, besides=one.holding.id)
    )


def report_loss(state: State, cmd: ReportLoss) -> tuple[Effect, ...]:
    """Inform the giver of a loss or compromise, or of a possible one (Japan-ROK 2016, Art. 17)."""
    line = _line(state, Side.RECEIVED, cmd.case, cmd.holding)
    check_text(cmd.text)
    message = LossReported(
        holding=cmd.holding, is_possible_only=cmd.is_possible_only, text=cmd.text
    )
    return _custody(state, Step.REPORT_LOSS, line, cmd.by, message)


def _custody(
    state: State,
    step: Step,
    line: RegisterLine,
    by: By,
    message: Recalled | Reclassified | Destroyed | LossReported,
) -> tuple[Effect, ...]:
    return (
        _step(state, step, line.case, by),
        Append(target=line.partner, case=line.case, message=message),
    )


def _line(state: State, side: Side, case: CaseId, holding: HoldingId) -> RegisterLine:
    line = state.line(side=side, case=case, holding=holding)
    if line is None or line.state is CustodyState.DESTROYED:
        raise UnknownItemError(f"no item `{holding}` {side} in case `{case}`")
    return line


# ---------------------------------------------------------------- checks


def acceptable(effects: tuple[Effect, ...], *, me: PartyCode) -> tuple[Effect, ...]:
    """Give a command's effects, if partners will take what it says to them (EX-28).

    Args:
        effects: What follows from the command by itself.
        me: The node's party.

    Raises:
        OutOfBoundsError: A partner would set it aside, and the case would wait for ever; or an own
            entry would be too large.
    """
    for effect in effects:
        if not isinstance(effect, Append):
            continue
        try:
            if effect.target != me:
                check_message(effect.message)
            elif isinstance(effect.message, DelegationsAdopted | LawAdopted):
                encode_message(effect.message)
        except PeerError as error:
            raise OutOfBoundsError(error.message) from error
    return effects


def _step(state: State, step: Step, case: CaseId, by: By) -> Append:
    """An officer's step as an entry of the node's own log."""
    message = OfficerStepped(step=step, officer=by.officer, role=by.role, reason=by.reason)
    return Append(target=state.party, case=case, message=message)


def _waiting(state: State, case: CaseId, *, also: CaseState = CaseState.QUEUED) -> CaseFile:
    """The case, if it waits for an officer of this node, or is in the other state named."""
    file = state.case(case)
    if file is None:
        raise NoSuchCaseError(f"no case `{case}`")
    if file.state not in {CaseState.QUEUED, also}:
        raise NotWaitingError(f"case `{case}` is `{file.state}`")
    return file


def _check_words(counsel: Counsel, cmd: Ask) -> None:
    library = counsel.law.library
    if not cmd.topics:
        raise UnknownWordError("a request names at least one topic")
    for topic in cmd.topics:
        if topic not in library.topics:
            raise _unknown("topic", topic, library.topics)
    if cmd.purpose not in library.purposes:
        raise _unknown("purpose", cmd.purpose, library.purposes)
    if cmd.holder not in library.parties:
        raise _unknown("party", cmd.holder, library.parties)


def _unknown(what: str, word: str, known: Iterable[str]) -> UnknownWordError:
    return UnknownWordError(f"unknown {what} `{word}`", hint=f"known: {', '.join(sorted(known))}")


def _check_label(counsel: Counsel, label: Label) -> None:
    scheme = counsel.law.library.schemes.get(label.scheme)
    if scheme is None:
        raise _unknown("scheme", label.scheme, counsel.law.library.schemes)
    if scheme.level(label.level) is None:
        raise UnknownWordError(
            f"scheme `{label.scheme}` has no level `{label.level}`",
            hint=f"it has {', '.join(level.id for level in scheme.levels)}",
        )
    for category in label.categories:
        if scheme.category(category) is None:
            raise UnknownWordError(f"scheme `{label.scheme}` has no category `{category}`")


def check_partner(state: State, party: PartyCode) -> None:
    """Raise `NoPartnerError` unless the party is pinned."""
    if party not in state.peers:
        raise NoPartnerError(f"`{party}` is no pinned partner")


def _check_linked(state: State, party: PartyCode) -> None:
    check_partner(state, party)
    if not state.is_linked(party):
        raise NoPartnerError(
            f"the card of `{party}` was revoked", hint="pin the card that its people show you now"
        )


def check_text(*texts: str) -> None:
    """Raise `TextTooLongError` unless partners accept each text."""
    for text in texts:
        if len(text) > TEXT_CHARS_MAX:
            raise TextTooLongError(f"a text has {len(text)} characters, limit {TEXT_CHARS_MAX}")
