"""What `relto journal verify` says about a file that somebody was given: an extract, or a fork.

Needs no node and no network; believes only cards that somebody has compared.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn

from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from whenever import Instant

from relto.adapters.casezip import ArchiveFileError, read_archive
from relto.cli.output import Exit, InputError, emit, leave, safe, table
from relto.codec import CARD, FORK, SIGNED_CARD, MalformedError
from relto.console import words_of
from relto.errors import PeerError, ReltoError
from relto.journal import (
    KeyRing,
    KeySpan,
    ProvenConsent,
    Statement,
    UnknownKeyError,
    UntrustedKeyError,
    check_fork,
    fork_sizes,
    show_fingerprint,
    verify_card,
    verify_extract,
)
from relto.limits import BATCH_BYTES_MAX
from relto.model import Extract, Header, Label, NodeCard
from relto.model.delegation import Delegation
from relto.model.message import Approval, Item, Released
from relto.seal import digest
from relto.units import Digest, PartyCode

_FOOT: Final = (
    "Shown by {0}. Each entry is its author's, dated by the author's clock; the list has no effect"
    " before its cause. A party's own log bears that party's signature alone. That nothing was left"
    " out is not proved."
)


class ConsentLine(Struct, frozen=True, kw_only=True):
    """An originator's consent that a release rests on, proved in the originator's own log.

    Args:
        entry: Where it stands: log and number.
        at: By the originator's clock.
        originator: Who consents.
        recipient: To whom the item may go.
        holding: Which item, by the originator's id; `None` where it covers topics.
        topics: Which topics.
        purposes: For what; empty for what the item was released for.
        ends_at: Until when; `None` when open-ended.
    """

    entry: str
    at: Instant
    originator: str
    recipient: str
    holding: str | None
    topics: tuple[str, ...]
    purposes: tuple[str, ...]
    ends_at: Instant | None


class ItemLine(Struct, frozen=True, kw_only=True):
    """An item that was released.

    Args:
        holding: The originator's id for it.
        originator: Who made it.
        label: The originator's label.
        content: SHA-256 of what the package holds.
        content_bytes: Its length.
    """

    holding: str
    originator: str
    label: Label
    content: str
    content_bytes: int


class RestsOn(Struct, frozen=True, kw_only=True):
    """What was released, and what that rests on, as far as the extract shows it.

    Args:
        items: What was released.
        law_entry: Where the party that made the extract adopted the law; empty when the files of
            the law are not here.
        delegation: The delegation that the release names; empty when officers approved it.
        authority_entry: Where that delegation was given; empty when it is not shown.
        authority_at: When, by its author's clock.
        authority: The delegation itself; `None` when it is not shown.
        approvals: The officers who approved, by party and role.
        consents: The originators' consents.
    """

    items: tuple[ItemLine, ...]
    law_entry: str
    delegation: str
    authority_entry: str
    authority_at: Instant | None
    authority: Delegation | None
    approvals: tuple[Approval, ...]
    consents: tuple[ConsentLine, ...]


class Proven(Struct, frozen=True, kw_only=True):
    """One entry of an extract, as `verify` found it.

    Args:
        source: Whose entry.
        target: To whom; the same party for its own log.
        number: Its number in that log.
        at: By its author's clock.
        kind: What it is.
        says: What it says, in words; empty when its text is not shown.
        law: Of a release, the digest of the law under which it was decided.
        instrument: Of a release, the instrument.
        rests_on: Of a release, what it rests on; `None` of anything else.
        acknowledged: The partner has signed that it holds the entry.
        destroyed: Names of the parts that are not shown.
    """

    source: str
    target: str
    number: int
    at: Instant
    kind: str
    says: str
    law: str
    instrument: str
    rests_on: RestsOn | None
    acknowledged: bool
    destroyed: tuple[str, ...]


class Verdict(Struct, frozen=True, kw_only=True):
    """What `verify` says about an extract.

    Args:
        verified: All that is shown is proved.
        case: Of which case.
        made_by: Whose node made it.
        is_exercise: It is of an exercise.
        fingerprints: Of the cards that the verdict rests on, by party, the newest first.
        law: Digests of the law that is shown.
        entries: What is proved, no effect before its cause.
        missing: What is not shown although an entry that is shown speaks of it.
        remarks: What else there is to say of the archive, and proves nothing.
        problem: What does not hold; empty when all does.
        hint: What can be done about it.
    """

    verified: bool
    case: str
    made_by: str
    is_exercise: bool
    fingerprints: dict[str, tuple[str, ...]]
    law: tuple[str, ...]
    entries: tuple[Proven, ...]
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""


class ForkVerdict(Struct, frozen=True, kw_only=True):
    """What `verify` says about two signed heads of one log.

    Args:
        verified: Its author has signed two histories.
        log: Which log.
        author: Whose signatures they are.
        number: The entry at which the histories differ; 0 where the heads alone show it.
        sizes: How many entries each head covers.
        problem: What does not hold; empty when all does.
        hint: What can be done about it.
    """

    verified: bool
    log: str
    author: str
    number: int
    sizes: tuple[int, int]
    problem: str = ""
    hint: str = ""


def verify_file(
    path: Path, *, cards: Sequence[bytes], fingerprints: Sequence[Digest], as_json: bool
) -> None:
    """Verify a file and end with the exit code that says whether it holds.

    Args:
        path: The file.
        cards: Signed cards that somebody trusts.
        fingerprints: Of further cards that somebody has compared; the extract carries them.
        as_json: Print JSON.
    """
    try:
        with path.open("rb") as file:
            is_document = file.read(1) == b"{"
    except OSError as error:
        raise ArchiveFileError(f"cannot read `{path}`: {error.strerror}") from error
    if is_document:
        _verify_fork(path, cards=cards, as_json=as_json)
    else:
        _verify_extract(path, cards=cards, fingerprints=fingerprints, as_json=as_json)


def acknowledged_word(source: str, target: str, *, is_acknowledged: bool) -> str:
    """Say in a word whether the partner holds an entry; a party's own log has no partner."""
    if source == target:
        return "own"
    return "yes" if is_acknowledged else "no"


