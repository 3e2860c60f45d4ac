"""Large packages are sealed, checked and opened beside the node's turns, so that nobody waits.

A turn that comes to a large package leaves a job here and goes on with other things. Whoever runs
the driver takes the job, runs it anywhere, in another thread too, and hands it back in a turn of
its own. Only that turn uses what the job has made, and it asks the node, and so the law, again:
what is not wanted any more is destroyed. Jobs are in memory alone; after a restart the node asks
for them anew.

Source: docs/spec/exchange.md EX-53, EX-59; ADR-0025.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Generic, TypeAlias, TypeVar

from relto.driver.cabinet import Cabinet, Put
from relto.driver.packer import Packer
from relto.errors import PeerError
from relto.limits import PACKAGE_INLINE_BYTES_MAX, REMEMBERED_MAX
from relto.model.message import Held
from relto.model.party import PRECEDENCE_ORDER, Precedence
from relto.node import Append, Effect, OpenedItem, OpenOrder, SealedItem, SealOrder
from relto.ports import BlobMissingError, Transaction
from relto.seal import PackageTooLargeError
from relto.units import CaseId, Digest, PartyCode

# Trying again would not help: the package is not what it should be, or there is nothing to seal.
_FINAL: Final = (PeerError, BlobMissingError, PackageTooLargeError)

K = TypeVar("K")
T = TypeVar("T")


class Job:
    """Work on one large package.

    Args:
        case: Whose release it is; `None` for the check of a package that has arrived.
        digest: The package that has arrived, or is looked at; `None` for one that is to be sealed.
        partner: From whom it has come, or for whom it is to be sealed.
        precedence: How urgent.
    """

    def __init__(
        self,
        *,
        case: CaseId | None,
        digest: Digest | None,
        partner: PartyCode,
        precedence: Precedence,
    ) -> None:
        """Wait."""
        self.case = case
        self.partner = partner
        self.digest = digest
        self.precedence = precedence
        self.error: Exception | None = None
        self.is_taken = False
        self.is_done = False
        self.is_wanted = False
        self.is_used = False

    @property
    def is_ready(self) -> bool:
        """Something can be used: what was made, or that it can never be."""
        return self.is_done and (self.error is None or isinstance(self.error, _FINAL))

    def run(self) -> None:
        """Do the work; touches blobs and keys, and no state of the driver.

        What fails is told when the job is handed back.
        """
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 -- raised again by whoever takes the job back
            self.error = error
        self.is_done = True

    def _work(self) -> None:
        """Do the work."""
        raise NotImplementedError

    def throw_away(self) -> None:
        """Destroy what has been made and not used."""


class _Making(Job, Generic[T]):
    """A job that makes something."""

    def __init__(
        self,
        make: Callable[[], T],
        *,
        discard: Callable[[T], None],
        case: CaseId | None,
        digest: Digest | None,
        partner: PartyCode,
        precedence: Precedence,
    ) -> None:
        super().__init__(case=case, digest=digest, partner=partner, precedence=precedence)
        self._make = make
        self._discard = discard
        # What has been made; empty before.
        self.made: tuple[T, ...] = ()

    def _work(self) -> None:
        self.made = (self._make(),)

    def use(self) -> T:
        """Give what has been made.

        Raises:
            PeerError: The package does not hold what its release says.
            BlobMissingError: There was nothing to seal.
            PackageTooLargeError: There was too much.
        """
        self.is_used = True
        if self.error is not None:
            raise self.error
        (made,) = self.made
        return made

    def throw_away(self) -> None:
        if not self.is_used:
            for made in self.made:
                self._discard(made)


# An item, and whether its content had to be put away.
Unpacked: TypeAlias = tuple[OpenedItem, Put]
_SealKey: TypeAlias = tuple[CaseId, SealOrder, bytes]
_OpenKey: TypeAlias = tuple[CaseId, OpenOrder]


class Workshop:
    """Seals and opens: small packages at once, large ones by jobs while it is open.

    Args:
        packer: Does the work.
        cabinet: Where contents and packages lie.
        keeps: Whether an item has this content that nobody has certified to have destroyed; such a
            content is never thrown away.
    """

    def __init__(
        self, *, packer: Packer, cabinet: Cabinet, keeps: Callable[[Digest], bool]
    ) -> None:
        """Begin closed: everything is done at once."""
        self.is_open = False
        self._packer: Final = packer
        self._cabinet: Final = cabinet
        self._keeps: Final = keeps
        self._seals: dict[_SealKey, _Making[SealedItem]] = {}
        self._opens: dict[_OpenKey, _Making[Unpacked]] = {}
        self._checks: dict[Digest, _Making[None]] = {}
        self._looks: dict[Digest, _Making[None]] = {}
        # How much of a package a partner was given since it was last looked at.
        self._given: dict[tuple[PartyCode, Digest], int] = {}
        # When each partner's turn was, as a count of turns.
        self._served: dict[PartyCode, int] = {}
        # What the turn under way, or one that has failed, has put away.
        self._put_away: list[Digest] = []
        self._size = 0

    # ------------------------------------------------------------ what a turn asks for

    def seal(
        self,
        tx: Transaction,
        orders: Sequence[tuple[SealOrder, bytes]],
        *,
        case: CaseId,
        precedence: Precedence,
    ) -> Iterator[SealedItem] | None:
        """Give the packages for orders, each with its recipient's key; `None` while one is made.

        Raises:
            BlobMissingError: A content is not here; raised when its turn comes.
            PackageTooLargeError: So is this.
        """
        jobs = [
            self._to_seal(tx, order, key, case=case, precedence=precedence) for order, key in orders
        ]
        if not all(job is None or job.is_ready for job in jobs):
            return None
        return (
            self._packer.seal(tx, order, case=case, recipient_key=key) if job is None else job.use()
            for job, (order, key) in zip(jobs, orders, strict=True)
        )

    def open(
        self,
        tx: Transaction,
        orders: Sequence[OpenOrder],
        *,
        case: CaseId,
        precedence: Precedence,
        inline: Mapping[Digest, bytes],
    ) -> Iterator[Unpacked] | None:
        """Give what is inside packages that are here; `None` while one is opened.

        Raises:
            PeerError: One does not hold what its release says; raised when its turn comes.
        """
        jobs = [
            self._to_open(tx, order, case=case, precedence=precedence, inline=inline)
            for order in orders
        ]
        if not all(job is None or job.is_ready for job in jobs):
            return None

        def unpacked() -> Iterator[Unpacked]:
            for job, order in zip(jobs, orders, strict=True):
                package = inline.get(order.package.digest)
                one = (
                    self._packer.open(tx, order, case=case, inline=package)
                    if job is None
                    else job.use()
                )
                if one[1] is Put.BLOB:
                    self._put_away.append(one[0].content)
                yield one

        return unpacked()

    def throw_away(
        self, tx: Transaction, unpacked: Sequence[Unpacked], *, unless: Sequence[Effect]
    ) -> None:
        """Destroy contents that this turn has opened, or taken from a job, and does not register.

        Args:
            tx: The turn's.
            unpacked: What has been opened.
            unless: What the node wants now, in which an item may be registered.

        Source: docs/spec/exchange.md EX-22.
        """
        kept = {
            effect.message.holding.digest
            for effect in unless
            if isinstance(effect, Append) and isinstance(effect.message, Held)
        }
        for item, put in unpacked:
            # What a job has put away may have been registered since.
            if item.content not in kept and (put is Put.ROW or not self._keeps(item.content)):
                self._cabinet.take_back(tx, item.content, put)

    # ------------------------------------------------------------ when a turn ends

    @property
    def has_put_away(self) -> bool:
        """Whether the turn under way has put a large content away."""
        return bool(self._put_away)

    def committed(self, *, size: int) -> None:
        """What the turn has put away is durable; so long is the own log now."""
        self._put_away, self._size = [], size

    def folded(self, *, size: int) -> None:
        """Destroy what a failed turn has put away and the store, folded again, does not name.

        Where the own log is longer than before, the commit may have come through, or another worker
        has registered the same: then nothing is destroyed.
        """
        for content in self._put_away if size == self._size else ():
            if not self._keeps(content):
                self._cabinet.destroy(content)
        self.committed(size=size)

    # ------------------------------------------------------------ packages that have arrived

    def check(
        self, digest: Digest, *, size_bytes: int, partner: PartyCode, precedence: Precedence
    ) -> None:
        """Have a package checked whose last byte has come."""
        if digest not in self._checks:
            work = partial(self._cabinet.complete, digest, size_bytes=size_bytes)
            self._checks[digest] = _reading(
                work, digest, case=None, partner=partner, precedence=precedence
            )

    def is_checking(self, digest: Digest) -> bool:
        """Tell whether a package is complete and being checked."""
        return digest in self._checks

    def has_made(self, digest: Digest) -> bool:
        """Tell whether a job has made this, or checks it, and no turn has used it yet."""
        return (
            digest in self._checks
            or any(it.package.digest == digest for job in self._seals.values() for it in job.made)
            or any(it.content == digest for job in self._opens.values() for it, _ in job.made)
        )

    # ------------------------------------------------------------ packages that are fetched

    def gave(self, digest: Digest, *, partner: PartyCode, count: int) -> None:
        """Remember that a partner was given so many bytes of a package."""
        self._given[partner, digest] = self._given.pop((partner, digest), 0) + count
        while len(self._given) > REMEMBERED_MAX:
            del self._given[next(iter(self._given))]

    def is_doubted(self, digest: Digest, *, partner: PartyCode, size_bytes: int) -> bool:
        """Tell whether a partner that begins anew has had all of it, and so threw it away.

        Once for each time it has: nobody has more read here than was sent.
        """
        if self._given.get((partner, digest), 0) < size_bytes:
            return False
        self._given.pop((partner, digest), None)
        return True

    def look_at(
        self, digest: Digest, *, case: CaseId, partner: PartyCode, precedence: Precedence
    ) -> None:
        """Have a released package read, whether the disk has changed it."""
        if digest not in self._looks:
            work = partial(self._cabinet.verify, None, digest)
            self._looks[digest] = _reading(
                work, digest, case=case, partner=partner, precedence=precedence
            )

    def has_looked(self, job: Job) -> bool:
        """Tell whether a job looked at a released package; if so, it is forgotten."""
        if job.digest is None or self._looks.get(job.digest) is not job:
            return False
        del self._looks[job.digest]
        return True

    # ------------------------------------------------------------ who does the work

    def take(self, is_open_case: Callable[[CaseId], bool]) -> Job | None:
        """Take the most urgent job that waits; jobs of cases that are over are thrown away.

        Of equally urgent ones it is that of the partner whose turn was longest ago, so that what
        one partner sends or wants never holds up another's.
        """

        def is_over(job: Job) -> bool:
            return job.case is not None and not is_open_case(job.case)

        _sweep(self._seals, is_over)
        _sweep(self._opens, is_over)
        waiting = [job for job in self._jobs() if not job.is_taken]
        if not waiting:
            return None
        chosen = max(
            waiting,
            key=lambda job: (
                PRECEDENCE_ORDER.index(job.precedence),
                -self._served.get(job.partner, 0),
            ),
        )
        self._served[chosen.partner] = max(self._served.values(), default=0) + 1
        chosen.is_taken = True
        return chosen

    def checked(self, digest: Digest) -> None:
        """Forget the check of a package."""
        self._checks.pop(digest, None)

    def ask_again(self, case: CaseId) -> None:
        """Before a turn that asks the node about a case: nothing has been asked for yet."""
        for job in self._jobs():
            if job.case == case:
                job.is_wanted = False

    def tidy(self, case: CaseId) -> None:
        """After that turn: forget what was used, and throw away what nobody asked for."""

        def is_over(job: Job) -> bool:
            return job.case == case and (job.is_used or not job.is_wanted)

        _sweep(self._seals, is_over)
        _sweep(self._opens, is_over)

    def drop(self, failed: Job) -> None:
        """Forget a job that failed; the node asks for it again."""
        _sweep(self._seals, lambda job: job is failed)
        _sweep(self._opens, lambda job: job is failed)

    # ------------------------------------------------------------ inside

    def _jobs(self) -> tuple[Job, ...]:
        return (
            *self._checks.values(),
            *self._looks.values(),
            *self._seals.values(),
            *self._opens.values(),
        )

    def _to_seal(
        self,
        tx: Transaction,
        order: SealOrder,
        key: bytes,
        *,
        case: CaseId,
        precedence: Precedence,
    ) -> _Making[SealedItem] | None:
        """The job for an order; `None` for a small content, which is sealed at once."""
        if not self.is_open or self._cabinet.small(tx, order.blob) is not None:
            return None
        job = self._seals.get((case, order, key))
        if job is None or any(not self._cabinet.touch(it.package.digest) for it in job.made):
            job = self._seals[case, order, key] = _Making(
                partial(self._packer.seal, None, order, case=case, recipient_key=key),
                case=case,
                digest=None,
                partner=order.recipient,
                precedence=precedence,
                discard=lambda made: self._cabinet.destroy(made.package.digest),
            )
        job.is_wanted = True
        return job

    def _to_open(
        self,
        tx: Transaction,
        order: OpenOrder,
        *,
        case: CaseId,
        precedence: Precedence,
        inline: Mapping[Digest, bytes],
    ) -> _Making[Unpacked] | None:
        """The job for an order; `None` for a small package, which is opened at once."""
        package = order.package.digest
        is_small = (
            order.package.size_bytes <= PACKAGE_INLINE_BYTES_MAX
            or package in inline
            or self._cabinet.small(tx, package) is not None
        )
        if not self.is_open or is_small:
            return None
        job = self._opens.get((case, order))
        if job is None or self._has_gone(job):
            job = self._opens[case, order] = _Making(
                partial(self._packer.open_large, order, case=case),
                case=case,
                digest=package,
                partner=order.package.source,
                precedence=precedence,
                discard=self._discard_content,
            )
        job.is_wanted = True
        return job

    def _has_gone(self, job: _Making[Unpacked]) -> bool:
        """Whether what a job found here already was thrown away by another case since, or swept."""
        return any(not self._cabinet.touch(item.content) for item, _ in job.made)

    def _discard_content(self, made: Unpacked) -> None:
        """Destroy an opened content, unless it lay here before or an item has it now."""
        item, put = made
        if put is Put.BLOB and not self._keeps(item.content):
            self._cabinet.destroy(item.content)


def _reading(
    work: Callable[[], None],
    digest: Digest,
    *,
    case: CaseId | None,
    partner: PartyCode,
    precedence: Precedence,
) -> _Making[None]:
    """A job that reads a package and makes nothing that would have to be thrown away."""
    return _Making(
        work,
        discard=lambda _: None,
        case=case,
        digest=digest,
        partner=partner,
        precedence=precedence,
    )


def _sweep(jobs: dict[K, _Making[T]], is_over: Callable[[Job], bool]) -> None:
    """Remove jobs that are over; one that runs is left until it is handed back."""
    for key, job in tuple(jobs.items()):
        if is_over(job) and (job.is_done or not job.is_taken):
            job.throw_away()
            del jobs[key]
