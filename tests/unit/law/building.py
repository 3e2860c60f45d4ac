"""Law files for tests, built from plain tables: say only what the test is about."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

import tomlkit

from relto.adapters.lawfiles import library_of
from relto.law import Law, Library, Problem, Remark, compile_law
from relto.law.errors import LawFileError
from relto.units import InstrumentId

GROUND = {"article": "1", "evidence": "text", "source": "made for a test"}
PACT = InstrumentId("aaa-bbb-pact")


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


def day(text: str) -> date:
    return date.fromisoformat(text)


def rule(**keys) -> dict:
    return {**keys, **GROUND}


def pact(id: str = PACT, parties: Iterable[str] = ("AAA", "BBB"), **changes) -> dict:
    """Return the tables of an instrument; a change of `None` leaves a table out."""
    tables = {
        "format": "relto.instrument/1",
        "id": id,
        "title": "A pact made for a test",
        "short": "Pact",
        "kind": "agreement",
        "parties": list(parties),
        "holders": rule(kind="governments"),
        "topology": rule(kind="direct"),
        "initiative": rule(kind="on-request"),
        "topics": rule(is_open=True),
        "forms": rule(forms=["document"]),
        "third_party": rule(kind="originator-consent"),
        "purposes": rule(is_open=True),
        "assurance": rule(is_required=False),
        "entry": rule(kind="signature"),
        "term": rule(kind="fixed", first_months=12, renewal_months=12),
        "notice": rule(
            length=90,
            unit="days",
            count="back-from-term-end",
            channel="diplomatic",
            counting=rule(anchor="expiry-date"),
        ),
        "days": rule(zone="UTC"),
        "doctrine": rule(suspended_notice="renews", end_at_once="no-effect"),
        "survival": rule(kind="unlimited", text="protected for ever"),
    }
    tables.update(changes)
    return {key: value for key, value in tables.items() if value is not None}


def act(id: str, kind: str, at: str, by: Iterable[str] = ("AAA",), **more) -> dict:
    """Return the table of an act; a day without an hour becomes `on`."""
    stamp = {"at": when(at)} if "T" in at else {"on": day(at)}
    channel = {"channel": "diplomatic"} if kind == "notice" else {}
    return {
        "id": id,
        "instrument": PACT,
        "kind": kind,
        "by": list(by),
        "text": "an act made for a test",
        **stamp,
        **channel,
        **GROUND,
        **more,
    }


def signed(at: str = "2016-03-01T00:00:00+00:00", **more) -> dict:
    return act("signature", "signature", at, by=("AAA", "BBB"), **more)


def toml(tables: Mapping) -> bytes:
    return tomlkit.dumps(tables).encode()


def words(parties: Iterable[str] = ("AAA", "BBB", "CCC")) -> dict[str, bytes]:
    """Return the files that every library needs: parties, topics, purposes and two schemes."""
    level = {"native": "x", "gloss": "x", "marking": "x", **GROUND}
    return {
        "parties.toml": toml(
            {
                "format": "relto.parties/1",
                "parties": [rule(code=code, names={"en": code}, zone="UTC") for code in parties],
            }
        ),
        "topics.toml": toml(
            {
                "format": "relto.topics/1",
                "topics": [{"id": "one", "title": "One"}, {"id": "one.two", "title": "Two"}],
            }
        ),
        "purposes.toml": toml(
            {"format": "relto.purposes/1", "purposes": [{"id": "defence", "title": "Defence"}]}
        ),
        "schemes/aaa.toml": toml(
            {
                "format": "relto.scheme/1",
                "id": "aaa",
                "title": "Of AAA",
                "party": "AAA",
                "levels": [{"id": "low", **level}, {"id": "mid", **level}, {"id": "high", **level}],
                "categories": [{"id": "own", "effect": "no-release", **level}],
            }
        ),
        "schemes/bbb.toml": toml(
            {
                "format": "relto.scheme/1",
                "id": "bbb",
                "title": "Of BBB",
                "levels": [{"id": "grey", **level}, {"id": "black", **level}],
            }
        ),
    }


def files(*instruments: dict, acts: Iterable[dict] = (), **more) -> dict[str, bytes]:
    """Return the files of a library; `more` are further tables of the acts file."""
    made = words()
    for number, tables in enumerate(instruments or (pact(),)):
        made[f"instruments/{number}.toml"] = toml(tables)
    made["acts.toml"] = toml({"format": "relto.acts/1", "acts": list(acts), **more})
    return made


def library(*instruments: dict, acts: Iterable[dict] = (), **more) -> Library:
    return library_of(files(*instruments, acts=acts, **more))


def law(*instruments: dict, acts: Iterable[dict] = (), known=None, **more) -> Law:
    return compile_law(library(*instruments, acts=acts, **more), known=known)


def problems(given: Mapping[str, bytes]) -> tuple[Problem, ...]:
    """Return what is wrong with files that must be refused."""
    try:
        library_of(given)
    except LawFileError as error:
        return error.problems
    raise AssertionError("nothing was wrong")


def states(law: Law, *, reading=None) -> list[tuple[str, str]]:
    """Return start and state of every span, short enough to compare by eye."""
    return [
        ("" if span.start is None else span.start.format_iso(), str(span.state))
        for span in law.life(PACT, reading=reading).spans
    ]


def remark(law: Law, id: str, *, reading=None) -> Remark:
    """Return what one act did."""
    return next(item for item in law.remarks(PACT, reading=reading) if item.act == id)
