"""`relto journal`: look at the signed record, check it, and take evidence out of it.

All of it works beside a running node, which it only reads; `verify` with an extract needs no node
at all.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import Struct
from rich.console import Console
from whenever import Instant

from relto.adapters.casezip import read_archive, write_archive
from relto.adapters.store import open_store, place_of
from relto.cli.output import Exit, InputError, JsonFlag, emit, leave, safe, table
from relto.codec import CARD, SIGNED_CARD
from relto.codec.message import decode_message
from relto.console import Home
from relto.driver.identity import law_value
from relto.errors import LocalError, ReltoError, WorldError
from relto.journal import (
    LAW_KIND,
    KeyRing,
    KeySpan,
    LogState,
    Peaks,
    Statement,
    UntrustedKeyError,
    audit_log,
    extract_log,
    read_fingerprint,
    show_fingerprint,
    verify_extract,
)
from relto.model import Entry, Extract, ExtractedFile, LogId
from relto.model.message import KeyChanged, LawAdopted
from relto.model.partner import PeerAdded
from relto.ports.store import Placed, Transaction
from relto.seal import digest
from relto.units import CaseId, Digest, PartyCode

journal_app = typer.Typer(
    name="journal",
    help="The signed record of every step: list it, verify it, take evidence out of it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

DirOption = Annotated[
    Path,
    typer.Option(
        "--dir", metavar="D", envvar="RELTO_DIR", help="The node's directory; RELTO_DIR names it."
    ),
]
NodeOption = Annotated[
    Path | None,
    typer.Option(
        "--dir", metavar="D", envvar="RELTO_DIR", help="The node's directory; RELTO_DIR names it."
    ),
]

_PAGE: Final = 1_024
_MESSAGE: Final = "message"


class NoSuchCaseError(LocalError):
    """The journal holds nothing of that case."""

    code = "local.journal_case"
    hint_default = "`relto journal list` shows the cases"


class NotANodeError(LocalError):
    """The directory holds no node."""

    code = "local.not_a_node"
    hint_default = "make one with `relto init PARTY --dir D`"


class Line(Struct, frozen=True, kw_only=True):
    """One entry, as `list` shows it."""

    position: int
    source: str
    target: str
    number: int
    at: Instant
    kind: str
    case: str | None
    acknowledged: bool
    destroyed: tuple[str, ...]


class Checked(Struct, frozen=True, kw_only=True):
    """One log, as `verify` found it."""

    source: str
    target: str
    entries: int
    acknowledged: int
    root: str
    is_sound: bool
    problem: str = ""


class Proven(Struct, frozen=True, kw_only=True):
    """One entry of an extract, as `verify` found it."""

    source: str
    target: str
    number: int
    at: Instant
    kind: str
    acknowledged: bool
    destroyed: tuple[str, ...]


class Verdict(Struct, frozen=True, kw_only=True):
    """What `verify` says about an extract."""

    verified: bool
    case: str
    made_by: str
    is_exercise: bool
    fingerprints: dict[str, str]
    law: tuple[str, ...]
    entries: tuple[Proven, ...]
    problem: str = ""


@journal_app.command("list")
def list_(
    directory: DirOption,
    case: Annotated[str | None, typer.Option(help="Only the entries of this case.")] = None,
    log: Annotated[
        str | None, typer.Option(metavar="FROM/TO", help="Only the entries of this log.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: JsonFlag = False,
) -> None:
    """List entries in the order in which this node stored them.

    Example: relto journal list --dir jpn --case c-20191122-1
    """
    with _reading(directory) as tx:
        states = {state.log: state for state in tx.logs()}
        placed = tx.case(CaseId(case)) if case else _newest(tx, limit=limit if log is None else 0)
    if log is not None:
        placed = tuple(it for it in placed if it.entry.header.log == _log_of(log))
    lines = tuple(_line(it, states) for it in placed[-limit:])

    def render(console: Console) -> None:
        rows = [
            (
                str(line.position),
                f"{line.source} > {line.target}",
                str(line.number),
                line.at.format_iso(),
                line.kind
                + (f" (destroyed: {', '.join(line.destroyed)})" if line.destroyed else ""),
                line.case or "",
                _acknowledged(line.source, line.target, is_acknowledged=line.acknowledged),
            )
            for line in lines
        ]
        columns = ("position", "log", "number", "at", "kind", "case", "acknowledged")
        console.print(table("", columns, rows))

    emit(lines, as_json=as_json, render=render)


@journal_app.command()
def verify(
    extract: Annotated[
        Path | None,
        typer.Argument(metavar="[EXTRACT]", help="An extract; without it, the node's own journal."),
    ] = None,
    directory: NodeOption = None,
    keys: Annotated[
        list[Path] | None,
        typer.Option(metavar="CARD", help="A card that you got from its party; repeat it."),
    ] = None,
    fingerprint: Annotated[
        list[str] | None,
        typer.Option(metavar="F", help="A card's fingerprint, compared by hand; repeat it."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Verify an extract offline, or every entry of the node's own journal.

    An extract is verified against cards that you trust: those given, and with --dir also those that
    the node has pinned. Exit code 0 means verified, 1 means not.

    Example: relto journal verify case.zip --keys JPN.card --keys KOR.card
    """
    trusted = [_card_fingerprint(path) for path in keys or ()]
    trusted += [read_fingerprint(text) for text in fingerprint or ()]
    if extract is None:
        if directory is None:
            raise InputError("nothing to verify", hint="give an extract, or a node with --dir")
        _verify_node(directory, as_json=as_json)
        return
    if directory is not None:
        with _reading(directory) as tx:
            trusted += [_fingerprint_of(card) for card in _cards(directory, tx)]
    _verify_extract(extract, trusted=trusted, as_json=as_json)


