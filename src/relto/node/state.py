"""What a node knows: folded from its own log, the logs it writes and the logs it reads.

Nothing else.

The state is the one mutable value of the core. Only `relto.node.fold` writes it, one entry at a
time, so that replaying the journal gives the same state, to the digest. Cases that are closed are
kept without their texts: whoever wants those reads the journal.
"""

from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace
from whenever import Instant

from relto.codec.pack import pack, unpack
from relto.custody import RegisterLine
from relto.exchange import CaseFile, CaseState
from relto.journal import KeyRing
from relto.model.case import Holding
from relto.model.delegation import Delegations
from relto.model.finding import Obligation
from relto.model.label import Label
from relto.model.message import FileRef, LawRef, Quarantined
from relto.model.party import PRECEDENCE_ORDER, Precedence
from relto.seal import digest
from relto.units import CaseId, Digest, HoldingId, PartyCode

STATE_VERSION: Final = 2


class Stock(Struct, frozen=True, kw_only=True):
    """A holding, with where it came from.

    Args:
        holding: As registered; its `id` is this party's own.
        reference: The originator's id, the same on every hop.
        source: Who gave it; `None` for the party's own.
        marked: This party's own marking of received material.
        case: The case it came in; `None` for the party's own.
    """

    holding: Holding
    reference: HoldingId
    source: PartyCode | None = None
    marked: Label | None = None
    case: CaseId | None = None


class Peer(Struct, frozen=True, kw_only=True):
    """A pinned partner.

    Args:
        party: Whose card.
        card: The newest signed card, as it was compared or announced.
        fingerprint: Of that card.
        ring: All keys the partner has had, newest first.
    """

    party: PartyCode
    card: bytes
    fingerprint: str
    ring: KeyRing


class Head(Struct, frozen=True, kw_only=True):
    """How far a log has been folded."""

    number: int
    at: Instant


class Parcel(Struct, frozen=True, kw_only=True):
    """A sealed package on its way.

    Args:
        digest: Its address.
        size_bytes: Its length.
        partner: Where it comes from, or goes to.
        case: The case it belongs to.
        number: The release's number in its log.
        precedence: Most urgent first.
    """

    digest: Digest
    size_bytes: int
    partner: PartyCode
    case: CaseId
    number: int
    precedence: Precedence

    @property
    def urgency(self) -> tuple[int, int, str]:
        """Sorts the most urgent first, then the oldest."""
        return (-PRECEDENCE_ORDER.index(self.precedence), self.number, self.digest)


class State(Struct, kw_only=True):
    """Everything a node knows.

    Args:
        party: Whose node.
        is_exercise: Runs on an exercise clock.
        heads: Per log (`JPN/KOR`), how far it has been folded.
        law: The law adopted; `None` before the first adoption, and then nothing is released.
        law_files: The adopted files.
        delegations: Standing authorities, and from which level two officers approve; `None` when
            there are none.
        margin_seconds: A release also has to be lawful this long ahead.
        peers: Pinned partners.
        key_changes: Per partner, the numbers of the entries that announced this party's new keys.
        stock: Holdings by the party's own id.
        open: Cases in which somebody has to act.
        closed: The others, without their texts.
        register: Custody lines by key.
        outgoing: Packages that partners may still fetch, by digest.
        incoming: Packages this node still wants, by digest.
        clock_offset_seconds: Exercise time minus the world's.
        quarantine: What was not accepted, latest last; bounded.
        repeats: How often something came that had come before.
    """

    party: PartyCode
    is_exercise: bool = False
    version: int = STATE_VERSION
    heads: dict[str, Head] = field(default_factory=dict)
    law: LawRef | None = None
    law_files: tuple[FileRef, ...] = ()
    delegations: Delegations | None = None
    margin_seconds: int = 0
    peers: dict[PartyCode, Peer] = field(default_factory=dict)
    key_changes: dict[PartyCode, tuple[int, ...]] = field(default_factory=dict)
    stock: dict[HoldingId, Stock] = field(default_factory=dict)
    open: dict[CaseId, CaseFile] = field(default_factory=dict)
    closed: dict[CaseId, CaseFile] = field(default_factory=dict)
    register: dict[str, RegisterLine] = field(default_factory=dict)
    outgoing: dict[Digest, tuple[Parcel, ...]] = field(default_factory=dict)
    incoming: dict[Digest, tuple[Parcel, ...]] = field(default_factory=dict)
    clock_offset_seconds: int = 0
    quarantine: list[tuple[CaseId | None, Quarantined]] = field(default_factory=list)
    repeats: int = 0

    def case(self, case: CaseId) -> CaseFile | None:
        """Find a case, open or closed."""
        return self.open.get(case) or self.closed.get(case)

    def snapshot(self) -> bytes:
        """Give the state as bytes: a cache of what replaying the journal would give.

        What is owed is the same for thousands of lines of the register, and is written once.
        """
        duties: dict[tuple[Obligation, ...], int] = {}
        known: dict[int, int] = {}
        owed: dict[str, int] = {}
        bare: dict[str, RegisterLine] = {}
        for key, line in self.register.items():
            place = known.get(id(line.obligations))
            if place is None:
                place = duties.setdefault(line.obligations, len(duties))
                known[id(line.obligations)] = place
            owed[key] = place
            bare[key] = replace(line, obligations=())
        return pack(_Snapshot(state=replace(self, register=bare), duties=tuple(duties), owed=owed))

    def digest(self) -> Digest:
        """Give one digest over everything known; equal states have equal digests."""
        return digest(self.snapshot())


class _Snapshot(Struct, frozen=True, kw_only=True):
    """A state as it is written.

    Args:
        state: With lines of the register that do not say what is owed.
        duties: What is owed, each once.
        owed: Which of them, by the line's key.
    """

    state: State
    duties: tuple[tuple[Obligation, ...], ...]
    owed: dict[str, int]


def restore_state(snapshot: bytes) -> State:
    """Read a snapshot back.

    Raises:
        PackedError: Not a snapshot of this version; replay the journal instead.
    """
    whole = unpack(snapshot, _Snapshot)
    state = whole.state
    for key, place in whole.owed.items():
        state.register[key] = replace(state.register[key], obligations=whole.duties[place])
    return state


def shrink(file: CaseFile) -> CaseFile:
    """Keep of a closed case what later entries are checked against, and drop its texts.

    An aborted release may still be receipted, when the two crossed; so it stays.
    """
    is_aborted = file.state is CaseState.ABORTED
    return replace(
        file,
        request=None,
        hops=(),
        queued=None,
        consent_asked=None,
        consents=(),
        arrived=file.arrived if is_aborted else None,
        released=file.released if is_aborted else None,
        refused=None,
        unroutable=None,
        quarantined=None,
        steps=(),
    )
