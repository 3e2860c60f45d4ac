"""Whether law files make sense together: names exist and are unmistakable, nothing contradicts.

Every check adds problems and goes on, so that one run shows all of them.
"""

from typing import Final, TypeVar

from msgspec import Struct

from relto.law import calendar
from relto.law.check_acts import check_acts
from relto.law.decode import Finder, KeyPath
from relto.law.draft import Draft, Entry
from relto.law.files import (
    InstrumentFile,
    PartiesFile,
    PurposesFile,
    SchemeFile,
    TopicsFile,
)
from relto.law.force import EntryKind, NoticeAnchor, NoticeCount, TermKind
from relto.law.instrument import Equivalence, EquivalenceRow, TopologyKind
from relto.units import DOTTED_PATTERN, PARTY_PATTERN, InstrumentId

_BACK: Final = frozenset({NoticeAnchor.EXPIRY_DATE, NoticeAnchor.LAST_FULL_DAY})
# Characters that people take for each other in one line of a screen.
_LOOKS: Final = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"))

T = TypeVar("T", bound=Struct)


def check(draft: Draft) -> None:
    """Add to the draft all that is wrong between its files.

    Source: docs/spec/law.md LAW-60 to LAW-69.
    """
    _check_ids(draft)
    _check_words(draft)
    for entry in draft.entries(InstrumentFile):
        _check_instrument(entry, draft)
    _check_cycles(draft)
    check_acts(draft)


def skeleton(id: str) -> str:
    """Reduce an id to what it looks like; two ids with one skeleton are easily mixed up.

    Source: docs/spec/law.md LAW-62.
    """
    looks = id.replace("-", "").replace(".", "").lower()
    for shown, plain in _LOOKS:
        looks = looks.replace(shown, plain)
    return looks


def _odd(id: str) -> str:
    strange = [char for char in id if not char.isascii() or not char.isprintable()]
    named = ", ".join(f"U+{ord(char):04X}" for char in strange)
    return f" (it holds {named})" if named else ""


def _check_ids(draft: Draft) -> None:
    seen: dict[str, str] = {}
    looks: dict[str, str] = {}
    for entry in draft.entries(InstrumentFile):
        id = entry.file.id
        if not DOTTED_PATTERN.fullmatch(id):
            entry.finder.add(
                ("id",),
                f"not an instrument id: `{id}`{_odd(id)}",
                "use lower-case ASCII words joined by hyphens, like jpn-kor-gsomia-2016",
            )
            continue
        if id in seen:
            entry.finder.add(
                ("id",), f"instrument `{id}` is already in `{seen[id]}`", "give it another id"
            )
        elif skeleton(id) in looks:
            other = looks[skeleton(id)]
            entry.finder.add(
                ("id",),
                f"`{id}` looks like `{other}`",
                "choose an id that nobody can mistake for the other",
            )
        seen.setdefault(id, entry.name)
        looks.setdefault(skeleton(id), id)
    ids: set[str] = set()
    for scheme in draft.entries(SchemeFile):
        if not DOTTED_PATTERN.fullmatch(scheme.file.id):
            scheme.finder.add(
                ("id",), f"not a scheme id: `{scheme.file.id}`", "use lower-case ASCII, like jpn"
            )
        if scheme.file.id in ids:
            scheme.finder.add(
                ("id",), f"scheme `{scheme.file.id}` is given twice", "keep one of the files"
            )
        ids.add(scheme.file.id)


def _check_words(draft: Draft) -> None:
    parties: set[str] = set()
    for entry in draft.entries(PartiesFile):
        for index, record in enumerate(entry.file.parties):
            at: KeyPath = ("parties", index)
            if not PARTY_PATTERN.fullmatch(record.code):
                entry.finder.add(
                    (*at, "code"),
                    f"not a party code: `{record.code}`{_odd(record.code)}",
                    "use two to twelve capital ASCII letters or digits, like JPN",
                )
            if record.code in parties:
                entry.finder.add(
                    (*at, "code"), f"party `{record.code}` is given twice", "keep one of them"
                )
            parties.add(record.code)
            if not calendar.is_zone(record.zone):
                entry.finder.add((*at, "zone"), *_no_zone(record.zone))
            if record.scheme is not None and draft.is_missing(record.scheme):
                entry.finder.add(
                    (*at, "scheme"), f"no scheme `{record.scheme}`", "add its file, or leave it out"
                )
    for topics in draft.entries(TopicsFile):
        _check_tree(
            topics.finder, "topics", [topic.id for topic in topics.file.topics], draft.topics
        )
    for purposes in draft.entries(PurposesFile):
        _check_tree(
            purposes.finder, "purposes", [row.id for row in purposes.file.purposes], draft.purposes
        )
    for scheme in draft.entries(SchemeFile):
        _check_scheme(scheme, draft)


