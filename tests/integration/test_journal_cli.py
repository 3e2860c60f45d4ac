"""`relto journal`, on a node's directory made here, and on archives that somebody tampered with."""

import io
import json
import random
import zipfile

import pytest
from msgspec.structs import replace

from relto.adapters.casezip import ArchiveError, read_archive
from relto.adapters.store import SqliteStore
from relto.cli import main
from relto.codec import EXTRACT, FORK
from relto.codec.message import encode_message
from relto.journal import Draft, append, sign_head
from relto.limits import EXTRACT_FILES_MAX
from relto.model import EXTRACT_VERSION, ForkEvidence, LogId
from relto.model.partner import PeerAdded
from relto.ports.store import Kept
from relto.seal import digest
from relto.sim.twins import SeededEntropy, TwinKeys
from tests.support_journal import AT
from tests.unit.journal.test_extract import (
    CARDS,
    KEYS,
    LAW,
    LAW_REF,
    TRUSTED,
    Log,
    World,
    card,
    say,
)


@pytest.fixture
def node(tmp_path):
    """A node's directory: the journal of a case, the node's own card, a partner's pinned."""
    from relto.model import PartyKeys

    directory = tmp_path / "jpn"
    directory.mkdir()
    (directory / "card.relto").write_bytes(CARDS["JPN"])
    world = World(acknowledge_upto=2)
    keys = KEYS["KOR"].keys
    assert isinstance(keys, PartyKeys)
    added = PeerAdded(
        party="KOR",
        card=CARDS["KOR"],
        fingerprint=TRUSTED["KOR"],
        keys=keys,
        serial=1,
        by="administrator",
    )
    draft = Draft(kind="peer-added", parts=(("message", encode_message(added)),))
    state, entry = append(world.local.state, draft, now=AT, entropy=world.local.entropy)
    world.local.held.append(entry)
    store = SqliteStore(directory / "journal.sqlite")
    with store.transaction() as tx:
        tx.append(world.local.held, sign_head(state, signer=KEYS["JPN"]))
        tx.append(world.out.held, world.out.state)
        tx.put_value(f"law/{digest(LAW)}", LAW)
    store.close()
    return directory


@pytest.fixture
def archive(node, tmp_path):
    path = tmp_path / "case.zip"
    assert main(["journal", "extract", "c-1", "--dir", str(node), "--out", str(path)]) == 0
    return path


@pytest.fixture
def cards(tmp_path):
    paths = []
    for party in ("JPN", "KOR"):
        (tmp_path / f"{party}.card").write_bytes(CARDS[party])
        paths += ["--keys", str(tmp_path / f"{party}.card")]
    return paths


def answer(capsys):
    return json.loads(capsys.readouterr().out)


def test_list_shows_entries_in_the_order_in_which_they_were_stored(node, capsys):
    assert main(["journal", "list", "--dir", str(node), "--json"]) == 0
    lines = answer(capsys)
    assert [line["position"] for line in lines] == list(range(1, 9))
    assert lines[0]["kind"] == "law-adopted"
    assert main(["journal", "list", "--dir", str(node), "--case", "c-1", "--json"]) == 0
    assert {line["kind"] for line in answer(capsys)} == {"officer-step", "release", "recall"}
    assert (
        main(["journal", "list", "--dir", str(node), "--log", "JPN/KOR", "--limit", "2", "--json"])
        == 0
    )
    assert [line["number"] for line in answer(capsys)] == [3, 4]
    assert main(["journal", "list", "--dir", str(node)]) == 0
    assert "law-adopted" in capsys.readouterr().out


def test_list_refuses_what_is_no_log_and_no_node(node, tmp_path, capsys):
    assert main(["journal", "list", "--dir", str(node), "--log", "JPN"]) == 2
    assert main(["journal", "list", "--dir", str(tmp_path / "nowhere")]) == 2
    assert "local.not_a_node" in capsys.readouterr().err


def test_verify_checks_every_entry_of_the_nodes_own_journal(node, capsys):
    assert main(["journal", "verify", "--dir", str(node), "--json"]) == 0
    logs = answer(capsys)
    assert {(log["source"], log["target"], log["entries"], log["is_sound"]) for log in logs} == {
        ("JPN", "JPN", 4, True),
        ("JPN", "KOR", 4, True),
    }
    assert main(["journal", "verify", "--dir", str(node)]) == 0


