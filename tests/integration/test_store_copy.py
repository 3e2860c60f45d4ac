"""Copying a store: the copy is compared with the original, entry by entry, before it counts."""

import sqlite3

import pytest

from relto.adapters.store import SqliteStore, copy_store, place_of
from relto.adapters.store.copy import StoreCopyError
from relto.cli import main
from relto.journal import AuditError
from relto.ports.store import StoreError


@pytest.fixture
def node(tmp_path, capsys):
    directory = tmp_path / "jpn"
    assert main(["init", "JPN", "--dir", str(directory)]) == 0
    capsys.readouterr()
    return directory


def heads_of(path):
    store = SqliteStore(path)
    try:
        with store.transaction() as tx:
            return {one.log.origin: (one.size, one.root.hex()) for one in tx.logs()}
    finally:
        store.close()


def test_a_copy_has_the_heads_and_rows_of_the_original(node, tmp_path):
    target = tmp_path / "copy.sqlite"
    copied = copy_store(place_of(node), f"sqlite:///{target}")
    assert copied.heads == heads_of(node / "journal.sqlite") == heads_of(target)
    assert copied.heads["relto/JPN/JPN"][0] > 0
    assert copied.rows["entry"] == copied.heads["relto/JPN/JPN"][0]


def test_a_copy_never_goes_over_a_journal(node, tmp_path):
    target = tmp_path / "copy.sqlite"
    copy_store(place_of(node), f"sqlite:///{target}")
    with pytest.raises(StoreCopyError, match="holds a journal already"):
        copy_store(place_of(node), f"sqlite:///{target}")
    assert heads_of(target) == heads_of(node / "journal.sqlite")


@pytest.mark.parametrize("column", ["bodies", "header", "leaf"])
def test_an_original_that_is_damaged_is_found_when_it_is_copied(node, tmp_path, column):
    original = sqlite3.connect(node / "journal.sqlite")
    with original:
        (data,) = original.execute(f"SELECT {column} FROM entry WHERE number = 1").fetchone()
        damaged = data[:-1] + bytes([data[-1] ^ 1])
        original.execute(f"UPDATE entry SET {column} = ? WHERE number = 1", (damaged,))
    original.close()
    with pytest.raises((AuditError, StoreError)):
        copy_store(place_of(node), f"sqlite:///{tmp_path / 'copy.sqlite'}")
