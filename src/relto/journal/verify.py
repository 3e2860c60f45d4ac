"""Believing a partner: how its entries come in, and how its acknowledgements do.

Each gives the verified thing or raises. The steps are numbered as in `docs/spec/journal.md`; none
is left to the caller.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace
from whenever import Instant, TimeDelta

from relto.codec import decode_entry
from relto.errors import PeerError, WorldError
from relto.journal.checkpoint import (
    WrongLogError,
    cosign,
    is_durable_due,
    peek_checkpoint,
    verify_checkpoint,
    verify_cosignature,
)
from relto.journal.keyring import KeyRing
from relto.journal.log import EPOCH_KIND, LogState, entry_bytes, extend
from relto.journal.tree import Peaks, frontier_of, frontier_root, inclusion_proof, peaks_of
from relto.limits import BATCH_BYTES_MAX, CLOCK_SKEW_SECONDS_MAX
from relto.model import Batch, Checkpoint, Entry, ForkEvidence, LogId
from relto.seal import Signer, leaf_hash
from relto.units import PartyCode

Read = Callable[[int, int], Sequence[Entry]]
"""Gives the stored entries with numbers in the half-open range `[first, end)`."""


class GapError(PeerError):
    """Entries are missing before the first one that came (FL-9).

    Args:
        expected: The number that must come next.
        got: The number that came.
    """

    code = "peer.gap"
    hint_default = "the sender begins again at the number expected"

    def __init__(self, *, log: LogId, expected: int, got: int) -> None:
        """Name the number that must come next."""
        super().__init__(f"gap in `{log.origin}`: expected entry {expected}, got {got}")
        self.expected = expected
        self.got = got


class ForkError(PeerError):
    """The author has signed two histories (FL-8, FL-19); both signed heads are kept.

    Args:
        evidence: What shows it.
    """

    code = "peer.fork"
    hint_default = "keep the evidence, stop the link, and talk to the partner outside the network"

    def __init__(self, message: str, *, evidence: ForkEvidence) -> None:
        """Keep the evidence beside the message."""
        super().__init__(message)
        self.evidence = evidence


class StaleError(PeerError):
    """Entries from before the author's log was set back, and went on otherwise (FL-17)."""

    code = "peer.stale"
    hint_default = "they were under way for long, and nobody has to do anything"


class ChainError(PeerError):
    """An entry does not follow the one before it: number, time, epoch or exercise flag."""

    code = "peer.broken_chain"


class FutureError(PeerError):
    """An entry bears a time too far ahead of our clock (FL-13)."""

    code = "peer.clock_skew"
    hint_default = "one of the two clocks is wrong; compare both with a third"


class BodyMissingError(PeerError):
    """An entry came without a body that its header commits to."""

    code = "peer.body_missing"


class RewoundError(WorldError):
    """The partner holds what we signed and no longer have: a backup was restored (FL-17)."""

    code = "world.rewound"
    hint_default = (
        "run `relto link reconcile`: it fetches our entries back before anything new is signed"
    )

    def __init__(self, *, log: LogId, held: int, signed: int, evidence: ForkEvidence) -> None:
        """Say how far back we are, and keep both heads that we have signed."""
        super().__init__(f"`{log.origin}` was set back: {held} entries here, {signed} signed by us")
        self.log = log
        self.held = held
        self.signed = signed
        self.evidence = evidence


class VerifiedBatch(Struct, frozen=True, kw_only=True):
    """What a batch has brought, verified; only `verify_batch` makes one.

    Args:
        entries: The new entries; those already held are left out.
        state: The log with them, carrying the author's note.
        checkpoint: The author's checkpoint at the log's size; `None` when the batch was an old one
            whose entries were all held already.
        repeated: How many entries were held already.
    """

    entries: tuple[Entry, ...]
    state: LogState
    checkpoint: Checkpoint | None
    repeated: int