def _end(
    verdict: Verdict | ForkVerdict, *, as_json: bool, render: Callable[[Console], None]
) -> NoReturn:
    """Say whether a file holds, or what does not hold in it, and end with the exit code for it."""

    def show(console: Console) -> None:
        if verdict.problem:
            console.print(f"NOT VERIFIED: {safe(verdict.problem)}", highlight=False)
            if verdict.hint:
                console.print(f"next: {verdict.hint}", highlight=False)
            return
        render(console)
        console.print("VERIFIED")

    emit(verdict, as_json=as_json, render=show)
    leave(Exit.NO if verdict.problem else Exit.YES)


# ---------------------------------------------------------------- extracts


def _verify_extract(
    path: Path, *, cards: Sequence[bytes], fingerprints: Sequence[Digest], as_json: bool
) -> None:
    archive = read_archive(path)
    made = archive.extract
    given = [data for data in cards if _card(data).is_exercise == made.is_exercise]
    made = replace(made, cards=(*made.cards, *(it for it in given if it not in made.cards)))
    trusted = [*fingerprints, *(digest(SIGNED_CARD.decode(data).card) for data in cards)]
    statements: tuple[Statement, ...] = ()
    used: dict[str, tuple[str, ...]] = {}
    law: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    problem = hint = ""
    try:
        verified = verify_extract(made, files=archive.files, trusted=trusted)
    except (UntrustedKeyError, UnknownKeyError) as error:
        problem = f"{error.code}: {error.message}; cards that are here: {_carried(made, trusted)}"
        hint = (
            "get that party's card from the party, for --keys, or compare the fingerprint with it, "
            "for --fingerprint"
        )
    except ReltoError as error:
        problem, hint = f"{error.code}: {error.message}", error.hint
    else:
        statements, law, missing = verified.statements, verified.law, verified.missing
        used = {str(party): it for party, it in verified.fingerprints.items()}
    verdict = Verdict(
        verified=not problem,
        case=made.case,
        made_by=made.made_by,
        is_exercise=made.is_exercise,
        fingerprints=used,
        law=law,
        entries=tuple(map(_proven, statements)),
        missing=missing,
        remarks=archive.remarks,
        problem=problem,
        hint=hint,
    )
    _end(verdict, as_json=as_json, render=lambda console: _render_verdict(console, verdict))