@journal_app.command("extract")
def extract_(
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case.")],
    directory: DirOption,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The archive to write.")],
    as_json: JsonFlag = False,
) -> None:
    """Take all evidence about a case out of the journal, for a third person.

    The archive holds the entries with proofs, the signed heads, the parties' cards and the law as
    it stood. It holds what was said, so handle it as its content demands.

    Example: relto journal extract c-20191122-1 --out case.zip --dir jpn
    """
    with _reading(directory) as tx:
        made, files = _extract(CaseId(case), directory=directory, tx=tx)
    write_archive(out, made, files=files)
    count = sum(len(log.entries) for log in made.logs)
    answer = {"case": case, "file": str(out), "entries": count, "files": len(made.files)}

    def render(console: Console) -> None:
        console.print(f"{count} entries of {safe(case)} in {safe(str(out))}", highlight=False)
        console.print("next: relto journal verify FILE --keys CARD …", highlight=False)

    emit(answer, as_json=as_json, render=render)


# ---------------------------------------------------------------- verifying


def _verify_node(directory: Path, *, as_json: bool) -> None:
    """Check every entry of every log; says what is wrong instead of stopping at the first."""
    with _reading(directory) as tx:
        try:
            signed = _cards(directory, tx)
        except WorldError:
            # Then the node's own log is damaged, and is reported below; no partner's key is known.
            signed = []
        rings = _rings(signed)
        checked = tuple(_check(tx, state, rings) for state in tx.logs())

    def render(console: Console) -> None:
        rows = [
            (
                f"{log.source} > {log.target}",
                str(log.entries),
                str(log.acknowledged),
                log.root[:16],
                "sound" if log.is_sound else log.problem,
            )
            for log in checked
        ]
        console.print(table("", ("log", "entries", "acknowledged", "root", "verdict"), rows))

    emit(checked, as_json=as_json, render=render)
    leave(Exit.YES if all(log.is_sound for log in checked) else Exit.NO)


def _rings(signed: list[bytes]) -> dict[PartyCode, KeyRing]:
    """Let all keys of a party count at all times; when each did was checked when the entry came."""
    cards = [CARD.decode(SIGNED_CARD.decode(data).card) for data in signed]
    return {
        party: KeyRing(
            party=party,
            spans=tuple(
                KeySpan(keys=card.keys, serial=card.serial, begins_at=Instant.MIN)
                for card in sorted(cards, key=lambda card: -card.serial)
                if card.party == party
            ),
        )
        for party in sorted({card.party for card in cards})
    }


def _check(tx: Transaction, state: LogState, rings: dict[PartyCode, KeyRing]) -> Checked:
    problem = ""
    partner = None if state.log.is_local else rings.get(state.log.target)
    try:
        audit_log(state, _entries(tx, state), author=rings.get(state.log.source), partner=partner)
    except ReltoError as error:
        problem = f"{error.code}: {error.message}"
    return Checked(
        source=state.log.source,
        target=state.log.target,
        entries=state.size,
        acknowledged=state.acknowledged,
        root=state.root.hex(),
        is_sound=not problem,
        problem=problem,
    )


