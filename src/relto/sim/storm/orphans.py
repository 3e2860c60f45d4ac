"""What lies beside a journal at the end of a storm, against what its entries name.

Read from the disks alone: no node is asked, and no code of a node decides.
"""

from collections.abc import Iterator
from typing import Final

from relto.codec.message import decode_message
from relto.errors import PeerError
from relto.model import Entry, LogId
from relto.model.message import Destroyed, Held, Message, Released
from relto.sim.store import Disk, MemoryBlobs
from relto.sim.storm.watch import UnsafeError
from relto.units import PartyCode

# What ends the journey of a release's packages.
_ENDS: Final = frozenset({"receipt", "refusal", "aborted"})


def check_orphans(party: PartyCode, disk: Disk, blobs: MemoryBlobs) -> None:
    """Look for contents and packages, whole or in part, that no entry names (EX-57).

    Args:
        party: Whose disk.
        disk: Its journal.
        blobs: What lies beside it.

    Raises:
        UnsafeError: There are some.
    """
    named = {*_contents(party, disk), *_packages(party, disk)}
    for digest, data in (*blobs.whole().items(), *blobs.parts().items()):
        if digest not in named:
            raise UnsafeError("orphan", f"{len(data)} bytes `{digest[:20]}` at `{party}`")


def _contents(party: PartyCode, disk: Disk) -> Iterator[str]:
    """Contents of items that are held and were not certified as destroyed."""
    destroyed = {
        (entry.header.case, message.holding)
        for log, entry, message in _said(disk)
        if isinstance(message, Destroyed) and log.source == party
    }
    for log, entry, message in _said(disk):
        if not isinstance(message, Held) or log != LogId(source=party, target=party):
            continue
        if (entry.header.case, message.reference) not in destroyed:
            yield message.holding.digest


def _packages(party: PartyCode, disk: Disk) -> Iterator[str]:
    """Packages of releases that have not come to their end between the two of a log."""
    ended = {
        (entry.header.case, frozenset({log.source, log.target}))
        for log, entry, _ in _said(disk)
        if entry.header.kind in _ENDS
    }
    for log, entry, message in _said(disk):
        pair = frozenset({log.source, log.target})
        if not isinstance(message, Released) or party not in pair:
            continue
        if (entry.header.case, pair) not in ended:
            yield from (item.package.digest for item in message.items)


def _said(disk: Disk) -> Iterator[tuple[LogId, Entry, Message | None]]:
    for log, entries in disk.logs.items():
        for entry in entries:
            content = entry.content("message")
            try:
                kind = entry.header.kind
                yield log, entry, None if content is None else decode_message(content, kind=kind)
            except PeerError:
                yield log, entry, None