def _render_verdict(console: Console, verdict: Verdict) -> None:
    if verdict.is_exercise:
        console.print("EXERCISE EXERCISE EXERCISE", style="bold")
    rows = [
        (
            f"{line.source} > {line.target}",
            str(line.number),
            line.at.format_iso(),
            line.kind,
            safe(line.says) or ("not shown" if line.destroyed else ""),
            acknowledged_word(line.source, line.target, is_acknowledged=line.acknowledged),
        )
        for line in verdict.entries
    ]
    columns = ("log", "number", "at", "kind", "says", "acknowledged")
    console.print(table(f"case {safe(verdict.case)}", columns, rows))
    for line in verdict.entries:
        if line.rests_on is not None:
            _render_basis(console, line, line.rests_on)
    for party, shown in sorted(verdict.fingerprints.items()):
        for one in shown:
            console.print(f"{party}  {show_fingerprint(Digest(one))}", highlight=False)
    for said in verdict.missing:
        console.print(f"NOT SHOWN: {said}", highlight=False)
    for said in verdict.remarks:
        console.print(f"note: {said}", highlight=False)
    console.print(_FOOT.format(safe(verdict.made_by)), highlight=False)


def _render_basis(console: Console, line: Proven, basis: RestsOn) -> None:
    """Say what a release rests on, each thing with the entry that proves it."""
    words = [f"{_place(line.source, line.target, line.number)} was released under"]
    words[0] += f" {line.instrument}"
    words += [
        f"item {it.holding} of {it.originator}, {it.label.scheme} {it.label.level},"
        f" {it.content_bytes} bytes with digest {it.content}"
        for it in basis.items
    ]
    adopted = f"adopted in {basis.law_entry}" if basis.law_entry else "whose files are not here"
    words.append(f"law {line.law}, {adopted}")
    given = basis.authority
    if given is not None:
        words.append(
            f"delegation `{given.id}`, given by {given.by} in {basis.authority_entry},"
            f" {basis.authority_at}:"
        )
        words += [f"  {term}" for term in _terms(given)]
    elif basis.delegation:
        words.append(f"delegation `{basis.delegation}`, which is not shown: it stands in a log")
        words[-1] += f" that only {line.source} has"
    words += [f"approved by {it.role} of {it.party}, {it.at}" for it in basis.approvals]
    for it in basis.consents:
        about = it.holding or ", ".join(it.topics)
        purposes = f", for {', '.join(it.purposes)}" if it.purposes else ""
        until = f", until {it.ends_at}" if it.ends_at is not None else ""
        words.append(
            f"{it.originator} consents to {it.recipient} for {about}{purposes}{until}:"
            f" {it.entry}, {it.at}"
        )
    for place, said in enumerate(words):
        console.print(f"{'  ' if place else ''}{safe(said)}", highlight=False, soft_wrap=True)


def _terms(given: Delegation) -> Iterator[str]:
    """Say what a delegation covers; what it leaves open is not said."""
    forms = tuple(map(str, given.forms))
    named = (
        ("to", given.recipients),
        ("under", given.instruments),
        ("about", given.topics),
        ("up to", (given.up_to,)),
        ("in the form", forms),
        ("for", given.purposes),
        ("from", () if given.valid_from is None else (str(given.valid_from),)),
        ("until", () if given.valid_until is None else (str(given.valid_until),)),
    )
    yield from (f"{word} {', '.join(words)}" for word, words in named if words)
    if given.is_for_received:
        yield "also for what others made"


def _place(source: str, target: str, number: int) -> str:
    return f"{source} > {target} {number}"


def _place_of(header: Header) -> str:
    return _place(header.source, header.target, header.number)


def _card(data: bytes) -> NodeCard:
    return CARD.decode(SIGNED_CARD.decode(data).card)


