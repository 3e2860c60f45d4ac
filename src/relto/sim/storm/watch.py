"""The watch: after every step it looks at every disk and every byte sent, and believes nobody.

It is written apart from the code it judges. It reads the disks and not the nodes, keeps its own
record of what was asked and planted, chains and roots the logs by itself, and asks the law through
the naive reference. Whatever it finds ends the run: there is no warning.

Spec: docs/guides/simulate.md, which lists what it looks for.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace
from whenever import Instant

from relto.codec import FRAME
from relto.codec.message import decode_message
from relto.errors import PeerError
from relto.exchange import Fact
from relto.model import Entry, Frame, Label, LogId
from relto.model.message import (
    ConsentGiven,
    DelegationsAdopted,
    Destroyed,
    Held,
    LawAdopted,
    LossReported,
    Message,
    OfficerStepped,
    Recalled,
    Receipted,
    Reclassified,
    Released,
    Step,
)
from relto.model.partner import KeyRevoked, PeerAdded
from relto.seal import SignatureError, check_ed25519, digest, digest_bytes
from relto.sim.store import Disk, MemoryBlobs
from relto.sim.storm.judge import Judge, Said
from relto.sim.storm.plan import Plan
from relto.sim.twins import TwinKeys
from relto.units import HoldingId, PartyCode

# Once in a log for each case, whatever happens.
_ONCE: Final = frozenset({"request", "release", "receipt", "unroutable"})
_STOCK: Final = frozenset({"held", "recall", "reclassified", "destroyed", "loss-reported"})
# What stands behind every judgement, also on a disk that was put back.
_ALWAYS: Final = (LawAdopted, DelegationsAdopted, PeerAdded, KeyRevoked)
_CANARY: Final = b"canary-"
_WORDS: Final = re.compile(rb"canary-([0-9a-f]{24})-")


class UnsafeError(AssertionError):
    """A promise was broken.

    Args:
        rule: Which, in one word.
        detail: What was seen.
    """

    def __init__(self, rule: str, detail: str) -> None:
        """Keep both."""
        super().__init__(f"{rule}: {detail}")
        self.rule = rule


class _Seen(Struct):
    """How far one disk has been looked at."""

    positions: int = 0
    rows: set[tuple[str, str]] = field(default_factory=set)
    notes: dict[LogId, bytes] = field(default_factory=dict)


class Watch:
    """Looks at everything after every step.

    Args:
        plan: What was planted and is asked.
        judge: Asks the law, naively.
        keys: Each party's Ed25519 public keys, old ones too; grows when keys are rotated.
        secrets: Each party's private bytes; grows too.
    """

    def __init__(
        self,
        plan: Plan,
        judge: Judge,
        *,
        keys: Mapping[PartyCode, list[bytes]],
        secrets: list[bytes],
    ) -> None:
        """Begin with nothing seen."""
        self._plan = plan
        self._judge = judge
        self._keys = keys
        self._secrets = secrets
        self._seen: dict[PartyCode, _Seen] = {}
        self._words: dict[tuple[LogId, int], str] = {}
        self._once: set[tuple[PartyCode, LogId, str, str, str]] = set()
        self._owners = {
            word.encode(): item.holder
            for item in plan.planted
            for word in _WORDS.findall(item.title.encode())
            for word in [word.decode()]
        }
        self._planted = {item.id: item for item in plan.planted}
        self._asked = {asked.case: asked for asked in plan.asked}
        self._known_to: set[tuple[PartyCode, str]] = set()
        self.liars: frozenset[PartyCode] = frozenset()
        self.disks: dict[PartyCode, Disk] = {}
        self.restored: set[PartyCode] = set()
        # Where two histories of one log are nobody's mistake: a disk that forgot, without a word;
        # a partner that a restored node would not wait for.
        self.forgot: set[PartyCode] = set()
        self.passed: set[tuple[PartyCode, PartyCode]] = set()
        self._cards: dict[tuple[PartyCode, PartyCode], int] = {}
        self._barred: set[tuple[PartyCode, PartyCode, int]] = set()
        self.checks = 0

    # ------------------------------------------------------------ what the world tells

    def rewound(self, party: PartyCode) -> None:
        """A backup was put in the place of a party's disk: what it holds is looked at anew."""
        self._seen.pop(party, None)
        self._once = {one for one in self._once if one[0] != party}
        # What its people said after the backup is to be said again by them (EX-42).
        self._barred = {one for one in self._barred if one[0] != party}
        self.restored.add(party)

    def add_keys(self, party: PartyCode, keys: TwinKeys) -> None:
        """A party has changed its keys; what the old ones signed stays signed."""
        self._keys[party].append(keys.keys.ed25519)
        self._secrets.extend(keys.secrets)

    def promised(self, party: PartyCode, case: str) -> None:
        """A command has answered: what it did must be on the disk."""
        disk = self.disks[party]
        if not any(entry.header.case == case for log in disk.logs.values() for entry in log):
            raise UnsafeError("lost", f"`{party}` answered for `{case}` and stored nothing")

    def done(self, party: PartyCode, facts: Iterable[Fact]) -> None:
        """A command has answered with what it did: all of it must be on the disk."""
        disk = self.disks[party]
        for fact in facts:
            log = LogId(source=fact.source, target=fact.target)
            held = disk.logs.get(log, [])
            if len(held) < fact.number or held[fact.number - 1].header.kind != fact.kind:
                raise UnsafeError(
                    "lost", f"`{party}` answered with a `{fact.kind}`, stored nothing"
                )

    # ------------------------------------------------------------ the wire

    def overhear(self, source: PartyCode, target: PartyCode, data: bytes) -> None:
        """Look at a frame before anything happens to it."""
        self.checks += 1
        if source in self.liars:
            return
        try:
            frame = FRAME.decode(data)
        except PeerError as error:
            raise UnsafeError("frame", f"`{source}` sent what is no frame") from error
        if (frame.source, frame.target) != (source, target):
            raise UnsafeError("frame", f"`{source}` sent a frame of `{frame.source}`")
        self._stored_before_sent(frame)
        self._stored_before_acknowledged(frame)
        for body in _bodies(frame):
            self._no_secret(body, where=f"on the wire from `{source}` to `{target}`")
        self._no_label(frame)

    def overhear_package(self, source: PartyCode, target: PartyCode, data: bytes) -> None:
        """Look at a piece of a package."""
        self.checks += 1
        if source not in self.liars:
            self._no_secret(data, where=f"in a package from `{source}` to `{target}`")

    def _stored_before_sent(self, frame: Frame) -> None:
        if frame.batch is None:
            return
        held = self.disks[frame.source].logs.get(frame.batch.log, [])
        for place, wire in enumerate(frame.batch.entries):
            number = frame.batch.first + place
            if number > len(held) or held[number - 1].raw != wire.header:
                raise UnsafeError("unstored", f"entry {number} of `{frame.batch.log.origin}` sent")

    def _stored_before_acknowledged(self, frame: Frame) -> None:
        if not frame.acknowledgement:
            return
        log = LogId(source=frame.target, target=frame.source)
        size = int(frame.acknowledgement.split(b"\n", 2)[1])
        held = len(self.disks[frame.source].logs.get(log, []))
        if size > held and frame.source not in self.restored:
            raise UnsafeError(
                "unstored", f"`{frame.source}` acknowledged {size} of `{log.origin}`, holds {held}"
            )

    def _no_secret(self, data: bytes, *, where: str) -> None:
        if _CANARY in data:
            raise UnsafeError("plaintext", where)
        if any(secret in data for secret in self._secrets):
            raise UnsafeError("key", where)

    def _no_label(self, frame: Frame) -> None:
        """A no says nothing about the item: neither its name nor its level (EX-15)."""
        if frame.batch is None:
            return
        for wire in frame.batch.entries:
            for body in wire.bodies:
                content = b"" if body is None else body.content
                if not content.startswith(b'{"kind":"refusal"'):
                    continue
                for item in self._plan.planted:
                    if item.holder == frame.source and item.id.encode() in content:
                        raise UnsafeError("label", f"a refusal names `{item.id}`")

    # ------------------------------------------------------------ the disks

    def look(self, party: PartyCode, blobs: MemoryBlobs) -> None:
        """Look at what has come onto one disk since the last time.

        Args:
            party: Whose.
            blobs: Packages and contents beside it.
        """
        self.checks += 1
        if party in self.liars:
            return
        seen = self._seen.setdefault(party, _Seen())
        disk = self.disks[party]
        if len(disk.order) < seen.positions:
            raise UnsafeError("lost", f"`{party}` holds fewer entries than before")
        fresh = disk.order[seen.positions :]
        seen.positions = len(disk.order)
        for log, number in fresh:
            if (log, number) not in disk.damaged:
                self._entry(party, disk, log, disk.logs[log][number - 1], number)
        for log, state in disk.states.items():
            self._head(party, disk, log, seen, state.note)
            if state.acknowledged > state.size:
                raise UnsafeError("ack", f"`{log.origin}` at `{party}`")
        self._acknowledged(party, disk)
        if fresh:
            self._blobs(party, disk, seen, blobs)

    def _entry(self, party: PartyCode, disk: Disk, log: LogId, entry: Entry, number: int) -> None:
        header = entry.header
        if (header.number, header.log) != (number, log):
            raise UnsafeError("chain", f"entry {number} of `{log.origin}` is another")
        before = disk.logs[log][number - 2].raw if number > 1 else None
        if header.previous != (digest(before) if before else "0" * 64):
            raise UnsafeError("chain", f"entry {number} of `{log.origin}` does not follow")
        is_new = self._words.get((log, number)) != digest(entry.raw)
        self._same_everywhere(party, log, entry)
        message = self._message(entry)
        if header.kind in _ONCE and header.case is not None and log.source not in self.liars:
            # A release that both sides have lost is given anew, and that one is receipted too.
            of = message.header if isinstance(message, Receipted) else ""
            once = (party, log, header.kind, header.case, of)
            # A hub that went on without a requester passes its request on again when it is back.
            is_again = header.kind == "request" and any(one == log.source for one, _ in self.passed)
            if once in self._once and not is_again:
                raise UnsafeError("doubled", f"`{header.kind}` of `{header.case}` at `{party}`")
            self._once.add(once)
        # What came back after a backup was judged when it was said; what stood beside it is gone.
        if isinstance(message, _ALWAYS) or (is_new and message is not None):
            if log.source != party:
                return
            self._own(party, disk, log, entry, message)

    def _same_everywhere(self, party: PartyCode, log: LogId, entry: Entry) -> None:
        """One number, one entry: at its author first, then at its reader, for ever."""
        key, name = (log, entry.header.number), digest(entry.raw)
        known = self._words.get(key)
        if party == log.source:
            reader = self.disks.get(log.target)
            mirror = [] if reader is None or log.is_local else reader.logs.get(log, [])
            is_mirrored = len(mirror) >= entry.header.number
            is_two = party in self.forgot or (party, log.target) in self.passed
            if known is not None and known != name and is_mirrored and not is_two:
                raise UnsafeError("fork", f"`{party}` wrote entry {key[1]} of `{log.origin}` anew")
            self._words[key] = name
        elif log.source not in self.liars and known != name:
            raise UnsafeError("forged", f"entry {key[1]} of `{log.origin}` at `{party}`")

    def _head(self, party: PartyCode, disk: Disk, log: LogId, seen: _Seen, note: bytes) -> None:
        """A partner's log is under its author's signature, to the last entry."""
        if log.is_local or log.source == party or log.source in self.liars:
            return
        if seen.notes.get(log) == note:
            return
        seen.notes[log] = note
        entries = disk.logs.get(log, [])
        text, _, lines = note.partition(b"\n\n")
        origin, size, root = (text + b"\n").decode().split("\n")[:3]
        if origin != log.origin or int(size) != len(entries):
            raise UnsafeError("unsigned", f"`{log.origin}` at `{party}`: {size} of {len(entries)}")
        from binascii import a2b_base64, b2a_base64

        own = b2a_base64(_root([entry.raw for entry in entries]), newline=False).decode()
        if root != own:
            raise UnsafeError("unsigned", f"`{log.origin}` at `{party}`: another tree was signed")
        blob = a2b_base64(lines.split(b"\n")[0].split(b" ")[2])
        for public in self._keys[log.source]:
            try:
                check_ed25519(public, signature=blob[4:], message=text + b"\n")
            except SignatureError:
                continue
            return
        raise UnsafeError("unsigned", f"`{log.origin}` at `{party}`: not its author's signature")

    def _acknowledged(self, party: PartyCode, disk: Disk) -> None:
        """What an author believes to be acknowledged is on the reader's disk."""
        for log, state in disk.states.items():
            if log.is_local or log.source != party or log.target in self.liars:
                continue
            reader = self.disks[log.target]
            held = len(reader.logs.get(log, ()))
            if state.acknowledged > held and log.target not in self.restored:
                raise UnsafeError("ack", f"`{log.origin}`: {state.acknowledged} not stored")

    def _blobs(self, party: PartyCode, disk: Disk, seen: _Seen, blobs: MemoryBlobs) -> None:
        """Plaintext lies only where a release has brought it, or where it was made."""
        for table, rows in (("value", disk.values), ("package", blobs.whole())):
            for name, data in rows.items():
                if (table, name) in seen.rows:
                    continue
                seen.rows.add((table, name))
                for word in sorted(set(_WORDS.findall(data))):
                    self._may_hold(party, disk, word, where=f"{table} `{name[:20]}`")

    def _may_hold(
        self, party: PartyCode, disk: Disk, word: bytes, *, where: str, is_strict: bool = False
    ) -> None:
        item = next(one for one in self._plan.planted if word in one.title.encode())
        if item.holder == party:
            return
        own = LogId(source=party, target=party)
        for entry in disk.logs.get(own, ()):
            if entry.header.kind == "held":
                message = self._message(entry)
                if not isinstance(message, Held) or message.reference != item.id:
                    continue
                if not is_strict or not self._is_destroyed(party, disk, message, entry):
                    return
        if not is_strict and self._is_arriving(party, disk, item.id):
            return
        raise UnsafeError("plaintext", f"`{item.id}` at `{party}` in {where}")

    def _is_destroyed(self, party: PartyCode, disk: Disk, held: Held, entry: Entry) -> bool:
        """Whether a party has certified that it has destroyed what it once registered."""
        log = LogId(source=party, target=held.source or party)
        return any(
            isinstance(message, Destroyed) and message.holding == held.reference
            for one in disk.logs.get(log, ())
            if one.header.kind == "destroyed" and one.header.case == entry.header.case
            for message in [self._message(one)]
        )

    def _is_arriving(self, party: PartyCode, disk: Disk, holding: str) -> bool:
        """A crash may come between opening a large item and registering it (`after-blob`)."""
        return any(
            isinstance(message, Released) and any(item.holding == holding for item in message.items)
            for log, entries in disk.logs.items()
            if log.target == party and log.source != party
            for entry in entries
            if entry.header.kind == "release"
            for message in [self._message(entry)]
        )

    # ------------------------------------------------------------ what entries say

    def _message(self, entry: Entry) -> Message | None:
        content = entry.content("message")
        if content is None:
            return None
        try:
            return decode_message(content, kind=entry.header.kind)
        except PeerError:
            return None

    def _own(
        self, party: PartyCode, disk: Disk, log: LogId, entry: Entry, message: Message
    ) -> None:
        """Judge what a party has just said."""
        header = entry.header
        content = entry.content("message") or b""
        for word in _WORDS.findall(content):
            if not log.is_local:
                raise UnsafeError("plaintext", f"in a `{header.kind}` of `{party}`")
            if header.kind != "held":
                self._may_hold(party, disk, word, where=f"a `{header.kind}`")
        match message:
            case LawAdopted(law=law):
                self._judge.adopt(party, law)
            case DelegationsAdopted():
                self._judge.stand(party, message)
            case PeerAdded():
                self._cards[party, message.party] = message.serial
            case KeyRevoked():
                self._barred.add((party, message.party, message.serial))
            case Held() if message.source is not None:
                self._received(party, disk, entry, message)
            case Released():
                newest = (party, log.target, self._cards[party, log.target])
                if newest in self._barred:
                    raise UnsafeError("revoked", f"`{party}` released to `{log.target}`")
                self._judge.release(self._said(party, disk, entry, message))
            case Receipted():
                self._receipt(party, disk, log, entry, message)
            case _:
                pass

    def _said(self, party: PartyCode, disk: Disk, entry: Entry, released: Released) -> Said:
        stock = self._stock(party, disk, entry)
        # A consent that stands in the holder's mirror was given before, whatever the clocks say.
        consents = tuple(
            replace(message.consent, given_at=min(message.consent.given_at, entry.header.at))
            for log, entries in disk.logs.items()
            if log.target == party and not log.is_local
            for one in entries
            if one.header.kind == "consent-given" and one.header.case == entry.header.case
            for message in [self._message(one)]
            if isinstance(message, ConsentGiven) and message.consent.originator == log.source
        )
        return Said(
            holder=party,
            recipient=entry.header.target,
            entry=entry,
            released=released,
            officers=self._approvals(party, disk, entry.header.case),
            stock=stock,
            consents=consents,
            relabelled=self._relabelled(party, disk, entry),
        )

    def _relabelled(self, party: PartyCode, disk: Disk, before: Entry) -> dict[HoldingId, Label]:
        """The label that a party had last given an item of its own, to whomever it said so."""
        found: dict[HoldingId, tuple[Instant, Label]] = {}
        for log, number in disk.order:
            entry = disk.logs[log][number - 1]
            if entry is before:
                break
            if entry.header.kind != "reclassified" or log.source != party:
                continue
            message = self._message(entry)
            given = [
                item
                for one in disk.logs[log][: number - 1]
                if one.header.kind == "release" and one.header.case == entry.header.case
                for released in [self._message(one)]
                if isinstance(released, Released)
                for item in released.items
            ]
            if not isinstance(message, Reclassified) or (message.holding, party) not in {
                (item.holding, item.originator) for item in given
            }:
                continue
            known = found.get(message.holding)
            if known is None or known[0] <= entry.header.at:
                found[message.holding] = (entry.header.at, message.label)
        return {holding: label for holding, (_, label) in found.items()}

    def _stock(
        self, party: PartyCode, disk: Disk, before: Entry
    ) -> tuple[tuple[str, Held, Label], ...]:
        """What a party has registered as received and may give on, with its label at that time."""
        found: dict[tuple[str, HoldingId], tuple[str, Held, Label]] = {}
        for log, number in disk.order:
            entry = disk.logs[log][number - 1]
            if entry is before:
                break
            if entry.header.kind not in _STOCK or (log, number) in disk.damaged:
                continue
            message, case = self._message(entry), entry.header.case or ""
            match message:
                case Held() if log.is_local and message.source is not None:
                    key = (case, message.reference)
                    found[key] = (case, message, message.holding.label)
                case Destroyed() | LossReported() if log.source == party:
                    found.pop((case, message.holding), None)
                case Recalled() if log.target == party:
                    held = found.get((case, message.holding))
                    if held is not None and held[1].source == log.source:
                        del found[case, message.holding]
                case Reclassified() if log.target == party:
                    held = found.get((case, message.holding))
                    if held is None or held[1].source != log.source:
                        continue
                    if held[1].holding.originator == log.source:
                        found[case, message.holding] = (*held[:2], message.label)
                    elif message.label != held[2]:
                        del found[case, message.holding]
                case _:
                    pass
        return tuple(found.values())

    def _approvals(self, party: PartyCode, disk: Disk, case: str | None) -> frozenset[str]:
        own = LogId(source=party, target=party)
        found = set()
        for entry in disk.logs.get(own, ()):
            if entry.header.kind == "officer-step" and entry.header.case == case:
                message = self._message(entry)
                if isinstance(message, OfficerStepped) and message.step is Step.APPROVE:
                    found.add(message.officer)
        return frozenset(found)

    def _received(self, party: PartyCode, disk: Disk, entry: Entry, held: Held) -> None:
        """What a party registers came in a release that stands in its mirror, lawfully."""
        assert held.source is not None
        release = self._release_of(disk, held.source, party, entry.header.case)
        if release is None:
            raise UnsafeError("custody", f"`{party}` holds `{held.reference}` without a release")
        self._judge.receive(party, held.source, release[0], release[1], held)

    def _receipt(
        self, party: PartyCode, disk: Disk, log: LogId, entry: Entry, receipt: Receipted
    ) -> None:
        """A receipt names the very release, and everything in it was registered."""
        found = self._release_of(disk, log.target, party, entry.header.case)
        if found is None or digest(found[0].raw) != receipt.header:
            raise UnsafeError("receipt", f"`{party}` receipts what is not there")
        own = LogId(source=party, target=party)
        held = {
            message.reference
            for one in disk.logs.get(own, ())
            if one.header.kind == "held" and one.header.case == entry.header.case
            for message in [self._message(one)]
            if isinstance(message, Held)
        }
        if not {item.holding for item in found[1].items} <= held:
            raise UnsafeError("receipt", f"`{party}` receipts what it has not registered")

    def _release_of(
        self, disk: Disk, source: PartyCode, target: PartyCode, case: str | None
    ) -> tuple[Entry, Released] | None:
        for entry in disk.logs.get(LogId(source=source, target=target), ()):
            if entry.header.kind == "release" and entry.header.case == case:
                message = self._message(entry)
                if isinstance(message, Released):
                    return entry, message
        return None

    # ------------------------------------------------------------ the end

    def search(self, party: PartyCode, blobs: MemoryBlobs) -> None:
        """At the end no plaintext lies anywhere without its entry in the register."""
        disk = self.disks[party]
        if party in self.liars:
            return
        for table, rows in (("value", disk.values), ("package", blobs.whole())):
            for name, data in rows.items():
                for word in sorted(set(_WORDS.findall(data))):
                    where = f"{table} `{name[:20]}`"
                    self._may_hold(party, disk, word, where=where, is_strict=True)

    def reconcile(self, pairs: Iterable[tuple[PartyCode, PartyCode]]) -> None:
        """At the end both sides hold the same two logs, and know that they do."""
        for source, target in pairs:
            log = LogId(source=source, target=target)
            mine = [entry.raw for entry in self.disks[source].logs.get(log, ())]
            theirs = [entry.raw for entry in self.disks[target].logs.get(log, ())]
            if mine != theirs:
                raise UnsafeError(
                    "diverged", f"`{log.origin}`: {len(mine)} written, {len(theirs)} mirrored"
                )


def _bodies(frame: Frame) -> Iterable[bytes]:
    """Every run of bytes in a frame that somebody could read."""
    if frame.batch is not None:
        for wire in frame.batch.entries:
            yield wire.header
            for body in wire.bodies:
                if body is not None:
                    yield body.content
    for package in frame.packages:
        yield package.content


def _root(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word for word."""
    if not leaves:
        return digest_bytes(b"")
    if len(leaves) == 1:
        return digest_bytes(b"\x00" + leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return digest_bytes(b"\x01" + _root(leaves[:split]) + _root(leaves[split:]))
