"""How many cases one partner may have open here, and what is said to one more (FL-44).

Open cases are kept in memory with their texts and stand before officers, so a partner must not be
able to open as many as it likes. The entries themselves stay: a log only grows.

Spec: docs/spec/exchange.md EX-55; ADR-0026.
"""

from itertools import islice, takewhile
from typing import Final

from relto.exchange import CaseFile, CaseState, Role
from relto.limits import PARTNER_OPEN_CASES_MAX
from relto.model.message import RefusalCode, Refused
from relto.node.effects import Alarm, Append, Effect
from relto.node.state import State
from relto.units import PartyCode

# Nobody has looked at a case here yet: it is new, or an officer is to say yes or no for the first
# time.
_FRESH: Final = frozenset(
    {
        (Role.HOLDER, CaseState.RECEIVED),
        (Role.INTERMEDIARY, CaseState.RECEIVED),
        (Role.ORIGINATOR, CaseState.QUEUED),
    }
)


def is_one_too_many(state: State, file: CaseFile) -> bool:
    """Tell whether a partner's case is fresh, and as many as may be were open before it.

    Open cases stand in the order in which they were opened, so the oldest keep their places.
    """
    # Nearly always there are fewer in all.
    if len(state.open) <= PARTNER_OPEN_CASES_MAX or (file.role, file.state) not in _FRESH:
        return False
    is_lawful = state.law is not None
    mine = _opened_by(file, is_lawful=is_lawful)
    before = takewhile(lambda other: other is not file, state.open.values())
    theirs = (other for other in before if _opened_by(other, is_lawful=is_lawful) == mine)
    return sum(1 for _ in islice(theirs, PARTNER_OPEN_CASES_MAX)) == PARTNER_OPEN_CASES_MAX


def turn_away(file: CaseFile) -> tuple[Effect, ...]:
    """Refuse the case, so that it is closed, and raise an alarm."""
    partner = file.giver if file.role is Role.ORIGINATOR else file.asker
    assert partner is not None
    refused = Refused(code=RefusalCode.TOO_MANY)
    alarm = Alarm(
        code=f"refusing.{refused.code.value}",
        partner=partner,
        case=file.case,
        text=f"{PARTNER_OPEN_CASES_MAX} cases of this partner are open",
    )
    return (
        Append(target=partner, case=file.case, message=refused, precedence=file.precedence),
        alarm,
    )


def _opened_by(file: CaseFile, *, is_lawful: bool) -> tuple[PartyCode | None, PartyCode | None]:
    """Give the partner that opened a case, and for whom; nobody for this party's own.

    For whom an intermediary asks counts only under a law: that lets no party's name stay that the
    intermediary made up.
    """
    if file.role is not Role.HOLDER:
        return (file.giver if file.role is Role.ORIGINATOR else file.asker), None
    request = file.request if is_lawful else None
    return file.asker, None if request is None else request.on_behalf_of
