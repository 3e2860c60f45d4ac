"""Adopted laws, compiled once per process: a pure cache, shared by all drivers that want to."""

from collections.abc import Callable, Mapping

from msgspec.structs import replace
from whenever import Instant

from relto.decide import Planner
from relto.law import Law, TopologyKind, compile_law, load_library
from relto.model.case import Case, Consent
from relto.model.finding import Decision, Finding, Outcome
from relto.model.message import Blocked, HopRef, LawRef
from relto.node import Counsel, Way, Ways
from relto.node.counsel import named
from relto.units import InstrumentId, PartyCode


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


def _counsel(ref: LawRef, law: Law) -> Counsel:
    planner = Planner(law)

    def decide(case: Case, at: Instant) -> Decision:
        return planner.decide(case, at=at)

    def ways(case: Case, at: Instant) -> Ways:
        return _ways(counsel, case, at)

    counsel = Counsel(ref=ref, law=law, decide=decide, ways=ways)
    return counsel


def _ways(counsel: Counsel, case: Case, at: Instant) -> Ways:
    found: list[Way] = []
    blocked: list[Blocked] = []
    law = counsel.law
    for considered in counsel.decide(case, at=at).considered:
        if law.terms(considered.instrument).topology.kind is TopologyKind.INTERMEDIARY:
            continue
        if considered.outcome is not Outcome.DENY:
            hop = HopRef(
                source=case.holder, target=case.recipient, instrument=considered.instrument
            )
            found.append(Way(hops=(hop,)))
        elif considered.reason is not None:
            blocked.append(
                Blocked(
                    way=(case.holder, case.recipient),
                    instrument=considered.instrument,
                    finding=considered.reason,
                )
            )
    for instrument in law.links(case.holder, case.recipient):
        hub = law.terms(instrument).topology.intermediary
        if hub is None or hub in {case.holder, case.recipient}:
            continue
        closed = _closed_leg(counsel, case, at, instrument=instrument, hub=hub)
        if closed is not None:
            blocked.append(
                Blocked(
                    way=(case.holder, hub, case.recipient), instrument=instrument, finding=closed
                )
            )
            continue
        hops = (
            HopRef(source=case.holder, target=hub, instrument=instrument),
            HopRef(source=hub, target=case.recipient, instrument=instrument),
        )
        found.append(Way(hops=hops))
    return Ways(open=tuple(found), blocked=tuple(blocked))


def _closed_leg(
    counsel: Counsel, case: Case, at: Instant, *, instrument: InstrumentId, hub: PartyCode
) -> Finding | None:
    """The first rule that closes one of the two legs through an intermediary.

    `None` when both are open.
    """
    first = replace(case, recipient=hub, onward=case.recipient, assurance=None)
    marked = counsel.markings(first, instrument, at=at)
    consent = Consent(
        originator=case.originator,
        recipient=case.recipient,
        topics=case.topics,
        purposes=() if case.purpose is None else (case.purpose,),
        given_at=at,
    )
    second = replace(
        case,
        holder=hub,
        marked=marked[0] if marked else None,
        provenance=instrument,
        received_for=case.purpose,
        consents=(consent,),
    )
    for leg in (first, second):
        considered = named(counsel.decide(leg, at=at), instrument)
        if considered is not None and considered.outcome is Outcome.DENY:
            return considered.reason
    return None
