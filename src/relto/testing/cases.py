"""Cases and instants made up for a law, whichever it is: a made-up one, or a party's own.

The words come from the law: its parties, topics, schemes, purposes, instruments, and the instants
at which something in it changes. Mostly a case is lawful, with a fault or an unknown word here and
there. Instants lie on cut points and one nanosecond beside them: that is where answers change.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

from msgspec import Struct, structs
from whenever import Instant, TimeDelta

from relto.decide.view import LawView
from relto.law import Scheme, Terms
from relto.model import Assurance, Case, Consent, Form, Label
from relto.testing.generate import GRID, UNKNOWN_INSTRUMENT, Dice
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

UNKNOWN_PARTY: Final = PartyCode("ZZZ")
UNKNOWN_SCHEME: Final = SchemeId("nobody")
UNKNOWN_TOPIC: Final = TopicId("moon")
UNKNOWN_PURPOSE: Final = PurposeId("leisure")
UNKNOWN_LEVEL: Final = LevelId("cosmic")
UNKNOWN_CATEGORY: Final = CategoryId("burn-first")


class Vocabulary(Struct, frozen=True, kw_only=True):
    """What a law speaks of, in a fixed order.

    Args:
        instruments: What each that links two parties says, by id.
        parties: All parties.
        schemes: The own scheme of each party that has one.
        topics: All topics.
        purposes: All purposes.
        cuts: Instants at which a state or a table changes, in some party's reading.
    """

    instruments: Mapping[InstrumentId, Terms]
    parties: tuple[PartyCode, ...]
    schemes: Mapping[PartyCode, Scheme]
    topics: tuple[TopicId, ...]
    purposes: tuple[PurposeId, ...]
    cuts: tuple[Instant, ...]

    def levels(self, party: PartyCode) -> tuple[LevelId, ...]:
        """The levels of a party's own scheme, the lowest first; one that nobody knows if none."""
        scheme = self.schemes.get(party)
        return tuple(one.id for one in scheme.levels) if scheme else (UNKNOWN_LEVEL,)


def vocabulary_of(law: LawView) -> Vocabulary:
    """Go through a law once.

    Args:
        law: Any law; one that has no instrument gives the cut points of made-up laws.
    """
    library = law.library
    parties = tuple(library.parties)
    names: set[InstrumentId] = set()
    for one, other in combinations(parties, 2):
        names.update(law.links(one, other))
    instruments = {name: law.terms(name) for name in sorted(names)}
    cuts: set[Instant | None] = set()
    for name, terms in instruments.items():
        for party in terms.parties:
            cuts.update(span.start for span in law.spans(name, reading=party))
        for table in terms.equivalence:
            cuts.update((table.valid_from, table.valid_until))
    schemes = {
        party: library.schemes[record.scheme]
        for party, record in library.parties.items()
        if record.scheme is not None and record.scheme in library.schemes
    }
    return Vocabulary(
        instruments=instruments,
        parties=parties,
        schemes=schemes,
        topics=tuple(sorted(library.topics)),
        purposes=tuple(sorted(library.purposes)),
        cuts=tuple(sorted(one for one in cuts if one is not None)) or GRID,
    )


def make_case(dice: Dice, law: LawView, words: Vocabulary | None = None) -> Case:
    """Make a case that the law can say something about: mostly lawful, with a fault here and there.

    Args:
        dice: Makes the choices.
        law: The law it is for.
        words: What the law speaks of; found out when not given, which takes long for a large law.
    """
    words = words or vocabulary_of(law)
    parties = words.parties
    terms = dice.pick(tuple(words.instruments.values())) if words.instruments else None
    pool = parties if terms is None or dice.chance(10) else terms.parties
    holder = dice.pick(pool)
    recipient = dice.pick([one for one in pool if one != holder])
    originator = holder
    if dice.chance(30):
        originator = UNKNOWN_PARTY if dice.chance(10) else dice.pick(pool)
    received = originator != holder
    case = Case(
        holder=holder,
        recipient=recipient,
        onward=_onward(dice, terms, recipient, parties),
        originator=originator,
        label=_label(dice, words, originator),
        marked=_label(dice, words, holder) if received and dice.chance(70) else None,
        topics=_topics(dice, words, terms),
        form=dice.pick(tuple(Form)) if dice.chance(40) else Form.DOCUMENT,
        provenance=_provenance(dice, words) if received else None,
        purpose=_purpose(dice, words, terms),
        received_for=_purpose(dice, words, terms) if received else None,
        requested=not dice.chance(20),
        assurance=_assurance(dice, words, recipient) if dice.chance(60) else None,
        holding=HoldingId("item-1") if dice.chance(50) else None,
    )
    count = dice.pick((0, 1, 2)) if received else 0
    consents = tuple(_consent(dice, words, case) for _ in range(count))
    return structs.replace(case, consents=consents)


