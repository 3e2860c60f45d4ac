"""Where a partner may be called (FL-31)."""

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from relto.adapters.https_link import Endpoint, EndpointError, JudgingResolver, endpoint_of

GOOD = {
    "https://node.example:8443": Endpoint(host="node.example", port=8443),
    "https://192.0.2.1:1": Endpoint(host="192.0.2.1", port=1),
    "https://127.0.0.1:65535": Endpoint(host="127.0.0.1", port=65_535),
    "https://[2001:db8::1]:8443": Endpoint(host="2001:db8::1", port=8443),
}


@pytest.mark.parametrize("text", GOOD)
def test_an_endpoint_is_a_scheme_a_host_and_a_port(text: str) -> None:
    """LK-7."""
    assert endpoint_of(text) == GOOD[text]
    assert GOOD[text].url == text


BAD = {
    "no TLS": "http://node.example:8443",
    "a file": "file:///etc/passwd",
    "no port": "https://node.example",
    "port 0": "https://node.example:0",
    "a port too far": "https://node.example:65536",
    "a path": "https://node.example:8443/",
    "a query": "https://node.example:8443?x",
    "a user": "https://me@node.example:8443",
    "a line break": "https://node.example:8443\n",
    "Cyrillic": "https://n\u043ede.example:8443",
    "cloud metadata": "https://169.254.169.254:80",
    "link-local": "https://[fe80::1]:8443",
    "mapped loopback": "https://[::ffff:127.0.0.1]:8443",
    "6to4": "https://[2002:7f00:1::]:8443",
    "unspecified": "https://0.0.0.0:8443",
    "multicast": "https://224.0.0.1:8443",
    "broadcast": "https://255.255.255.255:8443",
    "a short quad": "https://127.1:8443",
    "one number": "https://2130706433:8443",
    "hexadecimal": "https://0x7f000001:8443",
    "octal": "https://0177.0.0.1:8443",
    "no address in brackets": "https://[::zz]:8443",
}


@pytest.mark.parametrize("name", BAD)
def test_fl_31_no_other_place_can_stand_on_a_card(name: str) -> None:
    """FL-31, LK-7."""
    with pytest.raises(EndpointError) as error:
        endpoint_of(BAD[name])
    assert error.value.hint


class Names(AbstractResolver):
    """A resolver that says what it is told."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.is_closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0)
            for one in self.addresses
        ]

    async def close(self) -> None:
        self.is_closed = True


def resolve(host: str, *addresses: str) -> list[str]:
    return [one["host"] for one in asyncio.run(JudgingResolver(Names(*addresses)).resolve(host))]


def test_a_name_leads_to_the_addresses_a_partner_may_have() -> None:
    """FL-31: of several, the bad ones are left out."""
    found = resolve("node.example", "192.0.2.1", "169.254.169.254", "127.0.0.1", "no-address")
    assert found == ["192.0.2.1"]


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "169.254.1.1", "::ffff:10.0.0.1", "0.0.0.0"]
)
def test_a_name_never_leads_inward(address: str) -> None:
    """FL-31: rebinding a name to this machine finds nobody to call."""
    with pytest.raises(OSError, match="no address"):
        resolve("node.example", address)


def test_this_machine_is_called_only_by_its_own_name() -> None:
    """Exercises on one machine are meant; a partner's name that leads here is not."""
    assert resolve("localhost", "127.0.0.1") == ["127.0.0.1"]
    assert resolve("127.0.0.1", "127.0.0.1") == ["127.0.0.1"]


def test_the_inner_resolver_is_let_go() -> None:
    names = Names()
    asyncio.run(JudgingResolver(names).close())
    assert names.is_closed
