"""What a node knows: folded from its own log, the logs it writes and the logs it reads.

Nothing else.

The state is the one mutable value of the core. Only `relto.node.fold` writes it, one entry at a
time, so that replaying the journal gives the same state, to the digest. What grows with the years
(closed cases with their lines of the register, items) is forgotten now and then and found again in
the journal, so that a node of many years is as small as a young one (ADR-0024).
"""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import chain
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace
from whenever import Instant

from relto.codec.pack import PackedError, pack, unpack
from relto.custody import CustodyState, RegisterLine, Side, line_key
from relto.exchange import CaseFile, CaseState
from relto.journal import KeyRing
from relto.model.delegation import Delegations
from relto.model.label import Label
from relto.model.message import FileRef, LawRef, Quarantined
from relto.model.party import PRECEDENCE_ORDER, Precedence
from relto.node.archive import Archive, Forgotten, Stock, newest_first
from relto.seal import digest
from relto.units import CaseId, Digest, HoldingId, PartyCode, TopicId, covers

STATE_VERSION: Final = 8


class Peer(Struct, frozen=True, kw_only=True):
    """A pinned partner.

    Args:
        party: Whose card.
        card: The newest signed card, as it was compared or announced.
        fingerprint: Of that card.
        ring: All keys the partner has had, newest first.
        former: The card before, when the partner itself announced the newest; empty when people
            compared it, since then the keys before may be in other hands.
    """

    party: PartyCode
    card: bytes
    fingerprint: str
    ring: KeyRing
    former: bytes = b""


class Head(Struct, frozen=True, kw_only=True):
    """How far a log has been folded."""

    number: int
    at: Instant


class Parcel(Struct, frozen=True, kw_only=True):
    """A sealed package on its way.

    Args:
        digest: Its address.
        size_bytes: Its length.
        partner: Where it comes from, or goes to.
        case: The case it belongs to.
        number: The release's number in its log.
        precedence: Most urgent first.
    """

    digest: Digest
    size_bytes: int
    partner: PartyCode
    case: CaseId
    number: int
    precedence: Precedence

    @property
    def urgency(self) -> tuple[int, int, str]:
        """Sorts the most urgent first, then the oldest."""
        return (-PRECEDENCE_ORDER.index(self.precedence), self.number, self.digest)


class Relabelled(Struct, frozen=True, kw_only=True):
    """The label that this party, as its originator, has last given an item.

    Args:
        label: Instead of the one it was registered with.
        at: The clock of the entry that said so.
    """

    label: Label
    at: Instant


