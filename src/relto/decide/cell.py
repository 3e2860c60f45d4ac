"""What one fact decides about each instrument of a pair: masks at once, words on demand."""

from collections.abc import Callable, Iterable
from typing import Final

from relto.model import Finding, Verdict

FindingsMaker = Callable[[], Iterable[Finding]]

# One fail weighs more than all asks together, and eleven of each still fit into sixteen bits.
FAIL_WEIGHT: Final = 256
WEIGHT_BYTES: Final = 2

# Every byte with its bits moved sixteen apart.
_SPREAD: Final = tuple(
    sum((byte >> bit & 1) << 8 * WEIGHT_BYTES * bit for bit in range(8)) for byte in range(256)
)


class Cell:
    """What one fact decides; compared by identity, since equal facts find the same cell.

    Args:
        full: The mask of all instruments.
        passes: Where the rule passes.
        stands: Where it passes or asks.
        make: Puts it into words, one finding for each instrument.
    """

    __slots__ = ("_findings", "_full", "_make", "_weight", "passes", "stands")

    def __init__(self, *, full: int, passes: int, stands: int, make: FindingsMaker) -> None:
        """Keep the masks; words and weight come when they are asked for."""
        self.passes = passes
        self.stands = stands
        self._full = full
        self._make = make
        self._findings: tuple[Finding, ...] | None = None
        self._weight: int | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One finding for each instrument."""
        found = self._findings
        if found is None:
            found = self._findings = tuple(self._words())
        return found

    def _words(self) -> Iterable[Finding]:
        return self._make()

    @property
    def weight(self) -> int:
        """Fails and asks of every instrument side by side, sixteen bits each.

        Adding the weights of all rules adds up every instrument's at once.
        """
        found = self._weight
        if found is None:
            fails, asks = self._full & ~self.stands, self.stands & ~self.passes
            found = self._weight = _spread(fails) * FAIL_WEIGHT + _spread(asks)
        return found


def cell_of(findings: Iterable[Finding], *, full: int) -> Cell:
    """A cell whose masks are read off its findings."""
    made = tuple(findings)
    passes = stands = 0
    for index, found in enumerate(made):
        passes |= (found.verdict is Verdict.PASS) << index
        stands |= (found.verdict is not Verdict.FAIL) << index
    return Cell(full=full, passes=passes, stands=stands, make=lambda: made)


def mask_of(verdicts: Iterable[bool]) -> int:
    """Bit `i` is set where the i-th is true."""
    mask = 0
    for index, verdict in enumerate(verdicts):
        mask |= verdict << index
    return mask


def _spread(mask: int) -> int:
    spread = shift = 0
    while mask:
        spread |= _SPREAD[mask & 255] << shift
        mask >>= 8
        shift += 64 * WEIGHT_BYTES
    return spread
