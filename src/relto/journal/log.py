"""One log as a value: its head, how it grows, how a batch of it is made.

A `LogState` is small (a few hashes), so a restart reads it and not the log. Appending gives a new
state and the entry; nothing is changed in place, and nothing is sent before the driver has stored
both.
"""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct
from whenever import Instant

from relto.codec import HEADER, Codec, wire_entry
from relto.errors import LocalError, WorldError
from relto.journal.checkpoint import is_durable_due, sign_checkpoint
from relto.journal.tree import frontier_root, grow
from relto.limits import BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, BODY_BYTES_MAX, PARTS_MAX
from relto.model import (
    Batch,
    Body,
    Checkpoint,
    Entry,
    Header,
    LogId,
    PartCommitment,
    Precedence,
)
from relto.seal import DIGEST_ZERO, SALT_BYTES, Entropy, Signer, commitment, digest, leaf_hash
from relto.units import CaseId, Digest

EPOCH_KIND: Final = "epoch"
_STATE_BYTES_MAX: Final = 65_536


class ClockError(WorldError):
    """The clock stands before the entry that was journaled last (FL-13)."""

    code = "world.clock_went_back"
    hint_default = "set the clock right; if it is, `relto clock check` says what can be done"


class EntryTooLargeError(LocalError):
    """An entry would be larger than a partner accepts."""

    code = "local.entry_too_large"
    hint_default = "long content belongs into a package, which travels beside the journal"


