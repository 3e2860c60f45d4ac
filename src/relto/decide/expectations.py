"""A party's own expected decisions, reasons included, as a table it keeps beside its delegations.

When the law or a delegation changes, the table says which decisions change with it.

Source: docs/spec/decide.md DEC-39, DEC-40.
"""

from typing import Final

from msgspec import Struct
from whenever import Instant

from relto.decide.delegation import Handling, HandlingKind, handle
from relto.decide.planner import Planner
from relto.decide.question import Question, QuestionError, case_of
from relto.law import Library, Locate, compile_law
from relto.law.decode import Finder, decode_tables, parse_toml
from relto.law.errors import LawFileError
from relto.limits import LAW_FILE_BYTES_MAX
from relto.model import Decision, Outcome
from relto.model.delegation import Delegations
from relto.units import InstrumentId

EXPECTATIONS_FORMAT: Final = "relto.decisions/1"
_HINT: Final = "the keys of such a file stand in docs/guides/delegate-a-release.md"


class ExpectationFileError(LawFileError):
    """A file of expected decisions cannot be used."""

    code = "local.expectation_file"


class Expected(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must come out; whatever is left out is not looked at.

    Args:
        outcome: Always looked at.
        instrument: The one that gives the outcome.
        reasons: For each instrument that does not permit, `instrument: rule (article)`; exactly
            these.
        holds_until: The next instant at which the answer can change.
        handling: What the holder does under its delegations.
        delegation: Under which one it is released at once.
    """

    outcome: Outcome
    instrument: InstrumentId | None = None
    reasons: tuple[str, ...] | None = None
    holds_until: Instant | None = None
    handling: HandlingKind | None = None
    delegation: str | None = None


class Expectation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One expected decision.

    Args:
        name: For people.
        at: The instant decided for.
        known: Only acts known then; `None` takes all.
        question: In words.
        expect: What must come out.
    """

    name: str
    at: Instant
    known: Instant | None = None
    question: Question
    expect: Expected


class Expectations(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of them."""

    format: str
    decisions: tuple[Expectation, ...]


class Checked(Struct, frozen=True, kw_only=True):
    """How one of them came out.

    Args:
        name: Which.
        is_met: All that was looked at is as expected.
        differences: What is not: expected, then got.
    """

    name: str
    is_met: bool
    differences: tuple[str, ...]


def load_expectations(data: bytes, *, file: str, locate: Locate | None = None) -> Expectations:
    """Read a file of expected decisions, whole or not at all.

    Args:
        data: TOML, at most `LAW_FILE_BYTES_MAX` bytes.
        file: Its name, for the errors.
        locate: Finds the line of a key, for the errors.

    Raises:
        ExpectationFileError: Anything is wrong; it lists all that was found.

    Source: docs/spec/decide.md DEC-39.
    """
    finder = Finder(file, data, locate, hint=_HINT)
    found = _decode(data, finder)
    if found is not None and not found.decisions:
        finder.add((), "expects nothing", "add a table [[decisions]]")
    if finder.problems or found is None:
        raise ExpectationFileError(tuple(finder.problems))
    return found


def _decode(data: bytes, finder: Finder) -> Expectations | None:
    if len(data) > LAW_FILE_BYTES_MAX:
        reason = f"file too large: {len(data)} bytes, limit {LAW_FILE_BYTES_MAX}"
        finder.add_at(0, "", reason, "split it")
        return None
    tables = parse_toml(data, finder)
    if tables is None:
        return None
    if tables.get("format") != EXPECTATIONS_FORMAT:
        hint = f'begin the file with format = "{EXPECTATIONS_FORMAT}"'
        finder.add(("format",), "not a file of expected decisions", hint)
        return None
    return decode_tables(tables, Expectations, finder)


def check_expectations(
    found: Expectations, *, library: Library, delegations: Delegations | None = None
) -> tuple[Checked, ...]:
    """Decide every question of a file and compare.

    Args:
        found: The file.
        library: The law to test.
        delegations: The holder's, for `handling` and `delegation`.

    Returns:
        One for each, in the file's order. A question that cannot be asked is not met.

    Source: docs/spec/decide.md DEC-40.
    """
    planners: dict[Instant | None, Planner] = {}
    checked = []
    for one in found.decisions:
        if one.known not in planners:
            planners[one.known] = Planner(compile_law(library, known=one.known))
        try:
            case = case_of(one.question, library)
        except QuestionError as error:
            checked.append(Checked(name=one.name, is_met=False, differences=(error.message,)))
            continue
        decision = planners[one.known].decide(case, at=one.at)
        handling = handle(delegations, decision, case, library=library)
        differences = _differences(one.expect, decision, handling)
        checked.append(
            Checked(name=one.name, is_met=not differences, differences=tuple(differences))
        )
    return tuple(checked)


def reasons_of(decision: Decision) -> tuple[str, ...]:
    """For each instrument that does not permit, its first reason: `instrument: rule (article)`."""
    return tuple(
        f"{one.instrument}: {one.reason.rule} ({one.reason.ground.article})"
        for one in decision.considered
        if one.reason is not None
    )


def _differences(expect: Expected, decision: Decision, handling: Handling) -> list[str]:
    pairs: list[tuple[str, object, object]] = [("outcome", expect.outcome, decision.outcome)]
    if expect.instrument is not None:
        pairs.append(("instrument", expect.instrument, decision.instrument))
    if expect.holds_until is not None:
        pairs.append(("holds_until", expect.holds_until, decision.holds_until))
    if expect.handling is not None:
        pairs.append(("handling", expect.handling, handling.kind))
    if expect.delegation is not None:
        pairs.append(("delegation", expect.delegation, handling.delegation))
    differences = [
        f"{name}: expected {want}, got {got}" for name, want, got in pairs if want != got
    ]
    if expect.reasons is not None:
        got = reasons_of(decision)
        differences += [f"reason missing: {one}" for one in expect.reasons if one not in got]
        differences += [f"reason not expected: {one}" for one in got if one not in expect.reasons]
    return differences
