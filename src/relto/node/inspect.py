"""What a receiver checks before it opens anything: facts, evidence, law in its own reading.

A release counts at the instant its entry was journaled, by the holder's clock (EX-19); its order
in the log, the receiver's own request and the bound on clock skew keep that clock honest. Whatever
does not fit is quarantined, and the sender is told with a code.

Spec: docs/spec/exchange.md EX-19 to EX-23.
"""

from msgspec import Struct
from whenever import TimeDelta

from relto.errors import PeerError
from relto.exchange import Arrived, CaseFile, Role
from relto.journal import BadEvidenceError, verify_consent
from relto.limits import CLOCK_SKEW_SECONDS_MAX
from relto.model.case import Case, Consent
from relto.model.finding import Considered, Rule
from relto.model.label import Label
from relto.model.message import ConsentGiven, Item, Proof, RefusalCode
from relto.node.assess import as_heard
from relto.node.counsel import Counsel, asks, is_open, named, reasons
from relto.node.inputs import Opened
from relto.node.state import State
from relto.units import PartyCode, covers


class Objection(Struct, frozen=True, kw_only=True):
    """Why a release is not accepted."""

    code: RefusalCode
    considered: tuple[Considered, ...] = ()
    detail: str


class Accepted(Struct, frozen=True, kw_only=True):
    """A release is lawful as far as this node can see; how each item is to be marked, in order."""

    marked: tuple[Label, ...]


def inspect(state: State, counsel: Counsel, file: CaseFile) -> Objection | Accepted:
    """Check a release that has arrived, before any of it is opened.

    Args:
        state: What the node knows.
        counsel: The receiver's own law.
        file: The case, with the release in `arrived`.

    Source: docs/spec/exchange.md EX-19 to EX-22.
    """
    arrived = file.arrived
    assert arrived is not None
    # 1. Its time is possible: no release comes before the request that it answers (FL-13).
    skew = TimeDelta(seconds=CLOCK_SKEW_SECONDS_MAX)
    if arrived.at + skew < file.opened_at:
        return Objection(
            code=RefusalCode.CLOCK_SKEW, detail="the release is dated before its own request"
        )
    # 2. It goes where the request said.
    onward = file.asker if file.role is Role.INTERMEDIARY else None
    if arrived.message.onward != onward:
        return Objection(code=RefusalCode.NOT_ACCEPTED, detail="another final recipient is named")
    # 3. The consents that it rests on are the originators' own words.
    try:
        given = _given(state, file, arrived)
    except PeerError as error:
        return Objection(code=RefusalCode.BAD_EVIDENCE, detail=error.message)
    consents = tuple(as_heard(one.consent, at=arrived.at) for one in given)
    # 4. Each item is what was asked for, sealed for whom it must be, and lawful.
    marked: list[Label] = []
    for item in arrived.message.items:
        objection = _facts(state, counsel, file, arrived, item) or _consented(
            counsel, arrived, item, given=given
        )
        label = objection or _law(state, counsel, file, arrived, item, consents=consents)
        if isinstance(label, Objection):
            return label
        marked.append(label)
    return Accepted(marked=tuple(marked))


def inspect_opened(
    state: State, counsel: Counsel, file: CaseFile, opened: Opened
) -> Objection | None:
    """Check, once an item is open, that it is the very thing that its originator consented to.

    Whoever sealed it for somebody else could have put another thing under the consent; what a
    package sealed past this node holds is for the final recipient to see.

    Args:
        state: What the node knows.
        counsel: The receiver's own law.
        file: The case, with a release that `inspect` accepts.
        opened: What was inside, in the release's order.

    Source: docs/spec/exchange.md EX-46.
    """
    arrived = file.arrived
    assert arrived is not None
    release = arrived.message
    if file.role is Role.INTERMEDIARY and counsel.sees_labels_only(release.instrument):
        return None
    given = _given(state, file, arrived)
    for item, found in zip(release.items, opened.items, strict=True):
        if item.originator == arrived.entry.source:
            continue
        for one in given:
            consent, meant = one.consent, one.item
            is_about = (consent.originator, consent.holding) == (item.originator, item.holding)
            if is_about and meant is not None and meant.inside not in {None, found.content}:
                return Objection(
                    code=RefusalCode.BAD_EVIDENCE, detail="the consent was given for other content"
                )
    return None


def verify_proof(state: State, proof: Proof) -> tuple[ConsentGiven, PartyCode]:
    """Verify that a consent is an entry of its author's log.

    Args:
        state: For the author's keys; an author that is not a pinned partner proves nothing.
        proof: As it came.

    Returns:
        The consent and its author.

    Raises:
        PeerError: Any step fails.

    Source: docs/spec/exchange.md EX-21.
    """
    peer = state.peers.get(proof.source)
    if peer is None:
        raise BadEvidenceError(f"`{proof.source}` is no pinned partner")
    proven = verify_consent(proof, ring=peer.ring, is_exercise=state.is_exercise, is_live=True)
    return proven.message, proof.source


