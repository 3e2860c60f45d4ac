"""Tables of traffic from files: every line is read or listed; no time without its offset."""

from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from msgspec import Struct
from whenever import Instant, OffsetDateTime, ZonedDateTime

from relto.adapters.tables.files import batches
from relto.decide.view import LawView, is_known
from relto.impact import (
    NO_FAULTS,
    Exchange,
    Fault,
    Faults,
    Flaw,
    StrictError,
    TableError,
    TrafficKind,
    split_words,
)
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


class Traffic(Struct, frozen=True, kw_only=True, eq=False):
    """A table of traffic.

    Args:
        lines: Every line that could be used.
        rows: How many lines there were, those at fault included.
        faults: Everything found wrong; a line at fault is in no figure.
    """

    lines: tuple[Exchange, ...]
    rows: int
    faults: Faults


def read_traffic(path: Path, law: LawView, *, is_strict: bool = False) -> Traffic:
    """Read past releases, open requests and standing feeds from a file.

    Args:
        path: CSV, JSON lines or Parquet.
        law: Whose words count as known.
        is_strict: Stop when any line is at fault.

    Raises:
        TableError: The file cannot be read, or a column is missing or unknown.
        StrictError: A line is at fault and `is_strict`.

    Source: docs/spec/impact.md IMP-29.
    """
    lines: list[Exchange] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    row = 0
    for batch in batches(path):
        names = _columns(batch)
        for values in batch.select(pl.col(names).cast(pl.String)).rows():
            row += 1
            reader = _Line(law, dict(zip(names, values, strict=True)))
            line = reader.read(row)
            if line.id and line.id in seen:
                reader.flaw("id", "duplicate", line.id)
            seen.setdefault(line.id, row)
            faults += [Fault(row=row, flaw=one) for one in reader.flaws]
            if not reader.flaws:
                lines.append(line)
    found = Traffic(lines=tuple(lines), rows=row, faults=_faults(faults))
    if is_strict and faults:
        first = faults[0]
        raise StrictError(
            f"{found.faults.rows_at_fault()} of {row} lines of traffic are at fault, the first is "
            f"row {first.row}: `{first.flaw.column}` {first.flaw.kind} `{first.flaw.value}`"
        )
    return found


def _columns(batch: pl.DataFrame) -> list[str]:
    missing = [name for name in REQUIRED if name not in batch.columns]
    strange = sorted({*batch.columns} - {*REQUIRED, *OPTIONAL, *BESIDE})
    if missing or strange:
        what, names = ("column missing", missing) if missing else ("unknown column", strange)
        raise TableError(
            f"{what}: {', '.join(f'`{name}`' for name in names)}",
            hint=f"required: {', '.join(REQUIRED)}; optional: {', '.join((*OPTIONAL, *BESIDE))}",
        )
    return [name for name in (*REQUIRED, *OPTIONAL) if name in batch.columns]


def _faults(found: list[Fault]) -> Faults:
    if not found:
        return NO_FAULTS
    kinds = {flaw: place for place, flaw in enumerate(dict.fromkeys(one.flaw for one in found))}
    return Faults(
        rows=np.array([one.row for one in found], dtype=np.int64),
        flaws=np.array([kinds[one.flaw] for one in found], dtype=np.int64),
        kinds=tuple(kinds),
    )


class _Line:
    """One line, and what is wrong with it."""

    def __init__(self, law: LawView, raw: Mapping[str, str | None]) -> None:
        self._law = law
        self._raw = raw
        self.flaws: list[Flaw] = []

    def flaw(self, column: str, kind: str, value: str = "") -> None:
        """Note that something is wrong."""
        self.flaws.append(Flaw(column=column, kind=kind, value=value))

    def read(self, row: int) -> Exchange:
        """Read the line; what is wrong stands in `flaws`."""
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
            row=row,
            id=self._text("id"),
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
            asked=self._instant("asked"),
            received=self._instant("received") or self._instant("released"),
            on=self._text("on"),
            count=self._count(),
            exercise=split_words(self._text("exercise")),
        )

    def _text(self, column: str) -> str:
        return (self._raw.get(column) or "").strip()

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
        words = [one.strip() for one in self._text("via").split(";") if one.strip()]
        for one in words:
            if one not in self._law.library.parties:
                self.flaw("via", "unknown", one)
        return tuple(PartyCode(one) for one in words)

    def _instant(self, column: str) -> Instant | None:
        text = self._text(column)
        if not text:
            return None
        parsers: tuple[Callable[[str], Instant], ...] = (
            Instant.parse_iso,
            lambda one: OffsetDateTime.parse_iso(one).to_instant(),
            lambda one: ZonedDateTime.parse_iso(one).to_instant(),
        )
        for parse in parsers:
            try:
                return parse(text.replace(" ", "T", 1))
            except ValueError:
                continue
        self.flaw(column, "zone", text)
        return None

    def _count(self) -> int:
        text = self._text("count")
        if not text:
            return 1
        if not text.isdigit() or int(text) < 1:
            self.flaw("count", "type", text)
            return 1
        return int(text)
