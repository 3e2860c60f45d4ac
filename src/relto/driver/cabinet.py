"""Where contents and packages lie: small ones as rows of the store, large ones as blobs beside it.

A small one is durable with the entry that names it, in the one commit; a large one is on the disk
before the entry that names it is written. So no entry ever names something that a crash could take
away.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final, assert_never

from relto.errors import PeerError, WorldError
from relto.limits import PACKAGE_CHUNK_BYTES, PACKAGE_INLINE_BYTES_MAX
from relto.ports import BlobMismatchError, BlobStore, Transaction
from relto.seal import PACKAGE_MAGIC, running_digest
from relto.seal import digest as digest_of
from relto.units import Digest

_DROPS: Final = "drops"
_NOTHING: Final = digest_of(b"")


class Put(Enum):
    """What putting a content away has come to."""

    NOTHING = "nothing"  # it was here before
    ROW = "row"
    BLOB = "blob"


class Cabinet:
    """Contents and packages by digest.

    Args:
        blobs: For what is larger than `PACKAGE_INLINE_BYTES_MAX`.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def put(self, tx: Transaction, content: bytes) -> Digest:
        """Keep bytes; small ones with this transaction, large ones at once."""
        return self.add(tx, content)[0]

    def add(self, tx: Transaction, content: bytes) -> tuple[Digest, Put]:
        """The same; tells also what had to be done for it."""
        digest = digest_of(content)
        if len(content) <= PACKAGE_INLINE_BYTES_MAX:
            if not content or tx.value(_name(digest)) == content:
                return digest, Put.NOTHING
            tx.put_value(_name(digest), content)
            return digest, Put.ROW
        if self._blobs.touch(digest):
            return digest, Put.NOTHING
        self._blobs.write(digest, offset=0, data=content)
        self._blobs.finish(digest, size_bytes=len(content))
        return digest, Put.BLOB

    def take_back(self, tx: Transaction, digest: Digest, put: Put) -> None:
        """Remove what has just been put there, and nothing that was here before."""
        match put:
            case Put.NOTHING:
                pass
            case Put.ROW:
                # Put and dropped in one transaction: it never came to the disk.
                tx.drop_value(_name(digest), is_destroyed=False)
            case Put.BLOB:
                self.destroy(digest)
            case _:
                assert_never(put)

    def put_stream(self, digest: Digest, pieces: Iterator[bytes]) -> None:
        """Keep large bytes whose digest is known beforehand; resumes what a crash has cut.

        What cannot be kept whole leaves nothing behind.
        """
        offset = 0
        try:
            for piece in pieces:
                self._blobs.write(digest, offset=offset, data=piece)
                offset += len(piece)
            self._blobs.finish(digest, size_bytes=offset)
        except (PeerError, WorldError):
            self._blobs.destroy(digest)
            raise

    def small(self, tx: Transaction | None, digest: Digest) -> bytes | None:
        """Give a small one; `None` when it is none or is not here, or without a transaction."""
        if tx is None:
            return None
        if digest == _NOTHING:
            return b""
        return tx.value(_name(digest)) or None

    def read(self, tx: Transaction, digest: Digest, *, offset: int, count: int) -> bytes:
        """Read a range, wherever it lies.

        Raises:
            BlobMissingError: It is not here.
        """
        small = self.small(tx, digest)
        if small is not None:
            return small[offset : offset + count]
        return self._blobs.read(digest, offset=offset, count=count)

    def pieces(self, tx: Transaction | None, digest: Digest) -> Iterator[bytes]:
        """Read all of it, piece by piece; without a transaction only what is large.

        Raises:
            BlobMissingError: It is not here.
        """
        small = self.small(tx, digest)
        if small is not None:
            yield small
            return
        offset = 0
        while piece := self._blobs.read(digest, offset=offset, count=PACKAGE_CHUNK_BYTES):
            yield piece
            offset += len(piece)

    def verify(self, tx: Transaction | None, digest: Digest) -> None:
        """Read all of it, and see whether it still is what its name says (FL-16).

        Raises:
            BlobMissingError: It is not here.
            BlobMismatchError: The disk has changed it.
        """
        running = running_digest()
        for piece in self.pieces(tx, digest):
            running.update(piece)
        if running.hexdigest() != digest:
            raise BlobMismatchError("the bytes on the disk are not what was written")

    def is_here(self, tx: Transaction, digest: Digest) -> bool:
        """Tell whether all of it is here."""
        return self.small(tx, digest) is not None or self._blobs.is_complete(digest)

    def is_content(self, tx: Transaction, digest: Digest) -> bool:
        """Tell whether what is here whole is no sealed package, whatever a partner calls it.

        Contents and packages lie side by side under their digests, and a release may name any.
        """
        if not self.is_here(tx, digest):
            return False
        return self.read(tx, digest, offset=0, count=len(PACKAGE_MAGIC)) != PACKAGE_MAGIC

    def drop(self, tx: Transaction, digest: Digest, *, is_content: bool) -> bool:
        """Forget a small one with this transaction.

        Args:
            tx: The transaction.
            digest: What to forget.
            is_content: Forget also what is no sealed package.

        Returns:
            Whether what lies among the blobs, if anything does, is to be destroyed with `destroy`
            after the commit.
        """
        small = self.small(tx, digest)
        if small is None:
            return is_content or not self.is_content(tx, digest)
        if not is_content and not small.startswith(PACKAGE_MAGIC):
            return False
        if small:
            tx.drop_value(_name(digest), is_destroyed=is_content)
        return True

    def destroy(self, digest: Digest) -> None:
        """Destroy a large one, complete or not."""
        self._blobs.destroy(digest)

    def note_drops(self, tx: Transaction, drops: Iterable[Digest]) -> None:
        """Write down which blobs go with this commit, for a start after a crash just behind it."""
        large = sorted({digest for digest in drops if self._blobs.has_any(digest)})
        if large:
            tx.put_value(_DROPS, f"{tx.position()} {' '.join(large)}".encode())

    def drop_again(self, tx: Transaction) -> None:
        """At the start, destroy what the last commit has dropped.

        Once anything has been stored behind it, what lies there may have come anew.
        """
        position, *dropped = (tx.value(_DROPS) or b"0").decode().split()
        if int(position) == tx.position():
            for digest in dropped:
                self.destroy(Digest(digest))

    def touch(self, digest: Digest) -> bool:
        """Tell whether a large one is here, whole, and keep a sweep from taking it for old."""
        return self._blobs.touch(digest)

    # ------------------------------------------------------------ arriving by range

    def received_bytes(self, digest: Digest) -> int:
        """Tell how much of a package is here that arrives by range."""
        return self._blobs.held(digest)

    def is_complete(self, digest: Digest) -> bool:
        """Tell whether a package that arrived by range is complete."""
        return self._blobs.is_complete(digest)

    def receive(self, digest: Digest, *, offset: int, piece: bytes) -> int:
        """Keep the next piece of a package; `complete` follows the last.

        Raises:
            BlobGapError: The piece does not follow what is here.
        """
        return self._blobs.write(digest, offset=offset, data=piece)

    def complete(self, digest: Digest, *, size_bytes: int) -> None:
        """Check and complete a package of which everything is here.

        Raises:
            BlobMismatchError: The whole is not the package that was named; it is thrown away.
        """
        self._blobs.finish(digest, size_bytes=size_bytes)


def _name(digest: Digest) -> str:
    return f"blob/{digest}"
