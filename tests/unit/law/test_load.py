"""Law files to a library: all or nothing, whatever their order."""

import pytest

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
