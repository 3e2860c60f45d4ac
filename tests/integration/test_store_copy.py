"""Copying a store: the copy is compared with the original, entry by entry, before it counts."""

import sqlite3

import pytest

from relto.adapters.store import SqliteStore, copy_store, place_of
from relto.adapters.store.copy import StoreCopyError
from relto.cli import main
from relto.journal import AuditError
from relto.ports.store import StoreCorruptError, StoreError


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


# What a column may hold in SQLite that no store has put there, and how its row is called.
SPOILT = {
    "text for bytes": ("entry", "bodies", "'text'", "position 1"),
    "a number for bytes": ("value", "content", "8", "name identity"),
    "bytes for text": ("log", "origin", "x'41'", "id 1"),
    "text for a number": ("entry", "number", "'one'", "position 1"),
    "bytes for a case": ("entry", "case_id", "x'41'", "position 1"),
}


def spoil(node, sql):
    original = sqlite3.connect(node / "journal.sqlite")
    with original:
        original.execute(sql)
    original.close()


def spoil_first(node, table, column, value):
    first = f"(SELECT rowid FROM {table} ORDER BY 1 LIMIT 1)"
    spoil(node, f"UPDATE {table} SET {column} = {value} WHERE rowid = {first}")


@pytest.mark.parametrize("name", sorted(SPOILT))
def test_fl_16_a_row_that_no_store_wrote_is_named_and_never_copied(node, tmp_path, name):
    """Text where bytes belong would break the copying, and a number would become other bytes."""
    table, column, value, key = SPOILT[name]
    spoil_first(node, table, column, value)
    with pytest.raises(StoreCorruptError) as found:
        copy_store(place_of(node), f"sqlite:///{tmp_path / 'copy.sqlite'}")
    assert f"table `{table}`, row of {key}: `{column}` holds" in found.value.message
    assert heads_of(tmp_path / "copy.sqlite") == {}


def test_fl_16_what_the_database_itself_cannot_read_names_the_table(node, tmp_path):
    spoil_first(node, "log", "origin", "CAST(x'ff' AS TEXT)")
    with pytest.raises(StoreCopyError, match="table `log` cannot be copied: Could not decode"):
        copy_store(place_of(node), f"sqlite:///{tmp_path / 'copy.sqlite'}")


def test_a_place_that_does_not_take_a_row_names_the_table(node, tmp_path):
    """It holds no journal, but the beginnings of another node."""
    target = tmp_path / "copy.sqlite"
    store = SqliteStore(target)
    with store.transaction() as tx:
        tx.put_value("identity", b"another")
    store.close()
    with pytest.raises(StoreCopyError, match="table `value` cannot be copied: UNIQUE"):
        copy_store(place_of(node), f"sqlite:///{target}")
    assert heads_of(target) == {}
