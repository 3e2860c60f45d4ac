"""Questions in words: checked against the library, with advice, and made cases."""

import pytest
from msgspec.structs import replace
from whenever import Instant

from relto.adapters.lawfiles import packaged_library
from relto.decide.obligations import obligations_of
from relto.decide.question import Question, QuestionError, UnknownWordError, case_of
from relto.decide.view import leg_of
from relto.law import PartyRecord
from relto.model import Form, ObligationKind
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
    case = case_of(ASKED, LIBRARY)
    assert (case.originator, case.label.scheme, case.form) == ("JPN", "jpn", Form.DOCUMENT)
    assert case.topics == ("dprk", "dprk.missile.launch")
    assert case.assurance.cleared_to == "i-kup"
    assert case.onward is case.marked is case.provenance is case.purpose is None


def test_every_word_finds_its_place():
    """DEC-38."""
    full = replace(
        ASKED,
        holder="USA",
        originator="JPN",
        purpose="defence.warning",
        cleared_to="ii-kup",
        consents=("KOR",),
        releasable_to=("KOR", "USA", "KOR"),
        provenance="tisa-2014",
        received_for="defence",
        marked="secret",
        onward="KOR",
    )
    case = case_of(full, LIBRARY)
    assert case.label.releasable_to == ("KOR", "USA")
    assert (case.marked.scheme, case.marked.level) == ("usa", "secret")
    assert (case.onward, case.provenance, case.received_for) == ("KOR", "tisa-2014", "defence")
    (consent,) = case.consents
    assert (consent.originator, consent.recipient, consent.purposes) == (
        "JPN",
        "KOR",
        ("defence.warning",),
    )
    assert consent.given_at == Instant.MIN
    caveats = replace(ASKED, originator="USA", holder="USA", level="secret", categories=("orcon",))
    assert case_of(caveats, LIBRARY).label.categories == ("orcon",)


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
    with pytest.raises(QuestionError, match="`kimitsu` is less than `usa:unclassified`"):
        case_of(replace(received, level="unclassified", marked="kimitsu"), LIBRARY)


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


def test_an_unknown_word_is_refused_with_the_nearest_known():
    """DEC-38."""
    with pytest.raises(UnknownWordError) as refused:
        case_of(replace(ASKED, topics=("dprk.misile",)), LIBRARY)
    assert refused.value.hint.startswith("did you mean `dprk.missile`")
    assert (refused.value.what, refused.value.text) == ("topic", "dprk.misile")
    with pytest.raises(UnknownWordError) as refused:
        case_of(replace(ASKED, topics=("zzzzzz",)), LIBRARY)
    assert refused.value.hint.startswith("known: ")


def test_a_party_without_a_scheme_needs_one_named():
    """DEC-38."""
    bare = PartyRecord(code="XXX", names={}, zone="UTC", scheme=None, ground=ground("x"))
    library = replace(LIBRARY, parties={**LIBRARY.parties, "XXX": bare})
    with pytest.raises(QuestionError) as refused:
        case_of(replace(ASKED, holder="XXX"), library)
    assert "has no scheme" in refused.value.message
    assert case_of(replace(ASKED, recipient="XXX"), library).assurance is None


def test_a_release_brings_the_instruments_duties_and_the_lenders():
    """DEC-24: in the order of kinds; no second word on third parties where the text has one."""
    law = law_of(PACT, LEG_ONE, THROUGH, CIRCLE)
    leg = leg_of(law, "through", holder="AAA", recipient="CCC")
    owed = obligations_of(
        leg, leg.tables[0], markings=("low",), originator="AAA", purpose="defence"
    )
    kinds = [one.kind for one in owed]
    assert kinds == sorted(kinds, key=list(ObligationKind).index)
    assert kinds.count(ObligationKind.REGISTER) == 2
    assert owed[0].text == "mark it with AAA and your own level low"
    assert owed[-1].text == "use it only for defence"
    said = replace(THROUGH.duties[0], kind=ObligationKind.NO_ONWARD_RELEASE)
    own = law_of(replace(PACT, duties=(said,)))
    leg = leg_of(own, "pact", holder="AAA", recipient="BBB")
    owed = obligations_of(leg, None, markings=("low", "high"), originator="AAA", purpose=None)
    assert [one.kind for one in owed] == ["mark", "no-onward-release", "purpose-only"]
    assert owed[0].ground == PACT.force_ground
    assert owed[0].text.endswith("low or high")
    assert owed[2].text == "use it only for what it is given for"
