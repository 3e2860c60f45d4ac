"""A node's clock in the virtual world: it may be wrong, run fast or slow, jump, and stand still."""

from whenever import Instant, TimeDelta

from relto.sim.agenda import Agenda

_BILLION = 1_000_000_000


class VirtualClock:
    """What one node believes the time to be.

    Args:
        agenda: Whose true time it follows.
        skew_ns: How far it is ahead at the beginning; negative when behind.
        drift_ppb: How many nanoseconds it gains in a second.
    """

    def __init__(self, agenda: Agenda, *, skew_ns: int = 0, drift_ppb: int = 0) -> None:
        """Set the clock."""
        self._agenda = agenda
        self._skew_ns = skew_ns
        self._drift_ppb = drift_ppb
        self._since_ns = agenda.passed_ns
        self._still: Instant | None = None

    def now(self) -> Instant:
        """Read the clock; it may stand before an earlier reading."""
        return self._agenda.now + TimeDelta(nanoseconds=self.error_ns())

    def error_ns(self) -> int:
        """Tell how far it is ahead of the true time; only the world may ask."""
        if self._still is not None:
            return _nanoseconds(self._still) - _nanoseconds(self._agenda.now)
        passed = self._agenda.passed_ns - self._since_ns
        return self._skew_ns + passed * self._drift_ppb // _BILLION

    def jump(self, by_ns: int) -> None:
        """Step forward or back."""
        self._skew_ns += by_ns

    def run(self, drift_ppb: int) -> None:
        """Gain so many nanoseconds in each second from now on."""
        if self._still is None:
            self._skew_ns = self.error_ns()
        self._since_ns, self._drift_ppb = self._agenda.passed_ns, drift_ppb

    def stop(self, at: Instant) -> None:
        """Stand still at an instant, until it is set right."""
        self._still = at

    def go_on(self) -> None:
        """Run again, as wrong as before it stood still."""
        self._still = None

    def correct(self) -> None:
        """Set it right: no skew and no drift from now on."""
        self._still = None
        self._skew_ns = 0
        self._drift_ppb = 0


def _nanoseconds(at: Instant) -> int:
    return at.timestamp(unit="nanosecond")
