"""Sealing and opening packages: the content key, the context, the payload.

Keys stay behind their doors.

A content key is drawn for one package and never kept; what stays is its sealed form in the release.
"""

from collections.abc import Callable, Iterator

from relto.codec import CONTEXT
from relto.codec.payload import MANIFEST_BYTES_MAX, payload_head, split_payload
from relto.driver.cabinet import Cabinet
from relto.errors import PeerError
from relto.limits import PACKAGE_INLINE_BYTES_MAX
from relto.model import PackageContext
from relto.model.message import PackageRef
from relto.node import OpenedItem, OpenOrder, SealedItem, SealOrder
from relto.ports import Transaction, World
from relto.seal import (
    CONTENT_KEY_BYTES,
    digest_bytes,
    open_chunks,
    running_digest,
    seal_chunks,
)
from relto.units import CaseId, Digest, PartyCode


class UnfitError(PeerError):
    """A package opens, but does not hold what its release says."""

    code = "peer.unfit_package"
    hint_default = "nothing of it was used"


class Packer:
    """Seals for others, opens what was sealed for this party.

    Args:
        world: Keys and chance.
        cabinet: Where contents and packages lie.
        party: Whose node.
        is_exercise: Bound into every package.
    """

    def __init__(
        self, *, world: World, cabinet: Cabinet, party: PartyCode, is_exercise: bool
    ) -> None:
        self._world = world
        self._cabinet = cabinet
        self._party = party
        self._is_exercise = is_exercise

    def seal(
        self, tx: Transaction, order: SealOrder, *, case: CaseId, recipient_key: bytes
    ) -> SealedItem:
        """Seal one item and keep the package.

        Args:
            tx: Small packages become durable with it.
            order: What, for whom.
            case: Bound into the package.
            recipient_key: The recipient's public sealing key.

        Raises:
            BlobMissingError: The content is not here.
        """
        size, whole = 0, running_digest()
        for piece in self._cabinet.pieces(tx, order.blob):
            size += len(piece)
        head = payload_head(title=order.title, content_bytes=size)

        def payload() -> Iterator[bytes]:
            yield head
            yield from self._cabinet.pieces(tx, order.blob)

        for piece in payload():
            whole.update(piece)
        content = Digest(whole.hexdigest())
        context = _context(
            source=self._party,
            recipient=order.recipient,
            order=order,
            case=case,
            content=content,
            content_bytes=size + len(head),
            is_exercise=self._is_exercise,
        )
        key = self._world.entropy.draw(CONTENT_KEY_BYTES)
        package, package_bytes = self._keep(tx, payload, key=key, context=context)
        return SealedItem(
            holding=order.holding,
            content=content,
            content_bytes=size + len(head),
            package=PackageRef(
                digest=package,
                size_bytes=package_bytes,
                sealed_key=self._world.sealer.seal(key, recipient=recipient_key, info=context),
                source=self._party,
                recipient=order.recipient,
                instrument=order.instrument,
            ),
        )

    def _keep(
        self, tx: Transaction, payload: Callable[[], Iterator[bytes]], *, key: bytes, context: bytes
    ) -> tuple[Digest, int]:
        """Encrypt and keep a package. A large one is made twice.

        Once for its name, once for the disk.
        """
        pieces: list[bytes] = []
        size, whole = 0, running_digest()
        for piece in seal_chunks(payload(), content_key=key, context=context):
            size += len(piece)
            whole.update(piece)
            if size <= PACKAGE_INLINE_BYTES_MAX:
                pieces.append(piece)
        if size <= PACKAGE_INLINE_BYTES_MAX:
            return self._cabinet.put(tx, b"".join(pieces)), size
        name = Digest(whole.hexdigest())
        self._cabinet.put_stream(name, seal_chunks(payload(), content_key=key, context=context))
        return name, size

    def open(
        self, tx: Transaction, order: OpenOrder, *, case: CaseId, inline: bytes | None
    ) -> OpenedItem:
        """Open one package and keep what is inside.

        Args:
            tx: Small contents become durable with it.
            order: Which package, bound to what.
            case: Bound into the package.
            inline: The package's bytes when it came with its entry; else it is read from the
                cabinet.

        Raises:
            PeerError: It is not sealed to this party in this context, or does not hold what the
                release says.
        """
        reference = order.package
        context = _context(
            source=reference.source,
            recipient=reference.recipient,
            order=order,
            case=case,
            content=order.content,
            content_bytes=order.content_bytes,
            is_exercise=self._is_exercise,
        )
        key = self._world.opener.open(reference.sealed_key, info=context)
        pieces = self._cabinet.pieces(tx, reference.digest) if inline is None else iter((inline,))
        whole = running_digest()
        content = bytearray()
        for piece in open_chunks(pieces, content_key=key, context=context):
            whole.update(piece)
            content += piece
            if len(content) > order.content_bytes:
                raise UnfitError("a package holds more than its release says")
        if whole.hexdigest() != order.content or len(content) != order.content_bytes:
            raise UnfitError("a package holds something else than its release says")
        manifest, begin = split_payload(bytes(content[: MANIFEST_BYTES_MAX + 4]))
        inside = bytes(content[begin:])
        if len(inside) != manifest.content_bytes:
            raise UnfitError("a package's manifest does not fit its content")
        return OpenedItem(
            holding=order.holding,
            title=manifest.title,
            content=self._cabinet.put(tx, inside),
            size_bytes=len(inside),
        )


def _context(
    *,
    source: PartyCode,
    recipient: PartyCode,
    order: SealOrder | OpenOrder,
    case: CaseId,
    content: Digest,
    content_bytes: int,
    is_exercise: bool,
) -> bytes:
    """Hash what a package is bound to (FL-24, FL-26)."""
    instrument = order.instrument if isinstance(order, SealOrder) else order.package.instrument
    context = PackageContext(
        version=1,
        source=source,
        target=recipient,
        instrument=instrument,
        originator=order.originator,
        label=order.label,
        holding=order.holding,
        case=case,
        content=content,
        content_bytes=content_bytes,
        is_exercise=is_exercise,
    )
    return digest_bytes(CONTEXT.encode(context))
