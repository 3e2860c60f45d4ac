"""What goes on with an item that is passed on: who said yes before, and the proof of consents.

All of it was written by others, so that it is bounded here before it becomes part of a release.

Spec: docs/spec/exchange.md EX-3, EX-17, EX-21.
"""

from collections.abc import Sequence

from msgspec.structs import replace
from whenever import Instant

from relto.codec import MessageTooLargeError
from relto.codec.message import encode_message
from relto.exchange import CaseFile, EntryRef
from relto.limits import LIST_ITEMS_MAX, RELEASE_ITEMS_MAX
from relto.model.case import Consent
from relto.model.message import Approval, Released
from relto.node.archive import Stock
from relto.node.counsel import Counsel
from relto.node.inputs import SealedItem


def proofs_for(file: CaseFile, items: Sequence[Stock]) -> tuple[EntryRef, ...]:
    """Give the consents that items rest on, the latest of each.

    A giver that says the same a hundred times has said it once, and says nothing about other items.

    Args:
        file: The case, with the consents that came in.
        items: What is to go on.

    Returns:
        At most `RELEASE_ITEMS_MAX`, in the order in which they came.

    Source: docs/spec/exchange.md EX-21.
    """
    meant = {(one.holding.originator, one.reference) for one in items}
    latest: dict[Consent, EntryRef] = {}
    for given in file.consents:
        consent = given.message.consent
        if consent.holding is None or (consent.originator, consent.holding) in meant:
            latest[replace(consent, given_at=Instant.MIN)] = given.entry
    return tuple(latest.values())[-RELEASE_ITEMS_MAX:]


def approvals_behind(file: CaseFile) -> tuple[Approval, ...]:
    """Give everybody who said yes on the way, the first hop's officers first."""
    before = () if file.arrived is None else file.arrived.message.approvals
    room = max(LIST_ITEMS_MAX - len(file.approvals), 0)
    return (*before[:room], *file.approvals)


def fits_an_entry(release: Released) -> bool:
    """Tell whether a release with what others wrote in it still fits into an entry."""
    try:
        encode_message(release)
    except MessageTooLargeError:
        return False
    return True


def sealed_past(counsel: Counsel, file: CaseFile) -> tuple[SealedItem, ...]:
    """The packages that an intermediary hands on as they came, since it must not see inside."""
    arrived = file.arrived
    if arrived is None or not counsel.sees_labels_only(arrived.message.instrument):
        return ()
    return tuple(
        SealedItem(
            holding=item.holding,
            content=item.content,
            content_bytes=item.content_bytes,
            package=item.package,
        )
        for item in arrived.message.items
    )