def verify_batch(
    batch: Batch,
    *,
    state: LogState,
    ring: KeyRing,
    read: Read,
    now: Instant,
) -> VerifiedBatch:
    """Verify a batch against what is held of its log.

    The same batch again gives no entries and no error (FL-7). Nothing is stored here: the caller
    stores `entries` and `state` in one transaction, before it acknowledges.

    Args:
        batch: As decoded; nothing about it is believed.
        state: What is held of the log, by our own verification.
        ring: The author's keys.
        read: Reads the entries held; used only where the batch overlaps them.
        now: Our clock.

    Raises:
        WrongLogError: Another log, direction or author (FL-24).
        GapError: Entries are missing before it.
        MalformedError: A header or body is not what it must be.
        SignatureError: The checkpoint's signature does not fit.
        UnknownKeyError: No key that may be used has signed.
        ForkError: The signed tree is not a continuation of what is held.
        StaleError: It is of an earlier epoch than what is held.
        ChainError: The signed entries do not follow from each other.
        FutureError: An entry's time is too far ahead.
        BodyMissingError: A body is missing.

    Source: docs/spec/journal.md JN-16.
    """
    # 1. It is the log we expect, and begins no later than where ours ends.
    if batch.log != state.log:
        raise WrongLogError(f"batch of `{batch.log.origin}`, expected `{state.log.origin}`")
    if batch.first > state.size + 1:
        raise GapError(log=state.log, expected=state.size + 1, got=batch.first)
    # 2. Each header decodes strictly and each body is the one committed to; together they are
    # bounded.
    entries = tuple(decode_entry(wire) for wire in batch.entries)
    if sum(map(entry_bytes, entries)) > BATCH_BYTES_MAX:
        raise ChainError(f"batch of `{state.log.origin}` exceeds {BATCH_BYTES_MAX} bytes")
    return _verify_entries(
        entries,
        first=batch.first,
        note=batch.checkpoint,
        state=state,
        ring=ring,
        read=read,
        now=now,
        allow_destroyed=False,
    )


def verify_restored(
    batches: Sequence[Batch], *, state: LogState, ring: KeyRing, read: Read, now: Instant
) -> VerifiedBatch:
    """Verify our own entries as a partner gives them back after a restored backup (FL-17).

    All batches are verified together under the final one's checkpoint, since only that is signed.
    Bodies that were destroyed meanwhile may be missing.

    Args:
        batches: In order, without gaps; at least one.
        state: Our log as the backup has it.
        ring: Our own keys.
        read: Reads the entries we have.
        now: Our clock.

    Raises:
        PeerError: As `verify_batch`; nothing of it may be used then.

    Source: docs/spec/journal.md JN-21.
    """
    assert batches
    entries: list[Entry] = []
    for batch in batches:
        if batch.log != state.log:
            raise WrongLogError(f"batch of `{batch.log.origin}`, expected `{state.log.origin}`")
        if batch.first != batches[0].first + len(entries):
            raise GapError(log=state.log, expected=batches[0].first + len(entries), got=batch.first)
        entries += (decode_entry(wire) for wire in batch.entries)
    if batches[0].first > state.size + 1:
        raise GapError(log=state.log, expected=state.size + 1, got=batches[0].first)
    return _verify_entries(
        tuple(entries),
        first=batches[0].first,
        note=batches[-1].checkpoint,
        state=state,
        ring=ring,
        read=read,
        now=now,
        allow_destroyed=True,
    )


