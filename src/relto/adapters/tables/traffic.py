"""Tables of traffic from files: batch by batch, what tells the same read once; none is passed over.

What a release tells (from whom to whom, on what, which way) is read once for each distinct
combination of words and counted; instants become numbers, a column at a time. Past releases that
tell the same are one line with a count. Requests and feeds are kept one by one, since each is
answered by itself; so there is a limit to them.
"""

from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from msgspec import Struct, structs
from whenever import Instant

from relto.adapters.tables.faults import FaultList, check_strictly
from relto.adapters.tables.files import batches
from relto.adapters.tables.times import instants
from relto.adapters.tables.words import check_columns, encode, text_of
from relto.decide.view import LawView, is_known
from relto.impact import (
    Exchange,
    Faults,
    Flaw,
    Measured,
    Measurements,
    TableError,
    TrafficKind,
    split_words,
)
from relto.impact.reading import SEPARATOR, Column
from relto.limits import TRAFFIC_OPEN_MAX
from relto.model import Form
from relto.units import InstrumentId, LevelId, PartyCode, PurposeId, SchemeId, TopicId

REQUIRED: Final = ("kind", "from", "to", "topics")
OPTIONAL: Final = (
    "id",
    "scheme",
    "level",
    "form",
    "purpose",
    "via",
    "instrument",
    "asked",
    "released",
    "received",
    "on",
    "count",
    "exercise",
)
BESIDE: Final = ("source", "remark", "title")

# What a line tells; the rest is who, when and how often.
_TOLD: Final = (
    *REQUIRED,
    "scheme",
    "level",
    "form",
    "purpose",
    "via",
    "instrument",
    "exercise",
)
_LISTED: Final = ("topics", "via", "exercise")
_TIMES: Final = ("asked", "released", "received")
_COUNT_DIGITS_MAX: Final = 12


class Traffic(Struct, frozen=True, kw_only=True, eq=False):
    """A table of traffic.

    Args:
        lines: Every line that could be used, past releases that tell the same put together.
        measured: The delays of past releases.
        rows: How many lines there were, those at fault included.
        faults: Everything found wrong; a line at fault is in no figure.
    """

    lines: tuple[Exchange, ...]
    measured: Measurements
    rows: int
    faults: Faults


