"""Sealing and opening packages: the content key, the context, the payload.

Keys stay behind their doors.

A secret is drawn and sealed once for the small packages that one turn makes for one recipient, and
never kept: what stays is its sealed form in the releases. Each package has a content key of its
own, which comes of the secret, a salt of its own, and its context (ADR-0059).
"""

from collections.abc import Callable, Iterable, Iterator

from relto.codec import CONTEXT
from relto.codec.payload import MANIFEST_BYTES_MAX, Manifest, payload_head, split_payload
from relto.driver.cabinet import Cabinet, Put
from relto.errors import PeerError
from relto.limits import PACKAGE_INLINE_BYTES_MAX
from relto.model import PackageContext
from relto.model.message import PackageRef
from relto.node import OpenedItem, OpenOrder, SealedItem, SealOrder
from relto.ports import Transaction, World
from relto.seal import (
    KEY_SALT_BYTES,
    SEALED_KEY_BYTES,
    SEALED_SECRET_BYTES,
    SECRET_BYTES,
    PackageError,
    derive_content_key,
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
        # In the turn under way: by recipient and key a secret and its sealed form, and what sealed
        # forms hold, by what they are bound to.
        self._drawn: dict[tuple[PartyCode, bytes], tuple[bytes, bytes]] = {}
        self._known: dict[tuple[bytes, bytes], bytes] = {}

    def forget(self) -> None:
        """Forget the secrets of a turn; it has ended."""
        self._drawn.clear()
        self._known.clear()

    def seal(
        self, tx: Transaction | None, order: SealOrder, *, case: CaseId, recipient_key: bytes
    ) -> SealedItem:
        """Seal one item and keep the package.

        Args:
            tx: Small packages become durable with it; `None` for a large content.
            order: What, for whom.
            case: Bound into the package.
            recipient_key: The recipient's public sealing key.

        Raises:
            BlobMissingError: The content is not here.
        """
        size, whole = 0, running_digest()
        small = self._cabinet.small(tx, order.blob)

        def inside() -> Iterator[bytes]:
            return self._cabinet.pieces(tx, order.blob) if small is None else iter((small,))

        for piece in inside():
            size += len(piece)
        head = payload_head(title=order.title, content_bytes=size)

        def payload() -> Iterator[bytes]:
            yield head
            yield from inside()

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
        secret, sealed = self._secret_for(tx, order.recipient, recipient_key)
        salt = self._world.entropy.draw(KEY_SALT_BYTES)
        key = derive_content_key(secret, salt=salt, context=context)
        package, package_bytes = self._keep(tx, payload, key=key, context=context)
        return SealedItem(
            holding=order.holding,
            content=content,
            content_bytes=size + len(head),
            package=PackageRef(
                digest=package,
                size_bytes=package_bytes,
                sealed_key=sealed + salt,
                source=self._party,
                recipient=order.recipient,
                instrument=order.instrument,
            ),
        )

    def _secret_for(
        self, tx: Transaction | None, recipient: PartyCode, key: bytes
    ) -> tuple[bytes, bytes]:
        """A secret for a recipient, and its sealed form: one for all small packages of a turn."""
        place = (recipient, key)
        if tx is not None and place in self._drawn:
            return self._drawn[place]
        secret = self._world.entropy.draw(SECRET_BYTES)
        info = _bound(self._party, recipient, is_exercise=self._is_exercise)
        made = (secret, self._world.sealer.seal(secret, recipient=key, info=info))
        if tx is not None:
            self._drawn[place] = made
        return made

    def _keep(
        self,
        tx: Transaction | None,
        payload: Callable[[], Iterator[bytes]],
        *,
        key: bytes,
        context: bytes,
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
        if tx is not None and size <= PACKAGE_INLINE_BYTES_MAX:
            return self._cabinet.put(tx, b"".join(pieces)), size
        name = Digest(whole.hexdigest())
        self._cabinet.put_stream(name, seal_chunks(payload(), content_key=key, context=context))
        return name, size

    def open(
        self, tx: Transaction, order: OpenOrder, *, case: CaseId, inline: bytes | None
    ) -> tuple[OpenedItem, Put]:
        """Open one package and keep what is inside.

        Args:
            tx: Small contents become durable with it.
            order: Which package, bound to what.
            case: Bound into the package.
            inline: The package's bytes when it came with its entry; else it is read from the
                cabinet.

        Returns:
            The item, and whether its content had to be put away.

        Raises:
            PeerError: It is not sealed to this party in this context, or does not hold what the
                release says.
        """
        if inline is None and self._cabinet.small(tx, order.package.digest) is None:
            return self.open_large(order, case=case)
        content = bytearray()
        pieces = self._cabinet.pieces(tx, order.package.digest) if inline is None else (inline,)
        for piece in self._opened(tx, order, pieces, case=case):
            content += piece
        manifest, begin = _manifest(bytes(content[: MANIFEST_BYTES_MAX + 4]), len(content))
        inside = bytes(content[begin:])
        name, put = self._cabinet.add(tx, inside)
        item = OpenedItem(
            holding=order.holding, title=manifest.title, content=name, size_bytes=len(inside)
        )
        return item, put

    def open_large(self, order: OpenOrder, *, case: CaseId) -> tuple[OpenedItem, Put]:
        """Open a package that lies among the blobs, and keep what is inside there.

        It is read twice, once to believe it and once to keep it, and never held in memory.

        Args:
            order: Which package, bound to what.
            case: Bound into the package.

        Returns:
            The item, and whether its content had to be put away.

        Raises:
            PeerError: As for `open`.
            BlobMissingError: It is not here.
        """
        package = order.package.digest
        first, size, inner = bytearray(), 0, running_digest()
        manifest: Manifest | None = None
        begin = 0
        for piece in self._opened(None, order, self._cabinet.pieces(None, package), case=case):
            size += len(piece)
            if manifest is not None:
                inner.update(piece)
                continue
            first += piece
            if len(first) >= MANIFEST_BYTES_MAX + 4 or size == order.content_bytes:
                manifest, begin = _manifest(bytes(first), order.content_bytes)
                inner.update(bytes(first[begin:]))
        if manifest is None:
            raise UnfitError("a package holds nothing")
        name = Digest(inner.hexdigest())
        put = Put.NOTHING if self._cabinet.touch(name) else Put.BLOB
        if put is Put.BLOB:
            again = self._opened(None, order, self._cabinet.pieces(None, package), case=case)
            self._cabinet.put_stream(name, _after(begin, again))
        item = OpenedItem(
            holding=order.holding,
            title=manifest.title,
            content=name,
            size_bytes=manifest.content_bytes,
        )
        return item, put

    def _content_key(self, tx: Transaction | None, package: PackageRef, *, context: bytes) -> bytes:
        """The content key of a package; a secret is opened once in a turn."""
        given = package.sealed_key
        if len(given) != SEALED_KEY_BYTES:
            raise PackageError(f"sealed key of {len(given)} bytes, expected {SEALED_KEY_BYTES}")
        sealed, salt = given[:SEALED_SECRET_BYTES], given[SEALED_SECRET_BYTES:]
        info = _bound(package.source, package.recipient, is_exercise=self._is_exercise)
        secret = None if tx is None else self._known.get((sealed, info))
        if secret is None:
            secret = self._world.opener.open(sealed, info=info)
            if tx is not None:
                self._known[sealed, info] = secret
        return derive_content_key(secret, salt=salt, context=context)

    def _opened(
        self, tx: Transaction | None, order: OpenOrder, pieces: Iterable[bytes], *, case: CaseId
    ) -> Iterator[bytes]:
        """Decrypt a package; it ends without an error only when it holds what its release says."""
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
        key = self._content_key(tx, reference, context=context)
        whole, size = running_digest(), 0
        for piece in open_chunks(pieces, content_key=key, context=context):
            whole.update(piece)
            size += len(piece)
            if size > order.content_bytes:
                raise UnfitError("a package holds more than its release says")
            yield piece
        if whole.hexdigest() != order.content or size != order.content_bytes:
            raise UnfitError("a package holds something else than its release says")


def _manifest(first: bytes, payload_bytes: int) -> tuple[Manifest, int]:
    """Read the manifest, and hold the size of the content to what follows it."""
    manifest, begin = split_payload(first)
    if manifest.content_bytes != payload_bytes - begin:
        raise UnfitError("a package's manifest does not fit its content")
    return manifest, begin


def _after(begin: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pass over the first bytes of a stream."""
    for piece in pieces:
        yield piece[begin:]
        begin = max(begin - len(piece), 0)


def _bound(source: PartyCode, recipient: PartyCode, *, is_exercise: bool) -> bytes:
    """What a secret is bound to: from whom, for whom, and in which of the two worlds."""
    world = "exercise" if is_exercise else "operational"
    return f"relto/secret/1\n{source}\n{recipient}\n{world}\n".encode()


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
