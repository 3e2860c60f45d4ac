"""Scenarios: a crisis as a file. Parties, items, officers, requests, and what the law must answer.

A scenario states two kinds of things and never mixes them up: facts with sources, and exercise
values (levels,
hours of requests, how long an officer takes). It begins with steps that every ending shares; each
ending is then a
world of its own, because the clock of a node never goes back.

Rules kept here: the file is decoded strictly, every problem is reported with file, line and key,
and nothing is
played of a scenario that names a topic, a level, a party, an instrument or an act that the law
files do not know.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct
from whenever import Instant

from relto.errors import LocalError
from relto.law import Library, Locate, Problem
from relto.law.decode import Finder, decode_tables, parse_toml
from relto.limits import SCENARIO_BYTES_MAX
from relto.model import Form, Precedence, Rule
from relto.units import (
    HoldingId,
    InstrumentId,
    LevelId,
    OfficerRole,
    PartyCode,
    PurposeId,
    TopicId,
    covers,
)

SCENARIO_FORMAT: Final = "relto.scenario/1"
_HINT: Final = "docs/guides/write-a-scenario.md shows every table and key"


class ScenarioError(LocalError):
    """A scenario was refused as a whole; nothing of it was played.

    Args:
        problems: All that was found, sorted by line and key.
    """

    code = "local.scenario"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Name the first problem and count the others."""
        assert problems
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(first.sentence() + more, hint=first.hint)
        self.problems = problems


class UnknownEndingError(LocalError):
    """An ending that the scenario does not have."""

    code = "local.scenario_unknown_ending"


class Item(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something a party holds when the scenario begins.

    Args:
        file: Where its content is, relative to the library or to the scenario's own directory.
        level: In the holder's scheme; an exercise value.
    """

    id: HoldingId
    holder: PartyCode
    title: str
    file: str
    topics: tuple[TopicId, ...]
    level: LevelId
    form: Form


class Standing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A party's standing authority to release without asking an officer."""

    party: PartyCode
    id: str
    recipients: tuple[PartyCode, ...]
    instruments: tuple[InstrumentId, ...]
    topics: tuple[TopicId, ...]
    up_to: LevelId
    by: str


class Officer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scripted officer, who says yes to whatever waits.

    Args:
        name: A role in the exercise, never a person.
        delay_minutes: How long the officer takes; an exercise value that no source gives.
    """

    party: PartyCode
    role: OfficerRole
    name: str
    reason: str
    delay_minutes: int


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request that a step can make.

    Args:
        assurance: The level, in the requester's scheme, to which its reader is cleared; `None`
            gives no assurance.
    """

    id: str
    title: str
    requester: PartyCode
    holder: PartyCode
    topics: tuple[TopicId, ...]
    purpose: PurposeId
    precedence: Precedence = Precedence.ROUTINE
    about: str
    assurance: LevelId | None = None


class Ending(StrEnum):
    """How a request can end, seen by the one who asked."""

    RELEASED = "released"
    REFUSED = "refused"
    UNROUTABLE = "unroutable"


class Closed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, order=True):
    """An instrument that closes a way, with the first rule that fails and its article."""

    instrument: InstrumentId
    rule: Rule
    article: str


