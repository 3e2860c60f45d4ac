"""Making a node and opening it: keys, store, blobs and driver, wired together in one directory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from msgspec import Struct
from whenever import Instant

from relto.adapters.blobs import FileBlobs
from relto.adapters.https_link import endpoint_of, free_port
from relto.adapters.keys import NodeKeys, OsEntropy
from relto.adapters.lawfiles import digest_of, library_of, packaged_files, read_files
from relto.adapters.store import is_file, open_shared, open_store, place_of
from relto.console.home import Config, Home, HomeError, write_private
from relto.console.office import Office
from relto.driver import Driver, Hook, no_fault
from relto.errors import LocalError
from relto.journal import VerifiedCard, sign_card, verify_card
from relto.model import PROTOCOL_MAJOR, NodeCard
from relto.model.delegation import Delegations
from relto.node import AdoptDelegations, By
from relto.ports import Progress, SharedStore, Store, World, no_progress
from relto.seal import running_digest
from relto.units import Digest, OfficerRole, PartyCode

_STEP_BYTES: Final = 1_048_576
_MAKER: Final = By(officer="relto init", role=OfficerRole("administrator"), reason="a new node")


class PartyError(LocalError):
    """A node is to be made for a party that the law files do not know."""

    code = "local.party"


class ListenError(LocalError):
    """An address to listen on has the wrong form."""

    code = "local.listen"
    hint_default = "write it like 127.0.0.1:0 or [::1]:8443"


class ContentError(LocalError):
    """A file cannot be taken as the content of an item."""

    code = "local.content"
    hint_default = "name a file that you may read"


class MachineClock:
    """The machine's clock; on an exercise node moved to where the exercise began."""

    def __init__(self, shift_seconds: int = 0) -> None:
        """Take how far the exercise began from the machine's time."""
        self._shift = shift_seconds

    def now(self) -> Instant:
        """See `relto.ports.Clock`."""
        return Instant.now().add(seconds=self._shift)


class OpenNode:
    """A node, open in this process.

    Args:
        home: Its directory.
        config: What `node.toml` says.
        keys: Its keys.
        store: Its journal, locked, or shared with other workers.
        driver: The node.
        card: Its own card.
        crew: The store again, where other workers share it.
    """

    def __init__(
        self,
        home: Home,
        *,
        config: Config,
        keys: NodeKeys,
        store: Store,
        driver: Driver,
        card: VerifiedCard,
        crew: SharedStore | None = None,
    ) -> None:
        """Keep the parts; `open_home` makes one."""
        self.crew = crew
        self.home = home
        self.config = config
        self.keys = keys
        self.store = store
        self.driver = driver
        self.card = card
        self.office = Office(driver, home=home, config=config, card=card)


class Kept(Struct, frozen=True, kw_only=True):
    """A content that lies among a node's blobs.

    Args:
        digest: SHA-256 of it.
        size_bytes: Its length.
    """

    digest: Digest
    size_bytes: int


def create_home(
    directory: Path,
    *,
    party: str,
    listen: str = "127.0.0.1:0",
    endpoints: tuple[str, ...] = (),
    law: Path | None = None,
    is_exercise: bool = False,
    begins_at: Instant | None = None,
) -> VerifiedCard:
    """Make a node: directory, keys, journal with the law in it, card.

    Args:
        directory: Empty, or not there yet.
        party: A code of the law files.
        listen: Numeric address and port, 0 for a free one; empty for a node that only calls.
        endpoints: Where partners reach it; empty takes the address it listens on.
        law: A directory of law files; `None` for those of the package.
        is_exercise: It runs on an exercise clock.
        begins_at: Where that clock begins; `None` for the machine's time.

    Returns:
        Its card.

    Raises:
        PartyError: The law files know no such party.
        ListenError: `listen` has the wrong form.
        EndpointError: An endpoint has the wrong form.
        PortError: The address is not this machine's, or the port is taken.
        HomeTakenError: The directory is not empty.
        LawFileError: The law files cannot be used.
    """
    files = packaged_files() if law is None else read_files(law)
    library = library_of(files)
    if party not in library.parties:
        raise PartyError(
            f"the law files know no party `{party}`",
            hint=f"they know {', '.join(sorted(library.parties))}",
        )
    if begins_at is not None and not is_exercise:
        raise HomeError("only an exercise begins at another time than now", hint="add --exercise")
    place = _listening(listen)
    config = Config(
        party=party,
        listen=place,
        endpoints=tuple(endpoint_of(one).url for one in endpoints)
        or ((endpoint_of(f"https://{place}").url,) if place else ()),
        exercise=is_exercise,
        exercise_shift_seconds=_shift(begins_at),
        law="" if law is None else str(law.resolve()),
    )
    home = Home(directory)
    home.create(config)
    try:
        NodeKeys.create(home.keys, party=PartyCode(party), now=Instant.now())
        return _fill(home, config, files)
    except BaseException:
        home.clear()
        raise


