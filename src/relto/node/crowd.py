"""How many cases one partner may have open here, and what is said to one more (FL-44).

Open cases are kept in memory with their texts and stand before officers, so a partner must not be
able to open as many as it likes. The entries themselves stay: a log only grows.

Spec: docs/spec/exchange.md EX-55; ADR-0026.
"""

from itertools import islice
from typing import Final, TypeAlias, assert_never

from relto.exchange import CaseFile, CaseState, Role
from relto.limits import PARTNER_OPEN_CASES_MAX
from relto.model.message import RefusalCode, Refused
from relto.node.effects import Alarm, Append, Effect
from relto.node.state import State
from relto.units import CaseId, PartyCode

_Opener: TypeAlias = tuple[PartyCode | None, ...]

# Nobody has looked at a case here yet: it is new, or an officer is to say yes or no for the first
# time.
_FRESH: Final = frozenset(
    {
        (Role.HOLDER, CaseState.RECEIVED),
        (Role.INTERMEDIARY, CaseState.RECEIVED),
        (Role.ORIGINATOR, CaseState.QUEUED),
    }
)


class Crowd:
    """Who has opened the open cases, each partner's in the order in which it opened them.

    Derived from the state, so that a partner that has too many costs the others nothing.

    Args:
        state: What the node knows.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._cases: dict[_Opener, dict[CaseId, None]] = {}
        self._openers: dict[CaseId, tuple[_Opener, ...]] = {}
        for case in state.open:
            self.follow(case)

    def follow(self, case: CaseId) -> None:
        """Look at a case after an entry that names it has been folded."""
        file = self._state.open.get(case)
        if file is None:
            for opener in self._openers.pop(case, ()):
                cases = self._cases[opener]
                del cases[case]
                if not cases:
                    del self._cases[opener]
        elif case not in self._openers:
            self._openers[case] = openers = _openers(file)
            for opener in openers:
                self._cases.setdefault(opener, {})[case] = None

    def is_one_too_many(self, file: CaseFile) -> bool:
        """Tell whether a partner's open case is fresh, and as many as may be were open before it.

        For whom an intermediary asks counts only under a law: that lets no party's name stay that
        the intermediary made up.
        """
        if (file.role, file.state) not in _FRESH:
            return False
        whole, part = self._openers[file.case]
        cases = self._cases[whole if self._state.law is None else part]
        most = PARTNER_OPEN_CASES_MAX
        return len(cases) > most and file.case not in islice(cases, most)


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


def _openers(file: CaseFile) -> tuple[_Opener, ...]:
    """Give under what a case counts: its partner, and for whom that asks; nothing for our own."""
    match file.role:
        case Role.REQUESTER:
            return ()
        case Role.ORIGINATOR:
            partner, behalf = file.giver, None
        case Role.INTERMEDIARY:
            partner, behalf = file.asker, None
        case Role.HOLDER:
            partner = file.asker
            behalf = None if file.request is None else file.request.on_behalf_of
        case _:
            assert_never(file.role)
    assert partner is not None
    return (partner,), (partner, behalf)
