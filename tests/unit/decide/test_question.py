"""Questions in words: checked against the library, with advice, and made cases."""

import pytest
from msgspec.structs import replace
from whenever import Instant

from relto.adapters.lawfiles import packaged_library
from relto.decide.obligations import obligations_of
from relto.decide.question import Question, QuestionError, UnknownWordError, case_of
from relto.decide.view import leg_of
from relto.law import PartyRecord
from relto.limits import LIST_ITEMS_MAX
from relto.model import Assurance, Case, Consent, Form, Label, ObligationKind
from tests.unit.decide.world import CIRCLE, LEG_ONE, PACT, THROUGH, ground, law_of

LIBRARY = packaged_library()
ASKED = Question(
    holder="JPN",
    recipient="KOR",
    topics=("dprk.missile.launch", "dprk", "dprk"),
    level="hi",
    is_requested=True,
)


def test_a_question_becomes_a_case():
    """DEC-38: the originator's scheme, sorted topics, the highest clearance if none is said."""
    assert case_of(ASKED, LIBRARY) == Case(
        holder="JPN",
        recipient="KOR",
        originator="JPN",
        label=Label(scheme="jpn", level="hi"),
        topics=("dprk", "dprk.missile.launch"),
        form=Form.DOCUMENT,
        requested=True,
        assurance=Assurance(
            cleared_to="i-kup",
            needs_access=True,
            will_protect=True,
            by="as stated in the question",
        ),
    )


def test_every_word_finds_its_place():
    """DEC-38."""
    full = Question(
        holder="USA",
        recipient="KOR",
        topics=("dprk",),
        level="hi",
        originator="JPN",
        form="oral",
        purpose="defence.warning",
        is_requested=True,
        cleared_to="ii-kup",
        consents=("KOR", "USA"),
        releasable_to=("USA", "KOR", "USA"),
        provenance="tisa-2014",
        received_for="defence",
        marked="secret",
        onward="KOR",
    )
    case = case_of(full, LIBRARY)
    consents = tuple(
        Consent(
            originator="JPN",
            recipient=one,
            topics=("dprk",),
            purposes=("defence.warning",),
            given_at=Instant.MIN,
        )
        for one in ("KOR", "USA")
    )
    assert case == Case(
        holder="USA",
        recipient="KOR",
        onward="KOR",
        originator="JPN",
        label=Label(scheme="jpn", level="hi", releasable_to=("KOR", "USA")),
        marked=Label(scheme="usa", level="secret"),
        topics=("dprk",),
        form=Form.ORAL,
        provenance="tisa-2014",
        purpose="defence.warning",
        received_for="defence",
        requested=True,
        assurance=Assurance(
            cleared_to="ii-kup",
            needs_access=True,
            will_protect=True,
            by="as stated in the question",
        ),
        consents=consents,
    )
    foreign = replace(ASKED, scheme="usa", level="secret", categories=("orcon", "noforn", "orcon"))
    label = case_of(foreign, LIBRARY).label
    assert (label.scheme, label.level) == ("usa", "secret")
    assert label.categories == ("noforn", "orcon")


RECEIVED = replace(
    ASKED,
    holder="JPN",
    originator="USA",
    level="top-secret",
    marked="hi",
    purpose="defence",
    received_for="defence",
)


@pytest.mark.parametrize("provenance", ["jpn-usa-2007", "tisa-2014", ""])
def test_an_item_cannot_be_marked_down_on_its_way(provenance):
    """DEC-38: under a table that knows its level, and so under the cap of the next one."""
    received = replace(RECEIVED, provenance=provenance)
    with pytest.raises(QuestionError, match="`hi` is less than `usa:top-secret`") as caught:
        case_of(received, LIBRARY)
    assert caught.value.hint == "its equivalent there is kimitsu"
    assert case_of(replace(received, marked="kimitsu"), LIBRARY).marked.level == "kimitsu"
    with pytest.raises(QuestionError) as caught:
        case_of(replace(received, level="secret"), LIBRARY)
    assert caught.value.message == "`hi` is less than `usa:secret` under that law"
    assert caught.value.hint == "its equivalent there is gokuhi or tokutei-himitsu"
    with pytest.raises(QuestionError, match="`kimitsu` is less than `usa:unclassified`") as caught:
        case_of(replace(received, level="unclassified", marked="kimitsu"), LIBRARY)
    assert caught.value.hint == ""