class Expected(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the law answers to a step's request, as the author of the scenario reads it.

    Args:
        way: The parties on the way, holder first; empty when there is none.
        instruments: One for each hop.
        approvals: The parties whose officers must say yes, in order.
        blocked: What closes every other way, in any order; only for a request that was not met.
        marked: The level at which the requester marks what it got.
    """

    outcome: Ending
    way: tuple[PartyCode, ...] = ()
    instruments: tuple[InstrumentId, ...] = ()
    approvals: tuple[PartyCode, ...] = ()
    blocked: tuple[Closed, ...] = ()
    marked: LevelId | None = None


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One point of the timeline: the clock is set, the law may change, a request may be made.

    Args:
        at: The instant; never before the step before it.
        law: The state of the law in a word or two, for the table.
        say: A sentence for the story.
        known: From here on the acts known until then are law; `None` changes nothing.
        files: Law files that are added here, for worlds that did not happen.
        request: The id of a request to make.
        is_direct: Insist on the direct way.
        expect: What the law answers; with a request, never without one.
    """

    at: Instant
    law: str
    say: str = ""
    known: Instant | None = None
    files: tuple[str, ...] = ()
    request: str | None = None
    is_direct: bool = False
    expect: Expected | None = None


class World(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ending: the steps that follow the common ones, in a world of its own.

    Args:
        is_real: This is what happened.
    """

    id: str
    title: str
    is_real: bool = False
    steps: tuple[Step, ...]


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole scenario.

    Args:
        known: When the scenario begins, acts known until then are law.
        sources: Where the facts can be read.
        steps: What every ending shares.
    """

    format: str
    id: str
    title: str
    summary: str
    parties: tuple[PartyCode, ...]
    known: Instant
    sources: tuple[str, ...]
    holdings: tuple[Item, ...]
    delegations: tuple[Standing, ...] = ()
    officers: tuple[Officer, ...] = ()
    requests: tuple[Plan, ...]
    steps: tuple[Step, ...] = ()
    endings: tuple[World, ...]

    def ending(self, id: str) -> World:
        """Give one ending.

        Args:
            id: Its id.

        Raises:
            UnknownEndingError: There is none of that id.

        Source: docs/guides/write-a-scenario.md.
        """
        for world in self.endings:
            if world.id == id:
                return world
        names = ", ".join(f"`{world.id}`" for world in self.endings)
        raise UnknownEndingError(f"no ending `{id}` in `{self.id}`", hint=f"there are {names}")

    def plan(self, id: str) -> Plan:
        """Give the request of that id; checking has made sure there is one."""
        return next(plan for plan in self.requests if plan.id == id)

    def steps_of(self, world: World) -> tuple[Step, ...]:
        """Give the whole timeline of one ending."""
        return (*self.steps, *world.steps)


def answers(item: Item, plan: Plan) -> bool:
    """Tell whether an item is what a request asks for."""
    return item.holder == plan.holder and any(
        covers(root, topic) for root in plan.topics for topic in item.topics
    )


def decode_scenario(name: str, data: bytes, *, locate: Locate | None = None) -> Scenario:
    """Read a scenario strictly.

    Args:
        name: What to call the file in errors.
        data: Its bytes.
        locate: Finds the line of a key; without it lines are 0.

    Raises:
        ScenarioError: Anything at all is wrong with it.

    Source: docs/guides/write-a-scenario.md.
    """
    finder = Finder(name, data, locate, hint=_HINT)
    if len(data) > SCENARIO_BYTES_MAX:
        reason = f"file too large: {len(data)} bytes, limit {SCENARIO_BYTES_MAX}"
        finder.add_at(
            0, "", reason, "a scenario names its content by file; keep it out of the text"
        )
        raise ScenarioError(tuple(finder.problems))
    tables = parse_toml(data, finder)
    if tables is not None and tables.get("format") != SCENARIO_FORMAT:
        reason = f"unknown format `{tables.get('format', '')}`"
        finder.add(("format",), reason, f'begin the file with `format = "{SCENARIO_FORMAT}"`')
    scenario = decode_tables(tables, Scenario, finder) if tables is not None else None
    if scenario is not None:
        _check_shape(scenario, finder)
    if scenario is None or finder.problems:
        raise ScenarioError(_ordered(finder.problems))
    return scenario


def check_scenario(
    scenario: Scenario,
    name: str,
    data: bytes,
    *,
    library: Library,
    contents: Mapping[str, bytes],
    locate: Locate | None = None,
) -> None:
    """Hold a scenario against the law it is to be played under: every word in it must exist.

    Args:
        scenario: Decoded from `data`.
        name: What to call the file in errors.
        data: Its bytes, to find lines in.
        library: The law files, with every file that a step adds.
        contents: The files that holdings and steps name.
        locate: Finds the line of a key.

    Raises:
        ScenarioError: An unknown party, topic, level, purpose or instrument, or a file that is not
            there.

    Source: docs/guides/write-a-scenario.md.
    """
    finder = Finder(name, data, locate)
    _check_words(scenario, library, finder)
    if not finder.problems:
        for index, plan in enumerate(scenario.requests):
            if not any(answers(item, plan) for item in scenario.holdings):
                reason = f"nothing that {plan.holder} holds answers it"
                finder.add(
                    ("requests", index), reason, "add a `[[holdings]]` table, or change topics"
                )
    for index, item in enumerate(scenario.holdings):
        if item.file not in contents:
            finder.add(("holdings", index, "file"), f"no file `{item.file}`", _FILE_HINT)
    if finder.problems:
        raise ScenarioError(_ordered(finder.problems))


_FILE_HINT: Final = "name a file of the library, or one beside the scenario"


def _ordered(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.key, problem.reason)))


def _check_shape(scenario: Scenario, finder: Finder) -> None:
    for path, step, before in _timeline(scenario):
        if step.request is not None and step.request not in {p.id for p in scenario.requests}:
            known = ", ".join(f"`{plan.id}`" for plan in scenario.requests)
            finder.add((*path, "request"), f"no request `{step.request}`", f"there are {known}")
        if step.files and step.known is None:
            hint = "add `known`: from then on the files, and the acts known until then, are law"
            finder.add((*path, "files"), "law files are added without `known`", hint)
        if (step.request is None) != (step.expect is None):
            reason = "a request and what is expected of it go together"
            finder.add(path, reason, "add `request`, or `expect`, or take both away")
        if before is not None and step.at < before:
            reason = "the step lies before the one above it"
            finder.add((*path, "at"), reason, "the clock of a node never goes back")
        if step.expect is not None:
            _check_expected(step.expect, (*path, "expect"), finder)
    for key, ids in (
        ("holdings", [str(item.id) for item in scenario.holdings]),
        ("requests", [plan.id for plan in scenario.requests]),
        ("endings", [world.id for world in scenario.endings]),
    ):
        for index, id in enumerate(ids):
            if id in ids[:index]:
                finder.add((key, index, "id"), f"a second `{id}`", "give it an id of its own")
    for index, officer in enumerate(scenario.officers):
        if officer.delay_minutes < 0:
            path = ("officers", index, "delay_minutes")
            finder.add(path, "a delay below zero", "an officer can be fast, not early")


