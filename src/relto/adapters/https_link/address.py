"""Where a partner may be called: at the endpoints of its pinned card, and never inward (FL-31).

A name is resolved once for each connection, the addresses are judged, and exactly those are
dialled, so a name that changes its mind in between gains nothing. The partner's certificate is
pinned besides: whoever answers at the wrong address learns that somebody called, and no more.
"""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from msgspec import Struct

from relto.adapters.https_link.errors import EndpointError

_ENDPOINT: Final = re.compile(
    r"https://(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?))"
    r":(?P<port>[1-9][0-9]{0,4})"
)
# A host of digits and dots that is no dotted quad is an address in disguise: `127.1`, `2130706433`.
_NUMERIC: Final = re.compile(r"[0-9.]+|0[xX][0-9A-Fa-f.xX]*")


class Endpoint(Struct, frozen=True, kw_only=True):
    """A place on a card, taken apart.

    Args:
        host: A name, or an address without brackets.
        port: 1 to 65,535.
    """

    host: str
    port: int

    @property
    def url(self) -> str:
        """The endpoint as it stands on a card."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"


def endpoint_of(text: str) -> Endpoint:
    """Read an endpoint; nothing but a scheme, a host and a port may stand in it.

    Args:
        text: `https://node.example:8443`, `https://192.0.2.1:8443` or `https://[2001:db8::1]:8443`.

    Raises:
        EndpointError: Another form, or an address that no partner has.

    Source: docs/spec/link.md LK-7; reliability FL-31.
    """
    found = _ENDPOINT.fullmatch(text)
    if found is None or int(found["port"]) > 65_535:
        raise EndpointError("endpoint is not `https://host:port`")
    host = found["six"] or found["host"]
    address = _address_of(host)
    if address is None and (found["six"] is not None or _NUMERIC.fullmatch(host)):
        raise EndpointError("endpoint's address has no plain form")
    if address is not None and not _is_callable(address):
        raise EndpointError(f"no partner has the address `{host}`")
    return Endpoint(host=host, port=int(found["port"]))


def _address_of(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_callable(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether a partner may be called there.

    Loopback is allowed when the card itself says so, since nodes of an exercise share a machine;
    link-local (cloud metadata lives there), multicast, unspecified and mapped addresses never are.
    """
    if isinstance(address, IPv6Address) and (
        address.ipv4_mapped is not None
        or address.sixtofour is not None
        or address.teredo is not None
    ):
        return False
    return not (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or (address.is_reserved and not address.is_loopback)
    )


class JudgingResolver(AbstractResolver):
    """Resolves names of pinned endpoints and keeps only addresses where a partner may be."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        """Resolve through the system unless another resolver is given."""
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a host; a name may not lead to this machine or to an address no partner has.

        Args:
            host: Name or address from a pinned card.
            port: Its port.
            family: IPv4, IPv6 or both.

        Raises:
            OSError: Nothing is left to call.
        """
        found = await self._inner.resolve(host, port, family)
        kept: list[ResolveResult] = []
        for one in found:
            address = _address_of(one["host"])
            if address is None or not _is_callable(address):
                continue
            if address.is_loopback and host not in ("localhost", one["host"]):
                continue
            kept.append(one)
        if not kept:
            raise OSError("name leads to no address that a partner may have")
        return kept

    async def close(self) -> None:
        """Let go of the inner resolver."""
        await self._inner.close()
