"""`relto serve`: a node with its two ports, until it is told to stop.

Wires the service, the link port and the officers' port together. Logs events, one line each; never
a key, never a content, never what a partner wrote beyond codes and numbers.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import SystemRandom

import structlog
from msgspec import Struct
from whenever import Instant

from relto.adapters.https_link import (
    Endpoint,
    EndpointError,
    Identity,
    LinkPort,
    PartnerCaller,
    PinnedContext,
    Pins,
    bind,
    endpoint_of,
)
from relto.adapters.keys import NodeKeys, is_of_party, valid_until
from relto.adapters.service import Calling, NodeService, Rates
from relto.console.forms import decode_order, encode_answer
from relto.console.home import Config, Dial
from relto.console.node import OpenNode, change_keys, open_home, prepare_keys
from relto.console.office import NotYetError, card_answer, partner_card
from relto.console.orders import CardAnswer, LinkLine, RotateKeys
from relto.console.port import OfficersPort
from relto.driver import Hook, no_fault
from relto.errors import ReltoError, WorldError
from relto.node import By
from relto.units import PartyCode

# Which side of a link calls, by whether this node does and whether its partner can.
_NOBODY = "nobody"
_CALLS = {
    (True, True): Dial.BOTH,
    (True, False): Dial.US,
    (False, True): Dial.THEM,
    (False, False): _NOBODY,
}
# Who changes the keys; a claim, so that two workers do not do it at once.
_CHANGE = "keys"
# From so many days before its end on, a start says when the links' certificate runs out.
_WARNED_DAYS = 90
# The answer to the order that ends this run reaches its sender first.
_ANSWER_SECONDS = 0.05
# Certificates of one partner, while it does not know that its newest one is pinned here.
_PINNED_MAX = 8
# So often a start says how far it is.
_READING_SECONDS = 5.0


def identity_of(keys: NodeKeys) -> Identity:
    """Give the certificate of a set of keys, as links show it."""
    return Identity(
        certificate=keys.tls_certificate_file, key=keys.tls_key_file, pinned=keys.certificate
    )


def bind_link(config: Config) -> socket.socket | None:
    """Take the address on which a node listens for partners; `None` when it only calls.

    Raises:
        PortError: It is taken.
    """
    if not config.listen:
        return None
    host, _, port = config.listen.rpartition(":")
    return bind(host.strip("[]"), int(port))


class BugError(WorldError):
    """The node hit a bug while it carried out an order; nothing of the order has happened."""

    code = "world.bug"
    hint_default = "its log has the details"


class Taken(Struct, frozen=True, kw_only=True):
    """What a worker is handed by whoever started it, and shares with the others.

    Args:
        link: The socket on which partners call; `None` when the node only calls.
        officers: The socket on which officers' commands call.
    """

    link: socket.socket | None
    officers: socket.socket


class RunningNode:
    """A node whose ports are open.

    Args:
        node: Open in this process.
        log: Takes events.
        taken: Its sockets, where it is one of several workers; `None` opens its own.
    """

    def __init__(
        self, node: OpenNode, *, log: structlog.stdlib.BoundLogger, taken: Taken | None = None
    ) -> None:
        """Wire the parts; `run` opens the ports."""
        self._node = node
        self._log = log
        self._taken = taken
        self._pins = Pins()
        self._calls: dict[PartyCode, str] = {}
        self.new_keys_by: By | None = None
        # While a partner has not heard of newer keys, it is shown the certificate that it knows.
        oldest = max(node.driver.behind().values(), default=0) + (not node.driver.is_announced)
        sets = (node.keys, *node.keys.former[:oldest])
        self._identities = tuple(identity_of(keys) for keys in sets)
        self._context = PinnedContext.listening(*self._identities, pins=self._pins)
        self.service = NodeService(
            node.driver,
            card=node.card.signed,
            reach=self._reach,
            jitter=SystemRandom().random,
            report=self._report,
            crew=node.crew,
            rates=Rates(
                entries_per_second=node.config.partner_entries_per_second,
                bytes_per_second=node.config.partner_bytes_per_second,
            ),
        )
        self._link_port = LinkPort(self.service, context=self._context, report=self._turned_away)
        officers = None if taken is None else taken.officers.dup()
        self._officers = OfficersPort(node.home.directory, self._answer, taken=officers)
        self.listens_at = ""

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Open the ports and run until `stop`.

        Args:
            ready: Called once both ports are open.

        Raises:
            PortError: The address to listen on is taken.
        """
        node = self._node
        node.office.service = self
        node.office.sweep()
        try:
            self.service.follow_partners()
            link = bind_link(node.config) if self._taken is None else self._taken.link
            if link is not None:
                at = await self._link_port.open_on(link if self._taken is None else link.dup())
                self.listens_at = f"{at[0]}:{at[1]}"
            await self._officers.open()
            self._log.info("serving", party=node.config.party, link=self.listens_at)
            self._warn_of_the_end()
            ready()
            await self.service.run()
        finally:
            await self._officers.close()
            await self._link_port.close()
            node.office.service = None
            self._log.info("stopped", party=node.config.party)

    def _warn_of_the_end(self) -> None:
        """Say in good time that the links' certificate runs out: they are down then, all of them.

        By the machine's clock, also on a node in exercise: TLS checks dates by it.
        """
        until = valid_until(self._node.card.card.certificate)
        if until is not None and until <= Instant.now().add(hours=24 * _WARNED_DAYS):
            self._log.warning("certificate_ends", at=str(until), next="relto key rotate")

    def stop(self) -> None:
        """End `run`."""
        self.service.stop()

    # ---------------------------------------------------------------- partners

    def _reach(self, partner: PartyCode) -> Calling:
        """Pin a partner's certificate, and say how it is called."""
        self._calls[partner] = _NOBODY
        driver = self._node.driver
        peer = driver.node.state.peers[partner]
        card = partner_card(peer.card)
        if not driver.node.state.is_linked(partner):
            self._log.warning("card_revoked", partner=partner)
            self._pins.replace(partner, ())
            return Calling(caller=None, is_pulling=False)
        if not is_of_party(card.certificate, partner):
            # A partner may announce any card; with this one it has locked itself out (LK-21).
            self._log.warning("card_unusable", partner=partner)
            self._pins.replace(partner, ())
            return Calling(caller=None, is_pulling=False)
        if self._pins.of(partner)[:1] != (card.certificate,):
            # Until the partner knows that the new one is pinned here, as long as its keys count.
            has_former = bool(peer.former) and len(peer.ring.usable(driver.now(), is_live=True)) > 1
            # With several changes at once it still shows the one that was pinned before them.
            kept = (
                (partner_card(peer.former).certificate, *self._pins.of(partner))
                if has_former
                else ()
            )
            self._pins.replace(partner, (card.certificate, *kept)[:_PINNED_MAX])
        elif not peer.former:
            self._pins.settle(partner, card.certificate)
        dial = self._node.config.dials(partner)
        endpoints = self._callable(partner, card.endpoints)
        can_call = bool(endpoints) and dial is not Dial.THEM
        can_be_called = bool(self._node.config.endpoints) and dial is not Dial.US
        self._calls[partner] = _CALLS[can_call, can_be_called]
        if not can_call:
            return Calling(caller=None, is_pulling=False)
        caller = PartnerCaller(
            partner,
            endpoints,
            identity=self._identities[self._place(partner)],
            pins=self._pins,
        )
        return Calling(caller=caller, is_pulling=not can_be_called)

    def _callable(self, partner: PartyCode, endpoints: tuple[str, ...]) -> list[Endpoint]:
        """Keep the endpoints that may be called; a partner can put any on a later card (FL-31)."""
        kept: list[Endpoint] = []
        for endpoint in endpoints:
            try:
                kept.append(endpoint_of(endpoint))
            except EndpointError as error:
                self._log.warning("endpoint_unusable", partner=partner, words=error.message)
        return kept

    def _place(self, partner: PartyCode) -> int:
        """0 when a partner knows our newest certificate, 1 when it knows the one before, and on."""
        driver = self._node.driver
        return driver.behind().get(partner, 0) + (not driver.is_announced)

    def link(self, partner: PartyCode) -> LinkLine:
        """See `Service.link`."""
        health = self.service.health(partner)
        return LinkLine(
            partner=partner,
            calls=self._calls.get(partner, _NOBODY),
            state=health.state,
            error=health.error,
            failures=health.failures,
            heard_at=self.service.heard_at.get(partner),
            slowed=self.service.allowances.slowed(partner),
        )

    def reconcile(self, partner: PartyCode) -> None:
        """See `Service.reconcile`."""
        self.service.reconcile(partner)

    # ---------------------------------------------------------------- officers

    async def _answer(self, data: bytes) -> bytes:
        try:
            order = decode_order(data)
            if isinstance(order, RotateKeys):
                return encode_answer(await self._change_keys(order))
            answer = await self.service.call(lambda: self._node.office.answer(order))
        except ReltoError as error:
            return encode_answer(error)
        except Exception:  # noqa: BLE001 -- the last-resort handler of one order: logged whole, the node goes on
            self._log.exception("order_broke")
            return encode_answer(BugError("the order could not be carried out"))
        return encode_answer(answer)

    async def _change_keys(self, order: RotateKeys) -> CardAnswer:
        """Make new keys and tell their card; the node then opens anew and announces them."""
        crew = self._node.crew
        if crew is not None and not await self.service.call(lambda: crew.claim(_CHANGE)):
            raise NotYetError("another officer is changing the keys", hint="look again in a moment")
        card = await self.service.call(lambda: prepare_keys(self._node))
        self.new_keys_by = order.by
        asyncio.get_running_loop().call_later(_ANSWER_SECONDS, self.service.stop)
        return card_answer(card)

    # ---------------------------------------------------------------- events

    def _report(self, event: str, partner: PartyCode | None, words: str) -> None:
        self._log.info(event, partner=partner, words=words)
        if event == "destroyed" and partner == self._node.driver.party:
            self._node.office.sweep()

    def _turned_away(self, who: str, why: str) -> None:
        self._log.warning("turned_away", who=who, why=why)


