"""Law files from the package, from a directory, and laid over each other."""

from pathlib import Path

import pytest

from relto.adapters.lawfiles import (
    LawDirectoryError,
    LawReadError,
    digest_of,
    library_from,
    library_of,
    overlay,
    packaged_files,
    packaged_library,
    read_file,
    read_files,
)
from relto.law import LawFileError
from relto.limits import LAW_FILE_BYTES_MAX


def _written(folder: Path) -> Path:
    for name, data in packaged_files().items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return folder


def test_a_directory_of_the_same_files_is_the_same_library(tmp_path: Path) -> None:
    """LAW-1, LAW-9."""
    assert library_from(_written(tmp_path)) == packaged_library()


def test_one_changed_byte_or_name_changes_the_digest() -> None:
    """LAW-9."""
    files = packaged_files()
    assert digest_of(files) == digest_of(dict(reversed(files.items())))
    assert digest_of({**files, "topics.toml": files["topics.toml"] + b"\n"}) != digest_of(files)
    assert digest_of({"a": b"bc"}) != digest_of({"ab": b"c"})


def test_a_directory_that_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(LawDirectoryError) as caught:
            read_files(folder)
        assert caught.value.hint


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LawDirectoryError):
        read_file(tmp_path / "nowhere.toml")


def test_a_file_that_the_disk_will_not_give_is_the_worlds_fault(tmp_path: Path) -> None:
    with pytest.raises(LawReadError):
        read_file(tmp_path)


def test_of_a_huge_file_only_the_limit_is_read(tmp_path: Path) -> None:
    """LAW-61."""
    path = tmp_path / "huge.toml"
    with path.open("wb") as file:
        file.truncate(10_000_000)
    assert len(read_file(path)) == LAW_FILE_BYTES_MAX + 1
    with pytest.raises(LawFileError) as caught:
        library_from(tmp_path)
    assert caught.value.problems[0].reason.startswith("file too large")


def test_a_file_laid_over_the_library_replaces_the_one_of_its_name() -> None:
    files = packaged_files()
    more = {"my/acts/trilateral.toml": b'format = "relto.acts/1"\n'}
    laid = overlay(files, more)
    assert "acts/trilateral.toml" not in laid
    assert len(laid) == len(files)


def test_a_file_laid_over_the_library_replaces_the_one_of_its_id() -> None:
    files = packaged_files()
    laid = overlay(files, {"my-tisa.toml": files["instruments/tisa-2014.toml"]})
    assert "instruments/tisa-2014.toml" not in laid
    assert library_of(laid).instruments.keys() == packaged_library().instruments.keys()


@pytest.mark.parametrize("data", [b"\xff", b"= =", b"#" * (LAW_FILE_BYTES_MAX + 1)])
def test_a_broken_file_replaces_nothing(data: bytes) -> None:
    files = packaged_files()
    assert len(overlay(files, {"broken.toml": data})) == len(files) + 1
