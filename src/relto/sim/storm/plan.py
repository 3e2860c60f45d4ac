"""What happens in one storm: drawn from a seed, then a value that can be cut down and printed.

Every request and every fault is an item of its own. Taking one out leaves the others as they are,
because each draws its chances from its own stream (`relto.sim.agenda.chance`).
"""

import random
from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import Struct
from whenever import Instant

from relto.model import Precedence
from relto.sim.agenda import HOUR, MILLISECOND, MINUTE, SECOND, chance
from relto.units import HoldingId, LevelId, PartyCode, PurposeId, TopicId

PARTIES: Final = (PartyCode("JPN"), PartyCode("KOR"), PartyCode("USA"))

# Known on this day, the notice of August 2019 stands and the pact ends at 00:01 in Seoul on
# 23 November; known a day later, its suspension lets it go on. Facts: `library/acts`.
KNOWN_BEFORE: Final = Instant.from_utc(2019, 9, 1)
KNOWN_AFTER: Final = Instant.from_utc(2019, 11, 22, 12)
LAPSE: Final = Instant.from_utc(2019, 11, 22, 15, 1)

_TOPICS: Final = (
    TopicId("dprk.missile.launch"),
    TopicId("dprk.missile.warning.track"),
    TopicId("dprk.nuclear.test"),
    TopicId("prc.cyber"),
    TopicId("dprk.conventional"),
)
_PURPOSES: Final = (PurposeId("defence.analysis"), PurposeId("defence.warning"))
_LEVELS: Final = {
    "JPN": (LevelId("hi"), LevelId("gokuhi"), LevelId("kimitsu")),
    "KOR": (LevelId("iii-kup"), LevelId("ii-kup"), LevelId("i-kup")),
    "USA": (LevelId("confidential"), LevelId("secret"), LevelId("top-secret")),
}
_LARGE_BYTES: Final = 150_000
# What an officer does about an item that has been given or received.
STEPS: Final = ("recall", "reclassified", "destroyed", "loss-reported")
# The notice is suspended; an intermediary's instruments do not operate; as it was.
LAWS: Final = ("after", "after", "narrow", "before")
# Only this lie stops links, and people let those run again.
_STOPPING: Final = ("fork",) * 4
_CALM: Final = 0.03
# So many requests come close behind another one between the same two parties.
_BURST: Final = 0.4


class Planted(Struct, frozen=True, kw_only=True):
    """An item that a party holds from the beginning; its words appear nowhere else.

    Args:
        title: One line; content, as far as secrecy goes.
        content: The content.
        is_standing: Whether the party has delegated its release.
    """

    id: HoldingId
    holder: PartyCode
    level: LevelId
    topics: tuple[TopicId, ...]
    title: str
    content: bytes


class Asked(Struct, frozen=True, kw_only=True):
    """One request.

    Args:
        at_ns: Since the beginning.
        item: One known item; `None` asks for whatever there is on the topic.
        is_assured: Carries the assurance that some instruments want.
        is_forced: Goes directly, whatever the requester's own node thinks.
        life_ns: After which it expires; 0 for never.
    """

    at_ns: int
    case: str
    requester: PartyCode
    holder: PartyCode
    topic: TopicId
    item: HoldingId | None
    purpose: PurposeId
    precedence: Precedence
    is_assured: bool
    is_forced: bool
    life_ns: int


class Kind(StrEnum):
    """What goes wrong."""

    ROUGH = "rough"  # loss, doubling, replay, long and varying delays
    CUT = "cut"  # a partition, one-way or both ways
    CLOG = "clog"
    CRASH = "crash"  # at a named point
    FULL = "full"  # no room on the disk
    FSYNC = "fsync"  # the disk fails; written or not
    ROT = "rot"  # a row is not what was written
    SKEW = "skew"
    JUMP = "jump"
    STILL = "still"  # a clock stands still, at the lapse or a nanosecond beside it
    RESTORE = "restore"  # an old backup
    SECOND = "second"  # another instance on the same store
    ROTATE = "rotate"  # new keys in the middle of everything
    LAW = "law"  # another law becomes known
    LIAR = "liar"  # one party lies to the others
    CUSTODY = "custody"  # an item is recalled, relabelled, destroyed, or reported lost
    STANDING = "standing"  # other delegations, and another word on how many officers decide
    REVOKE = "revoke"  # a partner's card is revoked, and after a while its next one compared
    SPOIL = "spoil"  # a content or package among the blobs is gone, or not what was written
    FORGET = "forget"  # the disk had not kept what it said was kept, and nobody knows
    DRIFT = "drift"  # a clock runs too fast or too slow