def serve_home(directory: Path, *, as_json: bool, fault: Hook = no_fault) -> None:
    """Run a node until SIGTERM or SIGINT.

    Args:
        directory: The node's.
        as_json: Log events as JSON.
        fault: Called at every named place of the driver; tests crash there.

    Raises:
        HomeError: Not a node's directory.
        StoreLockedError: The node runs already.
        PortError: The address to listen on is taken.
    """
    log = event_logger(as_json=as_json)
    serve_open(directory, log=log, fault=fault)


def serve_open(
    directory: Path,
    *,
    log: structlog.stdlib.BoundLogger,
    fault: Hook = no_fault,
    taken: Taken | None = None,
    until: int | None = None,
) -> None:
    """Open a node and run it; open it anew whenever its keys have changed.

    Args:
        directory: The node's.
        log: Takes events.
        fault: As for `serve_home`.
        taken: As for `RunningNode`; then the store is shared.
        until: A file whose end ends the run, too; `None` for none.
    """
    is_shared = taken is not None
    while True:
        progress = _Reading(log)
        with open_home(directory, is_shared=is_shared, fault=fault, progress=progress.tell) as node:
            running = RunningNode(node, log=log, taken=taken)
            asyncio.run(_run(running, until=until))
        if running.new_keys_by is not None:
            card = change_keys(directory, by=running.new_keys_by, is_shared=is_shared)
            log.info("keys_changed", serial=card.card.serial, fingerprint=card.fingerprint)
        elif not running.service.is_outdated:
            return


class _Reading:
    """Says now and then how far a node is that reads its whole journal.

    Args:
        log: Takes events.
    """

    def __init__(self, log: structlog.stdlib.BoundLogger) -> None:
        self._log = log
        self._next = 0.0

    def tell(self, done: int, of: int) -> None:
        """Log an event every few seconds, and one at the end."""
        if time.monotonic() >= self._next or done == of:
            self._log.info("reading_journal", entries=done, of=of)
            self._next = time.monotonic() + _READING_SECONDS


async def _run(running: RunningNode, *, until: int | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, running.stop)
    if until is not None:
        loop.add_reader(until, running.stop)
    await running.run(ready=lambda: None)


def event_logger(*, as_json: bool) -> structlog.stdlib.BoundLogger:
    """Give what writes events to stderr, one line each, in one piece: workers share the stream."""
    import sys

    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.BoundLogger,
    )
    return logger
