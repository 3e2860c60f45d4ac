"""A party's standing authorities, as its administrator writes them in TOML.

Everything named must exist in the law adopted, so that a slip of the pen never becomes an
authority that nobody meant, nor one that silently never applies.
"""

import tomllib
from datetime import datetime

import msgspec
from msgspec import Struct
from whenever import Instant

from relto.errors import LocalError
from relto.law import Library
from relto.limits import LIST_ITEMS_MAX
from relto.model.delegation import Delegation
from relto.units import InstrumentId, LevelId, PartyCode, TopicId


class DelegationsError(LocalError):
    """A file of delegations cannot be adopted; the message lists everything that is wrong."""

    code = "local.delegations"
    hint_default = "mend the file; what was adopted before stays in force"


class _Written(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    recipients: tuple[PartyCode, ...]
    instruments: tuple[InstrumentId, ...]
    topics: tuple[TopicId, ...]
    level_max: LevelId
    own_only: bool = True
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    by: str


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    two_persons_from: LevelId | None = None
    margin_seconds: int = 0
    delegation: tuple[_Written, ...] = ()


class Authorities(Struct, frozen=True, kw_only=True):
    """What a file of delegations says.

    Args:
        delegations: The standing authorities.
        two_persons_from: From this level of the own scheme two officers approve; `None` for never.
        margin_seconds: A release must be lawful this long ahead.
    """

    delegations: tuple[Delegation, ...] = ()
    two_persons_from: LevelId | None = None
    margin_seconds: int = 0


def read_authorities(content: bytes, *, party: PartyCode, library: Library) -> Authorities:
    """Read and check a file of delegations.

    Args:
        content: TOML.
        party: Whose authorities.
        library: The law adopted, for the names.

    Raises:
        DelegationsError: The file cannot be read, or names what does not exist.
    """
    try:
        raw = tomllib.loads(content.decode())
        written = msgspec.convert(raw, _File, dec_hook=_instant)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DelegationsError(f"not TOML: {str(error).lower()}") from error
    except (msgspec.ValidationError, ValueError) as error:
        raise DelegationsError(str(error).lower()) from error
    wrong = _check(written, party=party, library=library)
    if wrong:
        raise DelegationsError("; ".join(wrong))
    return Authorities(
        delegations=tuple(
            Delegation(
                id=one.id,
                recipients=one.recipients,
                instruments=one.instruments,
                topics=one.topics,
                level_max=one.level_max,
                own_only=one.own_only,
                starts_at=one.starts_at,
                ends_at=one.ends_at,
                by=one.by,
            )
            for one in written.delegation
        ),
        two_persons_from=written.two_persons_from,
        margin_seconds=written.margin_seconds,
    )


def _instant(kind: type, value: object) -> object:
    assert kind is Instant
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs an offset, like 2019-11-23T00:00:00+09:00")
        return Instant(value)
    raise ValueError("a time is written like 2019-11-23T00:00:00+09:00, without quotes")


def _check(written: _File, *, party: PartyCode, library: Library) -> list[str]:
    record = library.parties.get(party)
    own = None if record is None else record.scheme
    scheme = None if own is None else library.schemes.get(own)
    levels = set() if scheme is None else {level.id for level in scheme.levels}
    wrong: list[str] = []
    if written.margin_seconds < 0:
        wrong.append("`margin_seconds` is negative")
    if written.two_persons_from is not None and written.two_persons_from not in levels:
        wrong.append(f"`two_persons_from`: no level `{written.two_persons_from}` in the own scheme")
    if len(written.delegation) > LIST_ITEMS_MAX:
        wrong.append(f"more than {LIST_ITEMS_MAX} delegations")
    seen: set[str] = set()
    for one in written.delegation:
        place = f"delegation `{one.id}`"
        if one.id in seen or not one.id:
            wrong.append(f"{place}: the id is empty or taken")
        seen.add(one.id)
        wrong += [
            f"{place}: no party `{code}`" for code in one.recipients if code not in library.parties
        ]
        wrong += [
            f"{place}: no instrument `{name}`"
            for name in one.instruments
            if name not in library.instruments
        ]
        wrong += [
            f"{place}: no topic `{topic}`" for topic in one.topics if topic not in library.topics
        ]
        if one.level_max not in levels:
            wrong.append(f"{place}: no level `{one.level_max}` in the own scheme")
        if not one.by.strip():
            wrong.append(f"{place}: `by` does not say who delegated")
        starts, ends = one.starts_at, one.ends_at
        if starts is not None and ends is not None and ends <= starts:
            wrong.append(f"{place}: it ends before it starts")
    return wrong