def _verify_entries(
    entries: tuple[Entry, ...],
    *,
    first: int,
    note: bytes,
    state: LogState,
    ring: KeyRing,
    read: Read,
    now: Instant,
    allow_destroyed: bool,
) -> VerifiedBatch:
    final = first + len(entries) - 1
    for place, entry in enumerate(entries):
        if entry.header.log != state.log:
            raise WrongLogError(f"entry of `{entry.header.log.origin}` in `{state.log.origin}`")
        if entry.header.number != first + place:
            raise ChainError(f"entry numbered {entry.header.number}, expected {first + place}")
    # 3. The author has signed a head that ends with the final entry.
    at = entries[-1].header.at if entries else state.at or now
    checkpoint = verify_checkpoint(
        note,
        log=state.log,
        ring=ring,
        at=at,
        is_durable=is_durable_due(old=state.size, size=final),
    )
    if checkpoint.size != final:
        raise ChainError(f"checkpoint of size {checkpoint.size}, entries end at {final}")
    # 4. Where it overlaps what is held, it is the same, byte for byte.
    overlap = min(final, state.size) + 1
    held = read(first, overlap) if overlap > first else ()
    for mine, theirs in zip(held, entries, strict=False):
        if mine.raw != theirs.raw:
            _check_epoch(theirs, epoch=mine.header.epoch, log=state.log)
            raise _fork(state, entries, checkpoint=checkpoint, number=mine.header.number, read=read)
    fresh = entries[len(held) :]
    if final < state.size:
        return VerifiedBatch(entries=(), state=state, checkpoint=None, repeated=len(held))
    # 5. Each new entry follows from the one before it, is not from the future, and is complete.
    grown = state
    for entry in fresh:
        _check_link(grown, entry, checkpoint=checkpoint, now=now)
        if not allow_destroyed and None in entry.bodies:
            raise BodyMissingError(
                f"entry {entry.header.number} of `{state.log.origin}` lacks a body"
            )
        grown = extend(grown, entry)
    # 6. The tree we compute is the tree the author signed.
    if grown.root != checkpoint.root:
        raise ForkError(
            f"signed head of `{state.log.origin}` at {final} is not the tree of its entries",
            evidence=ForkEvidence(log=state.log, held=state.note, offered=checkpoint.note),
        )
    return VerifiedBatch(
        entries=fresh,
        state=replace(grown, note=checkpoint.note),
        checkpoint=checkpoint,
        repeated=len(held),
    )


def acknowledge(
    verified: VerifiedBatch,
    *,
    signer: Signer,
    newer: Sequence[Signer] = (),
    party: PartyCode,
    now: Instant,
) -> LogState:
    """Cosign what a batch has brought; stored with its entries, and sent after the commit.

    An old batch changes nothing: the answer is the acknowledgement that is stored already, byte for
    byte.

    Source: docs/spec/journal.md JN-15, JN-17.
    """
    state = verified.state
    if verified.checkpoint is None or (
        state.acknowledgement and state.acknowledged == verified.checkpoint.size
    ):
        return state
    given = cosign(verified.checkpoint, signer=signer, newer=newer, party=party, at=now)
    return replace(
        state,
        acknowledged=state.size,
        acknowledged_frontier=state.frontier,
        acknowledgement=given.note,
    )


def acknowledge_anew(
    state: LogState, *, signer: Signer, newer: Sequence[Signer], party: PartyCode, now: Instant
) -> LogState:
    """Cosign what is held once more, when this party has changed its keys.

    Source: docs/spec/journal.md JN-17.
    """
    assert state.acknowledged == state.size
    head = Checkpoint(log=state.log, size=state.size, root=state.root, note=state.note)
    given = cosign(head, signer=signer, newer=newer, party=party, at=now)
    return replace(state, acknowledgement=given.note)


def verify_acknowledgement(
    note: bytes, *, state: LogState, partner: KeyRing, own: KeyRing, peaks: Peaks
) -> LogState:
    """Verify the partner's acknowledgement of our log and give the log's state with it.

    An acknowledgement older than the newest one changes nothing.

    Args:
        note: As it came.
        state: Our log.
        partner: The partner's keys.
        own: Our own keys, old ones too: to recognise what we signed before a backup was restored.
        peaks: Gives peaks of our log; not used when the whole log is acknowledged.

    Raises:
        MalformedError: Not an acknowledgement.
        WrongLogError: Of another log (FL-24).
        SignatureError: A signature does not fit.
        UnknownKeyError: The partner has not cosigned it with a key it may use.
        RewoundError: We signed that head and do not have it any more (FL-17).
        ForkError: The partner vouches for a head that we never signed (FL-19).

    Source: docs/spec/journal.md JN-17.
    """
    # 1. The partner has cosigned it.
    given = verify_cosignature(note, log=state.log, ring=partner)
    # 2. It is a head of our log as it stands: then it is done.
    if given.size <= state.size:
        frontier = _frontier_at(state, given.size, peaks)
        if frontier_root(frontier) == given.root:
            if given.size <= state.acknowledged:
                return state
            return replace(
                state,
                acknowledged=given.size,
                acknowledged_frontier=frontier,
                acknowledgement=given.note,
            )
    # 3. It is not. Either we signed it, and have lost what we signed, or we never did.
    both = ForkEvidence(log=state.log, held=state.note, offered=note)
    try:
        verify_checkpoint(note, log=state.log, ring=own, at=None, is_durable=False, is_live=False)
    except PeerError as error:
        raise ForkError(
            f"`{partner.party}` vouches for a head of `{state.log.origin}` that we never signed",
            evidence=both,
        ) from error
    raise RewoundError(log=state.log, held=state.size, signed=given.size, evidence=both)


