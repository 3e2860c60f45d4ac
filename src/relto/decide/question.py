"""A question as a person states it, in words; checked against the library and made a case.

Used by the command line and by files of expected decisions, so that both know the same words and
give the same advice. Every word that the library does not know is refused with the nearest words
it does know.

Source: docs/spec/decide.md DEC-38.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from msgspec import Struct
from whenever import Instant

from relto.errors import LocalError
from relto.law import Equivalence, Instrument, Library, Scheme
from relto.limits import LIST_ITEMS_MAX
from relto.model import Assurance, Case, Consent, Form, Label
from relto.units import (
    CategoryId,
    InstrumentId,
    LevelId,
    PartyCode,
    PurposeId,
    SchemeId,
    TopicId,
)


class QuestionError(LocalError):
    """A question cannot be asked like this."""

    code = "local.question"


class UnknownWordError(QuestionError):
    """A word of a question that the library does not know.

    Args:
        what: The kind of word: `topic`, `level`.
        text: The word.
        known: The words there are.
    """

    code = "local.question_word"

    def __init__(self, what: str, text: str, known: Iterable[str]) -> None:
        """Name the word, and the nearest known ones as advice."""
        words = sorted(known)
        tries = (text, text.lower(), text.upper())
        near = [word for one in tries for word in get_close_matches(one, words)]
        hint = f"known: {', '.join(words[:12])}" if words else f"there is no {what} here at all"
        if near:
            hint = f"did you mean {' or '.join(f'`{word}`' for word in dict.fromkeys(near))}?"
        super().__init__(f"unknown {what}: `{text}`", hint=hint)
        self.what = what
        self.text = text
        self.known = tuple(words)


class Question(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"holder": "from", "recipient": "to"},
):
    """May this holder release this to that recipient?

    Args:
        holder: Who would release.
        recipient: Who would receive.
        topics: What it is about; at least one.
        level: A level of `scheme`.
        scheme: The scheme of the label; empty means the originator's own.
        originator: Who made it; empty means the holder.
        form: Its form.
        purpose: What for; empty when not stated.
        is_requested: The recipient has asked. A request carries the assurance unless `is_assured`
            is false.
        is_assured: Whether the recipient gives the assurance.
        cleared_to: The level, in the recipient's scheme, to which its reader is cleared; empty
            means the highest.
        consents: Parties to which the originator has consented to release items on these topics.
        categories: Caveats of the label.
        releasable_to: Parties that the label names; `None` when it names none.
        provenance: The instrument under which the holder received it; empty for its own.
        received_for: The purpose it was received for; empty for its own.
        marked: The holder's own level for a received item; empty for its own.
        onward: The final recipient beyond an intermediary; empty when there is none.
    """

    holder: str
    recipient: str
    topics: tuple[str, ...]
    level: str
    scheme: str = ""
    originator: str = ""
    form: str = "document"
    purpose: str = ""
    is_requested: bool = False
    is_assured: bool = True
    cleared_to: str = ""
    consents: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    releasable_to: tuple[str, ...] | None = None
    provenance: str = ""
    received_for: str = ""
    marked: str = ""
    onward: str = ""


def case_of(question: Question, library: Library) -> Case:
    """Check every word and make the case.

    Args:
        question: The words.
        library: What is known.

    Raises:
        UnknownWordError: A word is not in the library.
        QuestionError: The words do not fit together, or there are too many.

    Source: docs/spec/decide.md DEC-38.
    """
    _check_shape(question)
    holder = _party(question.holder, library)
    recipient = _party(question.recipient, library)
    originator = _party(question.originator or question.holder, library)
    if holder == recipient:
        raise QuestionError(f"`{holder}` cannot release to itself", hint="name two parties")
    scheme = _scheme(question.scheme or _own_scheme(originator, library), library)
    purpose = _purpose(question.purpose, library)
    topics = tuple(
        TopicId(_word("topic", one, library.topics.topics)) for one in sorted(set(question.topics))
    )
    label = Label(
        scheme=scheme.id,
        level=_level(question.level, scheme),
        categories=_categories(question.categories, scheme),
        releasable_to=None
        if question.releasable_to is None
        else tuple(_party(one, library) for one in sorted(set(question.releasable_to))),
    )
    provenance = (
        InstrumentId(_word("instrument", question.provenance, library.instruments))
        if question.provenance
        else None
    )
    marked = _marked(question.marked, holder, library)
    if marked is not None:
        came_under = (
            [one for one, each in library.instruments.items() if _links(each, holder, originator)]
            if provenance is None
            else [provenance]
        )
        _check_marking(marked, label, came_under, library)
    return Case(
        holder=holder,
        recipient=recipient,
        onward=_party(question.onward, library) if question.onward else None,
        originator=originator,
        label=label,
        marked=marked,
        topics=topics,
        form=Form(_word("form", question.form, tuple(Form))),
        provenance=provenance,
        purpose=purpose,
        received_for=_purpose(question.received_for, library),
        requested=question.is_requested,
        assurance=_assurance(question, recipient, library),
        consents=tuple(
            Consent(
                originator=originator,
                recipient=_party(one, library),
                topics=topics,
                purposes=() if purpose is None else (purpose,),
                given_at=Instant.MIN,
            )
            for one in question.consents
        ),
    )


def _check_shape(question: Question) -> None:
    if not question.topics:
        raise QuestionError("no topic is named", hint="say what it is about: --topic dprk.missile")
    lists = (question.topics, question.consents, question.categories, question.releasable_to or ())
    for words in lists:
        if len(words) > LIST_ITEMS_MAX:
            raise QuestionError(
                f"too many words in one list: {len(words)}, limit {LIST_ITEMS_MAX}",
                hint="name the subtree instead of every topic in it",
            )


def _word(what: str, text: str, known: Iterable[str]) -> str:
    words = tuple(known)
    if text not in words:
        raise UnknownWordError(what, text, words)
    return text


def _party(text: str, library: Library) -> PartyCode:
    return PartyCode(_word("party", text, library.parties))


def _purpose(text: str, library: Library) -> PurposeId | None:
    if not text:
        return None
    return PurposeId(_word("purpose", text, library.purposes.purposes))


def _own_scheme(party: PartyCode, library: Library) -> str:
    own = library.parties[party].scheme
    if own is None:
        raise QuestionError(f"`{party}` has no scheme in the library", hint="name one: --scheme")
    return own


def _scheme(text: str, library: Library) -> Scheme:
    return library.schemes[_word_of_scheme(text, library)]


def _word_of_scheme(text: str, library: Library) -> SchemeId:
    return SchemeId(_word("scheme", text, library.schemes))


def _level(text: str, scheme: Scheme) -> LevelId:
    return LevelId(_word(f"level of scheme `{scheme.id}`", text, _levels(scheme)))


def _levels(scheme: Scheme) -> tuple[LevelId, ...]:
    return tuple(one.id for one in scheme.levels)


def _categories(words: tuple[str, ...], scheme: Scheme) -> tuple[CategoryId, ...]:
    known = tuple(one.id for one in scheme.categories)
    what = f"category of scheme `{scheme.id}`"
    return tuple(CategoryId(_word(what, one, known)) for one in sorted(set(words)))


def _marked(text: str, holder: PartyCode, library: Library) -> Label | None:
    if not text:
        return None
    scheme = _scheme(_own_scheme(holder, library), library)
    return Label(scheme=scheme.id, level=_level(text, scheme))


def _links(instrument: Instrument, holder: PartyCode, originator: PartyCode) -> bool:
    return {holder, originator} <= set(instrument.terms.parties)


def _check_marking(
    marked: Label, label: Label, came_under: Iterable[InstrumentId], library: Library
) -> None:
    """A marking is no lower than what the table gave under which the item came.

    Where no table at hand knows the label, it came by a chain, and the marking is believed.
    """
    tables = [table for one in came_under for table in _tables(one, library)]
    knowing = [one for one in tables if any(label.scheme in row.levels for row in one.rows)]
    given = [
        level
        for one in knowing
        for level in one.allowed(source=label.scheme, level=label.level, target=marked.scheme)
    ]
    ladder = _levels(library.schemes[marked.scheme])
    least = min((ladder.index(one) for one in given), default=len(ladder))
    if knowing and ladder.index(marked.level) < least:
        name = f"{label.scheme}:{label.level}"
        hint = f"its equivalent there is {' or '.join(dict.fromkeys(given))}" if given else ""
        raise QuestionError(f"`{marked.level}` is less than `{name}` under that law", hint=hint)


def _tables(name: InstrumentId, library: Library) -> tuple[Equivalence, ...]:
    """The tables of an instrument, or else of those that it relies on."""
    terms = library.instruments[name].terms
    lent = (library.instruments[one.instrument].terms.equivalence for one in terms.reliance)
    return terms.equivalence or tuple(table for tables in lent for table in tables)


def _assurance(question: Question, recipient: PartyCode, library: Library) -> Assurance | None:
    if not question.is_requested or not question.is_assured:
        return None
    own = library.parties[recipient].scheme
    if own is None:
        return None
    scheme = library.schemes[own]
    return Assurance(
        cleared_to=_level(question.cleared_to, scheme)
        if question.cleared_to
        else _levels(scheme)[-1],
        needs_access=True,
        will_protect=True,
        by="as stated in the question",
    )
