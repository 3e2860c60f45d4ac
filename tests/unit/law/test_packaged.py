"""The packaged library: what it holds, and that it says no more than was read."""

import pytest

from relto.adapters.lawfiles import packaged_library
from relto.decide.rules import is_in_scope
from relto.law import TopologyKind, compile_law, grounds
from relto.model import Evidence
from relto.units import InstrumentId, PartyCode, SchemeId

LIBRARY = packaged_library()
LAW = compile_law(LIBRARY)
FIVE = (
    "jpn-kor-gsomia-2016",
    "jpn-kor-usa-warning-2023",
    "jpn-usa-2007",
    "kor-usa-1987",
    "tisa-2014",
)
FAMILY = (
    "nato-1997",
    "aut-deu-2007",
    "aut-fin-2017",
    "aut-ita-2022",
    "che-partner-military",
    "cze-gbr-2004",
    "eu-aus-2010",
    "jpn-fra-2011",
    "jpn-aus-2012",
    "ind-usa-2002",
)
EXAMPLES = ("example-cert-tlp", "example-fiu-memorandum")


@pytest.mark.parametrize("id", FIVE + FAMILY + EXAMPLES)
def test_the_library_holds_the_instrument(id: str) -> None:
    """LAW-1."""
    assert InstrumentId(id) in LIBRARY.instruments


@pytest.mark.parametrize("id", LIBRARY.instruments)
def test_every_rule_has_a_ground_and_what_was_not_seen_is_assumed(id: InstrumentId) -> None:
    """LAW-3, LAW-55."""
    for rule, ground in grounds(LIBRARY.instruments[id], ""):
        assert ground.article, rule
        assert ground.source, rule
        if ground.article.startswith("not seen"):
            assert ground.evidence is Evidence.ASSUMED, rule


def test_what_is_made_up_is_marked_as_an_example() -> None:
    """LAW-77."""
    for id, instrument in LIBRARY.instruments.items():
        assert instrument.is_example is (id in EXAMPLES)
        if instrument.is_example:
            assert all(LIBRARY.parties[party].is_example for party in instrument.terms.parties)


def test_the_schemes_are_there() -> None:
    """LAW-5."""
    assert set(LIBRARY.schemes) == {"fiu-example", "jpn", "kor", "nato", "tlp", "usa"}
    assert LIBRARY.schemes[SchemeId("tlp")].party is None


def test_members_of_a_circle_are_linked_pair_by_pair() -> None:
    """LAW-7, LAW-73."""
    assert LIBRARY.terms[InstrumentId("nato-1997")].topology.kind is TopologyKind.CIRCLE
    assert LAW.links(PartyCode("NOR"), PartyCode("TUR")) == ("nato-1997",)


def test_legs_of_an_intermediary_rely_on_the_two_bilaterals() -> None:
    """LAW-73, LAW-74."""
    tisa = LIBRARY.terms[InstrumentId("tisa-2014")]
    assert tisa.topology.intermediary == "USA"
    assert {(item.parties, item.instrument) for item in tisa.reliance} == {
        (("JPN", "USA"), "jpn-usa-2007"),
        (("KOR", "USA"), "kor-usa-1987"),
    }
    assert tisa.forms.is_within_protecting


def test_scopes_are_open_or_closed_and_forms_are_listed() -> None:
    """LAW-75."""
    assert LIBRARY.terms[InstrumentId("jpn-kor-gsomia-2016")].topics.is_open
    assert LIBRARY.terms[InstrumentId("tisa-2014")].topics.topics == (
        "dprk.missile",
        "dprk.nuclear",
    )


@pytest.mark.parametrize("id", ["jpn-kor-gsomia-2016", "jpn-usa-2007", "kor-usa-1987"])
def test_a_pact_on_military_information_does_not_cover_financial_intelligence(id: str) -> None:
    """LAW-75: its text speaks of defence-related information, and of no other."""
    scope = LAW.terms(InstrumentId(id)).topics
    for topic in LIBRARY.topics.topics:
        assert is_in_scope(scope, topic, LIBRARY) is not topic.startswith("finance")


def test_a_cap_may_hold_for_one_form_alone() -> None:
    """LAW-71: a lower one for electronic transmission."""
    (cap,) = LIBRARY.terms[InstrumentId("example-fiu-memorandum")].caps
    assert (cap.row, cap.form) == ("RESTRICTED", "electronic")


def test_a_third_party_rule_may_cover_nationals_and_what_is_not_classified() -> None:
    """LAW-76."""
    rule = LIBRARY.terms[InstrumentId("cze-gbr-2004")].third_party
    assert rule.covers_nationals
    assert rule.covers_unclassified


def test_the_way_of_destruction_may_depend_on_the_level() -> None:
    """LAW-57."""
    rules = {rule.row: rule for rule in LIBRARY.instruments[InstrumentId("ltu-hrv")].end_of_need}
    assert rules["TOP SECRET"].way == "return"
    assert rules["SECRET"].is_notified
    assert rules[""].may_destroy_in_emergency


def test_an_instrument_whose_dates_nobody_read_releases_nothing() -> None:
    """LAW-23."""
    for id in ("aut-deu-2007", "jpn-gbr-2013", "nato-1997"):
        assert LAW.life(InstrumentId(id)).entered is None
