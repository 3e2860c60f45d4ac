"""The vectors of law: data that any implementation of the specification can be held to.

The clauses they prove: LAW-20, LAW-23, LAW-30, LAW-31, LAW-33, LAW-36, LAW-37, LAW-42, LAW-43,
LAW-44, LAW-45, LAW-48.
"""

import tomllib
from functools import cache
from pathlib import Path

import pytest
from msgspec import structs
from whenever import Date, Instant, Time

from relto.adapters.lawfiles import library_of, packaged_files
from relto.law import Law, Library, NoticeAnchor, suppose
from relto.units import InstrumentId, PartyCode

FOLDER = Path(__file__).parent / "law"
VECTORS = sorted(FOLDER.glob("*.toml"), key=lambda path: path.name)
HEAD = 'format = "relto.acts/1"\n'


@cache
def _library(acts: str) -> Library:
    return library_of({**packaged_files(), "vector": (HEAD + acts).encode()})


def _instant(value) -> Instant | None:
    return None if value is None else Instant.parse_iso(value.isoformat())


def _with_parameters(library: Library, id: InstrumentId, parameters: dict) -> Library:
    instrument = library.instruments[id]
    if "term_ends_at" in parameters:
        hour = Time.parse_iso(parameters["term_ends_at"].isoformat())
        days = structs.replace(instrument.days, term_ends_at=hour)
        instrument = structs.replace(instrument, days=days)
    if "anchor" in parameters:
        counting = structs.replace(
            instrument.notice.counting, anchor=NoticeAnchor(parameters["anchor"])
        )
        notice = structs.replace(instrument.notice, counting=counting)
        instrument = structs.replace(instrument, notice=notice)
    assert set(parameters) <= {"term_ends_at", "anchor"}
    return structs.replace(library, instruments={**library.instruments, id: instrument})


def _law(given: dict) -> tuple[InstrumentId, Law]:
    id = InstrumentId(given["instrument"])
    library = _with_parameters(_library(given.get("acts", "")), id, given.get("parameters", {}))
    _, law = suppose(library, file="vector", known=_instant(given.get("known")))
    return id, law


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_the_law_is_what_the_vector_says(path: Path) -> None:
    vector = tomllib.loads(path.read_text(encoding="utf-8"))
    assert vector["id"] == path.stem
    assert vector["clause"].startswith("LAW-")
    id, law = _law(vector["input"])
    asked = 0
    for expect in vector.get("expect", ()):
        at = _instant(expect["at"])
        reading = PartyCode(expect["reading"]) if "reading" in expect else None
        assert law.state(id, at=at, reading=reading).state == expect["state"], expect
        if "differs" in expect:
            assert (law.readings_differ(id, at=at) is not None) is expect["differs"], expect
        asked += 1
    for expect in vector.get("deadline", ()):
        due = law.next_deadline(id, after=_instant(expect["after"]))
        assert due is not None
        assert due.last_day == Date.parse_iso(expect["last_day"].isoformat())
        assert due.closes == _instant(expect["closes"])
        asked += 1
    assert asked
