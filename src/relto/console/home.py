"""A node's directory: where everything is, and the file that its administrator writes.

    node.toml            whose node it is, where it listens, which law it begins with
    delegations.toml     the party's standing authorities, as a draft until they are adopted
    keys/                private keys and the TLS certificate; nobody else may look into it
    journal.sqlite       the journal and everything folded from it
    store.url            names a database that holds the journal instead
    blobs/               packages and contents, by digest
    received/            contents of received items, laid out for whoever reads them
    card.relto           the node's own card, to be given to partners
    control.sock         the officers' port, while the node runs

What the journal says stands above `node.toml`: the file tells a node how to start, and never
changes what has been adopted or pinned.
"""

import os
import shutil
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec

from relto.errors import LocalError
from relto.limits import (
    LINK_PARTNER_ENTRIES_PER_SECOND_MAX,
    LINK_PARTNER_JOURNAL_BYTES_PER_SECOND_MAX,
    WORKERS_MAX,
)
from relto.units import PartyCode

CONFIG_NAME: Final = "node.toml"
_CONFIG_BYTES_MAX: Final = 65_536


class HomeError(LocalError):
    """A directory is no node's, or its `node.toml` cannot be used."""

    code = "local.home"


class HomeTakenError(LocalError):
    """A directory holds a node already, or something else."""

    code = "local.home_taken"
    hint_default = "choose a directory that is empty or does not exist"