def test_a_marking_is_held_to_the_law_it_came_under_and_to_no_other():
    """DEC-38: the one that is named, or else each that both are parties to, be it of them alone."""
    named = replace(RECEIVED, provenance="jpn-kor-gsomia-2016")
    assert case_of(named, LIBRARY).marked.level == "hi"
    alone = {"jpn-usa-2007": LIBRARY.instruments["jpn-usa-2007"]}
    with pytest.raises(QuestionError, match="is less than"):
        case_of(replace(RECEIVED, provenance=""), replace(LIBRARY, instruments=alone))


def test_a_marking_under_a_table_that_does_not_know_the_label_is_believed():
    """DEC-38: it came by a chain."""
    chained = replace(
        RECEIVED,
        holder="KOR",
        recipient="USA",
        originator="JPN",
        level="hi",
        marked="iii-kup",
        provenance="kor-usa-1987",
    )
    assert case_of(chained, LIBRARY).marked.level == "iii-kup"


@pytest.mark.parametrize("changes", [{"is_assured": False}, {"is_requested": False}])
def test_without_a_request_or_with_none_meant_there_is_no_assurance(changes):
    """DEC-38."""
    assert case_of(replace(ASKED, **changes), LIBRARY).assurance is None


def test_a_consent_without_a_purpose_is_for_the_one_received_for():
    """DEC-38."""
    case = case_of(replace(ASKED, consents=("KOR",)), LIBRARY)
    assert case.consents[0].purposes == ()


UNKNOWN = {
    "topics": (("dprk.misile",), "topic", "dprk.misile"),
    "holder": ("JAP", "party", "JAP"),
    "recipient": ("KOE", "party", "KOE"),
    "originator": ("UAS", "party", "UAS"),
    "onward": ("UAS", "party", "UAS"),
    "consents": (("UAS",), "party", "UAS"),
    "releasable_to": (("UAS",), "party", "UAS"),
    "scheme": ("jap", "scheme", "jap"),
    "level": ("secret", "level of scheme `jpn`", "secret"),
    "marked": ("top", "level of scheme `jpn`", "top"),
    "cleared_to": ("top", "level of scheme `kor`", "top"),
    "categories": (("noforn",), "category of scheme `jpn`", "noforn"),
    "form": ("digital", "form", "digital"),
    "purpose": ("leisure", "purpose", "leisure"),
    "received_for": ("leisure", "purpose", "leisure"),
    "provenance": ("tisa", "instrument", "tisa"),
}


@pytest.mark.parametrize("field", UNKNOWN)
def test_a_word_that_nobody_knows_is_refused_by_its_kind(field):
    """DEC-38."""
    value, what, text = UNKNOWN[field]
    with pytest.raises(UnknownWordError) as refused:
        case_of(replace(ASKED, **{field: value}), LIBRARY)
    assert refused.value.message == f"unknown {what}: `{text}`"
    assert (refused.value.what, refused.value.text) == (what, text)


def test_a_refused_word_comes_with_the_nearest_known():
    """DEC-38: in whatever case it was written; each word once."""
    words = ("gokuhi", "hi", "Hidden", "KIMITSU")
    for text, hint in (
        ("gokuhu", "did you mean `gokuhi`?"),
        ("GOKUHI", "did you mean `gokuhi`?"),
        ("kimitsu", "did you mean `KIMITSU`?"),
        ("hidde", "did you mean `Hidden`?"),
        ("zzz", "known: Hidden, KIMITSU, gokuhi, hi"),
    ):
        assert UnknownWordError("level", text, words).hint == hint, text
    two = UnknownWordError("level", "lowe", ("low", "lower"))
    assert two.hint == "did you mean `lower` or `low`?"
    assert UnknownWordError("level", "x", words).known == ("Hidden", "KIMITSU", "gokuhi", "hi")
    assert UnknownWordError("level", "x", ()).hint == "there is no level here at all"
    many = UnknownWordError("level", "zz", (f"l{number:02}" for number in range(14)))
    assert many.hint == "known: " + ", ".join(f"l{number:02}" for number in range(12))