def _check_expected(expected: Expected, path: tuple[str | int, ...], finder: Finder) -> None:
    if expected.outcome is Ending.RELEASED:
        if len(expected.way) < 2 or len(expected.instruments) != len(expected.way) - 1:
            reason = "a way has at least two parties, and one instrument for each hop"
            finder.add((*path, "way"), reason, "list the holder first and the requester last")
        if expected.blocked:
            reason = "what was released was not blocked"
            finder.add((*path, "blocked"), reason, "leave it out")
    elif expected.way or expected.instruments or expected.approvals or expected.marked:
        reason = "what was not released has no way, no approvals and no marking"
        finder.add(path, reason, "say in `blocked` which rule of which instrument fails")


def _timeline(
    scenario: Scenario,
) -> Iterator[tuple[tuple[str | int, ...], Step, Instant | None]]:
    before: Instant | None = None
    for index, step in enumerate(scenario.steps):
        yield ("steps", index), step, before
        before = step.at
    for place, world in enumerate(scenario.endings):
        last = before
        for index, step in enumerate(world.steps):
            yield ("endings", place, "steps", index), step, last
            last = step.at


def _check_words(scenario: Scenario, library: Library, finder: Finder) -> None:
    words = _Words(library, scenario, finder)
    for index, code in enumerate(scenario.parties):
        if code not in library.parties:
            finder.add(("parties", index), f"unknown party `{code}`", words.parties_hint)
    for index, item in enumerate(scenario.holdings):
        path = ("holdings", index)
        words.party(item.holder, (*path, "holder"))
        words.level(item.level, item.holder, (*path, "level"))
        words.topics(item.topics, (*path, "topics"))
    for index, standing in enumerate(scenario.delegations):
        path = ("delegations", index)
        words.party(standing.party, (*path, "party"))
        words.level(standing.up_to, standing.party, (*path, "up_to"))
        words.topics(standing.topics, (*path, "topics"))
        words.instruments(standing.instruments, (*path, "instruments"))
    for index, officer in enumerate(scenario.officers):
        words.party(officer.party, ("officers", index, "party"))
    for index, plan in enumerate(scenario.requests):
        path = ("requests", index)
        words.party(plan.requester, (*path, "requester"))
        words.party(plan.holder, (*path, "holder"))
        words.topics(plan.topics, (*path, "topics"))
        if plan.purpose not in library.purposes.purposes:
            finder.add((*path, "purpose"), f"unknown purpose `{plan.purpose}`", words.purposes_hint)
        if plan.assurance is not None:
            words.level(plan.assurance, plan.requester, (*path, "assurance"))
    for where, step, _ in _timeline(scenario):
        if step.expect is not None:
            closed = tuple(closed.instrument for closed in step.expect.blocked)
            words.instruments(step.expect.instruments, (*where, "expect", "instruments"))
            words.instruments(closed, (*where, "expect", "blocked"))


class _Words:
    """The vocabularies of the law, and how to say that a word is in none of them."""

    def __init__(self, library: Library, scenario: Scenario, finder: Finder) -> None:
        self._library = library
        self._scenario = scenario
        self._finder = finder
        self.parties_hint = f"known: {', '.join(sorted(library.parties)[:12])}"
        self.purposes_hint = f"known: {', '.join(sorted(library.purposes.purposes)[:12])}"

    def party(self, code: PartyCode, path: tuple[str | int, ...]) -> None:
        if code not in self._scenario.parties:
            hint = f"the scenario's parties are {', '.join(self._scenario.parties)}"
            self._finder.add(path, f"`{code}` takes no part in the scenario", hint)

    def topics(self, topics: tuple[TopicId, ...], path: tuple[str | int, ...]) -> None:
        for index, topic in enumerate(topics):
            if topic not in self._library.topics.topics:
                hint = "`relto law topics` lists them"
                self._finder.add((*path, index), f"unknown topic `{topic}`", hint)

    def level(self, level: LevelId, party: PartyCode, path: tuple[str | int, ...]) -> None:
        record = self._library.parties.get(party)
        if record is None or record.scheme is None:
            return
        levels = [known.id for known in self._library.schemes[record.scheme].levels]
        if level not in levels:
            reason = f"unknown level `{level}` in the scheme `{record.scheme}` of {party}"
            self._finder.add(path, reason, f"its levels are {', '.join(levels)}")

    def instruments(self, ids: tuple[InstrumentId, ...], path: tuple[str | int, ...]) -> None:
        for index, id in enumerate(ids):
            if id not in self._library.instruments:
                hint = "`relto law list` shows them"
                self._finder.add((*path, index), f"unknown instrument `{id}`", hint)
