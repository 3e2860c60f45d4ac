"""Schemes, parties, and the trees of topics and purposes: the words law is written in.

Identity is the ASCII id alone; names in any script are shown, never compared.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from relto.model import Ground
from relto.units import CategoryId, LevelId, PartyCode, PurposeId, SchemeId, TopicId, covers


class CategoryEffect(StrEnum):
    """What a caveat does to a release."""

    NO_RELEASE = "no-release"  # never to anybody outside the originator's own party
    HANDLING = "handling"  # goes along as a handling instruction


class Level(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One level of a scheme.

    Args:
        id: Used in labels.
        native: The name in the scheme's own script.
        gloss: English, for a reader without that script.
        marking: The phrase that stands on the item.
        ground: How well the level and its place in the order are known.
    """

    id: LevelId
    native: str
    gloss: str
    marking: str
    ground: Ground


class Category(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A caveat. A label with one that its scheme does not list is refused."""

    id: CategoryId
    native: str
    gloss: str
    marking: str
    effect: CategoryEffect
    ground: Ground


class Scheme(Struct, frozen=True, kw_only=True):
    """A party's, or a community's, own way to say how sensitive an item is.

    Args:
        party: Whose scheme; `None` for one that belongs to a community (TLP).
        levels: From the lowest to the highest.
    """

    id: SchemeId
    title: str
    party: PartyCode | None
    levels: tuple[Level, ...]
    categories: tuple[Category, ...]
    file: str

    def level(self, id: LevelId) -> Level | None:
        """Return the level of that id, or `None` where the scheme has none.

        Source: docs/spec/law.md LAW-5.
        """
        for level in self.levels:
            if level.id == id:
                return level
        return None

    def rank(self, id: LevelId) -> int | None:
        """Return the place of a level, the lowest as 0, or `None` for an unknown one.

        Ranks order one scheme's own levels. They say nothing about another scheme's: only an
        instrument's equivalence does.

        Source: docs/spec/law.md LAW-5.
        """
        for index, level in enumerate(self.levels):
            if level.id == id:
                return index
        return None

    def category(self, id: CategoryId) -> Category | None:
        """Return the caveat of that id, or `None`: an unknown caveat denies.

        Source: docs/spec/law.md LAW-5.
        """
        for category in self.categories:
            if category.id == id:
                return category
        return None


class PartyRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A state, an organisation or a community that takes part.

    Args:
        code: Used everywhere.
        names: Language tag to name, in that language's own script.
        zone: The IANA zone its officers read clocks in.
        scheme: The scheme it labels with; `None` when the library holds none for it.
        is_example: Made up, or standing for a partner that the source did not name.
    """

    code: PartyCode
    names: Mapping[str, str]
    zone: str
    scheme: SchemeId | None = None
    is_example: bool = False
    ground: Ground


class Topic(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node of the subject tree."""

    id: TopicId
    title: str


class Purpose(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node of the purpose tree."""

    id: PurposeId
    title: str


class TopicTree(Struct, frozen=True, kw_only=True):
    """Subjects; a topic covers its subtree."""

    topics: Mapping[TopicId, Topic]

    def __contains__(self, topic: object) -> bool:
        """Tell whether the topic exists; an unknown one is refused, never guessed.

        Source: docs/spec/law.md LAW-6.
        """
        return topic in self.topics

    def __iter__(self) -> Iterator[TopicId]:
        """Go through all topics, in the order of ids.

        Source: docs/spec/law.md LAW-6.
        """
        return iter(sorted(self.topics))

    def below(self, root: TopicId) -> tuple[TopicId, ...]:
        """Return the topic and all below it, sorted.

        Source: docs/spec/law.md LAW-6.
        """
        return tuple(sorted(topic for topic in self.topics if covers(root, topic)))


class PurposeTree(Struct, frozen=True, kw_only=True):
    """Purposes; a purpose covers its subtree."""

    purposes: Mapping[PurposeId, Purpose]

    def __contains__(self, purpose: object) -> bool:
        """Tell whether the purpose exists.

        Source: docs/spec/law.md LAW-6.
        """
        return purpose in self.purposes

    def __iter__(self) -> Iterator[PurposeId]:
        """Go through all purposes, in the order of ids.

        Source: docs/spec/law.md LAW-6.
        """
        return iter(sorted(self.purposes))
