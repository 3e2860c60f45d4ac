"""What this process remembers of what partners know, and what workers of one node tell each other.

Nothing here decides anything: a hint that is missing or wrong costs a repetition, or a short wait
before one.

Source: docs/spec/exchange.md EX-35, EX-50.
"""

from typing import Final

from whenever import Instant

from relto.driver.faults import Hook, no_fault
from relto.driver.laws import LawBook
from relto.driver.loop import Engine, Turn
from relto.limits import RESEND_SECONDS, SNAPSHOT_ENTRIES
from relto.ports import World
from relto.units import PartyCode

_CALL: Final = "call"


class Hints(Engine):
    """The part of the driver that knows what need not be said again."""

    def __init__(
        self,
        world: World,
        *,
        laws: LawBook | None = None,
        fault: Hook = no_fault,
        snapshot_entries: int = SNAPSHOT_ENTRIES,
    ) -> None:
        # Up to which of its entries a partner has our acknowledgement.
        self._told: dict[PartyCode, int] = {}
        # How far an answer has carried our log to it, and when.
        self._answered: dict[PartyCode, tuple[int, Instant]] = {}
        super().__init__(world, laws=laws, fault=fault, snapshot_entries=snapshot_entries)

    def heed(self) -> frozenset[PartyCode]:
        """Take in what other workers have told; gives the partners to be called at once."""
        nudged: set[PartyCode] = set()
        for words in self._world.store.heard():
            match words.split():
                case [first, party] if first == _CALL:
                    nudged.add(PartyCode(party))
                case [party, held, reach] if held.isdecimal() and reach.isdecimal():
                    partner = PartyCode(party)
                    self._told[partner] = max(self._told.get(partner, 0), int(held))
                    before = self._answered.get(partner, (0, None))[0]
                    self._answered[partner] = (max(before, int(reach)), self.now())
                case _:
                    # Of another version of this program, perhaps.
                    pass
        return frozenset(nudged)

    def nudge(self, partner: PartyCode) -> None:
        """Have a partner called at once by whichever worker calls it."""
        with self._world.store.transaction() as tx:
            tx.tell(f"{_CALL} {partner}")

    def _tell_answered(self, turn: Turn, partner: PartyCode, *, reach: int) -> None:
        """Tell the others what an answer says, so that nobody sends it again at once."""
        turn.tx.tell(f"{partner} {self._logs.mirror(partner).acknowledged} {reach}")

    def _on_its_way(self, partner: PartyCode) -> int:
        """How far an answer has carried our log.

        The partner has a while to acknowledge before it is sent again.
        """
        size, at = self._answered.get(partner, (0, self.now()))
        is_fresh = self.now() < at.add(seconds=RESEND_SECONDS)
        return size if is_fresh else 0