def _verify_extract(path: Path, *, trusted: list[Digest], as_json: bool) -> None:
    made, files = read_archive(path)
    statements: tuple[Statement, ...] = ()
    fingerprints: dict[str, str] = {}
    law: tuple[str, ...] = ()
    problem = ""
    try:
        verified = verify_extract(made, files=files, trusted=trusted)
    except UntrustedKeyError as error:
        problem = f"{error.message}; the extract carries these cards: {_carried(made)}"
    except ReltoError as error:
        problem = f"{error.code}: {error.message}"
    else:
        statements, law = verified.statements, verified.law
        fingerprints = {str(party): str(it) for party, it in verified.fingerprints.items()}
    verdict = Verdict(
        verified=not problem,
        case=made.case,
        made_by=made.made_by,
        is_exercise=made.is_exercise,
        fingerprints=fingerprints,
        law=law,
        entries=tuple(map(_proven, statements)),
        problem=problem,
    )
    emit(verdict, as_json=as_json, render=lambda console: _render_verdict(console, verdict))
    leave(Exit.NO if problem else Exit.YES)


def _render_verdict(console: Console, verdict: Verdict) -> None:
    if verdict.problem:
        console.print(f"NOT VERIFIED: {safe(verdict.problem)}", highlight=False)
        return
    if verdict.is_exercise:
        console.print("EXERCISE EXERCISE EXERCISE", style="bold")
    rows = [
        (
            f"{line.source} > {line.target}",
            str(line.number),
            line.at.format_iso(),
            line.kind,
            _acknowledged(line.source, line.target, is_acknowledged=line.acknowledged),
            ", ".join(line.destroyed),
        )
        for line in verdict.entries
    ]
    columns = ("log", "number", "at", "kind", "acknowledged", "not shown")
    console.print(table(f"case {safe(verdict.case)}", columns, rows))
    for party, shown in sorted(verdict.fingerprints.items()):
        console.print(f"{party}  {show_fingerprint(Digest(shown))}", highlight=False)
    console.print("Each entry shown is its author's; whether others were left out is not proved.")
    console.print("VERIFIED")


def _acknowledged(source: str, target: str, *, is_acknowledged: bool) -> str:
    """Say in a word whether the partner holds an entry; a party's own log has no partner."""
    if source == target:
        return "own"
    return "yes" if is_acknowledged else "no"


def _carried(made: Extract) -> str:
    """Name the cards that an extract carries, for somebody to compare; nothing is believed."""
    names = []
    for data in made.cards:
        signed = SIGNED_CARD.decode(data)
        names.append(f"{CARD.decode(signed.card).party} {digest(signed.card)}")
    return ", ".join(names) or "none"


def _proven(statement: Statement) -> Proven:
    header = statement.entry.header
    return Proven(
        source=header.source,
        target=header.target,
        number=header.number,
        at=header.at,
        kind=header.kind,
        acknowledged=statement.is_acknowledged,
        destroyed=statement.destroyed,
    )


# ---------------------------------------------------------------- extracting


def _extract(
    case: CaseId, *, directory: Path, tx: Transaction
) -> tuple[Extract, dict[Digest, bytes]]:
    placed = tx.case(case)
    if not placed:
        raise NoSuchCaseError(f"no entry of case `{safe(case)}`")
    cards = _cards(directory, tx)
    own = CARD.decode(SIGNED_CARD.decode(cards[0]).card).party
    entries = [it.entry for it in placed] + _law_entries(tx, own, placed)
    logs = []
    for log in sorted({entry.header.log for entry in entries}):
        state = tx.log(log)
        assert state is not None
        chosen = {e.header.number: e for e in entries if e.header.log == log}
        chosen_entries = [chosen[number] for number in sorted(chosen)]
        logs.append(extract_log(state, chosen_entries, peaks=_peaks(tx, log)))
    named, files = _law_files(tx, entries)
    return Extract(
        version=1,
        case=case,
        made_by=own,
        made_at=Instant.now(),
        is_exercise=placed[0].entry.header.is_exercise,
        logs=tuple(logs),
        cards=tuple(cards),
        files=named,
    ), files