class Dial(StrEnum):
    """Which side of a link calls the other."""

    BOTH = "both"
    US = "us"
    THEM = "them"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `node.toml` says.

    Args:
        party: Whose node it is.
        listen: Numeric address and port; empty when this node only calls.
        endpoints: Where partners reach it, as its card says; empty when they cannot.
        exercise: Runs on an exercise clock, and everything it makes says so.
        exercise_shift_seconds: Where that clock began, counted from the machine's; fixed for ever.
        law: A directory of law files, relative to the node's; empty for those of the package.
        workers: How many processes serve the node on this machine, sharing its database with those
            on others; 0 for one that holds the journal alone.
        partner_entries_per_second: How many entries each partner may add to the journal.
        partner_bytes_per_second: How many bytes of them.
        dial: Which side calls, per partner; `both` where nothing is said.
    """

    party: Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9]{1,11}\Z")]
    listen: str = ""
    endpoints: tuple[str, ...] = ()
    exercise: bool = False
    exercise_shift_seconds: int = 0
    law: str = ""
    workers: Annotated[int, msgspec.Meta(ge=0, le=WORKERS_MAX)] = 0
    partner_entries_per_second: Annotated[
        int, msgspec.Meta(ge=1, le=LINK_PARTNER_ENTRIES_PER_SECOND_MAX)
    ] = LINK_PARTNER_ENTRIES_PER_SECOND_MAX
    partner_bytes_per_second: Annotated[
        int, msgspec.Meta(ge=1_024, le=LINK_PARTNER_JOURNAL_BYTES_PER_SECOND_MAX)
    ] = LINK_PARTNER_JOURNAL_BYTES_PER_SECOND_MAX
    dial: dict[str, Dial] = {}

    def dials(self, partner: PartyCode) -> Dial:
        """Tell which side of a link calls."""
        return self.dial.get(partner, Dial.BOTH)


class Home:
    """Paths in a node's directory.

    Args:
        directory: The node's.
    """

    def __init__(self, directory: Path) -> None:
        """Name the paths; nothing is touched."""
        self.directory = directory
        self.config_file = directory / CONFIG_NAME
        self.delegations_file = directory / "delegations.toml"
        self.keys = directory / "keys"
        self.store_file = directory / "journal.sqlite"
        self.blobs = directory / "blobs"
        self.received = directory / "received"
        self.card_file = directory / "card.relto"

    def has_store(self) -> bool:
        """Tell whether there is a journal: the file, or a database that `store.url` names."""
        return self.store_file.is_file() or (self.directory / "store.url").is_file()

    def card_of(self, serial: int) -> Path:
        """Name the file of one of the node's cards: announced, or waiting to be."""
        return self.keys / f"{serial:04}.card"

    def config(self) -> Config:
        """Read `node.toml`.

        Raises:
            HomeError: There is none, or it cannot be used; the message names the key.
        """
        try:
            with self.config_file.open("rb") as file:
                text = file.read(_CONFIG_BYTES_MAX + 1)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise HomeError(
                f"`{self.directory}` is not a node's directory: there is no {CONFIG_NAME}",
                hint=f"make one with `relto init PARTY --dir {self.directory}`",
            ) from error
        except OSError as error:
            raise HomeError(f"cannot read `{self.config_file}`: {error.strerror}") from error
        try:
            return msgspec.convert(tomllib.loads(text.decode()), Config)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise HomeError(
                f"`{self.config_file}` cannot be used: {str(error).lower()}",
                hint="see the comments in the file that `relto init` writes",
            ) from error

    def create(self, config: Config) -> None:
        """Make the directory and its files; keys and journal come later.

        Raises:
            HomeTakenError: It is not empty.
            HomeError: It cannot be made.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(self.directory.iterdir()):
                raise HomeTakenError(f"`{self.directory}` is not empty")
            self.directory.chmod(0o700)
        except OSError as error:
            raise self._not_made(error) from error
        try:
            self.keys.mkdir(mode=0o700)
            self.blobs.mkdir(mode=0o700)
            draft = _DELEGATIONS.replace("@PARTY@", config.party)
            write_private(self.delegations_file, draft.encode())
            write_private(self.config_file, render(config).encode())
        except OSError as error:
            self.clear()
            raise self._not_made(error) from error

    def clear(self) -> None:
        """Remove what is in a directory that was empty before: half a node is none."""
        for path in tuple(self.directory.iterdir()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _not_made(self, error: OSError) -> HomeError:
        return HomeError(f"cannot make `{self.directory}`: {error.strerror}")


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, for the node's own user alone."""
    # Workers of one node may write the same file at once.
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def render(config: Config) -> str:
    """Write a configuration as the file an administrator reads."""
    quote = _quote
    endpoints = ", ".join(quote(one) for one in config.endpoints)
    dial = "".join(f"{partner} = {quote(way)}\n" for partner, way in sorted(config.dial.items()))
    return f"""\
# A node of relto. What the journal says stands above this file.

party = {quote(config.party)}

# A node in exercise mode runs on an exercise clock and talks only to its like.
exercise = {"true" if config.exercise else "false"}
exercise_shift_seconds = {config.exercise_shift_seconds}

# Where it listens for partners; empty when it only calls them.
listen = {quote(config.listen)}

# Where partners reach it, as its card says; a change needs `relto key rotate`, which makes a new
# card.
endpoints = [{endpoints}]

# A directory of law files for the first start; empty takes the library that comes with relto.
law = {quote(config.law)}

# How many processes serve it on this machine, when its journal is in PostgreSQL; 0 for one that
# holds the journal alone, so that no other machine serves the node at the same time.
workers = {config.workers}

# What each partner may add to the journal in a second, in the long run; four seconds' worth may
# come at once. Above it the partner is told to wait, and nothing is lost.
partner_entries_per_second = {config.partner_entries_per_second}
partner_bytes_per_second = {config.partner_bytes_per_second}

# Which side of a link calls: "both", "us" or "them"; "both" where nothing is said.
[dial]
{dial}"""


def _quote(text: str) -> str:
    return msgspec.json.encode(text).decode()


_DELEGATIONS = """\
# Standing authorities: what may be released without asking an officer, once the law permits it.
# Nothing here makes lawful what is not. Adopt the file with `relto delegations adopt FILE --dir D`;
# until then an officer is asked every time. Keys: docs/guides/delegate-a-release.md.

format = "relto.delegations/1"
holder = "@PARTY@"

# two_persons_from = "gokuhi"       # from this level on, two officers must approve
#
# [[delegations]]
# id = "launches-to-kor"
# recipients = ["KOR"]
# instruments = ["jpn-kor-gsomia-2016"]
# topics = ["dprk.missile"]
# up_to = "hi"
# by = "Minister of Defense"
"""
