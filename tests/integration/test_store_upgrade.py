"""A store in the hands of a newer or an older program, and what is left when it goes wrong."""

import json
import sqlite3
from contextlib import closing

import pytest
from msgspec.structs import replace

from relto.adapters.backup import MANIFEST, read_backup
from relto.adapters.store import SqliteStore, place_of, schema, upgrade
from relto.adapters.store.tables import SCHEMA_VERSION
from relto.cli import main, store
from relto.seal import digest


@pytest.fixture
def node(tmp_path, capsys):
    directory = tmp_path / "jpn"
    assert main(["init", "JPN", "--dir", str(directory)]) == 0
    capsys.readouterr()
    return directory


def change(path, *statements):
    with closing(sqlite3.connect(path)) as raw, raw:
        for one in statements:
            raw.execute(one)


def make_old(path):
    """Give a journal the tables of the first version."""
    change(path, "DROP TABLE mark", "UPDATE alembic_version SET version_num = '0001'")


def version(path):
    with closing(sqlite3.connect(path)) as raw:
        (found,) = raw.execute("SELECT version_num FROM alembic_version").fetchone()
        tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_master")}
    return found, "mark" in tables


def back_up(node, target, *, change_journal):
    """Make a backup as another program would have made it: with another journal, listed so."""
    assert main(["backup", "--dir", str(node), "--out", str(target), "--with-keys"]) == 0
    change_journal(target / "journal.sqlite")
    for beside in target.glob("journal.sqlite-*"):
        beside.unlink()
    content = (target / "journal.sqlite").read_bytes()
    manifest = MANIFEST.decode((target / "manifest.json").read_bytes())
    listed = tuple(
        replace(file, size_bytes=len(content), digest=digest(content))
        if file.name == "journal.sqlite"
        else file
        for file in manifest.files
    )
    (target / "manifest.json").write_bytes(MANIFEST.encode(replace(manifest, files=listed)))
    assert read_backup(target).files == listed


def test_an_older_store_is_named_and_brought_up_by_one_command(node, capsys):
    make_old(node / "journal.sqlite")
    assert main(["status", "--dir", str(node)]) == 4
    assert "relto store upgrade" in capsys.readouterr().err
    assert main(["store", "upgrade", "--dir", str(node)]) == 0
    assert version(node / "journal.sqlite") == (SCHEMA_VERSION, True)
    assert main(["status", "--dir", str(node)]) == 0
    assert main(["store", "upgrade", "--dir", str(node)]) == 0


def test_fl_45_a_store_of_a_newer_program_is_left_alone(node, capsys):
    change(node / "journal.sqlite", "UPDATE alembic_version SET version_num = '9999'")
    for words in (["store", "upgrade"], ["status"], ["serve"]):
        assert main([*words, "--dir", str(node)]) == 4
        told = capsys.readouterr().err
        assert "`9999`" in told
        assert "newer relto" in told
    assert version(node / "journal.sqlite") == ("9999", True)


def test_a_store_that_says_no_version_is_left_alone(node, capsys):
    change(node / "journal.sqlite", "DELETE FROM alembic_version")
    assert main(["store", "upgrade", "--dir", str(node)]) == 4
    assert "`none`" in capsys.readouterr().err


def test_fl_18_tables_are_not_changed_under_a_node_that_runs(node, capsys):
    running = SqliteStore(node / "journal.sqlite")
    assert main(["store", "upgrade", "--dir", str(node)]) == 4
    assert "world.store_locked" in capsys.readouterr().err
    running.close()


def test_no_journal_is_made_where_there_was_none(node, capsys):
    (node / "journal.sqlite").unlink()
    assert main(["store", "upgrade", "--dir", str(node)]) == 4
    assert "there is no `journal.sqlite`" in capsys.readouterr().err
    assert not (node / "journal.sqlite").exists()
    (node / "journal.sqlite").touch()
    assert main(["store", "upgrade", "--dir", str(node)]) == 4
    (node / "journal.sqlite").write_bytes(b"x" * 5_000)
    assert main(["store", "upgrade", "--dir", str(node)]) == 4
    assert "not a sound store" in capsys.readouterr().err


def test_fl_16_an_upgrade_that_is_interrupted_has_changed_nothing(node, monkeypatch):
    make_old(node / "journal.sqlite")
    whole = schema.run_migrations

    def interrupted(connection):
        whole(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(schema, "run_migrations", interrupted)
    with pytest.raises(KeyboardInterrupt):
        upgrade(place_of(node))
    assert version(node / "journal.sqlite") == ("0001", False)
    monkeypatch.undo()
    upgrade(place_of(node))
    assert version(node / "journal.sqlite") == (SCHEMA_VERSION, True)


def test_a_backup_of_an_older_program_comes_back(node, tmp_path, capsys):
    back_up(node, tmp_path / "b", change_journal=make_old)
    again = tmp_path / "again"
    assert main(["restore", str(tmp_path / "b"), "--dir", str(again)]) == 0
    assert version(again / "journal.sqlite") == (SCHEMA_VERSION, True)
    capsys.readouterr()
    assert main(["journal", "verify", "--dir", str(again), "--json"]) == 0
    assert all(log["is_sound"] for log in json.loads(capsys.readouterr().out))


def test_fl_17_a_backup_that_does_not_stand_the_check_leaves_nothing_that_could_be_served(
    node, tmp_path, capsys
):
    """A node that does not know that it was restored would say something new, and fork."""

    def spoil(path):
        change(path, "UPDATE entry SET header = x'00' WHERE number = 1")

    back_up(node, tmp_path / "b", change_journal=spoil)
    before = sorted(tmp_path.iterdir())
    assert main(["restore", str(tmp_path / "b"), "--dir", str(tmp_path / "again")]) == 4
    assert sorted(tmp_path.iterdir()) == before


def test_fl_17_a_restore_that_is_interrupted_leaves_nothing_that_could_be_served(
    node, tmp_path, monkeypatch
):
    back_up(node, tmp_path / "b", change_journal=lambda path: None)
    before = sorted(tmp_path.iterdir())

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "audit_log", interrupted)
    assert main(["restore", str(tmp_path / "b"), "--dir", str(tmp_path / "again")]) == 130
    assert sorted(tmp_path.iterdir()) == before


def test_fl_14_a_backup_for_which_there_is_no_room_takes_up_none(node, tmp_path, monkeypatch):
    def full(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "make_backup", full)
    assert main(["backup", "--dir", str(node), "--out", str(tmp_path / "b")]) == 130
    assert not (tmp_path / "b").exists()


def test_a_directory_may_have_any_name(tmp_path, capsys):
    """What a path may hold and a URL may not is never read as part of a URL."""
    directory, target = tmp_path / "a#b%20c?d é", tmp_path / "b#1?"
    assert main(["init", "JPN", "--dir", str(directory)]) == 0
    for words in (
        ["store", "show", "--dir", str(directory)],
        ["store", "upgrade", "--dir", str(directory)],
        ["journal", "verify", "--dir", str(directory)],
        ["backup", "--dir", str(directory), "--out", str(target)],
        ["restore", str(target), "--dir", str(tmp_path / "%41#?")],
    ):
        assert main(words) == 0, words
    assert str(directory / "journal.sqlite") in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {directory.name, target.name, "%41#?"}
