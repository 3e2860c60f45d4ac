"""Entries as the node's fold takes them, and as proofs for a third person."""

from typing import Final

from relto.codec.message import decode_message
from relto.driver.logs import Logs
from relto.errors import PeerError
from relto.exchange import EntryRef, Fact
from relto.journal import EPOCH_KIND, inclusion_proof
from relto.model import Entry, LogId
from relto.model.message import Message, Proof
from relto.ports import Transaction
from relto.seal import digest

MESSAGE_PART: Final = "message"


def fact_of(entry: Entry, *, own: Message | None = None) -> Fact:
    """Decode an entry's message; one that cannot be read becomes a fact with a fault.

    Never an error.

    Args:
        entry: Verified, from any log of this node.
        own: The message, when this node has just encoded it itself; it is not read again then.

    Source: docs/spec/exchange.md EX-3, EX-5.
    """
    header = entry.header
    content = entry.content(MESSAGE_PART)
    message = own
    fault = ""
    if own is not None:
        pass
    elif content is not None:
        try:
            message = decode_message(content, kind=header.kind)
        except PeerError as error:
            fault = error.message
    elif not header.parts and header.kind != EPOCH_KIND:
        fault = "the entry has no message"
    return Fact(
        source=header.source,
        target=header.target,
        number=header.number,
        at=header.at,
        kind=header.kind,
        case=header.case,
        precedence=header.precedence,
        header=digest(entry.raw),
        body="" if content is None else digest(content),
        message=message,
        fault=fault,
    )


def prove(tx: Transaction, logs: Logs, reference: EntryRef) -> Proof:
    """Prove that an entry stands in a partner's log, by the partner's own signed head.

    Args:
        tx: Reads the mirror.
        logs: For the newest note of the mirror.
        reference: Which entry.
    """
    log = LogId(source=reference.source, target=reference.target)
    state = logs.mirror(reference.source)
    (entry,) = tx.entries(log, first=reference.number, end=reference.number + 1)
    place = [part.name for part in entry.header.parts].index(MESSAGE_PART)
    body = entry.bodies[place]
    assert body is not None

    def peaks(number: int) -> tuple[bytes, bytes]:
        return tx.peak(log, number)

    return Proof(
        source=reference.source,
        target=reference.target,
        header=entry.raw,
        part=MESSAGE_PART,
        salt=body.salt,
        body=body.content,
        path=inclusion_proof(peaks, index=reference.number - 1, size=state.size),
        checkpoint=state.note,
    )