def _shift(begins_at: Instant | None) -> int:
    if begins_at is None:
        return 0
    return round(begins_at.difference(Instant.now()).total("seconds"))


def _listening(listen: str) -> str:
    """Settle the port, so that the card can name it."""
    if not listen:
        return ""
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ListenError(f"cannot listen on `{listen}`: expected ADDRESS:PORT")
    number = int(port) or free_port(host)
    return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"


def _fill(home: Home, config: Config, files: Mapping[str, bytes]) -> VerifiedCard:
    """Write the first entries and the card."""
    keys = NodeKeys.load(home.keys)
    store = open_store(place_of(home.directory))
    try:
        driver = Driver.create(
            _world(home, config, keys=keys, store=store),
            party=PartyCode(config.party),
            is_exercise=config.exercise,
        )
        driver.adopt_law(files, digest=digest_of(files), by=_MAKER)
        none = Delegations(holder=PartyCode(config.party))
        driver.command(AdoptDelegations(delegations=none, by=_MAKER))
        driver.close()
    finally:
        store.close()
    card = make_card(config, keys=keys, predecessor=None, now=Instant.now())
    # Kept for good: what the first keys sign is verified with the first card, also after a change.
    write_private(home.card_of(keys.serial), card)
    write_private(home.card_file, card)
    return verify_card(card, is_exercise=config.exercise)


def make_card(
    config: Config, *, keys: NodeKeys, predecessor: NodeKeys | None, now: Instant
) -> bytes:
    """Make and sign a node's card.

    Args:
        config: Whose, and where it is reached.
        keys: The newest keys.
        predecessor: The keys before, which sign it too; `None` for a first card.
        now: The machine's clock: cards are about keys, not about an exercise.
    """
    card = NodeCard(
        protocol=PROTOCOL_MAJOR,
        party=PartyCode(config.party),
        serial=keys.serial,
        issued_at=now,
        keys=keys.keys,
        certificate=keys.certificate,
        endpoints=config.endpoints,
        is_exercise=config.exercise,
    )
    return sign_card(card, signer=keys, predecessor=predecessor)


def _world(
    home: Home, config: Config, *, keys: NodeKeys, store: Store, progress: Progress = no_progress
) -> World:
    return World(
        store=store,
        blobs=FileBlobs(home.blobs),
        clock=MachineClock(config.exercise_shift_seconds if config.exercise else 0),
        entropy=OsEntropy(),
        signer=keys,
        sealer=keys,
        opener=keys,
        former=keys.former,
        progress=progress,
    )


