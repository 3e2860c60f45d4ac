"""A decision as bits: what each rule removes from the instruments of a pair, and which one is best.

Source: docs/spec/decide.md DEC-3, DEC-28.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from msgspec import Struct
from whenever import Instant

from relto.model import RULE_ORDER, Obligation, Outcome, Rule
from relto.units import InstrumentId, LevelId

# One fail weighs more than all asks together.
_ASK: Final = 1
_FAIL: Final = 256


class Removed(NamedTuple):
    """What one rule took away: bit `i` stands for the i-th instrument of the weighing."""

    rule: Rule
    failed: int
    asked: int


class Weighing(Struct, frozen=True, kw_only=True):
    """A decision with its reasons as bits: cheap to make, exact, and not yet in words.

    Args:
        outcome: As in `Decision`.
        instrument: As in `Decision`.
        obligations: As in `Decision`.
        markings: As in `Decision`.
        holds_until: As in `Decision`.
        instruments: All considered, by id; bit `i` of a mask is the i-th.
        bits: What each rule removes, in rule order, as in `Cell`; empty without instruments.
    """

    outcome: Outcome
    instrument: InstrumentId | None
    obligations: tuple[Obligation, ...]
    markings: tuple[LevelId, ...]
    holds_until: Instant | None
    instruments: tuple[InstrumentId, ...]
    bits: tuple[int, ...]

    @property
    def passes(self) -> int:
        """The instruments that permit."""
        count = len(self.instruments)
        return (1 << count) - 1 & ~(together(self.bits) >> count) if count else 0

    @property
    def stands(self) -> int:
        """The instruments that permit or refer."""
        count = len(self.instruments)
        return (1 << count) - 1 & ~together(self.bits) if count else 0

    @property
    def removed(self) -> tuple[Removed, ...]:
        """For each rule in order, the instruments it denies and those it refers."""
        count = len(self.instruments)
        full = (1 << count) - 1
        return tuple(
            Removed(rule, one & full, one >> count & ~one)
            for rule, one in zip(RULE_ORDER, self.bits, strict=bool(self.bits))
        )


def together(bits: tuple[int, ...]) -> int:
    """What eleven rules remove together."""
    a, b, c, d, e, f, g, h, i, j, k = bits
    return a | b | c | d | e | f | g | h | i | j | k


def outcome_of(removed: int, count: int) -> Outcome:
    """What is decided where the rules together remove this from so many instruments."""
    full = (1 << count) - 1
    if removed & full == full:
        return Outcome.DENY
    return Outcome.REFER if removed >> count == full else Outcome.PERMIT


def merits(bits: Sequence[int], count: int) -> list[tuple[Outcome, int]]:
    """Every instrument with its own outcome, the best first.

    Args:
        bits: What each rule removes.
        count: How many instruments there are.

    Returns:
        The outcome and the bit of each.
    """
    tally = [0] * count
    full = (1 << count) - 1
    for one in bits:
        if not one:
            continue
        failed = one & full
        for weight, mask in ((_FAIL, failed), (_ASK, one >> count ^ failed)):
            for bit in _bits_of(mask):
                tally[bit] += weight
    return [
        (_outcome_alone(tally[bit]), bit) for bit in sorted(range(count), key=tally.__getitem__)
    ]


def _bits_of(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _outcome_alone(tally: int) -> Outcome:
    if tally < _FAIL:
        return Outcome.REFER if tally else Outcome.PERMIT
    return Outcome.DENY


def best(bits: tuple[int, ...], removed: int, count: int) -> tuple[Outcome, int]:
    """The outcome and the instrument that gives it: fewest fails, then asks, then the first id.

    Args:
        bits: What each rule removes.
        removed: What they remove together.
        count: How many instruments there are.

    Returns:
        The outcome and the bit of the instrument.
    """
    full = (1 << count) - 1
    if left := full & ~(removed >> count):
        outcome = Outcome.PERMIT
    elif left := full & ~removed:
        outcome = Outcome.REFER
        left = fewest([one >> count for one in bits], left)
    else:
        outcome, left = Outcome.DENY, full
        if left & left - 1:
            left = fewest(bits, left)
            left = fewest([one >> count & ~one for one in bits], left)
    return outcome, (left & -left).bit_length() - 1


def fewest(masks: Iterable[int], left: int) -> int:
    """Of the bits in `left`, those that the fewest of at most fifteen masks set.

    Counts all bits at once: the i-th of four integers holds the i-th binary digit of every count.
    """
    ones = twos = fours = eights = 0
    for mask in masks:
        carry = mask & left
        if carry:
            ones, carry = ones ^ carry, ones & carry
            if carry:
                twos, carry = twos ^ carry, twos & carry
                if carry:
                    fours, carry = fours ^ carry, fours & carry
                    eights |= carry
    for digit in (eights, fours, twos, ones):
        left = left & ~digit or left
    return left
