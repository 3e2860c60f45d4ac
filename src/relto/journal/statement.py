"""What a verified extract proves, entry by entry, and what each release in it rests on."""

from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

from relto.errors import PeerError
from relto.journal.consent import ProvenConsent
from relto.model import Entry, LogId
from relto.model.delegation import Delegation
from relto.model.message import Message, Quarantined, Receipted, Refused

# Where an entry stands: log and number.
Place: TypeAlias = tuple[LogId, int]


class ExtractError(PeerError):
    """An extract contradicts itself: an entry of another case, a file nobody adopted."""

    code = "peer.bad_extract"
    hint_default = "it proves nothing; ask for a fresh one"


class Basis(Struct, frozen=True, kw_only=True):
    """What a release rests on, as far as the extract shows it.

    Args:
        law: The entry with which the party that made the extract adopted the release's law; `None`
            when the files of that law are not here.
        authority: The entry with which the delegation that it names was given; `None` when it names
            none, or is another party's, whose own log is not here.
        delegation: That delegation; `None` when `authority` is.
        consents: The originators' consents at hand: those that it carries, and its author's own.
    """

    law: Entry | None
    authority: Entry | None
    delegation: Delegation | None
    consents: tuple[ProvenConsent, ...]


class Statement(Struct, frozen=True, kw_only=True):
    """One entry of a verified extract: what its author said, and who can no longer deny it.

    Args:
        entry: The entry.
        message: Its message, decoded; `None` when it was destroyed or is of an unknown kind.
        destroyed: Names of the parts that are gone or not shown.
        is_acknowledged: The partner has signed that it holds the entry.
        basis: Of a release whose message is shown, what it rests on; `None` of anything else.
    """

    entry: Entry
    message: Message | None
    destroyed: tuple[str, ...]
    is_acknowledged: bool
    basis: Basis | None = None

    @property
    def log(self) -> LogId:
        """The log in which it stands."""
        return self.entry.header.log

    @property
    def place(self) -> Place:
        """Where it stands: log and number."""
        return self.log, self.entry.header.number


def spoken_of(statement: Statement) -> Iterator[Place]:
    """Name the entry of a partner that an entry speaks of by its number, shown or not."""
    source, target = statement.log.source, statement.log.target
    match statement.message:
        case Receipted(number=number) | Refused(number=number) if number:
            yield LogId(source=target, target=source), number
        case Quarantined(source=partner, number=number):
            yield LogId(source=partner, target=source), number
        case _:
            pass


def where(entry: Entry) -> str:
    """Say in words which entry is meant."""
    return f"entry {entry.header.number} of `{entry.header.log.origin}`"
