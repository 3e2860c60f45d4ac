"""A partner that lies. It runs the product's node; what it lets out is told otherwise.

Whatever it says is signed with its own keys, as a real liar's words would be: it keeps a log of its
own making for each partner, and its honest node never hears how that log was received. The others
must take nothing that is false: they refuse, quarantine, keep the evidence, or stop the link; what
an honest party stores stays true whatever a liar says (FL-19, FL-40).
"""

import random
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from whenever import Instant

from relto.codec import FRAME
from relto.codec.message import decode_message, encode_message
from relto.errors import PeerError
from relto.journal import (
    Draft,
    LogState,
    append,
    empty_log,
    first_ring,
    grow,
    held_size,
    make_batch,
)
from relto.model import Entry, Frame, LogId, Precedence
from relto.model.message import ConsentGiven, Receipted, Released
from relto.seal import leaf_hash
from relto.sim.store import Disk
from relto.sim.twins import SeededEntropy, TwinKeys
from relto.units import CaseId, Digest, LevelId, PartyCode, TopicId

_FORKS_AFTER: Final = 3


class _Tale(Struct, kw_only=True):
    """What one partner has been told.

    Args:
        state: The log of the liar's making.
        entries: Its entries.
        read: How many entries of the honest log have been told, one way or another.
        is_forked: A second history has been begun.
    """

    state: LogState
    entries: list[Entry]
    read: int = 0
    is_forked: bool = False


class Liar:
    """Tells partners something else than what its node says.

    Args:
        party: Who lies.
        keys: With which it signs its lies.
        trick: What kind of lie; one of `TRICKS`.
        luck: Chance.
    """

    def __init__(
        self, party: PartyCode, keys: TwinKeys, *, trick: str, luck: random.Random
    ) -> None:
        """Begin to lie."""
        self._party = party
        self._keys = keys
        self._trick = trick
        self._luck = luck
        self._entropy = SeededEntropy(luck)
        self._ring = first_ring(party, keys.keys, begins_at=Instant.from_timestamp(0))
        self._tales: dict[PartyCode, _Tale] = {}

    def hear(self, partner: PartyCode, data: bytes) -> bytes:
        """Take in what a partner says about the tale it was told; pass the rest to the node."""
        try:
            frame = FRAME.decode(data)
        except PeerError:
            return data
        tale = self._tale(partner)
        size = held_size(frame.acknowledgement, log=tale.state.log)
        if tale.state.acknowledged < size <= tale.state.size:
            tale.state = replace(
                tale.state,
                acknowledged=size,
                acknowledged_frontier=_frontier(tale.entries[:size]),
            )
        return FRAME.encode(replace(frame, acknowledgement=b""))

    def tell(self, partner: PartyCode, data: bytes, *, disk: Disk) -> bytes:
        """Give the frame that the partner gets instead of an honest one."""
        frame = FRAME.decode(data)
        if self._trick == "garble":
            return self._garbled(data)
        tale = self._tale(partner)
        honest = disk.logs.get(tale.state.log, [])
        for entry in honest[tale.read :]:
            for draft in self._twist(entry, partner, disk):
                at = max(entry.header.at, tale.state.at or entry.header.at)
                tale.state, told = append(tale.state, draft, now=at, entropy=self._entropy)
                tale.entries.append(told)
        tale.read = len(honest)
        if self._trick == "fork" and tale.state.size >= _FORKS_AFTER and not tale.is_forked:
            self._fork(tale)
        batch = None
        if tale.state.size > tale.state.acknowledged:
            rest = tale.entries[tale.state.acknowledged :]
            batch = make_batch(tale.state, rest, signer=self._keys)
        return FRAME.encode(self._around(replace(frame, batch=batch)))

    def _around(self, frame: Frame) -> Frame:
        """Lie about what stands around the entries."""
        if self._trick == "withhold":
            return replace(frame, packages=())
        if self._trick == "spoil":
            spoilt = tuple(
                replace(one, content=one.content[:-1] + bytes([one.content[-1] ^ 1]))
                for one in frame.packages
            )
            return replace(frame, packages=spoilt)
        return frame

    def _garbled(self, data: bytes) -> bytes:
        if self._luck.random() < 0.5:
            return data
        place = self._luck.randrange(len(data))
        return (
            data[:place] + bytes([data[place] ^ (1 << self._luck.randrange(8))]) + data[place + 1 :]
        )

    def _fork(self, tale: _Tale) -> None:
        """Tell the same story again in other words, under the same numbers."""
        again = empty_log(tale.state.log, is_exercise=tale.state.is_exercise)
        entries: list[Entry] = []
        for entry in tale.entries:
            again, other = append(again, _draft(entry), now=entry.header.at, entropy=self._entropy)
            entries.append(other)
        tale.state, tale.entries, tale.is_forked = again, entries, True

    def _twist(self, entry: Entry, partner: PartyCode, disk: Disk) -> Iterable[Draft]:
        """Give what is told in the place of one honest entry."""
        honest = _draft(entry)
        if self._trick == "drop":
            return () if self._luck.random() < 0.3 else (honest,)
        if self._trick == "double":
            return (honest, honest)
        if self._trick == "swap":
            return (honest, *self._of_others(partner, disk))
        change = _CHANGES.get(self._trick)
        if change is None:
            return (honest,)
        message = decode_message(entry.content("message") or b"", kind=entry.header.kind)
        changed = change(message)
        if changed is None:
            return (honest,)
        return (replace(honest, parts=(("message", changed),)),)

    def _of_others(self, partner: PartyCode, disk: Disk) -> Iterable[Draft]:
        """Hand on what was meant for somebody else."""
        return tuple(
            _draft(entries[-1])
            for log, entries in disk.logs.items()
            if log.source == self._party and log.target not in {self._party, partner} and entries
        )

    def _tale(self, partner: PartyCode) -> _Tale:
        if partner not in self._tales:
            log = LogId(source=self._party, target=partner)
            state = empty_log(log, is_exercise=False)
            self._tales[partner] = _Tale(state=state, entries=[])
        return self._tales[partner]