def held_size(note: bytes, *, log: LogId) -> int:
    """Read which size a note speaks of, without believing it: to choose what to send next."""
    return peek_checkpoint(note, log=log)[0] if note else 0


def _frontier_at(state: LogState, size: int, peaks: Peaks) -> tuple[bytes, ...]:
    if size == state.size:
        return state.frontier
    if size == state.acknowledged:
        return state.acknowledged_frontier
    return frontier_of(peaks, size=size)


def _check_epoch(entry: Entry, *, epoch: int, log: LogId) -> None:
    """Tell a history that its author has given up, and said so, from one that it hides (JN-36)."""
    if entry.header.epoch < epoch:
        raise StaleError(
            f"entry {entry.header.number} of `{log.origin}` is of epoch {entry.header.epoch}, "
            "which ended when the log was set back"
        )


def _check_link(state: LogState, entry: Entry, *, checkpoint: Checkpoint, now: Instant) -> None:
    header = entry.header
    where = f"entry {header.number} of `{state.log.origin}`"
    _check_epoch(entry, epoch=state.epoch, log=state.log)
    if header.previous != state.head:
        raise ForkError(
            f"{where} does not follow the entry held before it",
            evidence=ForkEvidence(
                log=state.log,
                held=state.note,
                offered=checkpoint.note,
                number=header.number,
                offered_header=entry.raw,
            ),
        )
    if state.at is not None and header.at < state.at:
        raise ChainError(f"{where} is dated before the one before it")
    if header.at > now + TimeDelta(seconds=CLOCK_SKEW_SECONDS_MAX):
        raise FutureError(
            f"{where} is dated {header.at}, more than {CLOCK_SKEW_SECONDS_MAX} s ahead"
        )
    if header.epoch != state.epoch + (header.kind == EPOCH_KIND):
        raise ChainError(f"{where} has epoch {header.epoch}, expected another")
    if header.is_exercise != state.is_exercise:
        raise ChainError(f"{where} is of the other world: exercise entries never meet real ones")


def _fork(
    state: LogState,
    entries: Sequence[Entry],
    *,
    checkpoint: Checkpoint,
    number: int,
    read: Read,
) -> PeerError:
    """Build the proof of a fork: both headers, each shown to be in the tree its author signed."""
    first = entries[0].header.number
    own = [leaf_hash(entry.raw) for entry in read(1, state.size + 1)]
    mine = peaks_of(own)
    theirs = peaks_of(own[: first - 1] + [leaf_hash(entry.raw) for entry in entries])
    offered = entries[number - first]
    if frontier_root(frontier_of(_of(theirs), size=checkpoint.size)) != checkpoint.root:
        # Their earlier entries differ as well, so the entry cannot be placed in their tree from
        # here.
        proof: tuple[bytes, ...] = ()
    else:
        proof = inclusion_proof(_of(theirs), index=number - 1, size=checkpoint.size)
    held = read(number, number + 1)[0]
    return ForkError(
        f"two different entries {number} in `{state.log.origin}`",
        evidence=ForkEvidence(
            log=state.log,
            held=state.note,
            offered=checkpoint.note,
            number=number,
            held_header=held.raw,
            held_proof=inclusion_proof(_of(mine), index=number - 1, size=state.size),
            offered_header=offered.raw,
            offered_proof=proof,
        ),
    )


def _of(peaks: tuple[tuple[bytes, bytes], ...]) -> Peaks:
    """Read peaks out of a tuple."""
    return lambda number: peaks[number - 1]