def _peaks(tx: Transaction, log: LogId) -> Peaks:
    return lambda number: tx.peak(log, number)


def _law_entries(tx: Transaction, own: PartyCode, placed: tuple[Placed, ...]) -> list[Entry]:
    """Find the law that was in force when the case began, and what was adopted while it ran."""
    found: list[Entry] = []
    first, final = placed[0].position, placed[-1].position
    for it in _walk(tx):
        if it.position > final:
            break
        header = it.entry.header
        if header.kind == LAW_KIND and header.log == LogId(source=own, target=own):
            if it.position < first:
                found.clear()
            found.append(it.entry)
    return found


def _law_files(
    tx: Transaction, entries: list[Entry]
) -> tuple[tuple[ExtractedFile, ...], dict[Digest, bytes]]:
    named: dict[Digest, ExtractedFile] = {}
    files: dict[Digest, bytes] = {}
    for entry in entries:
        message = _message(entry) if entry.header.kind == LAW_KIND else None
        if not isinstance(message, LawAdopted):
            continue
        for reference in message.files:
            content = tx.value(law_value(reference.digest))
            assert content is not None
            named[reference.digest] = ExtractedFile(name=reference.name, digest=reference.digest)
            files[reference.digest] = content
    return tuple(sorted(named.values(), key=lambda file: file.name)), files


def _cards(directory: Path, tx: Transaction) -> list[bytes]:
    """Give all signed cards the node knows, its own first, the newest of them before the others."""
    home = Home(directory)
    try:
        cards = [home.card_file.read_bytes()]
        former = [path.read_bytes() for path in sorted(home.keys.glob("*.card"), reverse=True)]
    except OSError as error:
        raise NotANodeError(f"no card in `{directory}`") from error
    cards += [card for card in former if card not in cards]
    for it in _walk(tx):
        if it.entry.header.kind in ("peer-added", "key-change"):
            message = _message(it.entry)
            if isinstance(message, PeerAdded | KeyChanged) and message.card not in cards:
                cards.append(message.card)
    return cards


def _message(entry: Entry) -> object:
    content = entry.content(_MESSAGE)
    return None if content is None else decode_message(content, kind=entry.header.kind)


# ---------------------------------------------------------------- reading


@contextmanager
def _reading(directory: Path) -> Iterator[Transaction]:
    """Open a node's store for reading, beside whoever writes."""
    place = place_of(directory)
    if not Home(directory).has_store():
        raise NotANodeError(f"no journal in `{directory}`")
    with closing(open_store(place, is_readonly=True)) as store, store.transaction() as tx:
        yield tx


def _walk(tx: Transaction) -> Iterator[Placed]:
    position = 0
    while page := tx.since(position, limit=_PAGE):
        yield from page
        position = page[-1].position


def _newest(tx: Transaction, *, limit: int) -> tuple[Placed, ...]:
    """Give the newest entries; all of them when the limit is 0."""
    return tuple(_walk(tx)) if not limit else tx.since(max(0, tx.position() - limit), limit=limit)


def _entries(tx: Transaction, state: LogState) -> Iterator[Entry]:
    for first in range(1, state.size + 1, _PAGE):
        yield from tx.entries(state.log, first=first, end=min(first + _PAGE, state.size + 1))


def _line(placed: Placed, states: dict[LogId, LogState]) -> Line:
    header = placed.entry.header
    return Line(
        position=placed.position,
        source=header.source,
        target=header.target,
        number=header.number,
        at=header.at,
        kind=header.kind,
        case=header.case,
        acknowledged=header.number <= states[header.log].acknowledged,
        destroyed=tuple(
            part.name
            for part, body in zip(header.parts, placed.entry.bodies, strict=True)
            if body is None
        ),
    )


def _log_of(text: str) -> LogId:
    source, found, target = text.partition("/")
    if not found:
        raise InputError(f"`--log` is not a log: `{safe(text)}`", hint="write it like JPN/KOR")
    return LogId(source=PartyCode(source), target=PartyCode(target))


def _card_fingerprint(path: Path) -> Digest:
    try:
        return _fingerprint_of(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read `{safe(str(path))}`: {error.strerror}") from error


def _fingerprint_of(card: bytes) -> Digest:
    return digest(SIGNED_CARD.decode(card).card)


def register(app: typer.Typer) -> None:
    """Wire these commands into the program."""
    app.add_typer(journal_app)