def _frontier(entries: list[Entry]) -> tuple[bytes, ...]:
    frontier: tuple[bytes, ...] = ()
    for size, entry in enumerate(entries):
        frontier = grow(frontier, size=size, leaf=leaf_hash(entry.raw))
    return frontier


def _draft(entry: Entry) -> Draft:
    return Draft(
        kind=entry.header.kind,
        case=None if entry.header.case is None else CaseId(entry.header.case),
        parts=(("message", entry.content("message") or b""),),
        precedence=Precedence(entry.header.precedence),
    )


def _relabel(message: object) -> bytes | None:
    """Release the item as something that was not asked for."""
    if not isinstance(message, Released):
        return None
    items = tuple(replace(item, topics=(TopicId("rus.maritime"),)) for item in message.items)
    return encode_message(replace(message, items=items))


def _mislabel(message: object) -> bytes | None:
    """Word the item's label otherwise than the package is sealed under (FL-26)."""
    if not isinstance(message, Released):
        return None
    lower = {"gokuhi": "hi", "ii-kup": "iii-kup", "secret": "confidential"}
    items = tuple(
        replace(
            item,
            label=replace(item.label, level=LevelId(lower.get(item.label.level, "secret"))),
        )
        for item in message.items
    )
    return encode_message(replace(message, items=items))


def _misdirect(message: object) -> bytes | None:
    """Name another final recipient."""
    if not isinstance(message, Released):
        return None
    return encode_message(replace(message, onward=PartyCode("JPN")))


def _forge_receipt(message: object) -> bytes | None:
    """Receipt another release than the one that came."""
    if not isinstance(message, Receipted):
        return None
    return encode_message(replace(message, header=Digest("0" * 64)))


def _forge_consent(message: object) -> bytes | None:
    """Hand on evidence that nobody signed."""
    if isinstance(message, Released) and message.consents:
        proofs = tuple(replace(proof, salt=bytes(32)) for proof in message.consents)
        return encode_message(replace(message, consents=proofs))
    if isinstance(message, ConsentGiven):
        consent = replace(message.consent, originator=PartyCode("KOR"))
        return encode_message(replace(message, consent=consent))
    return None


def _drop_consents(message: object) -> bytes | None:
    if not isinstance(message, Released):
        return None
    return encode_message(replace(message, consents=()))


def _babble(message: object) -> bytes | None:
    """Say what no reader can read."""
    del message
    return b'{"kind":"release"}'


_CHANGES: Final[dict[str, Callable[[object], bytes | None]]] = {
    "relabel": _relabel,
    "mislabel": _mislabel,
    "misdirect": _misdirect,
    "forge-receipt": _forge_receipt,
    "forge-consent": _forge_consent,
    "drop-consents": _drop_consents,
    "babble": _babble,
}

TRICKS: Final = (
    "garble",
    "drop",
    "double",
    "swap",
    "fork",
    "withhold",
    "spoil",
    *_CHANGES,
)
