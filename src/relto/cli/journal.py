"""`relto journal`: look at the signed record, check it, and take evidence out of it.

All of it works beside a running node, which it only reads; `verify` with an extract needs no node
at all.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import Struct
from rich.console import Console
from whenever import Instant

from relto.adapters.casezip import write_archive
from relto.adapters.store import open_store, place_of
from relto.cli.evidence import acknowledged_word, verify_file
from relto.cli.output import Exit, InputError, JsonFlag, emit, leave, safe, table
from relto.codec import CARD, FORK, SIGNED_CARD
from relto.codec.message import decode_message
from relto.console import Home
from relto.driver.identity import law_value
from relto.driver.sweeping import SWEPT_KIND
from relto.errors import LocalError, PeerError, ReltoError, WorldError
from relto.journal import (
    AUTHORITY_KIND,
    LAW_KIND,
    ForkError,
    KeyRing,
    KeySpan,
    LogState,
    Peaks,
    audit_log,
    extract_log,
    read_fingerprint,
)
from relto.model import EXTRACT_VERSION, Entry, Extract, ExtractedFile, LogId
from relto.model.message import KeyChanged, LawAdopted, Released
from relto.model.partner import PeerAdded
from relto.ports.store import Kept, Placed, Transaction
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


class KeptLine(Struct, frozen=True, kw_only=True):
    """One piece of evidence, as `evidence` lists it.

    Args:
        number: Its place in the list.
        kind: Of which error, dotted.
        at: When it was kept.
        size_bytes: How long it is.
        about: What it proves; empty for what proves nothing to a third person.
    """

    number: int
    kind: str
    at: Instant
    size_bytes: int
    about: str


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
                acknowledged_word(line.source, line.target, is_acknowledged=line.acknowledged),
            )
            for line in lines
        ]
        columns = ("position", "log", "number", "at", "kind", "case", "acknowledged")
        console.print(table("", columns, rows))

    emit(lines, as_json=as_json, render=render)


@journal_app.command()
def verify(
    evidence: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="What `extract` or `evidence` has written; without it, the node's own journal.",
        ),
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
    """Verify evidence offline, or every entry of the node's own journal.

    Evidence is verified against cards that you trust: those given, and with --dir also those that
    the node has pinned. After a change of keys a party has several cards: give each.

    Exit: 0 verified, 1 not, 3 it is not evidence at all, or not in the one form that it must have.

    Example: relto journal verify case.zip --keys jpn.relto --keys kor.relto
    """
    cards = [_read_card(path) for path in keys or ()]
    compared = [read_fingerprint(text) for text in fingerprint or ()]
    if evidence is None:
        if directory is None:
            raise InputError("nothing to verify", hint="give a file, or a node with --dir")
        _verify_node(directory, as_json=as_json)
        return
    if directory is not None:
        with _reading(directory) as tx:
            cards += _cards(directory, tx)
    verify_file(evidence, cards=cards, fingerprints=compared, as_json=as_json)


@journal_app.command("extract")
def extract_(
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case.")],
    directory: DirOption,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The archive to write.")],
    as_json: JsonFlag = False,
) -> None:
    """Take all evidence about a case out of the journal, for a third person.

    The archive holds the entries with proofs, the signed heads, the parties' cards, the law as it
    stood, schemes included, and the standing authorities under which this node released something.
    It holds what was said, so handle it as its content demands.

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