@contextmanager
def open_home(
    directory: Path,
    *,
    is_shared: bool | None = None,
    fault: Hook = no_fault,
    progress: Progress = no_progress,
) -> Iterator[OpenNode]:
    """Open a node: alone, so that nobody else can open it meanwhile, or as one of its workers.

    Args:
        directory: The node's.
        is_shared: As one of its workers; `None` where `node.toml` says that it has some.
        fault: Called at every named place of the driver; tests crash there.
        progress: Told how far it is, where the whole journal has to be read.

    Raises:
        HomeError: Not a node's directory.
        StoreLockedError: It is open in another process.
        KeysMissingError: Its keys are not there.
    """
    home = Home(directory)
    config = home.config()
    if not home.has_store():
        raise HomeError(f"`{directory}` has no journal", hint="restore a backup of the node")
    keys = NodeKeys.load(home.keys)
    place = place_of(home.directory)
    if is_shared is None:
        is_shared = bool(config.workers) and not is_file(place)
    crew = open_shared(place) if is_shared else None
    store = open_store(place) if crew is None else crew
    try:
        driver = Driver.create(
            _world(home, config, keys=keys, store=store, progress=progress),
            party=PartyCode(config.party),
            is_exercise=config.exercise,
            fault=fault,
        )
        card = _own_card(home, config, keys=keys, driver=driver)
        yield OpenNode(
            home, config=config, keys=keys, store=store, driver=driver, card=card, crew=crew
        )
    finally:
        store.close()


def _own_card(home: Home, config: Config, *, keys: NodeKeys, driver: Driver) -> VerifiedCard:
    """Read the card that partners know; after a crash in a change of keys it is put in its place.

    Raises:
        HomeError: It is not there.
    """
    known = keys if driver.is_announced or not keys.former else keys.former[0]
    try:
        card = verify_card(home.card_file.read_bytes(), is_exercise=config.exercise)
        if card.card.serial == known.serial:
            return card
        content = home.card_of(known.serial).read_bytes()
    except OSError as error:
        raise HomeError(
            f"`{home.directory}` has no card", hint="restore a backup of the node"
        ) from error
    write_private(home.card_file, content)
    return verify_card(content, is_exercise=config.exercise)


def prepare_keys(node: OpenNode) -> VerifiedCard:
    """Make new keys and the card that announces them; nothing of it counts before `change_keys`.

    Doing it again after a crash takes what is there already.
    """
    keys = node.keys
    if node.driver.is_announced:
        keys = keys.rotate(party=PartyCode(node.config.party), now=Instant.now())
    path = node.home.card_of(keys.serial)
    if not path.is_file():
        content = make_card(node.config, keys=keys, predecessor=keys.former[0], now=Instant.now())
        write_private(path, content)
    return verify_card(path.read_bytes(), is_exercise=node.config.exercise)


def change_keys(directory: Path, *, by: By, is_shared: bool | None = None) -> VerifiedCard:
    """Announce prepared keys to every partner, under the keys that each knows.

    Args:
        directory: The node's; it must not be open in this process.
        by: Who changes them.
        is_shared: As for `open_home`.

    Source: docs/spec/exchange.md EX-41.
    """
    with open_home(directory, is_shared=is_shared) as node:
        card = prepare_keys(node)
    with open_home(directory, is_shared=is_shared) as node:
        if not node.driver.is_announced:
            node.driver.announce(card.signed, by=by)
        node.driver.close()
    with open_home(directory, is_shared=is_shared) as node:
        return node.card


def keep_content(directory: Path, file: Path) -> Kept:
    """Put a file among a node's blobs, under its digest; whether it is an item is another question.

    Args:
        directory: The node's.
        file: Any size.

    Raises:
        HomeError: Not a node's directory.
        ContentError: The file cannot be read, or is empty.
    """
    home = Home(directory)
    home.config()
    running, size = running_digest(), 0
    try:
        with file.open("rb") as source:
            while piece := source.read(_STEP_BYTES):
                running.update(piece)
                size += len(piece)
            if not size:
                raise ContentError(f"`{file}` is empty", hint="there is nothing to hold")
            digest = Digest(running.hexdigest())
            blobs = FileBlobs(home.blobs)
            source.seek(0)
            offset = 0
            while piece := source.read(_STEP_BYTES):
                offset = blobs.write(digest, offset=offset, data=piece)
            blobs.finish(digest, size_bytes=size)
    except OSError as error:
        raise ContentError(f"cannot read `{file}`: {(error.strerror or '?').lower()}") from error
    return Kept(digest=digest, size_bytes=size)


def forget_content(path: Path) -> None:
    """Remove a content that was laid out for reading."""
    with suppress(FileNotFoundError):
        path.unlink()
