"""`relto backup`, `relto restore`, `relto store` on real nodes' directories."""

import json
import stat

import pytest

from relto.adapters.backup import BackupDamagedError, read_backup
from relto.adapters.store import SqliteStore, open_shared, open_store, place_of, set_place
from relto.adapters.store.places import StorePlaceError
from relto.cli import main
from tests.support_journal import JPN_JPN


@pytest.fixture
def node(tmp_path, capsys):
    directory = tmp_path / "jpn"
    assert main(["init", "JPN", "--dir", str(directory)]) == 0
    capsys.readouterr()
    return directory


@pytest.fixture
def backup(node, tmp_path, capsys):
    target = tmp_path / "backup"
    assert main(["backup", "--dir", str(node), "--out", str(target), "--with-keys"]) == 0
    capsys.readouterr()
    return target


def answer(capsys):
    return json.loads(capsys.readouterr().out)


def test_a_backup_is_for_its_owners_eyes_and_leaves_keys_out_unless_asked(node, tmp_path, capsys):
    target = tmp_path / "plain"
    assert main(["backup", "--dir", str(node), "--out", str(target), "--json"]) == 0
    made = answer(capsys)
    assert not made["has_keys"]
    in_keys = [file["name"] for file in made["files"] if file["name"].startswith("keys/")]
    assert in_keys == ["keys/0001.card"]
    assert {"journal.sqlite", "node.toml", "card.relto"} <= {it["name"] for it in made["files"]}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*") if path.is_file()}
    assert modes <= {0o600, 0o644}
    assert stat.S_IMODE(target.stat().st_mode) == 0o700


def test_a_backup_can_be_made_while_the_node_has_its_store_open(node, tmp_path):
    store = SqliteStore(node / "journal.sqlite")
    assert main(["backup", "--dir", str(node), "--out", str(tmp_path / "b")]) == 0
    store.close()


def test_a_backup_comes_back_as_a_node_that_opens(backup, tmp_path, node, capsys):
    again = tmp_path / "again"
    assert main(["restore", str(backup), "--dir", str(again), "--json"]) == 0
    talk = capsys.readouterr()
    assert "reconcile" in talk.err
    assert main(["journal", "verify", "--dir", str(again), "--json"]) == 0
    assert all(log["is_sound"] for log in answer(capsys))
    assert main(["status", "--dir", str(again), "--json"]) == 0
    status = answer(capsys)
    assert main(["status", "--dir", str(node), "--json"]) == 0
    assert {**answer(capsys), "now": None} == {**status, "now": None}


def test_nothing_is_written_over(node, backup, capsys):
    assert main(["backup", "--dir", str(node), "--out", str(backup)]) == 2
    assert main(["restore", str(backup), "--dir", str(node)]) == 2
    assert "local.backup_place" in capsys.readouterr().err


@pytest.mark.parametrize(
    "damage", ["changed", "missing", "added", "no manifest", "manifest", "link"]
)
def test_a_backup_that_is_not_whole_is_not_restored(backup, tmp_path, damage):
    match damage:
        case "changed":
            data = (backup / "journal.sqlite").read_bytes()
            (backup / "journal.sqlite").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case "missing":
            (backup / "node.toml").unlink()
        case "added":
            (backup / "extra").write_bytes(b"")
        case "no manifest":
            (backup / "manifest.json").unlink()
        case "manifest":
            text = (backup / "manifest.json").read_bytes()
            (backup / "manifest.json").write_bytes(text.replace(b'"node.toml"', b'"../x.toml"'))
        case "link":
            (backup / "node.toml").rename(tmp_path / "elsewhere")
            (backup / "node.toml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BackupDamagedError):
        read_backup(backup)
    assert main(["restore", str(backup), "--dir", str(tmp_path / "never")]) == 4
    assert not (tmp_path / "never").exists()


def test_show_says_where_the_journal_is(node, capsys):
    assert main(["store", "show", "--dir", str(node), "--json"]) == 0
    shown = answer(capsys)
    assert shown["place"].startswith("sqlite:////")
    assert [head["origin"] for head in shown["heads"]] == ["relto/JPN/JPN"]
    assert main(["store", "show", "--dir", str(node)]) == 0
    assert main(["store", "upgrade", "--dir", str(node)]) == 0


@pytest.mark.postgres
@pytest.mark.slow
def test_a_node_moves_to_postgres_and_goes_on_there(node, database, capsys, tmp_path):
    """Moved by one command, verified by heads."""
    assert main(["store", "migrate", "--dir", str(node), "--to", database, "--json"]) == 0
    moved = answer(capsys)
    assert place_of(node) == database
    assert stat.S_IMODE((node / "store.url").stat().st_mode) == 0o600
    (node / "journal.sqlite").unlink()
    assert main(["status", "--dir", str(node), "--json"]) == 0
    assert answer(capsys)["party"] == "JPN"
    assert main(["journal", "verify", "--dir", str(node), "--json"]) == 0
    (log,) = answer(capsys)
    assert log["is_sound"]
    assert moved["heads"]["relto/JPN/JPN"] == [log["entries"], log["root"]]


@pytest.mark.postgres
@pytest.mark.slow
def test_a_node_in_a_database_is_backed_up_while_it_runs_and_comes_back_as_either(
    node, databases, capsys, tmp_path
):
    """FL-17: one picture of the database; it comes back into a file, or into an empty database."""
    place, other = databases(), databases()
    assert main(["store", "migrate", "--dir", str(node), "--to", place]) == 0
    (node / "journal.sqlite").unlink()
    running = open_shared(place)
    target = tmp_path / "b"
    with running.transaction() as tx:
        tx.put_value("later", b"x")
        # Whoever backs up waits for nobody, and does not see what is not finished.
        words = ["--dir", str(node), "--out", str(target), "--with-keys"]
        assert main(["backup", *words]) == 0
    running.close()
    assert not (target / "journal.sqlite.lock").exists()
    capsys.readouterr()
    heads = [(head.origin, head.root) for head in read_backup(target).heads]
    for name, words in (("file", []), ("base", ["--to", other])):
        again = tmp_path / name
        assert main(["restore", str(target), "--dir", str(again), *words]) == 0
        capsys.readouterr()
        assert main(["journal", "verify", "--dir", str(again), "--json"]) == 0
        (log,) = answer(capsys)
        assert log["is_sound"]
        assert heads == [("relto/JPN/JPN", log["root"])]
        assert (again / "journal.sqlite").is_file() == (name == "file")
        assert main(["status", "--dir", str(again)]) == 0
    # Not over another journal; and then there is no half of a node either.
    words = ["--dir", str(tmp_path / "third"), "--to", other]
    assert main(["restore", str(target), *words]) == 4
    assert not (tmp_path / "third").exists()


def test_a_place_that_is_none_is_refused(node):
    for url in ("", "mysql://x", "sqlite:///relative", "postgresql://x\ny"):
        with pytest.raises(StorePlaceError):
            set_place(node, url)
        with pytest.raises(StorePlaceError):
            open_store(url)
    (node / "store.url").write_text("nonsense")
    with pytest.raises(StorePlaceError):
        place_of(node)
    (node / "store.url").unlink()
    (node / "store.url").mkdir()
    with pytest.raises(StorePlaceError):
        place_of(node)


def test_the_default_place_is_a_file_in_the_directory(node):
    store = open_store(place_of(node))
    with store.transaction() as tx:
        assert tx.log(JPN_JPN) is not None
    store.close()