class LogState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a log stands.

    Args:
        log: Which log.
        is_exercise: All its entries are exercise entries, or none.
        size: How many entries it has.
        frontier: Roots of its complete subtrees, largest first.
        head: SHA-256 of the final header; 64 zeros when empty.
        at: The time of the final entry; `None` when empty.
        epoch: How often the author rebuilt it from the partner.
        note: The author's newest signed note that is stored here; empty when none is.
        acknowledged: Up to which number the partner has acknowledged (own logs) or we have
            (mirrors).
        acknowledged_frontier: The frontier at that number.
        acknowledgement: The newest cosigned note; empty when there is none.
    """

    log: LogId
    is_exercise: bool = False
    size: int = 0
    frontier: tuple[bytes, ...] = ()
    head: Annotated[Digest, Meta(max_length=64)] = DIGEST_ZERO
    at: Instant | None = None
    epoch: int = 0
    note: bytes = b""
    acknowledged: int = 0
    acknowledged_frontier: tuple[bytes, ...] = ()
    acknowledgement: bytes = b""

    @property
    def root(self) -> bytes:
        """The root hash over all entries."""
        return frontier_root(self.frontier)


LOG_STATE: Final = Codec(LogState, name="log state", limit=_STATE_BYTES_MAX)


class Draft(Struct, frozen=True, kw_only=True):
    """What is to be said, before it has a number and a time.

    Args:
        kind: What it is.
        case: The case it belongs to; `None` when it belongs to none.
        parts: Name and content of each part, in order; names differ.
        precedence: How urgent.
    """

    kind: str
    case: CaseId | None = None
    parts: tuple[tuple[str, bytes], ...] = ()
    precedence: Precedence = Precedence.ROUTINE


def empty_log(log: LogId, *, is_exercise: bool) -> LogState:
    """Begin a log."""
    return LogState(log=log, is_exercise=is_exercise)


def append(
    state: LogState, draft: Draft, *, now: Instant, entropy: Entropy
) -> tuple[LogState, Entry]:
    """Give the next entry of a log and the log's state with it.

    Args:
        state: The log so far.
        draft: What to say.
        now: The author's clock; never before the final entry's time.
        entropy: For the salts.

    Returns:
        The new state and the entry. Both must be stored in one transaction before the entry is
        sent.

    Raises:
        ClockError: `now` lies before the final entry.
        EntryTooLargeError: Too many parts, or too large.

    Source: docs/spec/journal.md JN-4 to JN-8.
    """
    if state.at is not None and now < state.at:
        raise ClockError(f"clock went back: {now} is before {state.at} in `{state.log.origin}`")
    if len(draft.parts) > PARTS_MAX:
        raise EntryTooLargeError(f"{len(draft.parts)} parts, limit {PARTS_MAX}")
    assert len({name for name, _ in draft.parts}) == len(draft.parts)
    bodies = tuple(
        Body(salt=entropy.draw(SALT_BYTES), content=content) for _, content in draft.parts
    )
    for (name, _), body in zip(draft.parts, bodies, strict=True):
        if len(body.content) > BODY_BYTES_MAX:
            raise EntryTooLargeError(
                f"part `{name}` too large: {len(body.content)} bytes, limit {BODY_BYTES_MAX}"
            )
    header = Header(
        version=1,
        source=state.log.source,
        target=state.log.target,
        number=state.size + 1,
        previous=state.head,
        at=now,
        kind=draft.kind,
        epoch=state.epoch + (draft.kind == EPOCH_KIND),
        case=draft.case,
        precedence=draft.precedence,
        is_exercise=state.is_exercise,
        parts=tuple(
            PartCommitment(name=name, commitment=commitment(salt=body.salt, body=body.content))
            for (name, _), body in zip(draft.parts, bodies, strict=True)
        ),
    )
    raw = HEADER.encode(header)
    # INVARIANT: what we write, a partner's strict decoder reads as the same header.
    assert HEADER.reads(raw, header)
    entry = Entry(raw=raw, header=header, bodies=bodies)
    return extend(state, entry), entry


def extend(state: LogState, entry: Entry) -> LogState:
    """Give the state with one more entry, which the caller has made or verified."""
    assert entry.header.number == state.size + 1
    assert entry.header.previous == state.head
    return LogState(
        log=state.log,
        is_exercise=state.is_exercise,
        size=state.size + 1,
        frontier=grow(state.frontier, size=state.size, leaf=leaf_hash(entry.raw)),
        head=digest(entry.raw),
        at=entry.header.at,
        epoch=entry.header.epoch,
        note=state.note,
        acknowledged=state.acknowledged,
        acknowledged_frontier=state.acknowledged_frontier,
        acknowledgement=state.acknowledgement,
    )


def sign_head(
    state: LogState, *, signer: Signer, newer: Sequence[Signer] = (), is_durable: bool = False
) -> LogState:
    """Sign the log's head as it stands; done once for each transaction that appended to the log.

    Source: docs/spec/journal.md JN-12.
    """
    checkpoint = sign_checkpoint(
        state.log,
        size=state.size,
        root=state.root,
        signer=signer,
        newer=newer,
        is_durable=is_durable,
    )
    return _with_note(state, checkpoint)


def make_batch(
    state: LogState, entries: Sequence[Entry], *, signer: Signer, newer: Sequence[Signer] = ()
) -> Batch:
    """Make the next batch for the partner: what it has not acknowledged yet, within the bounds.

    Args:
        state: The author's log.
        entries: Entries from `state.acknowledged + 1` on, without gaps; fewer than there are is
            fine.
        signer: The author's keys.
        newer: Its later keys, of which the partner may or may not have heard.

    Returns:
        A batch whose checkpoint ends with its final entry. With no entries it says where the log
        stands.

    Source: docs/spec/journal.md JN-14.
    """
    taken = _bounded(entries)
    size = state.acknowledged + len(taken)
    assert size <= state.size
    frontier = state.acknowledged_frontier
    for place, entry in enumerate(taken):
        assert entry.header.number == state.acknowledged + place + 1
        frontier = grow(frontier, size=state.acknowledged + place, leaf=leaf_hash(entry.raw))
    checkpoint = sign_checkpoint(
        state.log,
        size=size,
        root=frontier_root(frontier),
        signer=signer,
        newer=newer,
        is_durable=is_durable_due(old=state.acknowledged, size=size),
    )
    return Batch(
        log=state.log,
        first=state.acknowledged + 1,
        entries=tuple(wire_entry(entry) for entry in taken),
        checkpoint=checkpoint.note,
    )


def make_mirror_batch(state: LogState, entries: Sequence[Entry], *, first: int) -> Batch:
    """Give an author's entries back to it out of our mirror, under its own signed head (FL-17).

    Args:
        state: The mirror, with the author's note.
        entries: Entries from `first` on, without gaps; fewer than there are is fine.
        first: The number of the first entry.

    Returns:
        A batch for `verify_restored`; its checkpoint covers the whole mirror.

    Source: docs/spec/journal.md JN-21.
    """
    assert state.note
    taken = _bounded(entries)
    assert all(entry.header.number == first + place for place, entry in enumerate(taken))
    return Batch(
        log=state.log,
        first=first,
        entries=tuple(wire_entry(entry) for entry in taken),
        checkpoint=state.note,
    )


def entry_bytes(entry: Entry) -> int:
    """Tell how much an entry counts against `BATCH_BYTES_MAX`."""
    return len(entry.raw) + sum(len(body.content) + SALT_BYTES for body in entry.bodies if body)


def _bounded(entries: Sequence[Entry]) -> Sequence[Entry]:
    total = 0
    for place, entry in enumerate(entries[:BATCH_ENTRIES_MAX]):
        total += entry_bytes(entry)
        if total > BATCH_BYTES_MAX:
            assert place > 0
            return entries[:place]
    return entries[:BATCH_ENTRIES_MAX]


def _with_note(state: LogState, checkpoint: Checkpoint) -> LogState:
    assert checkpoint.size == state.size
    return LogState(
        log=state.log,
        is_exercise=state.is_exercise,
        size=state.size,
        frontier=state.frontier,
        head=state.head,
        at=state.at,
        epoch=state.epoch,
        note=checkpoint.note,
        acknowledged=state.acknowledged,
        acknowledged_frontier=state.acknowledged_frontier,
        acknowledgement=state.acknowledgement,
    )
