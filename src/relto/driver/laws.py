"""Adopted laws, compiled once per process: a pure cache, shared by all drivers that want to."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec.structs import replace
from whenever import Instant

from relto.decide import Planner
from relto.law import Law, compile_law, load_library
from relto.limits import ANSWERS_KEPT_MAX
from relto.model.case import Case
from relto.model.finding import Decision
from relto.model.message import Blocked, HopRef, LawRef
from relto.node import Counsel, Way, Ways
from relto.routes import Blocked as RouteBlocked
from relto.routes import Hop, Router

# A request goes to the holder itself, or to one intermediary that passes it on.
_HOPS_MAX: Final = 2


class LawBook:
    """Counsels by law. What a law is, is in its files, so a counsel never goes stale."""

    def __init__(self) -> None:
        """Begin with none."""
        self._counsels: dict[LawRef, Counsel] = {}

    def counsel(self, ref: LawRef, files: Callable[[], Mapping[str, bytes]]) -> Counsel:
        """Give the counsel for a law.

        Args:
            ref: Which law.
            files: Gives its files; asked only once per law.

        Raises:
            LawFileError: The files are no library. They were checked when they were adopted, so
                that is the disk.
        """
        known = self._counsels.get(ref)
        if known is None:
            library = load_library(files(), digest=ref.digest)
            known = _counsel(ref, compile_law(library, known=ref.known))
            self._counsels[ref] = known
        return known


class Answers:
    """Answers of one law, each kept for as long as it says itself that it holds.

    A holder is asked alike again and again: before an item is looked at, and for each item.

    Args:
        planner: Gives them.
    """

    def __init__(self, planner: Planner) -> None:
        """Begin with none."""
        self._planner = planner
        self._known: dict[Case, tuple[object, Decision]] = {}

    def decide(self, case: Case, at: Instant) -> Decision:
        """Decide a case, or repeat what was decided for the same facts, if it holds still.

        It does within one segment of the pair's law, in which no instrument changes in any reading,
        and until a consent begins or ends.

        Source: docs/spec/decide.md DEC-21.
        """
        plan = self._planner.plan(case.holder, case.recipient)
        if not plan.full:
            return self._planner.decide(case, at=at)
        segment = plan.segment(at)
        before, known = self._known.get(case, (None, None))
        if (
            known is not None
            and before is segment
            and known.at <= at
            and (known.holds_until is None or at < known.holds_until)
        ):
            return known if known.at == at else replace(known, at=at)
        if len(self._known) >= ANSWERS_KEPT_MAX:
            self._known.clear()
        found = self._planner.decide(case, at=at)
        self._known[case] = (segment, found)
        return found


def _counsel(ref: LawRef, law: Law) -> Counsel:
    planner = Planner(law)
    router = Router(planner)
    answers = Answers(planner)

    def ways(case: Case, at: Instant) -> Ways:
        best = router.best(case, at=at, hops_most=1)
        if best is not None and not best.approvals:
            # Nothing is better than a direct way that nobody has to approve.
            return Ways(open=(Way(hops=tuple(map(_hop, best.hops))),), blocked=())
        found = router.routes(case, at=at, hops_most=_HOPS_MAX)
        return Ways(
            open=tuple(Way(hops=tuple(map(_hop, route.hops))) for route in found.routes),
            blocked=tuple(map(_blocked, found.blocked)),
        )

    return Counsel(ref=ref, law=law, decide=answers.decide, ways=ways)


def _hop(hop: Hop) -> HopRef:
    return HopRef(source=hop.sender, target=hop.recipient, instrument=hop.instrument)


def _blocked(one: RouteBlocked) -> Blocked:
    return Blocked(way=one.parties, instrument=one.instrument, finding=one.finding)