class TrafficReader:
    """Turns batches of lines into `Traffic`.

    Args:
        law: Whose words count as known.

    Source: docs/spec/impact.md IMP-29.
    """

    def __init__(self, law: LawView) -> None:
        """Begin with no line."""
        self._law = law
        self._told = Column(_TOLD, self._read)
        self._parts: list[pl.DataFrame] = []
        self._words: dict[str, list[pl.Series]] = {"id": [], "on": []}
        self._faults = FaultList()
        self._rows = 0

    def add(self, batch: pl.DataFrame) -> None:
        """Take a batch of lines.

        Args:
            batch: The required columns and any of the optional ones.

        Raises:
            TableError: A column is missing, or one is there that nobody knows.

        Source: docs/spec/impact.md IMP-29.
        """
        check_columns(batch, REQUIRED, (*OPTIONAL, *BESIDE))
        start = self._rows
        texts = self._texts(batch, (*_TOLD, "id", "on"))
        codes = encode(texts.select(_TOLD), self._told, self._faults, start=start)
        times = {name: self._times(batch, name) for name in _TIMES}
        received = times["received"].zip_with(times["received"].is_not_null(), times["released"])
        is_early = (received < times["asked"]).fill_null(value=False)
        shown = texts.select(pl.lit("before `asked`").alias("received"))["received"]
        self._faults.note_rows(
            is_early, shown.new_from_index(0, batch.height), "order", start=start
        )
        self._parts.append(
            pl.DataFrame(
                {
                    "told": codes,
                    "count": self._counts(batch),
                    "asked": times["asked"],
                    "received": received,
                }
            )
        )
        for name, values in self._words.items():
            values.append(texts[name])
        self._rows += batch.height

    def finish(self) -> Traffic:
        """Return the table of all batches.

        Raises:
            TableError: More open requests and feeds than are looked at one by one.

        Source: docs/spec/impact.md IMP-29, IMP-40.
        """
        ids = pl.concat(self._words["id"])
        self._faults.note_rows(~ids.is_first_distinct() & (ids != ""), ids, "duplicate", start=0)
        faults = self._faults.finish()
        told = [one for one in self._told.codes if isinstance(one, Exchange)]
        lines = pl.concat(self._parts)
        is_usable = np.ones(self._rows, dtype=bool)
        is_usable[faults.rows - 1] = False
        past = np.array([one.kind is TrafficKind.RELEASE for one in told], dtype=bool)
        is_past = past[lines["told"].to_numpy()] if told else is_usable
        still_open = np.flatnonzero(is_usable & ~is_past)
        if len(still_open) > TRAFFIC_OPEN_MAX:
            raise TableError(
                f"too many open requests and feeds: {len(still_open)}, limit {TRAFFIC_OPEN_MAX}",
                hint="leave out those that are answered, or split the table",
            )
        releases = lines.with_row_index("row").filter(pl.Series(is_usable & is_past))
        first = releases.group_by("told").agg(pl.col("row").min(), pl.col("count").sum())
        counts = dict(first.select("row", "count").iter_rows())
        rows = sorted([*counts, *still_open.tolist()])
        chosen = lines[rows].with_columns(
            row=pl.Series(rows, dtype=pl.Int64),
            **{name: pl.concat(values)[rows] for name, values in self._words.items()},
        )
        return Traffic(
            lines=tuple(_line(told, counts, one) for one in chosen.iter_rows(named=True)),
            measured=_measured(told, releases),
            rows=self._rows,
            faults=faults,
        )

    def _texts(self, batch: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
        """Columns of words, without the blanks around them; empty where nothing stands."""
        columns = [
            text_of(batch[name], self._faults, listed=_LISTED, start=self._rows)
            if name in batch.columns
            else pl.lit(None, dtype=pl.String).alias(name)
            for name in names
        ]
        return batch.select(columns).with_columns(pl.all().str.strip_chars().fill_null(""))

    def _times(self, batch: pl.DataFrame, name: str) -> pl.Series:
        if name not in batch.columns:
            return pl.Series(name, [None], dtype=pl.Int64).new_from_index(0, batch.height)
        found, wrong = instants(batch[name])
        self._faults.note_rows(wrong, batch[name], "zone", start=self._rows)
        return found.alias(name)

    def _counts(self, batch: pl.DataFrame) -> pl.Series:
        """How many releases each line stands for: 1 where nothing stands."""
        if "count" not in batch.columns:
            return pl.Series("count", [1], dtype=pl.Int64).new_from_index(0, batch.height)
        values = batch["count"]
        if values.dtype.is_integer():
            found, wrong = values.cast(pl.Int64, strict=False), values.is_not_null()
        else:
            text = values.cast(pl.String).str.strip_chars()
            wrong = (text != "").fill_null(value=False)
            digits = text.str.contains(rf"^[0-9]{{1,{_COUNT_DIGITS_MAX}}}$")
            found = text.set(~digits.fill_null(value=False), None).cast(pl.Int64)
        wrong = wrong & ~(found >= 1).fill_null(value=False)
        self._faults.note_rows(wrong, values, "type", start=self._rows)
        return found.fill_null(1).alias("count")

    def _read(self, raw: Mapping[str, str | None]) -> tuple[object, list[Flaw]]:
        line = _Line(self._law, raw)
        return line.read(), line.flaws


def _line(told: list[Exchange], counts: Mapping[int, int], line: Mapping[str, object]) -> Exchange:
    """What a line tells, with when and how often."""
    row = int(str(line["row"]))
    asked, received = (
        None
        if line[name] is None
        else Instant.from_timestamp(int(str(line[name])), unit="millisecond")
        for name in ("asked", "received")
    )
    return structs.replace(
        told[int(str(line["told"]))],
        row=row + 1,
        id=str(line["id"]),
        asked=asked,
        received=received,
        on=str(line["on"]),
        count=counts.get(row, int(str(line["count"]))),
    )


def _measured(told: list[Exchange], releases: pl.DataFrame) -> Measurements:
    """The delays of each kind of release that has both instants."""
    delays = releases.select("told", delay=pl.col("received") - pl.col("asked")).drop_nulls()
    parts = delays.partition_by("told", as_dict=True, maintain_order=False)
    return Measurements(
        Measured(
            parties=told[code].parties,
            instrument=told[code].instrument,
            is_exercise=told[code].is_timed_in_exercise,
            delays_ms=part["delay"].to_numpy(),
        )
        for (code,), part in sorted(parts.items())
    )


def read_traffic(
    path: Path,
    law: LawView,
    *,
    is_strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Traffic:
    """Read past releases, open requests and standing feeds from a file, batch by batch.

    Args:
        path: CSV, JSON lines or Parquet.
        law: Whose words count as known.
        is_strict: Stop when any line is at fault.
        progress: Told after each batch how many lines it had.

    Raises:
        TableError: The file cannot be read, a column is missing or unknown, or too much is open.
        StrictError: A line is at fault and `is_strict`.

    Source: docs/spec/impact.md IMP-29.
    """
    reader = TrafficReader(law)
    for batch in batches(path):
        reader.add(batch)
        if progress is not None:
            progress(batch.height)
    found = reader.finish()
    if is_strict:
        check_strictly(found.faults, found.rows, "lines of traffic")
    return found


class _Line:
    """What a line tells, and what is wrong with it."""

    def __init__(self, law: LawView, raw: Mapping[str, str | None]) -> None:
        self._law = law
        self._raw = raw
        self.flaws: list[Flaw] = []

    def flaw(self, column: str, kind: str, value: str = "") -> None:
        """Note that something is wrong."""
        self.flaws.append(Flaw(column=column, kind=kind, value=value))

    def read(self) -> Exchange:
        """Read the words; what is wrong stands in `flaws`."""
        library = self._law.library
        scheme = self._optional("scheme", library.schemes)
        known = library.schemes.get(SchemeId(scheme)) if scheme else None
        own = library.parties.get(PartyCode(self._raw["from"] or ""))
        if known is None and own is not None and own.scheme is not None:
            known = library.schemes.get(own.scheme)
        # Without a scheme that is known nothing can be said of a level; the line is at fault
        # anyway.
        level = self._text("level")
        if known is not None:
            level = self._optional("level", {one.id for one in known.levels})
        instrument = self._text("instrument")
        if instrument and not is_known(self._law, InstrumentId(instrument)):
            self.flaw("instrument", "unknown", instrument)
        purpose = self._optional("purpose", library.purposes)
        form = self._optional("form", tuple(Form))
        return Exchange(
            row=0,
            kind=self._kind(),
            source=PartyCode(self._needed("from", library.parties)),
            target=PartyCode(self._needed("to", library.parties)),
            topics=self._topics(),
            scheme=SchemeId(scheme) if scheme else None,
            level=LevelId(level) if level else None,
            form=Form(form) if form in tuple(Form) else Form.DOCUMENT,
            purpose=PurposeId(purpose) if purpose else None,
            via=self._via(),
            instrument=InstrumentId(instrument) if instrument else None,
            exercise=split_words(self._text("exercise")),
        )

    def _text(self, column: str) -> str:
        return self._raw[column] or ""

    def _needed(self, column: str, known: Container[object]) -> str:
        text = self._text(column)
        if not text:
            self.flaw(column, "missing")
        elif text not in known:
            self.flaw(column, "unknown", text)
        return text

    def _optional(self, column: str, known: Container[object]) -> str:
        text = self._text(column)
        if text and text not in known:
            self.flaw(column, "unknown", text)
        return text

    def _kind(self) -> TrafficKind:
        text = self._needed("kind", tuple(TrafficKind))
        return TrafficKind(text) if text in tuple(TrafficKind) else TrafficKind.RELEASE

    def _topics(self) -> tuple[TopicId, ...]:
        topics = split_words(self._text("topics"))
        if not topics:
            self.flaw("topics", "missing")
        for one in topics:
            if one not in self._law.library.topics:
                self.flaw("topics", "unknown", one)
        return tuple(TopicId(one) for one in topics)

    def _via(self) -> tuple[PartyCode, ...]:
        """Parties between, in the order travelled; so they are not sorted."""
        words = [one.strip() for one in self._text("via").split(SEPARATOR) if one.strip()]
        for one in words:
            if one not in self._law.library.parties:
                self.flaw("via", "unknown", one)
        return tuple(PartyCode(one) for one in words)