class State(Struct, kw_only=True):
    """Everything a node knows.

    Args:
        party: Whose node.
        is_exercise: Runs on an exercise clock.
        heads: Per log (`JPN/KOR`), how far it has been folded.
        law: The law adopted; `None` before the first adoption, and then nothing is released.
        law_files: The adopted files.
        delegations: Standing authorities, and from which level two officers approve; `None` when
            there are none.
        margin_seconds: A release also has to be lawful this long ahead.
        peers: Pinned partners.
        key_changes: Per partner, the numbers of the entries that announced this party's new keys.
        stock: Items registered since the state last forgot, by the party's own id.
        stock_count: How many items have ever been registered.
        relabelled: Items of this party's own whose label it has changed, by id; never forgotten.
        open: Cases in which somebody has to act.
        closed: Cases that were closed since the state last forgot, without their texts.
        register: Custody lines of the cases in memory, by key.
        outgoing: Packages that partners may still fetch, by digest.
        incoming: Packages this node still wants, by digest.
        clock_offset_seconds: Exercise time minus the world's.
        quarantine: What was not accepted, latest last; bounded.
        repeats: How often something came that had come before.
        archive: Finds what was forgotten; `None` before anything was. Never written down.
    """

    party: PartyCode
    is_exercise: bool = False
    version: int = STATE_VERSION
    heads: dict[str, Head] = field(default_factory=dict)
    law: LawRef | None = None
    law_files: tuple[FileRef, ...] = ()
    delegations: Delegations | None = None
    margin_seconds: int = 0
    peers: dict[PartyCode, Peer] = field(default_factory=dict)
    key_changes: dict[PartyCode, tuple[int, ...]] = field(default_factory=dict)
    stock: dict[HoldingId, Stock] = field(default_factory=dict)
    stock_count: int = 0
    relabelled: dict[HoldingId, Relabelled] = field(default_factory=dict)
    open: dict[CaseId, CaseFile] = field(default_factory=dict)
    closed: dict[CaseId, CaseFile] = field(default_factory=dict)
    register: dict[str, RegisterLine] = field(default_factory=dict)
    outgoing: dict[Digest, tuple[Parcel, ...]] = field(default_factory=dict)
    incoming: dict[Digest, tuple[Parcel, ...]] = field(default_factory=dict)
    clock_offset_seconds: int = 0
    quarantine: list[tuple[CaseId | None, Quarantined]] = field(default_factory=list)
    repeats: int = 0
    archive: Archive | None = None

    def is_linked(self, party: PartyCode) -> bool:
        """Tell whether a party is a partner whose newest card has not been revoked."""
        peer = self.peers.get(party)
        return peer is not None and peer.ring.spans[0].revoked_at is None

    def case(self, case: CaseId) -> CaseFile | None:
        """Find a case, open or closed."""
        found = self.open.get(case) or self.closed.get(case)
        if found is None and self.archive is not None:
            kept = self.archive.case(case)
            return None if kept is None else kept.file
        return found

    def line(self, *, side: Side, case: CaseId, holding: HoldingId) -> RegisterLine | None:
        """Find a line of the register."""
        key = line_key(side=side, case=case, holding=holding)
        if case in self.open or case in self.closed or self.archive is None:
            return self.register.get(key)
        kept = self.archive.case(case)
        lines = () if kept is None else kept.lines
        return next((line for line in lines if line.key == key), None)

    def untold(self) -> tuple[RegisterLine, ...]:
        """Give what was given on here, is lost there, and was not reported to where it came from.

        Source: docs/spec/exchange.md EX-56.
        """
        return tuple(line for line in self.register.values() if self._is_untold(line))

    def _is_untold(self, line: RegisterLine) -> bool:
        if line.side is not Side.GIVEN or line.state is not CustodyState.LOST:
            return False
        key = line_key(side=Side.RECEIVED, case=line.case, holding=line.holding)
        own = self.register.get(key)
        return own is not None and own.state in {CustodyState.HELD, CustodyState.RECALLED}

    def name_received(self, holding: HoldingId, *, of: PartyCode, case: CaseId) -> HoldingId:
        """Name a received item: who made it, its id there, and the case if that is taken.

        So that it never meets another.
        """
        stem = HoldingId(f"{of.lower()}.{holding}")
        return stem if self.item(stem) is None else HoldingId(f"{stem}.{case}")

    def item(self, holding: HoldingId) -> Stock | None:
        """Find an item by the party's own id, under the label that it has today if it is its own.

        Source: docs/spec/exchange.md EX-58.
        """
        found = self.stock.get(holding)
        if found is None and self.archive is not None:
            found = self.archive.item(holding)
        return None if found is None else self._today(found)

    def _today(self, stock: Stock) -> Stock:
        """Give an item of this party's own the label that this party has last given it."""
        given = self.relabelled.get(stock.holding.id)
        if given is None or stock.source is not None or stock.holding.originator != self.party:
            return stock
        return replace(stock, holding=replace(stock.holding, label=given.label))

    def items(self, topics: Sequence[TopicId] | None = None) -> Iterator[Stock]:
        """Give items, the newest first, then by id; read only as far as somebody wants.

        Args:
            topics: Those at or below any of these topics; `None` for all.
        """
        recent = [
            one
            for one in self.stock.values()
            if topics is None
            or any(covers(root, topic) for root in topics for topic in one.holding.topics)
        ]
        recent.sort(key=newest_first)
        archive = self.archive
        if archive is None:
            yield from map(self._today, recent)
            return
        older = (archive.items(topic) for topic in ((None,) if topics is None else topics))
        seen: HoldingId | None = None
        for one in merge(recent, *older, key=newest_first):
            # One item may be about several of the topics; its places are next to each other.
            if one.holding.id != seen:
                yield self._today(one)
            seen = one.holding.id

    def keeps(self, content: Digest, *, besides: HoldingId | None = None) -> bool:
        """Tell whether an item has this content that nobody has certified to have destroyed.

        Args:
            content: By its digest.
            besides: An item that does not count; `None` for no such.
        """
        recent = (one for one in self.stock.values() if one.holding.digest == content)
        older = () if self.archive is None else self.archive.with_content(content)
        return any(
            one.holding.id != besides and not self._is_destroyed(one)
            for one in chain(recent, older)
        )

    def _is_destroyed(self, one: Stock) -> bool:
        if one.source is None or one.case is None:
            return False
        line = self.line(side=Side.RECEIVED, case=one.case, holding=one.reference)
        return line is not None and line.state is CustodyState.DESTROYED

    def unnamed(self, digests: Sequence[Digest]) -> tuple[Digest, ...]:
        """Give those under which nothing lies beside the journal that anybody still needs.

        A digest is named when an item has it for its content, or when it is a package that travels,
        or of a release in a case in which somebody has to act.

        Source: docs/spec/exchange.md EX-57.
        """
        packages = {
            item.package.digest
            for file in self.open.values()
            for release in (file.arrived, file.released)
            if release is not None
            for item in release.message.items
        }
        named = packages.union(self.incoming, self.outgoing)
        return tuple(one for one in digests if one not in named and not self.keeps(one))

    # ------------------------------------------------------------ forgetting

    def bring_back(self, case: CaseId) -> None:
        """Take the lines of a forgotten case back into memory, before an entry changes it."""
        if case in self.open or case in self.closed or self.archive is None:
            return
        kept = self.archive.case(case)
        if kept is not None:
            self.register.update({line.key: line for line in kept.lines})

    def forget(self) -> Forgotten:
        """Let go of what is found again through the archive: closed cases and items.

        The caller sees to it that the archive finds them from now on. A closed case stays while an
        item of it is to be destroyed or its loss to be reported here, so that it can be listed.
        """
        withdrawn = tuple(
            stock
            for line in self.register.values()
            if line.side is Side.RECEIVED and line.state is not CustodyState.HELD
            for stock in self._received(line)
        )
        forgotten = Forgotten(items=tuple(self.stock.values()), withdrawn=withdrawn)
        self.stock = {}
        self.closed, self.register = self._lasting()
        return forgotten

    def _received(self, line: RegisterLine) -> Iterator[Stock]:
        file = self.case(line.case)
        for holding in () if file is None else file.held:
            stock = self.item(holding)
            if stock is not None and stock.reference == line.holding:
                yield stock

    def _lasting(self) -> tuple[dict[CaseId, CaseFile], dict[str, RegisterLine]]:
        """Closed cases that stay in memory, and the lines of all that do, in one order."""
        due = {
            line.case
            for line in self.register.values()
            if (line.side is Side.RECEIVED and line.state is CustodyState.RECALLED)
            or self._is_untold(line)
        }
        closed = {case: self.closed[case] for case in sorted(due) if case in self.closed}
        lines = {
            key: line
            for key, line in sorted(self.register.items())
            if line.case in closed or line.case in self.open
        }
        return closed, lines

    def snapshot(self) -> bytes:
        """Give the state as bytes: a cache of what replaying the journal would give."""
        return pack(replace(self, archive=None))

    def digest(self) -> Digest:
        """Give one digest over what stays in memory for as long as somebody has to act.

        Equal states have equal digests, whenever each has forgotten. What is forgotten is not in
        it: that is read from the entries up to `heads`, which are.
        """
        closed, register = self._lasting()
        lasting = replace(self, closed=closed, register=register, stock={}, archive=None)
        return digest(pack(lasting))


def restore_state(snapshot: bytes) -> State:
    """Read a snapshot back.

    Raises:
        PackedError: Not a snapshot of this version; replay the journal instead.
    """
    state = unpack(snapshot, State)
    if state.version != STATE_VERSION:
        raise PackedError(f"a snapshot of version {state.version}, expected {STATE_VERSION}")
    return state


def shrink(file: CaseFile) -> CaseFile:
    """Keep of a closed case what later entries are checked against, and drop its texts.

    An aborted release may still be receipted, when the two crossed; so it stays. Whose yes it was
    is in the release.
    """
    is_aborted = file.state is CaseState.ABORTED
    return replace(
        file,
        request=None,
        hops=(),
        queued=None,
        is_relabelled=False,
        officers=(),
        approvals=(),
        consent_asked=None,
        consents=(),
        arrived=file.arrived if is_aborted else None,
        released=file.released if is_aborted else None,
        refused=None,
        unroutable=None,
        quarantined=None,
        steps=(),
    )