def make_instant(dice: Dice, cuts: Sequence[Instant] = GRID) -> Instant:
    """Choose an instant: at a cut point, one nanosecond beside it, or outside all of them."""
    beside = TimeDelta(nanoseconds=1)
    point = dice.pick(cuts)
    return dice.pick(
        (point, point.add(beside), point.subtract(beside), Instant.from_utc(2030, 1, 1))
    )


def _onward(
    dice: Dice, terms: Terms | None, recipient: PartyCode, parties: Sequence[PartyCode]
) -> PartyCode | None:
    """A final recipient where the recipient is a hub, and seldom elsewhere."""
    is_hub = terms is not None and terms.topology.intermediary == recipient
    return dice.pick(parties) if dice.chance(75 if is_hub else 10) else None


def _label(dice: Dice, words: Vocabulary, party: PartyCode) -> Label:
    scheme = words.schemes.get(party)
    known = () if scheme is None else tuple(one.id for one in scheme.categories)
    return Label(
        scheme=UNKNOWN_SCHEME if scheme is None or dice.chance(3) else scheme.id,
        level=UNKNOWN_LEVEL if dice.chance(3) else dice.pick(words.levels(party)),
        categories=dice.some((*known, UNKNOWN_CATEGORY), least=0, most=2)
        if dice.chance(10)
        else (),
        releasable_to=dice.some(words.parties, least=0, most=4) if dice.chance(10) else None,
    )


def _topics(dice: Dice, words: Vocabulary, terms: Terms | None) -> tuple[TopicId, ...]:
    """Mostly one; of an instrument with a list often one of that."""
    pool = words.topics
    if terms is not None and terms.topics.topics and dice.chance(40):
        pool = terms.topics.topics
    if dice.chance(20):
        return dice.some((*pool, UNKNOWN_TOPIC), least=0, most=3)
    return (dice.pick(pool),)


def _provenance(dice: Dice, words: Vocabulary) -> InstrumentId | None:
    return UNKNOWN_INSTRUMENT if dice.chance(3) else dice.pick((*words.instruments, None))


def _purpose(dice: Dice, words: Vocabulary, terms: Terms | None) -> PurposeId | None:
    """Mostly the same for all cases, so that what an item was received for is what it is for."""
    if dice.chance(30):
        return dice.pick((*words.purposes, None, UNKNOWN_PURPOSE))
    if terms is not None and terms.purposes.purposes:
        return terms.purposes.purposes[0]
    return words.purposes[len(words.purposes) // 2]


def _assurance(dice: Dice, words: Vocabulary, recipient: PartyCode) -> Assurance:
    return Assurance(
        cleared_to=dice.pick((*reversed(words.levels(recipient)), UNKNOWN_LEVEL)),
        needs_access=not dice.chance(10),
        will_protect=not dice.chance(10),
        by="liaison",
    )


def _consent(dice: Dice, words: Vocabulary, case: Case) -> Consent:
    covers_topics = dice.chance(70)
    start = dice.pick(words.cuts)
    return Consent(
        originator=case.originator if dice.chance(90) else case.holder,
        recipient=case.recipient if dice.chance(90) else case.originator,
        topics=dice.pick((case.topics, words.topics, words.topics[:1])) if covers_topics else (),
        holding=_other_item(dice, case) if not covers_topics or dice.chance(30) else None,
        purposes=dice.some(words.purposes, least=0, most=2),
        given_at=start,
        ends_at=dice.pick((None, *(one for one in words.cuts if one > start))),
    )


def _other_item(dice: Dice, case: Case) -> HoldingId | None:
    return HoldingId("item-2") if dice.chance(15) else case.holding