@journal_app.command("evidence")
def evidence_(
    directory: DirOption,
    number: Annotated[
        int | None, typer.Argument(metavar="[NUMBER]", min=1, help="One of the list.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it, as it was kept.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List what was kept: forked logs, frames that broke the node, files that nothing named.

    With a number, write one of them to a file, for a third person.

    Examples: relto journal evidence --dir kor
              relto journal evidence 1 --out fork.json --dir kor
    """
    with _reading(directory) as tx:
        kept = tx.kept()
    lines = tuple(_kept_line(place, one) for place, one in enumerate(kept, start=1))
    if number is None and out is None:
        emit(lines, as_json=as_json, render=lambda console: _render_kept(console, lines))
        return
    if number is None or out is None or number > len(kept):
        raise InputError(
            f"{len(kept)} pieces of evidence are kept; to write one takes its number and --out",
            hint="relto journal evidence NUMBER --out FILE",
        )
    try:
        with out.open("xb") as file:
            file.write(kept[number - 1].content)
    except OSError as error:
        raise InputError(f"cannot write `{safe(str(out))}`: {error.strerror}") from error
    line = lines[number - 1]

    def render(console: Console) -> None:
        console.print(f"{line.kind} in {safe(str(out))}", highlight=False)
        if line.kind == ForkError.code:
            console.print("next: relto journal verify FILE --keys CARD …", highlight=False)

    emit(line, as_json=as_json, render=render)


# ---------------------------------------------------------------- kept against partners


def _kept_line(number: int, kept: Kept) -> KeptLine:
    about = ""
    if kept.kind == ForkError.code:
        fork = FORK.decode(kept.content)
        about = f"{fork.log.source} has signed two histories of {fork.log.origin}"
    if kept.kind == SWEPT_KIND:
        count = len(kept.content.splitlines())
        about = f"{count} files in blobs/ that no entry named were removed"
    return KeptLine(
        number=number, kind=kept.kind, at=kept.at, size_bytes=len(kept.content), about=about
    )


def _render_kept(console: Console, lines: tuple[KeptLine, ...]) -> None:
    if not lines:
        console.print("nothing was kept", highlight=False)
        return
    rows = [
        (str(it.number), it.at.format_iso(), it.kind, str(it.size_bytes), it.about) for it in lines
    ]
    console.print(table("", ("number", "at", "kind", "bytes", "what it shows"), rows))


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


# ---------------------------------------------------------------- extracting


def _extract(case: CaseId, *, directory: Path, tx: Transaction) -> tuple[Extract, dict[int, bytes]]:
    placed = tx.case(case)
    if not placed:
        raise NoSuchCaseError(f"no entry of case `{safe(case)}`")
    cards = _cards(directory, tx)
    own = _party_of(cards[0])
    entries = [it.entry for it in placed] + _standing_entries(tx, own, placed)
    logs = []
    for log in sorted({entry.header.log for entry in entries}):
        state = tx.log(log)
        assert state is not None
        chosen = {e.header.number: e for e in entries if e.header.log == log}
        chosen_entries = [chosen[number] for number in sorted(chosen)]
        logs.append(extract_log(state, chosen_entries, peaks=_peaks(tx, log)))
    named, files = _law_files(tx, entries)
    shown = _concerned(entries)
    return Extract(
        version=EXTRACT_VERSION,
        case=case,
        made_by=own,
        made_at=Instant.now(),
        is_exercise=placed[0].entry.header.is_exercise,
        logs=tuple(logs),
        cards=tuple(data for data in cards if _party_of(data) in shown),
        files=named,
    ), files


def _concerned(entries: list[Entry]) -> set[PartyCode]:
    """Name the parties whose keys the evidence needs; other partners are nobody's business."""
    found = {party for entry in entries for party in (entry.header.source, entry.header.target)}
    for entry in entries:
        # What a partner wrote may be nothing that can be read; it is evidence all the same.
        with suppress(PeerError):
            message = _message(entry)
            if isinstance(message, Released):
                found |= {proof.source for proof in message.consents}
    return found


def _party_of(card: bytes) -> PartyCode:
    return CARD.decode(SIGNED_CARD.decode(card).card).party


def _peaks(tx: Transaction, log: LogId) -> Peaks:
    return lambda number: tx.peak(log, number)


def _standing_entries(tx: Transaction, own: PartyCode, placed: tuple[Placed, ...]) -> list[Entry]:
    """Find what the case rests on and no case holds: law, and delegations that were used.

    The law that was in force when the case began, and what was adopted while it ran; of standing
    authorities only those under which the party's own releases of this case went out, since they
    name other partners as well.
    """
    laws: list[Entry] = []
    newest: Entry | None = None
    used: dict[int, Entry] = {}
    first, final = placed[0].position, placed[-1].position
    delegated = {it.position for it in placed if _is_delegated(it.entry, own)}
    for it in _walk(tx):
        if it.position > final:
            break
        header = it.entry.header
        if it.position in delegated and newest is not None:
            used[newest.header.number] = newest
        if header.log != LogId(source=own, target=own):
            continue
        if header.kind == AUTHORITY_KIND:
            newest = it.entry
        elif header.kind == LAW_KIND:
            if it.position < first:
                laws.clear()
            laws.append(it.entry)
    return [*laws, *used.values()]


def _is_delegated(entry: Entry, own: PartyCode) -> bool:
    """Tell whether an entry is this party's release under a delegation."""
    if entry.header.source != own:
        return False
    with suppress(PeerError):
        message = _message(entry)
        return isinstance(message, Released) and bool(message.delegation)
    return False


def _law_files(
    tx: Transaction, entries: list[Entry]
) -> tuple[tuple[ExtractedFile, ...], dict[int, bytes]]:
    """Give the files of the law that was adopted, and their contents by place."""
    named: dict[Digest, ExtractedFile] = {}
    for entry in entries:
        message = _message(entry) if entry.header.kind == LAW_KIND else None
        if isinstance(message, LawAdopted):
            for reference in message.files:
                file = ExtractedFile(name=reference.name, digest=reference.digest)
                named[reference.digest] = file
    ordered = tuple(sorted(named.values(), key=lambda file: file.name))
    contents: dict[int, bytes] = {}
    for place, file in enumerate(ordered, start=1):
        content = tx.value(law_value(file.digest))
        assert content is not None
        contents[place] = content
    return ordered, contents


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


def _read_card(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read `{safe(str(path))}`: {error.strerror}") from error


def register(app: typer.Typer) -> None:
    """Wire these commands into the program."""
    app.add_typer(journal_app)