def test_verify_finds_a_changed_entry_and_says_where(node, capsys):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(node / "journal.sqlite")) as raw, raw:
        raw.execute(
            "UPDATE entry SET header = CAST(replace(header, 'release', 'refusal') AS BLOB)"
            " WHERE number = 2 AND log_id = 2"
        )
    assert main(["journal", "verify", "--dir", str(node), "--json"]) == 1
    unsound = [log for log in answer(capsys) if not log["is_sound"]]
    assert [(log["source"], log["target"]) for log in unsound] == [("JPN", "KOR")]
    assert "entry 2" in unsound[0]["problem"]


def test_an_extract_is_verified_offline_with_the_parties_cards(archive, cards, capsys):
    """JN-23."""
    capsys.readouterr()
    assert main(["journal", "verify", str(archive), *cards, "--json"]) == 0
    verdict = answer(capsys)
    assert verdict["verified"]
    assert verdict["fingerprints"] == {party: [TRUSTED[party]] for party in ("JPN", "KOR")}
    assert len(verdict["entries"]) == 4
    assert main(["journal", "verify", str(archive), *cards]) == 0
    assert "VERIFIED" in capsys.readouterr().out


def test_fingerprints_compared_by_hand_do_as_well(archive, capsys):
    words = ["journal", "verify", str(archive)]
    for party in ("JPN", "KOR"):
        words += ["--fingerprint", TRUSTED[party].upper()]
    assert main(words) == 0


def test_a_nodes_pinned_cards_do_as_well(archive, node):
    assert main(["journal", "verify", str(archive), "--dir", str(node)]) == 0


def test_without_keys_that_somebody_compared_nothing_is_verified(archive, capsys):
    """JN-23: the cards in the archive are shown, so that somebody can compare them."""
    capsys.readouterr()
    assert main(["journal", "verify", str(archive), "--json"]) == 1
    verdict = answer(capsys)
    assert not verdict["verified"]
    assert TRUSTED["JPN"] in verdict["problem"]
    assert main(["journal", "verify", str(archive)]) == 1
    assert "NOT VERIFIED" in capsys.readouterr().out


def test_what_is_verified_is_told_in_words_and_under_which_law(archive, cards, capsys):
    """JN-23: to the digest."""
    capsys.readouterr()
    assert main(["journal", "verify", str(archive), *cards, "--json"]) == 0
    says = {line["kind"]: line["says"] for line in answer(capsys)["entries"]}
    assert says["law-adopted"] == f"law {LAW_REF.digest}, 1 files"
    assert says["release"] == ""
    assert main(["journal", "verify", str(archive), *cards]) == 0
    assert "Shown by JPN." in capsys.readouterr().out


def test_given_cards_count_also_where_the_extract_carries_none(archive, cards, tmp_path, capsys):
    """JN-23: what counts is who has compared a card, not where it lies."""

    def drop_cards(new, content):
        extract = EXTRACT.decode(content["extract.json"])
        content["extract.json"] = EXTRACT.encode(replace(extract, cards=()))
        put_all(new, content)

    rebuild(archive, drop_cards)
    assert main(["journal", "verify", str(archive), *cards]) == 0
    capsys.readouterr()
    assert main(["journal", "verify", str(archive), *cards[:2], "--json"]) == 1
    assert f"JPN serial 1 {TRUSTED['JPN']} (trusted)" in answer(capsys)["problem"]
    assert main(["journal", "verify", str(archive)]) == 1
    assert "cards that are here: none" in capsys.readouterr().out


def test_an_old_card_alone_names_the_newer_one_that_is_missing(archive, cards, tmp_path, capsys):
    """JN-23, JN-28: after a change of keys the third person is told which card to ask for."""
    other = card("JPN", TwinKeys(random.Random("older")))
    (tmp_path / "old.relto").write_bytes(other)
    words = ["journal", "verify", str(archive), "--keys", str(tmp_path / "old.relto"), *cards[2:]]
    capsys.readouterr()
    assert main(words) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "peer.unknown_key: head of `relto/JPN/JPN`" in said
    assert f"{TRUSTED['JPN']} (not trusted)" in said
    assert "next: get that party's card" in said


