"""Law files to a library: all or nothing, whatever their order."""

import pytest
import tomli

from relto.adapters.lawfiles import packaged_files, packaged_library
from relto.law import LawFileError, Library, load_library
from relto.units import InstrumentId


@pytest.fixture(scope="module")
def library() -> Library:
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
def test_the_packaged_library_holds_the_five_instruments(library: Library, id: str) -> None:
    assert InstrumentId(id) in library.instruments
    assert library.acts[InstrumentId(id)]


def test_the_order_of_files_does_not_matter() -> None:
    """LAW-8."""
    files = packaged_files()
    turned = dict(reversed(files.items()))
    assert load_library(turned) == load_library(files)


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
