"""A ministry's table of expected decisions: read whole or not at all, compared field by field."""

import pytest
from msgspec.structs import replace
from whenever import Instant

from relto.adapters.lawfiles import locate, packaged_library
from relto.decide import (
    HandlingKind,
    load_delegations,
)
from relto.decide.expectations import (
    Checked,
    ExpectationFileError,
    Expected,
    check_expectations,
    load_expectations,
)
from relto.limits import LAW_FILE_BYTES_MAX
from relto.model import Outcome

LIBRARY = packaged_library()
DELEGATIONS = load_delegations(
    b"""
format = "relto.delegations/1"
holder = "JPN"
[[delegations]]
id = "launches"
recipients = ["KOR"]
instruments = ["jpn-kor-gsomia-2016"]
topics = ["dprk.missile"]
up_to = "hi"
by = "the bureau"
""",
    library=LIBRARY,
    file="delegations.toml",
)
FILE = """format = "relto.decisions/1"

[[decisions]]
name = "a launch"
at = 2019-11-21T09:00:00+09:00
known = 2019-11-20T00:00:00Z
[decisions.question]
from = "JPN"
to = "KOR"
topics = ["dprk.missile.launch"]
level = "hi"
is_requested = true
[decisions.expect]
outcome = "permit"
"""
HINT = "the keys of such a file stand in docs/guides/delegate-a-release.md"
LAPSE = Instant.parse_iso("2019-11-22T15:01:00Z")
OTHERS = (
    "tisa-2014: topology (para 4)",
    "jpn-kor-usa-warning-2023: in-force (fully activated on 19 December 2023)",
)
RIGHT = Expected(
    outcome=Outcome.PERMIT,
    instrument="jpn-kor-gsomia-2016",
    reasons=OTHERS,
    holds_until=LAPSE,
    handling=HandlingKind.RELEASE,
    delegation="launches",
)


def loaded(text=FILE):
    return load_expectations(text.encode(), file="x.toml", locate=locate)


def checked(expect, *, delegations=DELEGATIONS, **changes):
    one = replace(loaded().decisions[0], expect=expect, **changes)
    found = replace(loaded(), decisions=(one,))
    (only,) = check_expectations(found, library=LIBRARY, delegations=delegations)
    return only


def test_a_file_of_expected_decisions_is_read():
    """DEC-39: what is left out is not looked at."""
    (one,) = loaded().decisions
    assert (one.name, one.at) == ("a launch", Instant.parse_iso("2019-11-21T00:00:00Z"))
    assert one.known == Instant.parse_iso("2019-11-20T00:00:00Z")
    assert one.expect == Expected(outcome=Outcome.PERMIT)
    assert one.question.topics == ("dprk.missile.launch",)


@pytest.mark.parametrize("expect", [RIGHT, Expected(outcome=Outcome.PERMIT)], ids=["all", "little"])
def test_what_comes_out_as_expected_is_met(expect):
    """DEC-40."""
    assert checked(expect) == Checked(name="a launch", is_met=True, differences=())


DIFFERENCES = {
    "outcome": (Outcome.DENY, "outcome: expected deny, got permit"),
    "instrument": ("tisa-2014", "instrument: expected tisa-2014, got jpn-kor-gsomia-2016"),
    "holds_until": (
        LAPSE.add(nanoseconds=1),
        f"holds_until: expected {LAPSE.add(nanoseconds=1)}, got {LAPSE}",
    ),
    "handling": (HandlingKind.OFFICER, "handling: expected officer, got release"),
    "delegation": ("others", "delegation: expected others, got launches"),
}


@pytest.mark.parametrize("field", DIFFERENCES)
def test_each_field_that_is_named_is_compared(field):
    """DEC-40: expected first, then got."""
    value, words = DIFFERENCES[field]
    assert checked(replace(RIGHT, **{field: value})) == Checked(
        name="a launch", is_met=False, differences=(words,)
    )


def test_reasons_are_exactly_those_that_are_expected():
    """DEC-40."""
    found = checked(replace(RIGHT, reasons=(OTHERS[0], "another")))
    assert not found.is_met
    assert found.differences == ("reason missing: another", f"reason not expected: {OTHERS[1]}")


def test_without_delegations_an_officer_decides():
    """DEC-40."""
    assert checked(
        Expected(outcome=Outcome.PERMIT, handling=HandlingKind.OFFICER), delegations=None
    ).is_met


def test_a_question_that_cannot_be_asked_is_not_met_and_the_next_one_is_asked():
    """DEC-40."""
    one = loaded().decisions[0]
    bad = replace(one, name="bad", question=replace(one.question, level="high"))
    found = check_expectations(replace(loaded(), decisions=(bad, one)), library=LIBRARY)
    assert found == (
        Checked(name="bad", is_met=False, differences=("unknown level of scheme `jpn`: `high`",)),
        Checked(name="a launch", is_met=True, differences=()),
    )


def test_each_decision_knows_only_the_acts_known_on_its_day():
    """DEC-39, DEC-40: the note of August, seen from before it and from after it."""
    later = {"at": Instant.parse_iso("2019-12-01T00:00:00Z")}
    known = Instant.parse_iso("2019-08-01T00:00:00Z")
    one = replace(loaded().decisions[0], **later)
    file = replace(
        loaded(),
        decisions=(
            replace(one, known=known),
            replace(one, expect=Expected(outcome=Outcome.DENY)),
            replace(one, known=None),
        ),
    )
    assert [each.is_met for each in check_expectations(file, library=LIBRARY)] == [True] * 3


BAD = {
    "no TOML": ("format =", 1, "", "not TOML", None),
    "another format": (
        'format = "x"',
        1,
        "format",
        "not a file of expected decisions",
        'begin the file with format = "relto.decisions/1"',
    ),
    "no format": (
        "x = 1",
        0,
        "format",
        "not a file of expected decisions",
        'begin the file with format = "relto.decisions/1"',
    ),
    "too large": (
        "#" * (LAW_FILE_BYTES_MAX + 1),
        0,
        "",
        f"file too large: {LAW_FILE_BYTES_MAX + 1} bytes, limit {LAW_FILE_BYTES_MAX}",
        "split it",
    ),
    "an unknown key": (
        FILE + "colour = 1",
        15,
        "decisions[1].expect.colour",
        "unknown key `colour`",
        HINT,
    ),
    "nothing in it": (
        'format = "relto.decisions/1"\ndecisions = []',
        0,
        "",
        "expects nothing",
        "add a table [[decisions]]",
    ),
}


@pytest.mark.parametrize(("text", "line", "key", "reason", "hint"), BAD.values(), ids=BAD)
def test_a_wrong_file_of_expected_decisions_is_refused(text, line, key, reason, hint):
    """DEC-39: with its place, the reason and advice."""
    with pytest.raises(ExpectationFileError) as refused:
        loaded(text)
    (problem,) = refused.value.problems
    assert (problem.file, problem.line, problem.key) == ("x.toml", line, key)
    assert problem.reason == reason or (hint is None and problem.reason.startswith(reason))
    assert problem.hint == hint or (hint is None and problem.hint)


def test_the_largest_file_is_still_read():
    """DEC-39."""
    text = FILE + "#" * (LAW_FILE_BYTES_MAX - len(FILE))
    assert loaded(text) == loaded()
