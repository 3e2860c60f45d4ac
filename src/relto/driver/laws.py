"""Adopted laws, compiled once per process: a pure cache, shared by all drivers that want to."""

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

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
from relto.routes import Hop, Route, Router

T = TypeVar("T")

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
            known = counsel_of(ref, compile_law(library, known=ref.known))
            self._counsels[ref] = known
        return known


class Answers(Generic[T]):
    """Answers of one law, each kept for as long as it holds.

    A holder is asked alike again and again: before an item is looked at, and for each item.

    Args:
        planner: Knows when the law between two parties changes.
        ask: Gives the answer for a case at an instant.
        until: The next instant at which an answer can change within a segment; `None` when none.
    """

    def __init__(
        self,
        planner: Planner,
        *,
        ask: Callable[[Case, Instant], T],
        until: Callable[[T], Instant | None],
    ) -> None:
        """Begin with none."""
        self._planner = planner
        self._ask = ask
        self._until = until
        self._known: dict[Case, tuple[object, Instant, T]] = {}

    def give(self, case: Case, at: Instant) -> T:
        """Answer for a case, or repeat what was answered for the same facts, if it holds still.

        It does within one segment of the pair's law, in which no instrument changes in any reading,
        and until a consent begins or ends.

        Source: docs/spec/decide.md DEC-21.
        """
        plan = self._planner.plan(case.holder, case.recipient)
        if not plan.full:
            return self._ask(case, at)
        segment = plan.segment(at)
        known = self._known.get(case)
        if known is not None:
            before, since, answer = known
            until = self._until(answer)
            if before is segment and since <= at and (until is None or at < until):
                return answer
        if len(self._known) >= ANSWERS_KEPT_MAX:
            self._known.clear()
        found = self._ask(case, at)
        self._known[case] = (segment, at, found)
        return found


def decisions(planner: Planner) -> Answers[Decision]:
    """Keep decisions; one that is repeated bears the instant at which it was taken."""
    return Answers(
        planner, ask=lambda case, at: planner.decide(case, at=at), until=lambda it: it.holds_until
    )


def direct_ways(planner: Planner, router: Router) -> Answers[Route | None]:
    """Keep the best direct ways; that there is none now is never kept."""
    return Answers(
        planner,
        ask=lambda case, at: router.best(case, at=at, hops_most=1),
        until=lambda it: Instant.MIN if it is None else it.holds_until,
    )


def counsel_of(ref: LawRef, law: Law) -> Counsel:
    """Give the counsel of a law.

    Args:
        ref: Which law.
        law: The law itself, compiled.
    """
    planner = Planner(law)
    router = Router(planner)
    known, direct = decisions(planner), direct_ways(planner, router)

    def decide(case: Case, at: Instant) -> Decision:
        found = known.give(case, at)
        return found if found.at == at else replace(found, at=at)

    def ways(case: Case, at: Instant) -> Ways:
        best = direct.give(case, at)
        if best is not None and not best.approvals:
            # Nothing is better than a direct way that nobody has to approve.
            return Ways(open=(Way(hops=tuple(map(_hop, best.hops))),), blocked=())
        found = router.routes(case, at=at, hops_most=_HOPS_MAX)
        return Ways(
            open=tuple(Way(hops=tuple(map(_hop, route.hops))) for route in found.routes),
            blocked=tuple(map(_blocked, found.blocked)),
        )

    return Counsel(ref=ref, law=law, decide=decide, ways=ways)


def _hop(hop: Hop) -> HopRef:
    return HopRef(source=hop.sender, target=hop.recipient, instrument=hop.instrument)


def _blocked(one: RouteBlocked) -> Blocked:
    return Blocked(way=one.parties, instrument=one.instrument, finding=one.finding)