def test_an_extract_names_no_partner_that_it_does_not_concern(node, tmp_path):
    """JN-22: who else is a partner is nobody's business."""
    store = SqliteStore(node / "journal.sqlite")
    keys = TwinKeys(random.Random("USA"))
    added = PeerAdded(
        party="USA",
        card=card("USA", keys),
        fingerprint=digest(b"compared"),
        keys=keys.keys,
        serial=1,
        by="administrator",
    )
    with store.transaction() as tx:
        state = tx.log(LogId(source="JPN", target="JPN"))
        draft = Draft(kind="peer-added", parts=(("message", encode_message(added)),))
        state, entry = append(state, draft, now=AT, entropy=SeededEntropy(random.Random(3)))
        tx.append([entry], sign_head(state, signer=KEYS["JPN"]))
    store.close()
    path = tmp_path / "case.zip"
    assert main(["journal", "extract", "c-1", "--dir", str(node), "--out", str(path)]) == 0
    assert set(read_archive(path).extract.cards) == {CARDS["JPN"], CARDS["KOR"]}


# ---------------------------------------------------------------- kept against partners


@pytest.fixture
def forked(node):
    """The node has kept two heads of one log, and a frame that broke it."""
    heads = []
    for seed in (1, 2):
        log = Log(LogId(source="KOR", target="JPN"), seed=seed)
        say(log, "request", case=f"c-{seed}")
        heads.append(sign_head(log.state, signer=KEYS["KOR"]).note)
    fork = ForkEvidence(log=LogId(source="KOR", target="JPN"), held=heads[0], offered=heads[1])
    store = SqliteStore(node / "journal.sqlite")
    with store.transaction() as tx:
        tx.keep(Kept(kind="peer.fork", at=AT, content=FORK.encode(fork)))
        tx.keep(Kept(kind="peer.poison", at=AT, content=b"\x00"))
    store.close()
    return node


def test_a_fork_is_taken_out_and_verified_by_a_third_person(forked, cards, tmp_path, capsys):
    """JN-20, FL-19: with the author's card alone."""
    capsys.readouterr()
    assert main(["journal", "evidence", "--dir", str(forked), "--json"]) == 0
    lines = answer(capsys)
    assert [(line["number"], line["kind"]) for line in lines] == [
        (1, "peer.fork"),
        (2, "peer.poison"),
    ]
    assert lines[0]["about"] == "KOR has signed two histories of relto/KOR/JPN"
    out = tmp_path / "fork.json"
    words = ["journal", "evidence", "1", "--out", str(out), "--dir", str(forked)]
    assert main(words) == 0
    assert main(["journal", "verify", str(out), *cards[2:], "--json"]) == 0
    capsys.readouterr()
    assert main(["journal", "verify", str(out), *cards]) == 0
    assert "KOR has signed two histories of relto/KOR/JPN" in capsys.readouterr().out
    assert main(words) == 2
    assert "cannot write" in capsys.readouterr().err


def test_heads_that_show_no_fork_are_not_verified(forked, cards, tmp_path, capsys):
    """JN-20."""
    out = tmp_path / "fork.json"
    main(["journal", "evidence", "1", "--out", str(out), "--dir", str(forked)])
    fork = FORK.decode(out.read_bytes())
    out.write_bytes(FORK.encode(replace(fork, offered=fork.held)))
    capsys.readouterr()
    assert main(["journal", "verify", str(out), *cards]) == 1
    assert "NOT VERIFIED: peer.bad_proof" in capsys.readouterr().out
    assert main(["journal", "verify", str(out), *cards[:2]]) == 2
    assert "no card of `KOR`" in capsys.readouterr().err
    out.write_bytes(b"{}")
    assert main(["journal", "verify", str(out), *cards]) == 3


def test_what_was_kept_is_listed_and_written_by_its_number(node, forked, tmp_path, capsys):
    capsys.readouterr()
    assert main(["journal", "evidence", "--dir", str(forked)]) == 0
    assert "peer.poison" in capsys.readouterr().out
    out = tmp_path / "frame"
    assert main(["journal", "evidence", "2", "--out", str(out), "--dir", str(forked)]) == 0
    assert out.read_bytes() == b"\x00"
    assert "next" not in capsys.readouterr().out
    for words in (["1"], ["--out", str(tmp_path / "x")], ["3", "--out", str(tmp_path / "x")]):
        assert main(["journal", "evidence", *words, "--dir", str(forked)]) == 2


def test_a_node_that_kept_nothing_says_so(node, capsys):
    assert main(["journal", "evidence", "--dir", str(node)]) == 0
    assert "nothing was kept" in capsys.readouterr().out


def test_nothing_to_verify_is_a_usage_error():
    assert main(["journal", "verify"]) == 2


def test_an_unknown_case_is_an_error_and_writes_nothing(node, tmp_path, capsys):
    out = tmp_path / "none.zip"
    assert main(["journal", "extract", "c-9", "--dir", str(node), "--out", str(out)]) == 2
    assert not out.exists()
    assert "local.journal_case" in capsys.readouterr().err