def _check_tree(finder: Finder, name: str, ids: list[str], known: frozenset[str]) -> None:
    seen: set[str] = set()
    for index, id in enumerate(ids):
        at: KeyPath = (name, index, "id")
        if not DOTTED_PATTERN.fullmatch(id):
            finder.add(at, f"not an id: `{id}`{_odd(id)}", "use dotted lower-case ASCII words")
        if id in seen:
            finder.add(at, f"`{id}` is given twice", "keep one of them")
        seen.add(id)
        parent = id.rpartition(".")[0]
        if parent and parent not in known:
            finder.add(at, f"the node above, `{parent}`, is missing", f"add `{parent}` first")


def _check_scheme(entry: Entry[SchemeFile], draft: Draft) -> None:
    scheme = entry.file
    if scheme.party is not None and scheme.party not in draft.parties:
        entry.finder.add(("party",), *_no_party(scheme.party))
    if not scheme.levels:
        entry.finder.add(("levels",), "no levels", "list them from the lowest to the highest")
    for name, ids in (
        ("levels", [level.id for level in scheme.levels]),
        ("categories", [category.id for category in scheme.categories]),
    ):
        seen: set[str] = set()
        for index, id in enumerate(ids):
            if not DOTTED_PATTERN.fullmatch(id) or id in seen:
                entry.finder.add(
                    (name, index, "id"),
                    f"not an id of its own: `{id}`{_odd(id)}",
                    "use lower-case ASCII words, each once",
                )
            seen.add(id)


def _no_zone(zone: str) -> tuple[str, str]:
    return f"no such time zone: `{zone}`", "use an IANA name like Asia/Seoul"


def _no_party(party: str) -> tuple[str, str]:
    return f"no party `{party}`", "add it to the parties file, or mend the code"


def _check_instrument(entry: Entry[InstrumentFile], draft: Draft) -> None:
    file, finder = entry.file, entry.finder
    _check_parties(entry, draft)
    for name in ("topics", "excluded"):
        for index, topic in enumerate(getattr(file.topics, name)):
            if topic not in draft.topics:
                finder.add(
                    ("topics", name, index), f"no topic `{topic}`", "add it to the topics file"
                )
    if not file.topics.is_open and not file.topics.topics:
        finder.add(("topics", "topics"), "a closed list without topics", "list what it covers")
    for index, purpose in enumerate(file.purposes.purposes):
        if purpose not in draft.purposes:
            finder.add(
                ("purposes", "purposes", index),
                f"no purpose `{purpose}`",
                "add it to the purposes file",
            )
    _check_life(entry)
    _check_equivalence(entry, draft)
    for index, reliance in enumerate(file.reliance):
        other = draft.instruments.get(reliance.instrument)
        if draft.is_missing(reliance.instrument):
            finder.add(
                ("reliance", index, "instrument"),
                f"no instrument `{reliance.instrument}`",
                "add its file to the library",
            )
        if reliance.parties and len(set(reliance.parties)) != 2:
            finder.add(
                ("reliance", index, "parties"),
                "a leg has two different parties",
                "name the two, or leave the list empty for every pair",
            )
        for party in reliance.parties:
            if party not in file.parties or (other is not None and party not in other.parties):
                finder.add(
                    ("reliance", index, "parties"),
                    f"`{party}` is not a party of both instruments",
                    "name the two parties of the leg",
                )


def _check_parties(entry: Entry[InstrumentFile], draft: Draft) -> None:
    file, finder = entry.file, entry.finder
    for index, party in enumerate(file.parties):
        if party not in draft.parties:
            finder.add(("parties", index), *_no_party(party))
    if len(set(file.parties)) < len(file.parties) or len(file.parties) < 2:
        finder.add(("parties",), "fewer than two different parties", "list each party once")
    hub = file.topology.intermediary
    is_hub = file.topology.kind is TopologyKind.INTERMEDIARY
    if is_hub != (hub is not None):
        finder.add(
            ("topology", "intermediary"),
            "an intermediary is named if, and only if, the kind is `intermediary`",
            "name the party through which everything goes",
        )
    elif hub is not None and hub not in file.parties:
        finder.add(
            ("topology", "intermediary"), f"`{hub}` is not a party of the instrument", "list it"
        )
    for index, authority in enumerate(file.authorities):
        if authority.party not in file.parties:
            finder.add(
                ("authorities", index, "party"),
                f"`{authority.party}` is not a party of the instrument",
                "name the party whose body it is",
            )


