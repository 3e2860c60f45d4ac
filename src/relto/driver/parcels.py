"""Packages too large to travel with their entry: by range, resumable, the most urgent first.

Source: docs/spec/exchange.md EX-39, EX-40.
"""

from relto.driver.exchanges import Exchanges
from relto.errors import PeerError
from relto.node import PackageArrived, PackageAsked, PackageLost, Parcel
from relto.ports import BlobMismatchError, BlobMissingError
from relto.units import Digest, PartyCode


class NoSuchPackageError(PeerError):
    """A partner asks for a package that was not released to it, or offers one that nobody wants."""

    code = "peer.no_such_package"


class BadPackageBytesError(PeerError):
    """The bytes that arrived are not the package that was named; they were thrown away."""

    code = "peer.bad_package_bytes"
    hint_default = "it is fetched again"


class Parcels(Exchanges):
    """The part of the driver that hands packages over and takes them in."""

    # ------------------------------------------------------------ packages by range

    def wanted(self, partner: PartyCode) -> tuple[Parcel, ...]:
        """Give the packages to fetch from a partner, the most urgent first."""
        if self.reconciling():
            return ()
        return tuple(
            parcel
            for parcel in self.node.wanted(partner)
            if not self._cabinet.is_complete(parcel.digest)
        )

    def owed(self, partner: PartyCode) -> tuple[Parcel, ...]:
        """Give the packages that a partner has not receipted, the most urgent first.

        To push when it cannot dial.
        """
        return self.node.owed(partner)

    def offered_bytes(self, partner: PartyCode, digest: Digest) -> int | None:
        """Give the size of a package released to this partner; `None` when there is none for it."""
        parcel = self.node.parcel(digest, partner)
        return None if parcel is None else parcel.size_bytes

    def read_package(self, partner: PartyCode, digest: Digest, *, offset: int, size: int) -> bytes:
        """Read a piece of a package that was released to this partner, if it may still go (FL-36).

        Raises:
            NoSuchPackageError: None such for this partner, or its instrument has ended under way.
        """
        if self.reconciling():
            raise NoSuchPackageError("the node hears from its partners first")
        with self._turn() as turn:
            self._feed(turn, PackageAsked(digest=digest, partner=partner))
            is_offered = self._node.parcel(digest, partner) is not None
            piece = b""
            try:
                if is_offered:
                    piece = self._cabinet.read(turn.tx, digest, offset=offset, count=size)
            except BlobMissingError:
                # It went with a disk: say so, and let nobody wait for it (FL-17).
                self._feed(turn, PackageLost(digest=digest, partner=partner))
                is_offered = False
        if not is_offered:
            raise NoSuchPackageError("no such package for this partner")
        return piece

    def wanted_bytes(self, partner: PartyCode, digest: Digest) -> int | None:
        """Give the size of a package that this partner announced and still owes.

        `None` for any other.
        """
        for parcel in self.node.wanted(partner):
            if parcel.digest == digest:
                return parcel.size_bytes
        return None

    def received_bytes(self, partner: PartyCode, digest: Digest) -> int:
        """Give how much of a wanted package is here already."""
        size = self.wanted_bytes(partner, digest)
        if size is None:
            return 0
        return size if self._cabinet.is_complete(digest) else self._cabinet.received_bytes(digest)

    def write_package(
        self, partner: PartyCode, digest: Digest, *, offset: int, piece: bytes
    ) -> int:
        """Keep the next piece of a wanted package.

        With the last piece it is checked, opened and receipted.

        Returns:
            How much is here now.

        Raises:
            NoSuchPackageError: Nobody wants it from this partner.
            BadPackageBytesError: The whole is not the package that was named.
        """
        size = None if self.reconciling() else self.wanted_bytes(partner, digest)
        if size is None or offset + len(piece) > size:
            raise NoSuchPackageError("nobody wants this package from this partner")
        try:
            here = self._cabinet.receive(digest, offset=offset, piece=piece, size_bytes=size)
        except BlobMismatchError as error:
            raise BadPackageBytesError("the bytes are not the package that was named") from error
        if here >= size:
            self._fault("after-blob")
            with self._turn() as turn:
                self._feed(turn, PackageArrived(digest=digest))
        return here