def test_an_archive_is_not_overwritten(archive, node, capsys):
    before = archive.read_bytes()
    assert main(["journal", "extract", "c-1", "--dir", str(node), "--out", str(archive)]) == 2
    assert archive.read_bytes() == before
    assert "local.archive_file" in capsys.readouterr().err


# ---------------------------------------------------------------- archives


def rebuild(path, change):
    """Unpack an archive, let somebody change it, and pack it again."""
    with zipfile.ZipFile(path) as old:
        content = {name: old.read(name) for name in old.namelist()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        change(new, content)
    path.write_bytes(made.getvalue())


def put_all(new, content):
    for name, data in content.items():
        new.writestr(name, data)


def flip(content, name, old, new):
    assert old in content[name]
    content[name] = content[name].replace(old, new)


TAMPERED = {
    "a body": lambda c: flip(c, "extract.json", b'"content":"e30="', b'"content":"e30g"'),
    "the case": lambda c: flip(c, "extract.json", b'"case":"c-1"', b'"case":"c-2"'),
    "a law file": lambda c: flip(c, "law/0001.toml", b"law", b"lie"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_extract_is_not_verified(archive, cards, capsys, name):
    """JN-23: a clear error, and nothing is changed."""

    def change(new, content):
        TAMPERED[name](content)
        put_all(new, content)

    rebuild(archive, change)
    capsys.readouterr()
    assert main(["journal", "verify", str(archive), *cards, "--json"]) == 1
    assert not answer(capsys)["verified"]


def test_law_files_in_one_anothers_place_are_not_the_law(archive, cards, capsys):
    """JN-30: who opens the archive finds each under the number that the extract gives it."""

    def swap(new, content):
        content["law/0002.toml"] = content.pop("law/0001.toml")
        put_all(new, content)

    rebuild(archive, swap)
    capsys.readouterr()
    assert main(["journal", "verify", str(archive), *cards, "--json"]) == 1
    assert "law file `law.toml` (1) is missing" in answer(capsys)["problem"]


def test_a_page_for_people_that_is_another_is_remarked(archive, cards, capsys):
    """JN-30: it proves nothing, and so spoils nothing; somebody may go by it all the same."""
    assert main(["journal", "verify", str(archive), *cards, "--json"]) == 0
    assert "remarks" in capsys.readouterr().out

    def another(new, content):
        flip(content, "README.txt", b"Nothing in this file", b"Everything in this file")
        put_all(new, content)

    rebuild(archive, another)
    capsys.readouterr()
    assert main(["journal", "verify", str(archive), *cards, "--json"]) == 0
    (remark,) = answer(capsys)["remarks"]
    assert "README.txt" in remark
    assert main(["journal", "verify", str(archive), *cards]) == 0
    assert "note: `README.txt` is not the page" in capsys.readouterr().out


@pytest.mark.parametrize("extra", [{}, {"consents/0001.json": b"{}"}])
def test_an_extract_of_a_later_form_is_called_that_and_not_malformed(archive, cards, capsys, extra):
    """JN-38: also where it has files and fields that are not known here."""

    def later(new, content):
        version = b'{"version":%d,"kinds":[],' % (EXTRACT_VERSION + 1)
        flip(content, "extract.json", b'{"version":%d,' % EXTRACT_VERSION, version)
        put_all(new, {**extra, **content})

    rebuild(archive, later)
    capsys.readouterr()
    assert main(["journal", "verify", str(archive), *cards]) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "peer.extract_version: the extract has version 3, and versions up to 2 are known" in said
    assert "verify it with a newer relto" in said


@pytest.mark.parametrize("version", [b"0", b"-1", b'"2"', b"2.5", b"null", b"true"])
def test_an_extract_with_a_version_that_is_none_is_malformed(archive, cards, capsys, version):
    """JN-2, JN-38."""

    def change(new, content):
        flip(
            content,
            "extract.json",
            b'{"version":%d,' % EXTRACT_VERSION,
            b'{"version":%b,' % version,
        )
        put_all(new, content)

    rebuild(archive, change)
    capsys.readouterr()
    assert main(["journal", "verify", str(archive), *cards]) == 3
    assert "peer.malformed" in capsys.readouterr().err


def symlink(new, content):
    put_all(new, content)
    info = zipfile.ZipInfo("law/0002.toml")
    info.external_attr = 0o120777 << 16
    new.writestr(info, "/etc/passwd")


def named(name):
    def change(new, content):
        put_all(new, content)
        new.writestr(name, b"x")

    return change


def doubled(new, content):
    import warnings

    put_all(new, content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        new.writestr("extract.json", content["extract.json"])


def bomb(new, content):
    put_all(new, content)
    new.writestr("law/0002.toml", bytes(1_900_000))


def many(new, content):
    put_all(new, content)
    for place in range(2, EXTRACT_FILES_MAX + 3):
        new.writestr(f"law/{place:04}.toml", b"")


def huge(new, content):
    put_all(new, content)
    new.writestr("law/0002.toml", bytes(3_000_000))


BAD_ARCHIVES = {
    "parent directory": named("../extract.json"),
    "absolute": named("/etc/passwd"),
    "drive": named("C:\\x"),
    "backslash": named("law\\0002.toml"),
    "device": named("CON"),
    "directory": named("law/"),
    "another case of letters": named("EXTRACT.json"),
    "decomposed letters": named("extract.json\u0301"),
    "full-width letters": named("ｅxtract.json"),
    "nested archive": named("inner.zip"),
    "unexpected file": named("law/1.toml"),
    "symbolic link": symlink,
    "a name twice": doubled,
    "bomb": bomb,
    "too many files": many,
    "too large a file": huge,
    "empty": lambda new, content: None,
    "no document": lambda new, content: new.writestr("README.txt", b""),
}


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_fl_30_an_archive_that_is_more_than_an_extract_is_not_opened(archive, cards, name):
    """JN-30: refused by name, kind, count, declared and actual size, and ratio."""
    rebuild(archive, BAD_ARCHIVES[name])
    with pytest.raises(ArchiveError):
        read_archive(archive)
    assert main(["journal", "verify", str(archive), *cards]) == 3


def lie_about_size(data):
    """Say in both headers that a file is shorter than it is."""
    import struct

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo("extract.json").file_size
    return data.replace(struct.pack("<I", size), struct.pack("<I", size - 1))


RAW = {
    "not a zip": lambda data: b"hello",
    "nothing": lambda data: b"",
    "a null in a name": lambda data: data.replace(b"README.txt", b"README\x00txt"),
    "cut": lambda data: data[: len(data) // 2],
    "something before it": lambda data: b"#!/bin/sh\n" + data,
    "something behind it": lambda data: data + b"more",
    "a comment": lambda data: data[:-2] + b"\x04\x00more",
    "a flipped bit in the content": lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
    "a size that is not true": lie_about_size,
}


@pytest.mark.parametrize("name", RAW)
def test_fl_30_a_damaged_archive_is_not_opened(archive, name):
    archive.write_bytes(RAW[name](archive.read_bytes()))
    with pytest.raises(ArchiveError):
        read_archive(archive)


def test_fl_30_an_archive_is_bounded_before_it_is_opened_and_while_it_is(archive, monkeypatch):
    """JN-30: as a file, and by what its files declare together."""
    from relto.adapters import casezip

    size = archive.stat().st_size
    for bound in (size - 1, size + 1):
        monkeypatch.setattr(casezip, "ARCHIVE_BYTES_MAX", bound)
        with pytest.raises(ArchiveError):
            read_archive(archive)


def test_an_encrypted_file_in_an_archive_is_refused(archive):
    """JN-30."""
    data = bytearray(archive.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    archive.write_bytes(bytes(data))
    with pytest.raises(ArchiveError):
        read_archive(archive)


def test_an_archive_that_is_not_there_is_a_usage_error(tmp_path, cards):
    assert main(["journal", "verify", str(tmp_path / "none.zip"), *cards]) == 2
    assert main(["journal", "verify", str(tmp_path / "none.zip"), "--keys", str(tmp_path)]) == 2


def test_the_same_extract_gives_the_same_archive(archive, tmp_path):
    from relto.adapters.casezip import write_archive

    read = read_archive(archive)
    extract = read.extract
    again = tmp_path / "again.zip"
    write_archive(again, extract, files=read.files)
    assert again.read_bytes() == archive.read_bytes()
    assert EXTRACT.decode(EXTRACT.encode(extract)) == extract


def test_a_file_that_is_no_evidence_at_all_is_said_to_be_none(cards, tmp_path, capsys):
    other = tmp_path / "notes.json"
    other.write_text('{"a": 1}')
    assert main(["journal", "verify", str(other), *cards]) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert "is neither an extract nor evidence of two histories" in said