SHAPES = {
    "no topic": ({"topics": ()}, "no topic is named", "say what it is about: --topic dprk.missile"),
    "itself": ({"recipient": "JPN"}, "`JPN` cannot release to itself", "name two parties"),
    **{
        f"too many {field}": (
            {field: (word,) * (LIST_ITEMS_MAX + 1)},
            f"too many words in one list: {LIST_ITEMS_MAX + 1}, limit {LIST_ITEMS_MAX}",
            "name the subtree instead of every topic in it",
        )
        for field, word in (
            ("topics", "dprk"),
            ("consents", "KOR"),
            ("categories", "orcon"),
            ("releasable_to", "KOR"),
        )
    },
}


@pytest.mark.parametrize(("changes", "message", "hint"), SHAPES.values(), ids=SHAPES)
def test_a_question_that_cannot_be_asked_says_what_to_do(changes, message, hint):
    """DEC-38."""
    with pytest.raises(QuestionError) as refused:
        case_of(replace(ASKED, **changes), LIBRARY)
    assert (refused.value.message, refused.value.hint) == (message, hint)


def test_a_list_may_be_as_long_as_its_limit():
    """DEC-38."""
    full = replace(ASKED, topics=("dprk",) * LIST_ITEMS_MAX)
    assert case_of(full, LIBRARY).topics == ("dprk",)


def test_a_party_without_a_scheme_needs_one_named():
    """DEC-38."""
    bare = PartyRecord(code="XXX", names={}, zone="UTC", scheme=None, ground=ground("x"))
    library = replace(LIBRARY, parties={**LIBRARY.parties, "XXX": bare})
    with pytest.raises(QuestionError) as refused:
        case_of(replace(ASKED, holder="XXX"), library)
    assert refused.value.message == "`XXX` has no scheme in the library"
    assert refused.value.hint == "name one: --scheme"
    assert case_of(replace(ASKED, recipient="XXX"), library).assurance is None


def test_a_release_brings_the_instruments_duties_and_the_lenders():
    """DEC-24: in the order of kinds; no second word on third parties where the text has one."""
    law = law_of(PACT, LEG_ONE, THROUGH, CIRCLE)
    leg = leg_of(law, "through", holder="AAA", recipient="CCC")
    owed = obligations_of(
        leg, leg.tables[0], markings=("low",), originator="AAA", purpose="defence"
    )
    assert [(one.kind, one.weight, one.text, one.ground) for one in owed] == [
        ("mark", "required", "mark it with AAA and your own level low", ground("4(2)")),
        ("register", "required", "list", ground("6(f)")),
        ("register", "required", "list", ground("6(f)")),
        (
            "no-onward-release",
            "required",
            "no release to a third party without AAA's written consent",
            ground("approval"),
        ),
        ("purpose-only", "required", "use it only for defence", ground("6(c)")),
    ]
    said = replace(THROUGH.duties[0], kind=ObligationKind.NO_ONWARD_RELEASE)
    own = law_of(replace(PACT, duties=(said,)))
    leg = leg_of(own, "pact", holder="AAA", recipient="BBB")
    owed = obligations_of(leg, None, markings=("low", "high"), originator="AAA", purpose=None)
    assert [one.kind for one in owed] == ["mark", "no-onward-release", "purpose-only"]
    assert owed[0].ground == PACT.force_ground
    assert owed[0].text.endswith("low or high")
    assert owed[2].text == "use it only for what it is given for"
