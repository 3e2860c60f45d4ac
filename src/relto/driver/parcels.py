"""Packages too large to travel with their entry: by range, resumable, the most urgent first.

Source: docs/spec/exchange.md EX-39, EX-40, EX-59.
"""

from relto.driver.exchanges import Exchanges
from relto.driver.loop import Turn
from relto.driver.workshop import Job
from relto.errors import PeerError
from relto.limits import PACKAGE_INLINE_BYTES_MAX
from relto.node import PackageArrived, PackageAsked, PackageLost, Parcel, Proceed
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
            parcel for parcel in self.node.wanted(partner) if not self._is_here(parcel.digest)
        )

    def owed(self, partner: PartyCode) -> tuple[Parcel, ...]:
        """Give the packages that a partner has not receipted, the most urgent first.

        To push when it cannot dial.
        """
        return self.node.owed(partner)

    def is_apart(self, digest: Digest) -> bool:
        """Tell whether a package lies in a file: then it travels by range, however small it is.

        What is sealed from a content that lies in a file lies in one, too.
        """
        return self._cabinet.is_complete(digest)

    def offered_bytes(self, partner: PartyCode, digest: Digest) -> int | None:
        """Give the size of a package released to this partner; `None` when there is none for it."""
        parcel = self.node.parcel(digest, partner)
        return None if parcel is None else parcel.size_bytes

    def read_package(self, partner: PartyCode, digest: Digest, *, offset: int, size: int) -> bytes:
        """Read a piece of a package that was released to this partner, if it may still go (FL-36).

        A partner that has had all of it and begins anew has thrown it away: then it is looked at,
        whether the disk has changed it (EX-59).

        Raises:
            NoSuchPackageError: None such for this partner, or its instrument has ended under way.
        """
        if self.reconciling():
            raise NoSuchPackageError("the node hears from its partners first")
        with self._turn() as turn:
            self._feed(turn, PackageAsked(digest=digest, partner=partner))
            parcel = self._node.parcel(digest, partner)
            piece = b""
            try:
                if parcel is not None:
                    piece = self._read(turn, parcel, offset=offset, size=size)
            except (BlobMissingError, BlobMismatchError):
                # It went with a disk, or rots on it: say so, and let nobody wait for it (FL-17).
                self._feed(turn, PackageLost(digest=digest, partner=partner))
                parcel = None
        if parcel is None:
            raise NoSuchPackageError("no such package for this partner")
        self._workshop.gave(digest, partner=partner, count=len(piece))
        return piece

    def _read(self, turn: Turn, parcel: Parcel, *, offset: int, size: int) -> bytes:
        """Read a piece; a large package that is doubted is looked at by a job where one may be.

        Raises:
            BlobMissingError: It is not here.
            BlobMismatchError: What is here is not what was released.
        """
        digest, whole = parcel.digest, parcel.size_bytes
        if offset == 0 and self._workshop.is_doubted(
            digest, partner=parcel.partner, size_bytes=whole
        ):
            if self._workshop.is_open and whole > PACKAGE_INLINE_BYTES_MAX:
                self._workshop.look_at(
                    digest,
                    case=parcel.case,
                    partner=parcel.partner,
                    precedence=parcel.precedence,
                )
            else:
                self._cabinet.verify(turn.tx, digest)
        piece = self._cabinet.read(turn.tx, digest, offset=offset, count=size)
        if len(piece) < min(size, whole - offset):
            raise BlobMismatchError("the bytes on the disk end too early")
        return piece

    def wanted_bytes(self, partner: PartyCode, digest: Digest) -> int | None:
        """Give the size of a package that this partner announced and still owes.

        `None` for any other.
        """
        parcel = self._wanted_parcel(partner, digest)
        return None if parcel is None else parcel.size_bytes

    def _wanted_parcel(self, partner: PartyCode, digest: Digest) -> Parcel | None:
        for parcel in self.node.wanted(partner):
            if parcel.digest == digest:
                return parcel
        return None

    def received_bytes(self, partner: PartyCode, digest: Digest) -> int:
        """Give how much of a wanted package is here already."""
        size = self.wanted_bytes(partner, digest)
        if size is None:
            return 0
        return size if self._is_here(digest) else self._cabinet.received_bytes(digest)

    def _is_here(self, digest: Digest) -> bool:
        """Every byte has come; a large package may still be checked."""
        return self._workshop.is_checking(digest) or self._cabinet.is_complete(digest)

    def write_package(
        self, partner: PartyCode, digest: Digest, *, offset: int, piece: bytes
    ) -> int:
        """Keep the next piece of a wanted package.

        With the last piece it is checked, opened and receipted, by jobs where they are wanted.

        Returns:
            How much is here now.

        Raises:
            NoSuchPackageError: Nobody wants it from this partner.
            BadPackageBytesError: The whole is not the package that was named.
        """
        parcel = None if self.reconciling() else self._wanted_parcel(partner, digest)
        if parcel is None or offset + len(piece) > parcel.size_bytes:
            raise NoSuchPackageError("nobody wants this package from this partner")
        size = parcel.size_bytes
        if self._workshop.is_checking(digest):
            return size
        here = self._cabinet.receive(digest, offset=offset, piece=piece)
        if here >= size and self._workshop.is_open and size > PACKAGE_INLINE_BYTES_MAX:
            self._check(parcel)
        elif here >= size:
            self._complete(digest, size_bytes=size)
        return here

    def _complete(self, digest: Digest, *, size_bytes: int) -> None:
        """Check a package of which everything is here, and go on with whoever waits for it."""
        try:
            self._cabinet.complete(digest, size_bytes=size_bytes)
        except BlobMismatchError as error:
            raise BadPackageBytesError("the bytes are not the package that was named") from error
        self._arrived(digest)

    def _arrived(self, digest: Digest) -> None:
        self._fault("after-blob")
        with self._turn() as turn:
            self._feed(turn, PackageArrived(digest=digest))

    # ------------------------------------------------------------ work on large ones

    def put_off_large(self) -> None:
        """Seal, check and open large packages by jobs from now on, and not within a turn (EX-53).

        Whoever calls this takes the jobs: `job = driver.next_job()`, `job.run()` anywhere, then
        `driver.finish(job)`.
        """
        self._workshop.is_open = True
        self._check_arrived()

    def _check_arrived(self) -> None:
        """Check what has come whole and was not checked, because whoever was to is no more."""
        if not self._workshop.is_open:
            return
        for parcels in self.node.state.incoming.values():
            for parcel in parcels[:1]:
                if self._cabinet.received_bytes(parcel.digest) == parcel.size_bytes:
                    self._check(parcel)

    def _check(self, parcel: Parcel) -> None:
        self._workshop.check(
            parcel.digest,
            size_bytes=parcel.size_bytes,
            partner=parcel.partner,
            precedence=parcel.precedence,
        )

    def is_checking(self, digest: Digest) -> bool:
        """Tell whether every byte of a package has come, and a job checks them."""
        return self._workshop.is_checking(digest)

    def next_job(self) -> Job | None:
        """Take the most urgent piece of work on a large package; `None` when there is none."""
        if not self._workshop.is_open or self._is_stale:
            return None
        return self._workshop.take(self._node.state.open.__contains__)

    def finish(self, job: Job) -> None:
        """Use what a job has made, if the node, asked again, still wants it.

        Raises:
            BadPackageBytesError: What arrived is not the package that was named; it is fetched
                again.
            WorldError: The disk failed; the node asks for the work again with the next tick.
        """
        if self._workshop.has_looked(job):
            self._looked(job)
            return
        if job.case is None and job.digest is not None:
            self._workshop.checked(job.digest)
            if isinstance(job.error, BlobMismatchError):
                message = "the bytes are not the package that was named"
                raise BadPackageBytesError(message) from job.error
            if job.error is not None:
                raise job.error
            self._arrived(job.digest)
            return
        assert job.case is not None
        if job.error is not None and not job.is_ready:
            self._workshop.drop(job)
            raise job.error
        if self.reconciling():
            return  # it says nothing new before it has heard; the next tick uses what was made
        self._workshop.ask_again(job.case)
        with self._turn() as turn:
            self._feed(turn, Proceed(case=job.case))
        self._workshop.tidy(job.case)

    def _looked(self, job: Job) -> None:
        """End a release whose package the disk has changed; one that is whole stays as it is."""
        assert job.digest is not None
        if isinstance(job.error, BlobMissingError | BlobMismatchError):
            if not self.reconciling():
                with self._turn() as turn:
                    self._feed(turn, PackageLost(digest=job.digest, partner=job.partner))
        elif job.error is not None:
            raise job.error
