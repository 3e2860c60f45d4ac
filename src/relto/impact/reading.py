"""What stood in a row, read once for each distinct combination of words; and what is wrong there.

Nothing is guessed: a missing or unknown word makes a flaw, and a row with a flaw can only be
denied.

Source: docs/spec/impact.md IMP-20 to IMP-26.
"""

from collections.abc import Callable, Container, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from relto.decide.view import LawView, is_known
from relto.errors import LocalError
from relto.impact.facts import (
    CaveatFacts,
    ItemFacts,
    LabelFacts,
    OriginFacts,
    RowFacts,
    TopicFacts,
)
from relto.impact.holdings import Flaw
from relto.limits import BULK_CODES_MAX
from relto.model import Form
from relto.units import (
    CategoryId,
    HoldingId,
    InstrumentId,
    LevelId,
    PartyCode,
    PurposeId,
    SchemeId,
    TopicId,
)

REQUIRED: Final = ("id", "holder", "originator", "scheme", "level", "topics", "form")
OPTIONAL: Final = (
    "categories",
    "releasable_to",
    "provenance",
    "received_for",
    "marked_scheme",
    "marked_level",
)
# Columns that say nothing to a rule; any other unknown column is refused, since a slip of the pen
# in `categories` would otherwise widen what may be released.
BESIDE: Final = ("title", "remark", "source", "exercise", "digest", "size_bytes", "held_at")
LISTED: Final = ("topics", "categories", "releasable_to")
SEPARATOR: Final = ";"
NOBODY: Final = (
    "-"  # `releasable_to` of a label that lets nobody read; empty means that it names nobody
)

LABEL_KEYS: Final = ("holder", "scheme", "level", "marked_scheme", "marked_level", "form")
TOPIC_KEYS: Final = ("holder", "topics")
CAVEAT_KEYS: Final = ("scheme", "categories", "releasable_to")
ORIGIN_KEYS: Final = ("holder", "originator", "provenance", "received_for")
# Beside these, where a consent names single items: the id of such an item, and its topics.
ITEM_KEYS: Final = ("item", "item_topics")


class TableError(LocalError):
    """A table of holdings or traffic that cannot be read at all."""

    code = "local.table"


class StrictError(LocalError):
    """Rows at fault, and the caller asked to stop at the first."""

    code = "local.table_strict"
    hint_default = "mend the rows listed, or leave `--strict` out: rows at fault are then denied"


class Raw(Struct, frozen=True, kw_only=True):
    """One distinct combination of raw words, read.

    Args:
        key: The words as they stood; `None` where nothing stood.
        code: Its code.
        flaws: What is wrong with it.
    """

    key: tuple[str | None, ...]
    code: int
    flaws: tuple[Flaw, ...] = ()


Read = Callable[[Mapping[str, str | None]], tuple[object, list[Flaw]]]


class Column:
    """Codes of one kind of fact, in the order in which they were met."""

    def __init__(self, keys: tuple[str, ...], read: Read) -> None:
        """Begin with none."""
        self.keys = keys
        self.read = read
        self.seen: dict[tuple[str | None, ...], Raw] = {}
        self.codes: dict[object, int] = {}

    def place(self, key: tuple[str | None, ...]) -> Raw:
        """Return a combination, read when it is met for the first time.

        Args:
            key: The words of the columns `keys`; `None` where nothing stood.

        Raises:
            TableError: More different facts than a table may have.

        Source: docs/spec/impact.md IMP-20.
        """
        found = self.seen.get(key)
        if found is None:
            facts, flaws = self.read(dict(zip(self.keys, key, strict=True)))
            code = self.codes.setdefault(facts, len(self.codes))
            if len(self.codes) > BULK_CODES_MAX:
                raise TableError(
                    f"too many different {', '.join(self.keys)}: limit {BULK_CODES_MAX}",
                    hint="is a column with ids or free text in its place?",
                )
            found = self.seen[key] = Raw(key=key, code=code, flaws=tuple(flaws))
        return found