def _check_life(entry: Entry[InstrumentFile]) -> None:
    file, finder = entry.file, entry.finder
    if not calendar.is_zone(file.days.zone):
        finder.add(("days", "zone"), *_no_zone(file.days.zone))
    is_fixed = file.term.kind is TermKind.FIXED
    lengths = [n for n in (file.term.first_months, file.term.renewal_months) if n is not None]
    if is_fixed != (file.term.first_months is not None) or any(n < 1 for n in lengths):
        finder.add(
            ("term",),
            "the length of a term is given, at least one month, if and only if it is fixed",
            "set `first_months`, or another `kind`",
        )
    if not is_fixed and file.term.renewal_months is not None:
        finder.add(("term", "renewal_months"), "only a fixed term is renewed", "leave it out")
    if not 0 <= file.entry.first_of_month_after <= 24:
        finder.add(("entry", "first_of_month_after"), "expected 0 to 24 months", "0 means at once")
    is_computed = file.entry.kind not in (EntryKind.RECORDED, EntryKind.NOT_KNOWN)
    if file.entry.first_of_month_after and not is_computed:
        finder.add(
            ("entry", "first_of_month_after"),
            f"means nothing where the entry is `{file.entry.kind}`",
            "leave it out",
        )
    notice = file.notice
    if notice is None:
        return
    if notice.length < 1:
        finder.add(("notice", "length"), "a notice period of less than one", "give its length")
    is_back = notice.count is NoticeCount.BACK_FROM_TERM_END
    if is_back != (notice.counting.anchor in _BACK):
        finder.add(
            ("notice", "counting", "anchor"),
            f"`{notice.counting.anchor}` does not go with `{notice.count}`",
            "count back from expiry-date or last-full-day, forward from same-day or day-after",
        )
    if is_back and not is_fixed:
        finder.add(
            ("notice", "count"),
            "counted back from the end of a term that the instrument has not",
            "count forward from the notice, or give the term",
        )


def _check_equivalence(entry: Entry[InstrumentFile], draft: Draft) -> None:
    file, finder = entry.file, entry.finder
    rows: set[str] = set()
    for index, version in enumerate(file.equivalence):
        at: KeyPath = ("equivalence", index)
        seen: set[str] = set()
        for place, row in enumerate(version.rows):
            if row.id in seen:
                finder.add((*at, "rows", place, "id"), f"row `{row.id}` twice", "keep one")
            seen.add(row.id)
            if place:
                _check_row_order(version.rows[place - 1], row, (*at, "rows", place), draft, finder)
            for scheme, levels in row.levels.items():
                known = draft.levels.get(scheme)
                for level in levels if known is not None else ():
                    if level not in (known or ()):
                        finder.add(
                            (*at, "rows", place, "levels", scheme),
                            f"scheme `{scheme}` has no level `{level}`",
                            "use an id from the scheme's file",
                        )
                if draft.is_missing(scheme):
                    finder.add(
                        (*at, "rows", place, "levels", scheme),
                        f"no scheme `{scheme}`",
                        "add its file to the library",
                    )
        rows |= seen
    _check_versions(file.equivalence, finder)
    for reliance in file.reliance:
        other = draft.instruments.get(reliance.instrument)
        for version in other.equivalence if other else ():
            rows |= {row.id for row in version.rows}
    for index, cap in enumerate(file.caps):
        if cap.row not in rows:
            finder.add(
                ("caps", index, "row"),
                f"no row `{cap.row}` in the equivalence, its own or relied on",
                "name a row by its id",
            )


def _check_row_order(
    below: EquivalenceRow, row: EquivalenceRow, path: KeyPath, draft: Draft, finder: Finder
) -> None:
    """A cap names a row, so that rows out of order would let pass what it is to stop."""
    for scheme in sorted(below.levels.keys() & row.levels.keys()):
        ladder = draft.levels.get(scheme, ())
        lower = [ladder.index(one) for one in below.levels[scheme] if one in ladder]
        upper = [ladder.index(one) for one in row.levels[scheme] if one in ladder]
        if lower and upper and max(lower) > min(upper):
            finder.add(
                (*path, "levels", scheme),
                f"row `{row.id}` stands above `{below.id}`, but its level in `{scheme}` is lower",
                "list the rows from the lowest to the highest",
            )


def _check_versions(versions: tuple[Equivalence, ...], finder: Finder) -> None:
    for index, version in enumerate(versions):
        start, end = version.valid_from, version.valid_until
        if version.by_act is not None and (start or end):
            finder.add(
                ("equivalence", index, "by_act"),
                "a version brought by an act takes its dates from the act",
                "leave out `valid_from` and `valid_until`",
            )
        if start and end and start >= end:
            finder.add(
                ("equivalence", index, "valid_until"), "ends before it begins", "swap the dates"
            )
        for other in versions[:index]:
            if version.by_act or other.by_act:
                continue
            ends_first = other.valid_until and start and other.valid_until <= start
            starts_last = other.valid_from and end and other.valid_from >= end
            if not (ends_first or starts_last):
                finder.add(
                    ("equivalence", index),
                    f"version `{version.id}` overlaps version `{other.id}`",
                    "end one where the other begins",
                )


def _check_cycles(draft: Draft) -> None:
    state: dict[InstrumentId, int] = {}

    def visit(id: InstrumentId, trail: tuple[InstrumentId, ...]) -> None:
        state[id] = 1
        file = draft.instruments[id]
        for index, reliance in enumerate(file.reliance):
            other = reliance.instrument
            if other not in draft.instruments:
                continue
            if state.get(other) == 1:
                loop = " -> ".join((*trail[trail.index(other) :], other))
                draft.finder_of(id).add(
                    ("reliance", index, "instrument"),
                    f"reliance runs in a circle: {loop}",
                    "an instrument cannot protect itself through others",
                )
            elif other not in state:
                visit(other, (*trail, other))
        state[id] = 2

    for id in sorted(draft.instruments):
        if id not in state:
            visit(id, (id,))
