"""Law files to a library: all or nothing, whatever their order."""

import pytest
import tomli

from relto.adapters.lawfiles import packaged_files, packaged_library
from relto.decide.view import leg_of
from relto.law import LawFileError, Library, compile_law, load_library
from relto.units import InstrumentId, PartyCode
from tests.unit.law.building import PACT, library, pact, rule


@pytest.fixture(scope="module")
def packaged() -> Library:
    return packaged_library()


@pytest.mark.parametrize(
    "id",
    [
        "jpn-kor-gsomia-2016",
        "jpn-kor-usa-warning-2023",
        "jpn-usa-2007",
        "kor-usa-1987",
        "tisa-2014",
    ],
)
def test_the_packaged_library_holds_the_five_instruments(packaged: Library, id: str) -> None:
    assert InstrumentId(id) in packaged.instruments
    assert packaged.acts[InstrumentId(id)]


def test_the_order_of_files_does_not_matter() -> None:
    """LAW-8."""
    files = packaged_files()
    turned = dict(reversed(files.items()))
    assert load_library(turned) == load_library(files)


def test_the_order_in_which_a_leg_names_its_parties_does_not_matter() -> None:
    """LAW-8, LAW-74: a leg written the other way round is protected all the same."""
    legs = [
        library(
            pact(reliance=[rule(parties=parties, instrument="other")]), pact(id="other")
        ).instrument(PACT)
        for parties in (["AAA", "BBB"], ["BBB", "AAA"])
    ]
    assert legs[0].terms == legs[1].terms
    view = compile_law(
        library(pact(reliance=[rule(parties=["BBB", "AAA"], instrument="other")]), pact(id="other"))
    )
    assert leg_of(view, PACT, holder=PartyCode("AAA"), recipient=PartyCode("BBB")).relied


def test_nothing_is_loaded_when_one_file_is_wrong() -> None:
    files = packaged_files() | {"acts/more.toml": b'format = "relto.acts/1"\nsurprise = 1\n'}
    with pytest.raises(LawFileError) as caught:
        load_library(files)
    assert [problem.key for problem in caught.value.problems] == ["surprise"]


def test_both_readers_of_toml_give_the_same_library() -> None:
    """LAW-2, ADR-0010: with the standard library's reader and with its compiled build."""
    files = packaged_files()
    assert load_library(files, parse=tomli.loads) == load_library(files)


@pytest.mark.parametrize("text", ["a = \n", "a = 1\na = 2\n", "on = 2019-02-30\n", "a = [1,"])
def test_both_readers_of_toml_refuse_alike(text: str) -> None:
    """LAW-60, ADR-0010."""
    told = []
    for parse in (None, tomli.loads):
        with pytest.raises(LawFileError) as caught:
            load_library({"x.toml": text.encode()}, parse=parse)
        told.append(caught.value.problems)
    assert told[0] == told[1]