def _carried(made: Extract, trusted: Sequence[Digest]) -> str:
    """Name the cards at hand, for somebody to compare; only those given are believed."""
    names = []
    for data in made.cards:
        signed = SIGNED_CARD.decode(data)
        card, fingerprint = CARD.decode(signed.card), digest(signed.card)
        word = "trusted" if fingerprint in trusted else "not trusted"
        names.append(f"{card.party} serial {card.serial} {fingerprint} ({word})")
    return ", ".join(names) or "none"


def _proven(statement: Statement) -> Proven:
    header, message = statement.entry.header, statement.message
    release = message if isinstance(message, Released) else None
    return Proven(
        source=header.source,
        target=header.target,
        number=header.number,
        at=header.at,
        kind=header.kind,
        says="" if message is None else words_of(message),
        law="" if release is None else release.law.digest,
        instrument="" if release is None else release.instrument,
        rests_on=_rests_on(statement),
        acknowledged=statement.is_acknowledged,
        destroyed=statement.destroyed,
    )


def _rests_on(statement: Statement) -> RestsOn | None:
    message, basis = statement.message, statement.basis
    if basis is None or not isinstance(message, Released):
        return None
    authority = None if basis.authority is None else basis.authority.header
    return RestsOn(
        items=tuple(map(_item_line, message.items)),
        law_entry="" if basis.law is None else _place_of(basis.law.header),
        delegation=message.delegation,
        authority_entry="" if authority is None else _place_of(authority),
        authority_at=None if authority is None else authority.at,
        authority=basis.delegation,
        approvals=message.approvals,
        consents=tuple(map(_consent_line, basis.consents)),
    )


def _item_line(item: Item) -> ItemLine:
    return ItemLine(
        holding=item.holding,
        originator=item.originator,
        label=item.label,
        content=item.content,
        content_bytes=item.content_bytes,
    )


def _consent_line(proven: ProvenConsent) -> ConsentLine:
    consent = proven.message.consent
    return ConsentLine(
        entry=_place_of(proven.header),
        at=proven.header.at,
        originator=consent.originator,
        recipient=consent.recipient,
        holding=consent.holding,
        topics=consent.topics,
        purposes=consent.purposes,
        ends_at=consent.ends_at,
    )


# ---------------------------------------------------------------- forks


def _verify_fork(path: Path, *, cards: Sequence[bytes], as_json: bool) -> None:
    """Check that an author has signed two histories of one log (JN-20)."""
    with path.open("rb") as file:
        data = file.read(BATCH_BYTES_MAX + 1)
    try:
        evidence = FORK.decode(data)
    except PeerError as error:
        raise MalformedError(
            f"`{path}` is neither an extract nor evidence of two histories: {error.message}",
            hint="`relto journal extract` and `relto journal evidence` write what can be verified",
        ) from error
    author = evidence.log.source
    spans = [
        KeySpan(keys=card.keys, serial=card.serial, begins_at=Instant.MIN)
        for card in (verify_card(it, is_exercise=_card(it).is_exercise).card for it in cards)
        if card.party == author
    ]
    if not spans:
        raise InputError(
            f"no card of `{author}`, whose signatures are to be checked",
            hint="give each card that the party has had, with --keys",
        )
    newest_first = sorted(spans, key=lambda span: -span.serial)
    problem = hint = ""
    try:
        check_fork(evidence, ring=KeyRing(party=PartyCode(author), spans=tuple(newest_first)))
    except ReltoError as error:
        problem, hint = f"{error.code}: {error.message}", error.hint
    verdict = ForkVerdict(
        verified=not problem,
        log=evidence.log.origin,
        author=author,
        number=evidence.number,
        sizes=(0, 0) if problem else fork_sizes(evidence),
        problem=problem,
        hint=hint,
    )
    _end(verdict, as_json=as_json, render=lambda console: _render_fork(console, verdict))


def _render_fork(console: Console, verdict: ForkVerdict) -> None:
    one, other = verdict.sizes
    where = f", which differ at entry {verdict.number}" if verdict.number else ""
    console.print(
        f"{verdict.author} has signed two histories of {verdict.log}{where}: one head over {one}"
        f" entries, another over {other}.",
        highlight=False,
    )
