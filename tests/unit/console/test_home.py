"""A node's directory: made whole or not at all."""

import errno

import pytest

from relto.console import home as module
from relto.console.home import Config, Home, HomeError, HomeTakenError


def test_fl_14_a_disk_that_is_full_leaves_no_half_of_a_node(tmp_path, monkeypatch):
    def full(path, content):
        path.with_name("part").write_bytes(b"")
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(module, "write_private", full)
    home = Home(tmp_path / "jpn")
    with pytest.raises(HomeError, match="no space left"):
        home.create(Config(party="JPN"))
    assert list(home.directory.iterdir()) == []
    monkeypatch.undo()
    home.create(Config(party="JPN"))
    assert home.config().party == "JPN"


def test_what_was_there_before_stays(tmp_path):
    (tmp_path / "something").touch()
    with pytest.raises(HomeTakenError):
        Home(tmp_path).create(Config(party="JPN"))
    assert [path.name for path in tmp_path.iterdir()] == ["something"]


def test_a_place_where_nothing_can_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HomeError, match="cannot make"):
        Home(tmp_path / "file" / "jpn").create(Config(party="JPN"))
