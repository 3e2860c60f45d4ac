"""What the link port needs from the node behind it; a node's service is one, tests make others."""

from typing import Protocol

from relto.units import Digest, PartyCode


class Desk(Protocol):
    """The node behind the link port; each method is called with a partner that the pins named.

    A method may raise any `ReltoError`; the caller then gets its code and nothing else.
    """

    def wait_seconds(self, partner: PartyCode) -> float:
        """How long no frame of this partner is taken, because it has sent more than its share."""
        ...

    async def exchange(self, partner: PartyCode, frame: bytes, *, wait_seconds: int) -> bytes:
        """Take a frame and answer once its entries are durable.

        With nothing to say, hold the answer up to `wait_seconds` in case something turns up. A
        `PeerError` with `retry_seconds` tells the partner when to come again.
        """
        ...

    async def card(self) -> bytes:
        """Give this node's card."""
        ...

    async def offered_bytes(self, partner: PartyCode, digest: Digest) -> int | None:
        """Give the size of a package released to this partner; `None` when there is none."""
        ...

    async def read_package(
        self, partner: PartyCode, digest: Digest, *, offset: int, size: int
    ) -> bytes:
        """Read a piece of a package that `offered_bytes` knows."""
        ...

    async def wanted_bytes(self, partner: PartyCode, digest: Digest) -> int | None:
        """Give the size of a package that this partner announced and still owes, or `None`."""
        ...

    async def received_bytes(self, partner: PartyCode, digest: Digest) -> int:
        """Give how much of a wanted package is here already."""
        ...

    async def write_package(
        self, partner: PartyCode, digest: Digest, *, offset: int, piece: bytes
    ) -> int:
        """Keep the next piece of a wanted package; gives how much is here then.

        The last piece is answered once the whole is durable and its digest has been checked.
        """
        ...
