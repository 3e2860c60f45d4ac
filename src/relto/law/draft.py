"""Decoded law files before they are checked: what each holds, and where its problems go."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from relto.law.decode import Finder
from relto.law.errors import Problem
from relto.law.files import (
    InstrumentFile,
    LawFile,
    PartiesFile,
    PurposesFile,
    SchemeFile,
    TopicsFile,
)
from relto.units import InstrumentId

F = TypeVar("F", bound=LawFile)
WithId = TypeVar("WithId", InstrumentFile, SchemeFile)


class Entry(Generic[F]):
    """One decoded file with its name and the place for its problems."""

    __slots__ = ("file", "finder", "name")

    def __init__(self, name: str, file: F, finder: Finder) -> None:
        """Keep the three together."""
        self.name = name
        self.file = file
        self.finder = finder


class Draft:
    """All decoded files of one load, and the problems found so far."""

    def __init__(self) -> None:
        """Begin empty."""
        self._entries: list[Entry[LawFile]] = []
        self._problems: list[Problem] = []
        self._refused: set[str] = set()
        self.instruments: dict[InstrumentId, InstrumentFile] = {}
        self._finders: dict[InstrumentId, Finder] = {}
        self.levels: dict[str, tuple[str, ...]] = {}
        self.schemes: set[str] = set()
        self.parties: set[str] = set()
        self.topics: frozenset[str] = frozenset()
        self.purposes: frozenset[str] = frozenset()

    def take(self, name: str, file: LawFile, finder: Finder) -> None:
        """Add a decoded file.

        Source: docs/spec/law.md LAW-1.
        """
        self._entries.append(Entry(name, file, finder))
        match file:
            case InstrumentFile():
                self.instruments.setdefault(file.id, file)
                self._finders.setdefault(file.id, finder)
            case SchemeFile():
                self.schemes.add(file.id)
                self.levels[file.id] = tuple(level.id for level in file.levels)
            case PartiesFile():
                self.parties |= {record.code for record in file.parties}
            case TopicsFile():
                self.topics |= {topic.id for topic in file.topics}
            case PurposesFile():
                self.purposes |= {purpose.id for purpose in file.purposes}
            case _:
                pass  # acts are read by `check_acts`, once all instruments are here

    def refuse(self, finder: Finder) -> None:
        """Add the problems of a file that could not be decoded.

        Source: docs/spec/law.md LAW-60.
        """
        self._problems.extend(finder.problems)
        self._refused.add(finder.said_id)

    def is_missing(self, id: str) -> bool:
        """Tell whether no file speaks of an instrument or scheme, not even a refused one.

        Source: docs/spec/law.md LAW-60.
        """
        return id not in self.instruments and id not in self.schemes and id not in self._refused

    def entries(self, kind: type[F]) -> Iterator[Entry[F]]:
        """Yield the files of one kind, in the order of their names.

        Source: docs/spec/law.md LAW-8.
        """
        for entry in self._entries:
            if isinstance(entry.file, kind):
                yield Entry(entry.name, entry.file, entry.finder)

    def by_id(self, kind: type[WithId]) -> list[tuple[str, WithId]]:
        """Return name and file of one kind, in the order of ids.

        Source: docs/spec/law.md LAW-8.
        """
        found = [(entry.name, entry.file) for entry in self.entries(kind)]
        return sorted(found, key=lambda pair: pair[1].id)

    def all(self, kind: type[F]) -> list[tuple[str, F]]:
        """Return name and file of one kind, in the order of names.

        Source: docs/spec/law.md LAW-8.
        """
        return [(entry.name, entry.file) for entry in self.entries(kind)]

    def finder_of(self, id: InstrumentId) -> Finder:
        """Return the place for problems of an instrument.

        Source: docs/spec/law.md LAW-60.
        """
        return self._finders[id]

    @property
    def problems(self) -> list[Problem]:
        """Return all problems so far.

        Source: docs/spec/law.md LAW-60.
        """
        found = list(self._problems)
        for entry in self._entries:
            found.extend(entry.finder.problems)
        return found
