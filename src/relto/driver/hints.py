"""What this process remembers of what partners know, and what workers of one node tell each other.

Nothing here decides anything: a hint that is missing or wrong costs a repetition, or a short wait
before one.

Source: docs/spec/exchange.md EX-35, EX-50, EX-51.
"""

from typing import Final

from msgspec import Struct
from whenever import Instant

from relto.driver.faults import Hook, no_fault
from relto.driver.laws import LawBook
from relto.driver.loop import Engine, Turn
from relto.limits import (
    INLINE_BYTES_MAX,
    LIST_ITEMS_MAX,
    PACKAGE_INLINE_BYTES_MAX,
    RESEND_SECONDS,
    SNAPSHOT_ENTRIES,
)
from relto.model import InlinePackage
from relto.ports import World
from relto.units import Digest, PartyCode

_SHELL: Final = "shell"
_ANSWERED: Final = "answered"


class Told(Struct, frozen=True, kw_only=True):
    """What the shell of another worker has told this one's.

    Args:
        partner: About which link.
        words: What; each may be missing, and none decides anything.
    """

    partner: PartyCode
    words: str


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
        # Small packages that have travelled with their entries.
        self._inlined: dict[PartyCode, frozenset[Digest]] = {}
        # How far the newest frame has carried it, whether that is answered or not.
        self._sent: dict[PartyCode, int] = {}
        # With whom a frame that had left ahead met a gap: the next begins anew.
        self._anew: set[PartyCode] = set()
        super().__init__(world, laws=laws, fault=fault, snapshot_entries=snapshot_entries)

    def partners(self) -> tuple[PartyCode, ...]:
        """Give the pinned partners, sorted."""
        return tuple(sorted(self.node.state.peers))

    def heed(self) -> tuple[Told, ...]:
        """Take in what other workers have told; gives what is for the shell, oldest first."""
        found: list[Told] = []
        for line in self._world.store.heard():
            match line.split(maxsplit=2):
                case [party, kind, words] if kind == _SHELL:
                    found.append(Told(partner=PartyCode(party), words=words))
                case [party, kind, words] if kind == _ANSWERED:
                    self._heed_answer(PartyCode(party), words)
                case _:
                    # Of another version of this program, perhaps.
                    pass
        return tuple(found)

    def tell(self, partner: PartyCode, words: str) -> None:
        """Tell the shells of the other workers something about a link; it may get lost."""
        with self._world.store.transaction() as tx:
            tx.tell(f"{partner} {_SHELL} {' '.join(words.split())}")

    def _tell_answered(self, turn: Turn, partner: PartyCode, *, reach: int) -> None:
        """Tell the others what an answer says, so that nobody sends it again at once."""
        held = self._logs.mirror(partner).acknowledged
        turn.tx.tell(f"{partner} {_ANSWERED} {held} {reach}")

    def _heed_answer(self, partner: PartyCode, words: str) -> None:
        match words.split():
            case [held, reach] if held.isdecimal() and reach.isdecimal():
                self._told[partner] = max(self._told.get(partner, 0), int(held))
                before = self._answered.get(partner, (0, None))[0]
                self._answered[partner] = (max(before, int(reach)), self.now())
            case _:
                pass

    def _answers_reach(self, partner: PartyCode) -> int:
        """How far answers have carried our log, so that one to a frame sent ahead goes on."""
        return self._answered.get(partner, (0, None))[0]

    def _on_its_way(self, partner: PartyCode) -> int:
        """How far an answer has carried our log.

        The partner has a while to acknowledge before it is sent again.
        """
        size, at = self._answered.get(partner, (0, self.now()))
        is_fresh = self.now() < at.add(seconds=RESEND_SECONDS)
        return size if is_fresh else 0

    def _inline(
        self, turn: Turn, partner: PartyCode, *, begin: int, final: int
    ) -> tuple[InlinePackage, ...]:
        """Choose small packages to travel with the frame.

        The most urgent first, each once per entry sent.
        """
        sent = self._inlined.get(partner, frozenset())
        chosen: list[InlinePackage] = []
        total = 0
        for parcel in self._node.owed(partner):
            if parcel.size_bytes > PACKAGE_INLINE_BYTES_MAX or parcel.number > final:
                continue
            if parcel.number <= begin and parcel.digest in sent:
                continue
            content = self._cabinet.small(turn.tx, parcel.digest)
            if content is None:
                continue
            total += len(content)
            if total > INLINE_BYTES_MAX or len(chosen) == LIST_ITEMS_MAX:
                break
            chosen.append(InlinePackage(digest=parcel.digest, content=content))
        owed = {parcel.digest for parcel in self._node.owed(partner)} if sent else set()
        self._inlined[partner] = (sent & owed) | {one.digest for one in chosen}
        return tuple(chosen)