def _given(state: State, file: CaseFile, arrived: Arrived) -> tuple[ConsentGiven, ...]:
    """The consents at hand: proved ones of others.

    And the sender's own that came before in the case.
    """
    proved = (verify_proof(state, proof)[0] for proof in arrived.message.consents)
    return (*proved, *(one.message for one in file.consents))


def _consented(
    counsel: Counsel, arrived: Arrived, item: Item, *, given: tuple[ConsentGiven, ...]
) -> Objection | None:
    """An item that its originator did not send is the very thing that it consented to (EX-46)."""
    if item.originator == arrived.entry.source:
        return None
    for one in given:
        consent, meant = one.consent, one.item
        if (consent.originator, consent.holding) != (item.originator, item.holding):
            continue
        if meant is None or (meant.topics, meant.form) != (item.topics, item.form):
            return Objection(
                code=RefusalCode.BAD_EVIDENCE, detail="the consent was given for another item"
            )
        if meant.content not in {None, item.content}:
            return Objection(
                code=RefusalCode.BAD_EVIDENCE, detail="the consent was given for other content"
            )
        if not _is_at_least(counsel, item.label, meant.label, originator=item.originator):
            return Objection(
                code=RefusalCode.BAD_EVIDENCE, detail="the label is lower than the one consented to"
            )
    return None


def _is_at_least(counsel: Counsel, label: Label, meant: Label, *, originator: PartyCode) -> bool:
    """Tell whether a label restricts no less than another of the same originator."""
    if label == meant:
        return True
    rank, least = (counsel.rank(one, party=originator) for one in (label, meant))
    if rank is None or least is None or rank < least:
        return False
    if not set(meant.categories) <= set(label.categories):
        return False
    if meant.releasable_to is None:
        return True
    return label.releasable_to is not None and set(label.releasable_to) <= set(meant.releasable_to)


def _facts(
    state: State, counsel: Counsel, file: CaseFile, arrived: Arrived, item: Item
) -> Objection | None:
    """Check an item against the request and the release."""
    request = file.request
    sender = arrived.entry.source
    if request is None or not any(
        covers(root, topic) for root in request.topics for topic in item.topics
    ):
        return Objection(code=RefusalCode.NOT_ACCEPTED, detail="an item that was not asked for")
    if arrived.message.purpose != request.purpose:
        return Objection(code=RefusalCode.NOT_ACCEPTED, detail="released for another purpose")
    instrument = arrived.message.instrument
    if not counsel.knows(instrument):
        return Objection(
            code=RefusalCode.NOT_LAWFUL, detail=f"our law knows no instrument `{instrument}`"
        )
    is_past_us = counsel.sees_labels_only(instrument)
    recipient = arrived.message.onward if is_past_us else None
    source = item.originator if is_past_us else sender
    package = item.package
    if (package.source, package.recipient, package.instrument) != (
        source,
        recipient or state.party,
        instrument,
    ):
        return Objection(
            code=RefusalCode.BAD_PACKAGE, detail="the package is sealed for another context"
        )
    return None


def _law(
    state: State,
    counsel: Counsel,
    file: CaseFile,
    arrived: Arrived,
    item: Item,
    *,
    consents: tuple[Consent, ...],
) -> Objection | Label:
    """Ask the receiver's own law, at the instant of the release, in both readings."""
    release, sender = arrived.message, arrived.entry.source
    is_passed_on = item.originator != sender and counsel.is_through_intermediary(release.instrument)
    case = Case(
        holder=sender,
        recipient=state.party,
        onward=release.onward,
        originator=item.originator,
        label=item.label,
        marked=item.marked,
        topics=item.topics,
        form=item.form,
        provenance=release.instrument if is_passed_on else None,
        purpose=release.purpose,
        # What the sender received it for is its own to know; here it goes on for the same.
        received_for=release.purpose if item.originator != sender else None,
        requested=True,
        assurance=None if file.request is None else file.request.assurance,
        consents=consents,
        holding=item.holding,
    )
    decision = counsel.decide(case, at=arrived.at)
    considered = named(decision, release.instrument)
    if considered is None or not is_open(considered):
        return Objection(
            code=RefusalCode.NOT_LAWFUL,
            considered=reasons(decision, release.instrument),
            detail="our law does not allow this release",
        )
    if asks(considered) - {Rule.INITIATIVE}:
        return Objection(
            code=RefusalCode.NOT_LAWFUL,
            considered=reasons(decision, release.instrument),
            detail="a consent or an assurance is missing",
        )
    if not counsel.is_in_force(release.instrument, at=arrived.at, reading=state.party):
        return Objection(
            code=RefusalCode.NOT_LAWFUL,
            considered=reasons(decision, release.instrument),
            detail=f"in our reading `{release.instrument}` is not in force",
        )
    marked = counsel.markings(case, release.instrument, at=arrived.at)
    # The rule `level` has passed, so there is an equivalent.
    return marked[0]
