"""Checking a whole log from its first entry: what a restart need not do, and an auditor must."""

from collections.abc import Iterable

from msgspec.structs import replace

from relto.errors import WorldError
from relto.journal.checkpoint import verify_checkpoint, verify_cosignature
from relto.journal.keyring import KeyRing
from relto.journal.log import LogState, extend
from relto.journal.tree import frontier_root
from relto.model import Entry
from relto.seal import DIGEST_ZERO


class AuditError(WorldError):
    """A log on our own disk does not hold together."""

    code = "world.audit"
    hint_default = "stop the node, keep the files, restore a backup and reconcile with the partners"


def audit_log(
    state: LogState, entries: Iterable[Entry], *, author: KeyRing | None, partner: KeyRing | None
) -> int:
    """Check a log entry by entry against the state that is stored for it.

    Args:
        state: What the store says about the log.
        entries: All its entries, by number, as the store gives them.
        author: The author's keys; `None` leaves its signatures unchecked.
        partner: The keys of whoever acknowledged; `None` leaves the acknowledgement unchecked.

    Returns:
        How many entries were checked.

    Raises:
        AuditError: Entries are missing, do not follow each other, or are not those of the stored
            state.
        PeerError: A signature does not hold.

    Source: docs/spec/journal.md JN-25.
    """
    origin = state.log.origin
    grown = LogState(log=state.log, is_exercise=state.is_exercise)
    acknowledged = grown
    assert grown.head == DIGEST_ZERO
    for entry in entries:
        header = entry.header
        if (header.log, header.number, header.previous, header.is_exercise) != (
            state.log,
            grown.size + 1,
            grown.head,
            state.is_exercise,
        ) or (grown.at is not None and header.at < grown.at):
            raise AuditError(f"entry {grown.size + 1} of `{origin}` is missing or does not follow")
        grown = extend(grown, entry)
        if grown.size == state.acknowledged:
            acknowledged = grown
    stored = replace(
        grown,
        note=state.note,
        acknowledged=state.acknowledged,
        acknowledged_frontier=acknowledged.frontier,
        acknowledgement=state.acknowledgement,
    )
    if stored != state:
        raise AuditError(f"`{origin}` has {grown.size} entries that are not those of its head")
    if author is not None and state.note:
        head = verify_checkpoint(
            state.note, log=state.log, ring=author, at=None, is_durable=False, is_live=False
        )
        if (head.size, head.root) != (grown.size, grown.root):
            raise AuditError(f"signed head of `{origin}` is not the head of its entries")
    if partner is not None and state.acknowledgement:
        given = verify_cosignature(
            state.acknowledgement, log=state.log, ring=partner, is_live=False
        )
        if (given.size, given.root) != (
            state.acknowledged,
            frontier_root(acknowledged.frontier),
        ):
            raise AuditError(f"acknowledgement of `{origin}` is not of its entries")
    return grown.size
