"""The law files as written: which tables and keys there are, and how a table becomes a noun.

A file says what it is by its first key, `format`. Rules are tables with the three keys of their
ground (`article`, `evidence`, `source`) inline; decoding folds the three into a `Ground`. Unknown
keys, missing keys and wrong types are problems with a path; positions are found by whoever holds
the bytes.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import Struct
from whenever import Date, Instant, Time

from relto.law.act import ActKind, Condition, Link
from relto.law.force import (
    AuthorityRule,
    Channel,
    DayRule,
    Doctrine,
    EndAtOnce,
    EndOfNeedRule,
    EntryRule,
    Holders,
    NoticeRule,
    Provision,
    Reference,
    SurvivalRule,
    SuspendedNotice,
    TermRule,
)
from relto.law.instrument import (
    AssuranceRule,
    Duty,
    Equivalence,
    FormScope,
    Initiative,
    Kind,
    LevelCap,
    PurposeRule,
    Reliance,
    ThirdPartyRule,
    TopicScope,
    Topology,
)
from relto.law.scheme import Category, Level, PartyRecord, Purpose, Topic
from relto.model import Ground
from relto.units import ActId, InstrumentId, PartyCode, SchemeId

INSTRUMENT_FORMAT: Final = "relto.instrument/1"
ACTS_FORMAT: Final = "relto.acts/1"
SCHEME_FORMAT: Final = "relto.scheme/1"
PARTIES_FORMAT: Final = "relto.parties/1"
TOPICS_FORMAT: Final = "relto.topics/1"
PURPOSES_FORMAT: Final = "relto.purposes/1"

GROUND_KEYS: Final = ("article", "evidence", "source")

T = TypeVar("T")


class SourceRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement that needs nothing but its ground."""

    ground: Ground


class LanguageRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Authentic languages, the prevailing one first."""

    authentic: tuple[str, ...]
    ground: Ground


class HolderRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom the parties are: governments, ministries or organisations."""

    kind: Holders
    ground: Ground


class InstrumentFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instrument: who, what, how, for how long. See `docs/guides/encode-an-agreement.md`."""

    format: str
    id: InstrumentId
    title: str
    short: str
    kind: Kind
    parties: tuple[PartyCode, ...]
    is_example: bool = False
    holders: HolderRule
    topology: Topology
    initiative: Initiative
    topics: TopicScope
    forms: FormScope
    equivalence: tuple[Equivalence, ...] = ()
    caps: tuple[LevelCap, ...] = ()
    third_party: ThirdPartyRule
    purposes: PurposeRule
    assurance: AssuranceRule
    duties: tuple[Duty, ...] = ()
    reliance: tuple[Reliance, ...] = ()
    entry: EntryRule
    term: TermRule
    notice: NoticeRule | None = None
    days: DayRule
    doctrine: Doctrine
    survival: SurvivalRule
    end_of_need: tuple[EndOfNeedRule, ...] = ()
    authorities: tuple[AuthorityRule, ...] = ()
    languages: LanguageRule | None = None
    provisions: tuple[Provision, ...] = ()
    references: tuple[Reference, ...] = ()


class ActTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One act. Give `at` when the hour is known, otherwise `on`; `known` when it differs."""

    id: ActId
    instrument: InstrumentId
    kind: ActKind
    by: tuple[PartyCode, ...]
    at: Instant | None = None
    on: Date | None = None
    received: Instant | None = None
    received_on: Date | None = None
    known: Instant | None = None
    effective: Instant | None = None
    effective_on: Date | None = None
    until: Instant | None = None
    of: tuple[ActId, ...] = ()
    channel: Channel | None = None
    is_written: bool = True
    successor: InstrumentId | None = None
    text: str
    conditions: tuple[Condition, ...] = ()
    links: tuple[Link, ...] = ()
    ground: Ground


class ReadingTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One party's declared reading of one instrument."""

    id: str
    instrument: InstrumentId
    party: PartyCode
    at: Instant | None = None
    on: Date | None = None
    suspended_notice: SuspendedNotice | None = None
    end_at_once: EndAtOnce | None = None
    text: str
    ground: Ground


class EventTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event beside the instruments; its zone is needed when only the day is known."""

    id: str
    title: str
    at: Instant | None = None
    on: Date | None = None
    zone: str = "UTC"
    ground: Ground


class ActsFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Acts, readings and events, in any order."""

    format: str
    acts: tuple[ActTable, ...] = ()
    readings: tuple[ReadingTable, ...] = ()
    events: tuple[EventTable, ...] = ()


class SchemeFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One classification scheme; levels stand from the lowest to the highest."""

    format: str
    id: SchemeId
    title: str
    party: PartyCode | None = None
    levels: tuple[Level, ...]
    categories: tuple[Category, ...] = ()


class PartiesFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parties."""

    format: str
    parties: tuple[PartyRecord, ...]


class TopicsFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The subject tree; every node is listed, parents included."""

    format: str
    topics: tuple[Topic, ...]


class PurposesFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The purpose tree; every node is listed, parents included."""

    format: str
    purposes: tuple[Purpose, ...]


LawFile = InstrumentFile | ActsFile | SchemeFile | PartiesFile | TopicsFile | PurposesFile

FILE_TYPES: Final[Mapping[str, type[LawFile]]] = {
    INSTRUMENT_FORMAT: InstrumentFile,
    ACTS_FORMAT: ActsFile,
    SCHEME_FORMAT: SchemeFile,
    PARTIES_FORMAT: PartiesFile,
    TOPICS_FORMAT: TopicsFile,
    PURPOSES_FORMAT: PurposesFile,
}


def fold(value: object) -> object:
    """Move the three keys of a ground, wherever a table has them, into one `ground`.

    A table that has only some of them keeps a `ground` with what is there, so that the decoder
    names the missing key.

    Args:
        value: A decoded TOML value.

    Source: docs/spec/law.md LAW-3.
    """
    if isinstance(value, dict):
        table = {key: fold(item) for key, item in value.items() if key not in GROUND_KEYS}
        ground = {key: value[key] for key in GROUND_KEYS if key in value}
        if ground:
            table["ground"] = ground
        return table
    if isinstance(value, list):
        return [fold(item) for item in value]
    return value


def revive(wanted: type, value: object) -> object:
    """Turn a TOML date, time or instant into the value that law computes with.

    Args:
        wanted: What the key asks for.
        value: What the file holds.

    Raises:
        ValueError: Another kind of value, or an instant without its offset from UTC.

    Source: docs/spec/law.md LAW-4.
    """
    iso = getattr(value, "isoformat", None)
    if iso is None:
        raise ValueError(f"expected {_WANTED[wanted]}, got `{value}`")
    text = iso()
    try:
        if wanted is Instant:
            return Instant.parse_iso(text)
        if wanted is Date:
            return Date.parse_iso(text)
        return Time.parse_iso(text)
    except ValueError as error:
        raise ValueError(f"expected {_WANTED[wanted]}, got `{text}`") from error


_WANTED: Final[Mapping[type, str]] = {
    Instant: "a date and hour with its offset, like 2019-08-23T15:25:00+09:00",
    Date: "a date, like 2019-08-23",
    Time: "an hour, like 00:01:00",
}


def convert(value: object, wanted: type[T]) -> T:
    """Decode one folded value strictly.

    Args:
        value: A folded TOML value.
        wanted: The noun it must become.

    Raises:
        msgspec.ValidationError: It does not fit; the message ends with the path.

    Source: docs/spec/law.md LAW-2.
    """
    return msgspec.convert(value, wanted, dec_hook=revive)
