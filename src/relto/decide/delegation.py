"""The holder's own authority: who may release what the law permits, without asking, or after whom.

The law says what may be released, never what must. A delegation is a party's standing decision to
release some of it without an officer; everything else goes to one, above a configured level to two.
What a delegation does not name, it does not cover; an unknown level is above every level.

Source: docs/spec/decide.md DEC-33 to DEC-37.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct
from whenever import Instant

from relto.law import Library, Locate, Problem
from relto.law.decode import Finder, decode_tables, parse_toml
from relto.law.errors import LawFileError
from relto.limits import LAW_FILE_BYTES_MAX
from relto.model import Case, Decision, Outcome
from relto.model.delegation import DELEGATIONS_FORMAT, Delegation, Delegations
from relto.units import LevelId, PartyCode, covers

_HINT: Final = "the keys of a delegation stand in docs/guides/delegate-a-release.md"


class DelegationFileError(LawFileError):
    """A file of delegations was refused as a whole; nothing of it counts."""

    code = "local.delegation_file"


class HandlingKind(StrEnum):
    """What the holder does with a decision."""

    RELEASE = "release"  # at once, under a delegation
    OFFICER = "officer"  # one officer decides
    TWO_OFFICERS = "two-officers"  # two officers decide, one after the other
    REFUSE = "refuse"  # the law denies it


class Handling(Struct, frozen=True, kw_only=True):
    """What happens next.

    Args:
        kind: What.
        delegation: The delegation under which it is released without asking; else `None`.
        why: One sentence for the journal and the queue.
        holds_until: As of the decision, or earlier where the delegation begins or ends.
    """

    kind: HandlingKind
    delegation: str | None = None
    why: str
    holds_until: Instant | None = None


def handle(
    delegations: Delegations | None, decision: Decision, case: Case, *, library: Library
) -> Handling:
    """Say what the holder does with a decision of the law.

    A denial is refused; a referral always goes to an officer; a permission is released at once only
    under a delegation that covers every fact of the case.

    Args:
        delegations: The holder's; `None` when it has given none, and then nothing is released
            unasked.
        decision: What the law says.
        case: What was decided.
        library: For the order of levels.

    Source: docs/spec/decide.md DEC-33 to DEC-37.
    """
    until = decision.holds_until
    if decision.outcome is Outcome.DENY:
        return Handling(kind=HandlingKind.REFUSE, why="the law denies it", holds_until=until)
    mine = delegations if delegations and delegations.holder == case.holder else None
    rank = _rank(case, library)
    if _needs_two(mine, case, rank, library):
        why = "at this level two officers are needed"
        return Handling(kind=HandlingKind.TWO_OFFICERS, why=why, holds_until=until)
    if decision.outcome is Outcome.REFER:
        why = "the instrument wants each release decided, or a step is missing"
        return Handling(kind=HandlingKind.OFFICER, why=why, holds_until=until)
    about = [
        one
        for one in (mine.delegations if mine else ())
        if _covers(one, decision, case, rank=rank, library=library)
    ]
    running = [one for one in about if _runs(one, decision.at)]
    bounds = [bound for one in about for bound in (one.valid_from, one.valid_until)]
    later = [bound for bound in (*bounds, until) if bound is not None and bound > decision.at]
    until = min(later, default=None)
    if not running:
        why = "permitted, and no delegation covers it"
        return Handling(kind=HandlingKind.OFFICER, why=why, holds_until=until)
    return Handling(
        kind=HandlingKind.RELEASE,
        delegation=running[0].id,
        why=f"delegated by {running[0].by}",
        holds_until=until,
    )


def _rank(case: Case, library: Library) -> int | None:
    """The place of the item's level in the holder's own scheme; `None` when it has none there."""
    party = library.parties.get(case.holder)
    scheme = None if party is None or party.scheme is None else library.schemes.get(party.scheme)
    if scheme is None:
        return None
    for label in (case.label, case.marked):
        if label is not None and label.scheme == scheme.id:
            return scheme.rank(label.level)
    return None


def _rank_of(level: LevelId, case: Case, library: Library) -> int | None:
    party = library.parties.get(case.holder)
    scheme = None if party is None or party.scheme is None else library.schemes.get(party.scheme)
    return None if scheme is None else scheme.rank(level)


def _needs_two(
    delegations: Delegations | None, case: Case, rank: int | None, library: Library
) -> bool:
    if delegations is None or delegations.two_persons_from is None:
        return False
    bound = _rank_of(delegations.two_persons_from, case, library)
    return rank is None or bound is None or rank >= bound


def _covers(
    one: Delegation, decision: Decision, case: Case, *, rank: int | None, library: Library
) -> bool:
    """Every fact must be named; only its time is left to the caller."""
    highest = _rank_of(one.up_to, case, library)
    if rank is None or highest is None or rank > highest:
        return False
    if case.recipient not in one.recipients or decision.instrument not in one.instruments:
        return False
    if case.onward is not None and case.onward not in one.recipients:
        return False
    if not case.topics or not all(any(covers(r, t) for r in one.topics) for t in case.topics):
        return False
    if one.forms and case.form not in one.forms:
        return False
    if case.originator != case.holder and not one.is_for_received:
        return False
    if not one.purposes:
        return True
    return case.purpose is not None and any(covers(r, case.purpose) for r in one.purposes)


def _runs(one: Delegation, at: Instant) -> bool:
    return (one.valid_from is None or one.valid_from <= at) and (
        one.valid_until is None or at < one.valid_until
    )


def load_delegations(
    data: bytes, *, library: Library, file: str, locate: Locate | None = None
) -> Delegations:
    """Read a file of delegations, whole or not at all.

    Args:
        data: TOML, at most `LAW_FILE_BYTES_MAX` bytes.
        library: The words it may use.
        file: Its name, for the errors.
        locate: Finds the line of a key, for the errors.

    Raises:
        DelegationFileError: Anything is wrong; it lists all that was found.

    Source: docs/spec/decide.md DEC-37.
    """
    finder = Finder(file, data, locate, hint=_HINT)
    found = _decode(data, finder)
    if found is not None:
        _check(found, finder, library)
    if finder.problems or found is None:
        raise DelegationFileError(_ordered(finder.problems))
    return found


def _ordered(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda one: (one.line, one.key, one.reason)))


def _decode(data: bytes, finder: Finder) -> Delegations | None:
    if len(data) > LAW_FILE_BYTES_MAX:
        reason = f"file too large: {len(data)} bytes, limit {LAW_FILE_BYTES_MAX}"
        finder.add_at(0, "", reason, "keep the delegations of one holder in one short file")
        return None
    tables = parse_toml(data, finder)
    if tables is None:
        return None
    if tables.get("format") != DELEGATIONS_FORMAT:
        hint = f'begin the file with format = "{DELEGATIONS_FORMAT}"'
        finder.add(("format",), "not a file of delegations", hint)
        return None
    return decode_tables(tables, Delegations, finder)


def _check(found: Delegations, finder: Finder, library: Library) -> None:
    """Every word must be known; a list that would cover nothing by mistake is refused."""
    party = library.parties.get(found.holder)
    if party is None:
        finder.add(("holder",), f"unknown party `{found.holder}`", _known(library.parties))
        return
    scheme = None if party.scheme is None else library.schemes.get(party.scheme)
    levels = [] if scheme is None else [level.id for level in scheme.levels]
    if found.two_persons_from is not None and found.two_persons_from not in levels:
        reason = f"unknown level `{found.two_persons_from}`"
        finder.add(("two_persons_from",), reason, _known(levels))
    seen: set[str] = set()
    for index, one in enumerate(found.delegations):
        path = ("delegations", index)
        if one.id in seen:
            finder.add((*path, "id"), f"`{one.id}` is used twice", "give each its own id")
        seen.add(one.id)
        for key, said in (("id", one.id), ("by", one.by)):
            if not said.strip():
                hint = "each release under it names it, and the office that gave it"
                finder.add((*path, key), "is empty", hint)
        if one.up_to not in levels:
            finder.add((*path, "up_to"), f"unknown level `{one.up_to}`", _known(levels))
        if one.valid_from and one.valid_until and one.valid_from >= one.valid_until:
            hint = "`valid_until` is the first instant at which it no longer runs"
            finder.add((*path, "valid_until"), "ends before it begins", hint)
        _check_words(one, found.holder, path, finder, library)


def _check_words(
    one: Delegation,
    holder: PartyCode,
    path: tuple[str | int, ...],
    finder: Finder,
    library: Library,
) -> None:
    words = (
        ("recipients", "party", one.recipients, [c for c in library.parties if c != holder]),
        ("instruments", "instrument", one.instruments, list(library.instruments)),
        ("topics", "topic", one.topics, list(library.topics.topics)),
        ("purposes", "purpose", one.purposes, list(library.purposes.purposes)),
    )
    for key, what, used, known in words:
        if not used and key != "purposes":
            finder.add((*path, key), "is empty, so that it covers nothing", _HINT)
        for place, word in enumerate(used):
            if word not in known:
                finder.add((*path, key, place), f"unknown {what} `{word}`", _known(known))


def _known(words: Iterable[str]) -> str:
    return f"known: {', '.join(sorted(words)[:12])}"