class FactReader:
    """Reads the four kinds of facts against the words of a law.

    Args:
        law: Whose words count as known.
        items: Items that a consent names; the origins then have `ITEM_KEYS` as well.

    Source: docs/spec/impact.md IMP-9, IMP-20 to IMP-26.
    """

    def __init__(self, law: LawView, *, items: frozenset[HoldingId] = frozenset()) -> None:
        """Begin with no fact but the unusable origin."""
        self._law, self._items = law, items
        self.labels = Column(LABEL_KEYS, self._label)
        self.topics = Column(TOPIC_KEYS, self._topics)
        self.caveats = Column(CAVEAT_KEYS, self._caveats)
        self.origins = Column((*ORIGIN_KEYS, *ITEM_KEYS) if items else ORIGIN_KEYS, self._origin)
        self.origins.codes[None] = 0

    def columns(self) -> tuple[Column, Column, Column, Column]:
        """Return the four, in the order of the tables.

        Source: docs/spec/impact.md IMP-2.
        """
        return self.labels, self.topics, self.caveats, self.origins

    def facts(self) -> RowFacts:
        """Return everything read so far.

        Source: docs/spec/impact.md IMP-2.
        """
        return RowFacts(
            labels=tuple(one for one in self.labels.codes if isinstance(one, LabelFacts)),
            topics=tuple(one for one in self.topics.codes if isinstance(one, TopicFacts)),
            caveats=tuple(one for one in self.caveats.codes if isinstance(one, CaveatFacts)),
            origins=tuple(
                one for one in self.origins.codes if one is None or isinstance(one, OriginFacts)
            ),
            items=self._items,
        )

    def _label(self, raw: Mapping[str, str | None]) -> tuple[object, list[Flaw]]:
        flaws: list[Flaw] = []
        scheme = self._word(raw, "scheme", flaws, self._law.library.schemes)
        level = self._level(raw, "level", scheme, flaws)
        marked_scheme = raw["marked_scheme"] or ""
        marked_level = raw["marked_level"] or ""
        if marked_scheme or marked_level:
            self._word(raw, "marked_scheme", flaws, self._law.library.schemes)
            self._level(raw, "marked_level", marked_scheme, flaws)
        form = Form.DOCUMENT
        if not raw["form"]:
            flaws.append(_flaw("form", "missing", ""))
        elif raw["form"] not in tuple(Form):
            flaws.append(_flaw("form", "unknown", raw["form"]))
        else:
            form = Form(raw["form"])
        facts = LabelFacts(
            holder=PartyCode(raw["holder"] or ""),
            scheme=SchemeId(scheme),
            level=LevelId(level),
            marked_scheme=SchemeId(marked_scheme),
            marked_level=LevelId(marked_level),
            form=form,
        )
        return facts, flaws

    def _level(
        self, raw: Mapping[str, str | None], column: str, scheme: str, flaws: list[Flaw]
    ) -> str:
        found = self._law.library.schemes.get(SchemeId(scheme))
        known = None if found is None else {level.id for level in found.levels}
        return self._word(raw, column, flaws, known)

    def _topics(self, raw: Mapping[str, str | None]) -> tuple[object, list[Flaw]]:
        flaws: list[Flaw] = []
        topics = split_words(raw["topics"])
        if not topics:
            flaws.append(_flaw("topics", "missing", ""))
        flaws += [
            _flaw("topics", "unknown", one) for one in topics if one not in self._law.library.topics
        ]
        facts = TopicFacts(
            holder=PartyCode(raw["holder"] or ""), topics=tuple(TopicId(one) for one in topics)
        )
        return facts, flaws

    def _caveats(self, raw: Mapping[str, str | None]) -> tuple[object, list[Flaw]]:
        flaws: list[Flaw] = []
        scheme = self._law.library.schemes.get(SchemeId(raw["scheme"] or ""))
        categories = split_words(raw["categories"])
        known = () if scheme is None else {one.id for one in scheme.categories}
        flaws += [_flaw("categories", "unknown", one) for one in categories if one not in known]
        listed = raw["releasable_to"]
        readers: tuple[str, ...] | None = None
        if listed:
            readers = () if listed in {NOBODY, "[]"} else split_words(listed)
            parties = self._law.library.parties
            flaws += [
                _flaw("releasable_to", "unknown", one) for one in readers if one not in parties
            ]
        facts = CaveatFacts(
            scheme=SchemeId(raw["scheme"] or ""),
            categories=tuple(CategoryId(one) for one in categories),
            releasable_to=None if readers is None else tuple(PartyCode(one) for one in readers),
        )
        return facts, flaws

    def _origin(self, raw: Mapping[str, str | None]) -> tuple[object, list[Flaw]]:
        flaws: list[Flaw] = []
        parties = self._law.library.parties
        holder = self._word(raw, "holder", flaws, parties)
        originator = self._word(raw, "originator", flaws, parties)
        provenance, received_for = raw["provenance"] or None, raw["received_for"] or None
        if provenance is not None and not is_known(self._law, InstrumentId(provenance)):
            flaws.append(_flaw("provenance", "unknown", provenance))
        if received_for is not None and received_for not in self._law.library.purposes:
            flaws.append(_flaw("received_for", "unknown", received_for))
        item = None
        if named := raw.get("item"):
            topics = tuple(TopicId(one) for one in split_words(raw.get("item_topics")))
            item = ItemFacts(holding=HoldingId(named), topics=topics)
        facts = OriginFacts(
            holder=PartyCode(holder),
            originator=PartyCode(originator),
            provenance=None if provenance is None else InstrumentId(provenance),
            received_for=None if received_for is None else PurposeId(received_for),
            item=item,
        )
        return facts, flaws

    @staticmethod
    def _word(
        raw: Mapping[str, str | None],
        column: str,
        flaws: list[Flaw],
        known: Container[object] | None,
    ) -> str:
        """Take one word; note it when it is missing, or not in a vocabulary that is there."""
        word = raw[column]
        if not word:
            flaws.append(_flaw(column, "missing", ""))
            return ""
        if known is not None and word not in known:
            flaws.append(_flaw(column, "unknown", word))
        return word


def _flaw(column: str, kind: str, value: str) -> Flaw:
    return Flaw(column=column, kind=kind, value=value)


def split_words(text: str | None) -> tuple[str, ...]:
    """Return the words of a list, sorted and without repeats.

    Args:
        text: Words with `;` between them, or a list as JSON lines carry it; what is neither comes
            back
            as one word, which no vocabulary knows.

    Source: docs/spec/impact.md IMP-20.
    """
    if text is not None and text.startswith("["):
        try:
            return tuple(sorted(set(msgspec.json.decode(text, type=list[str]))))
        except msgspec.DecodeError:
            return (text,)
    return tuple(sorted({one.strip() for one in (text or "").split(SEPARATOR)} - {""}))
