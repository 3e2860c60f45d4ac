"""What one fact decides about each instrument of a pair: what it removes at once, words on demand.

What is removed is one integer: the low half has a bit for each instrument that is denied, the high
half one for each that is not permitted (denied or referred). Facts together remove what any of
them removes, so that a decision is an `or`.
"""

from collections.abc import Callable, Iterable

from relto.model import Finding, Verdict

FindingsMaker = Callable[[], Iterable[Finding]]


class Cell:
    """What one fact decides.

    Args:
        count: How many instruments the pair has.
        passes: The mask of those for which the rule passes.
        stands: Of those for which it passes or asks.
        make: Puts it into words, one finding for each instrument.
    """

    __slots__ = ("_count", "_findings", "_make", "removed")

    def __init__(self, *, count: int, passes: int, stands: int, make: FindingsMaker) -> None:
        """Keep what is removed; words come when they are asked for."""
        self.removed = removed_of(count, passes=passes, stands=stands)
        self._count = count
        self._make = make
        self._findings: tuple[Finding, ...] | None = None

    @property
    def passes(self) -> int:
        """Where the rule passes."""
        return (1 << self._count) - 1 & ~(self.removed >> self._count)

    @property
    def stands(self) -> int:
        """Where it passes or asks."""
        return (1 << self._count) - 1 & ~self.removed

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One finding for each instrument."""
        found = self._findings
        if found is None:
            found = self._findings = tuple(self._make())
        return found


def removed_of(count: int, *, passes: int, stands: int) -> int:
    """What a rule removes that passes for some instruments and stands for some."""
    full = (1 << count) - 1
    return (full ^ passes) << count | full ^ stands


def cell_of(findings: Iterable[Finding]) -> Cell:
    """A cell whose masks are read off its findings."""
    made = tuple(findings)
    passes = stands = 0
    bit = 1
    for one in made:
        verdict = one.verdict
        if verdict is not Verdict.FAIL:
            stands |= bit
            if verdict is Verdict.PASS:
                passes |= bit
        bit <<= 1
    return Cell(count=len(made), passes=passes, stands=stands, make=lambda: made)
