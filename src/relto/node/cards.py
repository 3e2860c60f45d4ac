"""What officers say about partners: cards pinned, changed, revoked; passed over; links resumed.

Spec: docs/spec/exchange.md EX-32, EX-41, EX-47, EX-52, EX-54.
"""

from relto.model.message import KeyChanged, OfficerStepped, Step
from relto.model.partner import KeyRevoked, LinkResumed, PassedOver, PeerAdded
from relto.node.commands import BadCardError, NoReasonError, check_partner, check_text
from relto.node.effects import Append, Effect
from relto.node.inputs import AddPeer, By, ChangeKeys, PassOver, ResumeLink, RevokeCard
from relto.node.state import State


def add_peer(state: State, cmd: AddPeer) -> tuple[Effect, ...]:
    """Pin a partner's card (EX-32)."""
    if cmd.party == state.party:
        raise BadCardError("this is the node's own card")
    if cmd.is_exercise != state.is_exercise:
        raise BadCardError("a node in exercise and a real node never meet")
    known = state.peers.get(cmd.party)
    if known is not None:
        if known.card == cmd.card:
            return ()
        if cmd.serial <= known.ring.spans[0].serial:
            raise BadCardError(f"a newer card of `{cmd.party}` is pinned already")
    added = PeerAdded(
        party=cmd.party,
        card=cmd.card,
        fingerprint=cmd.fingerprint,
        keys=cmd.keys,
        serial=cmd.serial,
        by=cmd.by.role,
    )
    return (Append(target=state.party, case=None, message=added),)


def change_keys(state: State, cmd: ChangeKeys) -> tuple[Effect, ...]:
    """Announce the node's own new card to every partner (EX-41)."""
    step = OfficerStepped(
        step=Step.CHANGE_KEYS, officer=cmd.by.officer, role=cmd.by.role, reason=cmd.by.reason
    )
    announced = KeyChanged(card=cmd.card, fingerprint=cmd.fingerprint)
    return (
        Append(target=state.party, case=None, message=step),
        *(Append(target=partner, case=None, message=announced) for partner in sorted(state.peers)),
    )


def pass_over(state: State, cmd: PassOver) -> tuple[Effect, ...]:
    """Keep in the journal who went on without a partner, and why (EX-47)."""
    check_partner(state, cmd.party)
    _check_reason(cmd.by)
    passed = PassedOver(
        party=cmd.party, officer=cmd.by.officer, role=cmd.by.role, reason=cmd.by.reason
    )
    return (Append(target=state.party, case=None, message=passed),)


def resume_link(state: State, cmd: ResumeLink) -> tuple[Effect, ...]:
    """Keep in the journal who let a stopped link run again, and why (EX-54)."""
    check_partner(state, cmd.party)
    _check_reason(cmd.by)
    resumed = LinkResumed(
        party=cmd.party,
        code=cmd.code,
        officer=cmd.by.officer,
        role=cmd.by.role,
        reason=cmd.by.reason,
    )
    return (Append(target=state.party, case=None, message=resumed),)


def revoke_card(state: State, cmd: RevokeCard) -> tuple[Effect, ...]:
    """Believe nothing more that a partner's card signs (EX-52)."""
    check_partner(state, cmd.party)
    _check_reason(cmd.by)
    spans = [one for one in state.peers[cmd.party].ring.spans if one.serial == cmd.serial]
    if not spans:
        raise BadCardError(f"no card {cmd.serial} of `{cmd.party}` is known")
    if spans[0].revoked_at is not None:
        return ()
    revoked = KeyRevoked(
        party=cmd.party,
        serial=cmd.serial,
        officer=cmd.by.officer,
        role=cmd.by.role,
        reason=cmd.by.reason,
    )
    return (Append(target=state.party, case=None, message=revoked),)


def _check_reason(by: By) -> None:
    check_text(by.reason)
    if not by.reason.strip():
        raise NoReasonError("others will ask why")