_SETTING_BACK: Final = frozenset({Kind.ROT, Kind.RESTORE, Kind.FORGET})


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that goes wrong. Fields that a kind does not need keep their defaults.

    Args:
        at_ns: When it begins.
        for_ns: How long it lasts; for a crash, how long the node stays down.
        party: Whom it strikes.
        other: The far end, for the wire.
        amount: A share in millionths, or nanoseconds.
        point: The named fault point, the liar's trick, the custody step, or the law.
        is_both: Both directions; written although the disk failed; a partner is passed over.
    """

    kind: Kind
    at_ns: int
    for_ns: int = 0
    party: PartyCode
    other: PartyCode = PartyCode("")
    amount: int = 0
    point: str = ""
    is_both: bool = False


Item: TypeAlias = Asked | Fault


class Plan(Struct, frozen=True, kw_only=True):
    """One storm.

    Args:
        start: The true time at the beginning.
        storm_ns: How long faults may begin or last; after that everything is mended.
        planted: Who holds what.
        standing: Parties whose delegations cover what the law permits without an officer.
        refusing: How many of a hundred queued cases an officer refuses.
        officer_ns: The longest an officer takes.
        margin_seconds: How long ahead a release must still be lawful.
        two_from: Whether two officers are needed from the second level on, per party.
        asked: The load.
        faults: What goes wrong.
        crews: Parties whose node runs as several workers on one store.
    """

    seed: int
    start: Instant
    storm_ns: int
    planted: tuple[Planted, ...]
    standing: tuple[PartyCode, ...]
    refusing: int
    officer_ns: int
    margin_seconds: int
    two_from: tuple[PartyCode, ...]
    asked: tuple[Asked, ...]
    faults: tuple[Fault, ...]
    crews: tuple[PartyCode, ...] = ()


def draw(seed: int, *, points: tuple[str, ...], tricks: tuple[str, ...]) -> Plan:
    """Draw a storm.

    Args:
        seed: Any integer; the same seed draws the same storm.
        points: The named fault points of driver and store.
        tricks: What a liar can do.

    Source: docs/guides/simulate.md.
    """
    luck = chance(seed, "plan")
    storm_ns = int(luck.choice((10 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR, 72 * HOUR)))
    before_ns = luck.randrange(storm_ns)
    planted = _planted(chance(seed, "planted"))
    asked = _asked(chance(seed, "asked"), seed, storm_ns, before_ns, planted)
    faults = _faults(chance(seed, "faults"), storm_ns, before_ns, points=points, tricks=tricks)
    return Plan(
        seed=seed,
        start=LAPSE.subtract(nanoseconds=before_ns),
        storm_ns=storm_ns,
        planted=planted,
        standing=tuple(party for party in PARTIES if luck.random() < 0.7),
        refusing=luck.choice((0, 0, 20, 50)),
        officer_ns=luck.choice((2 * SECOND, MINUTE, 20 * MINUTE)),
        margin_seconds=luck.choice((0, 0, 5, 60)),
        two_from=tuple(party for party in PARTIES if luck.random() < 0.2),
        asked=asked,
        faults=_aimed(chance(seed, "aim"), faults, asked, storm_ns),
        crews=_crews(chance(seed, "crews")),
    )


def _crews(luck: random.Random) -> tuple[PartyCode, ...]:
    """Let one node in six run as several workers."""
    return tuple(party for party in PARTIES if luck.random() < 1 / 6)


def _planted(luck: random.Random) -> tuple[Planted, ...]:
    found = []
    for party in PARTIES:
        for number in range(luck.randrange(2, 6)):
            word = luck.randbytes(12).hex()
            size = luck.choice((40, 400, 4_000, 4_000, _LARGE_BYTES))
            body = f"canary-{word}-content ".encode()
            found.append(
                Planted(
                    id=HoldingId(f"{party.lower()}.item-{number}-{word[:8]}"),
                    holder=party,
                    level=luck.choice(_LEVELS[party]),
                    topics=(luck.choice(_TOPICS),),
                    title=f"canary-{word}-title",
                    content=(body * (size // len(body) + 1))[: max(size, len(body))],
                )
            )
    return tuple(found)


def _asked(
    luck: random.Random,
    seed: int,
    storm_ns: int,
    lapse_ns: int,
    planted: tuple[Planted, ...],
) -> tuple[Asked, ...]:
    found: list[Asked] = []
    for number in range(luck.randrange(3, 17)):
        requester, holder = luck.sample(PARTIES, 2)
        item = luck.choice([one for one in planted if one.holder == holder])
        is_known = luck.random() < 0.5
        at_ns = luck.randrange(storm_ns)
        if luck.random() < 0.3:
            # Around the lapse, and between the two whom it parts.
            if luck.random() < 0.5:
                requester, holder = luck.sample(PARTIES[:2], 2)
                item = luck.choice([one for one in planted if one.holder == holder])
            spread = luck.choice((SECOND, 10 * SECOND, MINUTE))
            at_ns = min(max(0, lapse_ns + luck.randrange(-spread, spread)), storm_ns - 1)
        elif found and luck.random() < _BURST:
            # Close behind another one on its way, so that frames go ahead of answers (EX-51).
            before = luck.choice(found)
            requester, holder = before.requester, before.holder
            item = luck.choice([one for one in planted if one.holder == holder])
            at_ns = min(before.at_ns + luck.randrange(60 * MILLISECOND), storm_ns - 1)
        found.append(
            Asked(
                at_ns=at_ns,
                case=f"c{seed}-{number}",
                requester=requester,
                holder=holder,
                topic=item.topics[0] if luck.random() < 0.8 else luck.choice(_TOPICS),
                item=item.id if is_known else None,
                purpose=luck.choice(_PURPOSES),
                precedence=luck.choice(tuple(Precedence)),
                is_assured=luck.random() < 0.85,
                is_forced=luck.random() < 0.15,
                life_ns=luck.choice((0, 0, 0, 0, 0, 5 * MINUTE, HOUR)),
            )
        )
    return tuple(sorted(found, key=lambda one: (one.at_ns, one.case)))


def _faults(
    luck: random.Random,
    storm_ns: int,
    lapse_ns: int,
    *,
    points: tuple[str, ...],
    tricks: tuple[str, ...],
) -> tuple[Fault, ...]:
    """Draw the mix first, then each fault; a seed without any is a seed too."""
    if luck.random() < _CALM:
        return ()
    rare = {
        Kind.ROT: 0.12,
        Kind.RESTORE: 0.15,
        Kind.LIAR: 0.12,
        Kind.ROTATE: 0.2,
        Kind.REVOKE: 0.15,
        Kind.SPOIL: 0.25,
        Kind.FORGET: 0.06,
    }
    found = []
    for kind in Kind:
        if luck.random() >= rare.get(kind, 0.35):
            continue
        if kind is Kind.STILL:
            found.extend(_still(luck, lapse_ns))
            continue
        count = 1 if kind in rare else luck.randrange(1, 4)
        if kind in {Kind.CRASH, Kind.CUSTODY}:
            count = luck.randrange(1, 7)
        found.extend(
            _fault(kind, luck, storm_ns, points=points, tricks=tricks) for _ in range(count)
        )
    if any(one.kind is Kind.LIAR for one in found):
        # A restored node waits for every partner, and an officer passes over one that lies.
        found = [one for one in found if one.kind not in _SETTING_BACK]
    return tuple(found)


def _fault(
    kind: Kind,
    luck: random.Random,
    storm_ns: int,
    *,
    points: tuple[str, ...],
    tricks: tuple[str, ...],
) -> Fault:
    at_ns = luck.randrange(storm_ns)
    party, other = luck.sample(PARTIES, 2)
    rest_ns = storm_ns - at_ns
    base = Fault(kind=kind, at_ns=at_ns, for_ns=luck.randrange(rest_ns) + 1, party=party)
    match kind:
        case Kind.ROUGH:
            amount = luck.choice((20_000, 100_000, 300_000))
            return _with(base, other=other, amount=amount, is_both=luck.random() < 0.5)
        case Kind.CUT:
            return _with(base, other=other, is_both=luck.random() < 0.5)
        case Kind.CLOG:
            return _with(base, other=other, for_ns=min(base.for_ns, 10 * MINUTE))
        case Kind.CRASH:
            down_ns = luck.choice((10 * MILLISECOND, SECOND, MINUTE, 30 * MINUTE))
            return _with(base, point=luck.choice(points), for_ns=min(down_ns, rest_ns))
        case Kind.FSYNC:
            return _with(base, is_both=luck.random() < 0.5, for_ns=SECOND)
        case Kind.SKEW:
            bound = luck.choice((5 * SECOND, MINUTE, 4 * MINUTE))
            return _with(base, amount=luck.randrange(-bound, bound + 1))
        case Kind.JUMP:
            bound = luck.choice((5 * SECOND, 4 * MINUTE, 4 * MINUTE, HOUR, 24 * 365 * HOUR))
            ahead = bound if bound <= 4 * MINUTE or luck.random() < 0.2 else 0
            return _with(base, amount=luck.randrange(-bound, ahead + 1))
        case Kind.RESTORE:
            # Sometimes an officer will not wait for everybody, rightly or not.
            is_passing = luck.random() < 0.3
            return _with(base, other=other, for_ns=luck.randrange(at_ns + 1), is_both=is_passing)
        case Kind.ROT:
            return _with(base, for_ns=luck.randrange(at_ns + 1), amount=luck.randrange(1 << 30))
        case Kind.FORGET:
            lag_ns = luck.choice((10 * MILLISECOND, SECOND, MINUTE))
            return _with(base, for_ns=min(lag_ns, at_ns))
        case Kind.CUSTODY:
            return _with(base, point=luck.choice(STEPS), amount=luck.randrange(1 << 30))
        case Kind.SPOIL | Kind.STANDING:
            return _with(base, amount=luck.randrange(1 << 30))
        case Kind.REVOKE:
            return _with(base, other=other, for_ns=min(base.for_ns, luck.choice((MINUTE, HOUR))))
        case Kind.DRIFT:
            return _with(base, amount=luck.choice((-1_000, -50, 50, 1_000)) * 1_000)
        case Kind.LAW:
            return _with(base, point=luck.choice(LAWS))
        case Kind.LIAR:
            return _with(base, at_ns=0, for_ns=storm_ns, point=luck.choice((*tricks, *_STOPPING)))
        case Kind.FULL | Kind.SECOND | Kind.ROTATE | Kind.STILL:
            return base


def _aimed(
    luck: random.Random, faults: tuple[Fault, ...], asked: tuple[Asked, ...], storm_ns: int
) -> tuple[Fault, ...]:
    """Let some of what people do fall between a request and the answer to it."""
    found = []
    for fault in faults:
        if fault.kind in {Kind.REVOKE, Kind.STANDING, Kind.LAW} and luck.random() < 0.7:
            near = luck.choice(asked)
            spread = luck.choice((2 * SECOND, 10 * SECOND, MINUTE))
            at_ns = min(near.at_ns + luck.randrange(spread), storm_ns - 1)
            other = near.requester if fault.kind is Kind.REVOKE else fault.other
            fault = _with(fault, at_ns=at_ns, party=near.holder, other=other)  # noqa: PLW2901
        found.append(fault)
    return tuple(sorted(found, key=lambda one: (one.at_ns, one.kind.value, one.party)))


def levels_of(party: PartyCode) -> tuple[LevelId, ...]:
    """Give the levels at which a party's items are planted, the lowest first."""
    return _LEVELS[party]


def _still(luck: random.Random, lapse_ns: int) -> list[Fault]:
    """Let clocks stand still on the last instant, on the end itself, or just after it."""
    amount, length = luck.choice((-1, 0, 0, 1)), luck.choice((MINUTE, 10 * MINUTE))
    return [
        Fault(kind=Kind.STILL, at_ns=lapse_ns, for_ns=length, party=party, amount=amount)
        for party in PARTIES
        if luck.random() < 0.8
    ]


def _with(fault: Fault, **changes: PartyCode | int | str | bool) -> Fault:
    return Fault(**{name: getattr(fault, name) for name in fault.__struct_fields__} | changes)
