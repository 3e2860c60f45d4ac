"""Columns of instants as milliseconds since 1970: each with an offset of its own, or none at all.

A time is text like `2019-11-22T09:00:30.5+09:00`: a day, `T` or a space, an hour and a minute,
perhaps seconds, and `Z` or an offset. A zone in brackets may follow and must agree. A file that
keeps instants as such, with their zone, needs no text.
"""

from typing import Final
from zoneinfo import available_timezones

import polars as pl
from whenever import Instant

_YEAR: Final = r"(\d{3}[1-9]|\d{2}[1-9]\d|\d[1-9]\d{2}|[1-9]\d{3})"
_CLOCK: Final = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?"
_OFFSET: Final = r"(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)"
_SHAPE: Final = rf"^{_YEAR}-\d\d-\d\d[T ]{_CLOCK}{_OFFSET}$"
_FIRST: Final = int(Instant.MIN.timestamp(unit="millisecond"))
_LAST: Final = int(Instant.MAX.timestamp(unit="millisecond"))


def instants(values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Read a column of times.

    Args:
        values: Text, or instants with a zone, or nothing at all.

    Returns:
        Milliseconds since 1970, null where nothing stands; and true for a row whose time is none,
        or has no offset.

    Source: docs/spec/impact.md IMP-29.
    """
    match values.dtype:
        case pl.Null:
            return values.cast(pl.Int64), values.is_not_null()
        case pl.Datetime(time_zone=zone) if zone is not None:
            return values.dt.epoch("ms"), pl.Series([False]).new_from_index(0, len(values))
        case pl.String | pl.Categorical | pl.Enum:
            text = values.cast(pl.String).str.strip_chars()
            text = text.set(text == "", None)
            found = _read(text)
            return found, text.is_not_null() & found.is_null()
        case _:
            return pl.Series([None], dtype=pl.Int64).new_from_index(0, len(values)), (
                values.is_not_null()
            )


def _read(text: pl.Series) -> pl.Series:
    """Cut a time of the one shape into its numbers; nothing is asked for each row."""
    zones = None
    if text.str.contains("[", literal=True).any():
        zones = text.str.extract(r"\[([^\[\]]+)\]$")
        text = text.str.replace(r"\[[^\[\]]+\]$", "")
    whole = pl.col("text")
    frame = text.alias("text").to_frame().select(pl.when(whole.str.contains(_SHAPE)).then(whole))
    has_seconds = whole.str.slice(16, 1) == ":"
    day = whole.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).cast(pl.Int64)
    hour, minute = (whole.str.slice(start, 2).cast(pl.Int64) for start in (11, 14))
    second = pl.when(has_seconds).then(whole.str.slice(17, 2)).otherwise(pl.lit("0"))
    clock = (day * 24 + hour) * 3600 + minute * 60 + second.cast(pl.Int64, strict=False)
    local = clock * 1000
    if text.str.contains(".", literal=True).any():
        part = whole.str.extract(r"\.(\d{1,3})").str.pad_end(3, "0").cast(pl.Int64)
        local += part.fill_null(0)
    frame = frame.select(local=local, offset=_offset(whole))
    offsets = {one: _minutes(one) for one in frame["offset"].drop_nulls().unique().to_list()}
    minutes = pl.col("offset").replace_strict(offsets, default=None, return_dtype=pl.Int64)
    frame = frame.with_columns(found=pl.col("local") - minutes * 60_000)
    inside = pl.col("found").is_between(_FIRST, _LAST)
    found = frame.select(pl.when(inside).then("found").alias("found"))["found"]
    return found if zones is None else _agreeing(found, frame["local"], zones)


def _offset(whole: pl.Expr) -> pl.Expr:
    """What stands from the sign on; a time has no other sign so near its end."""
    widths = {width: whole.str.slice(-width, 1).is_in(["+", "-"]) for width in (6, 5, 3)}
    ends = [pl.when(is_sign).then(whole.str.tail(width)) for width, is_sign in widths.items()]
    return pl.coalesce(pl.when(whole.str.ends_with("Z")).then(pl.lit("Z")), *ends)


def _minutes(offset: str) -> int:
    if offset == "Z":
        return 0
    hours, minutes = int(offset[1:3]), int(offset[3:].removeprefix(":") or 0)
    return (hours * 60 + minutes) * (-1 if offset[0] == "-" else 1)


def _agreeing(found: pl.Series, local: pl.Series, zones: pl.Series) -> pl.Series:
    """Instants whose time on the spot is the one in the zone named; null for the others."""
    known = sorted(available_timezones())
    right = zones.is_null()
    for zone in zones.drop_nulls().unique().to_list():
        if zone not in known:
            continue
        there = pl.from_epoch(found, time_unit="ms").dt.replace_time_zone("UTC")
        there = there.dt.convert_time_zone(zone).dt.replace_time_zone(None)
        right = right | ((zones == zone) & (there.dt.epoch("ms") == local)).fill_null(value=False)
    return found.set(~right, None)
