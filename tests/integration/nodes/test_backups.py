"""A node that comes back from a backup: it hears what it had said, and goes on without a fork."""

import io
from contextlib import closing
from pathlib import Path

import pytest

from relto.adapters.store import open_store, place_of
from relto.cli import main
from relto.console.node import MachineClock
from relto.driver.links import STOPPED_VALUE
from tests.integration.nodes.conftest import Party

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(300)]

CONTENT = b"a launch at 07:10, an apogee of 910 km"


def _logs(party: Party) -> dict[tuple[str, str], tuple[int, str, bool]]:
    return {
        (log["source"], log["target"]): (log["entries"], log["root"], log["is_sound"])
        for log in party.run("journal", "verify")
    }


def test_fl_17_a_holder_restored_from_an_old_backup_fetches_its_words_back_and_goes_on(
    pair: tuple[Party, Party], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JN-21: nothing new is said before; both journals agree after; no fork anywhere."""
    jpn, kor = pair
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    jpn.start()
    kor.start()
    before = kor.ask("JPN")["line"]["case"]
    kor.wait(before, "receipted")
    jpn.run("backup", "--out", str(tmp_path / "backup"), "--with-keys")
    after = kor.ask("JPN")["line"]["case"]
    kor.wait(after, "receipted")
    jpn.kill()

    jpn.directory.rename(tmp_path / "lost")
    assert main(["restore", str(tmp_path / "backup"), "--dir", str(jpn.directory)]) == 0
    jpn.start()
    # What was said after the backup is there again, though the backup never had it.
    jpn.wait(after, "receipted", seconds=40)
    fresh = kor.ask("JPN")["line"]["case"]
    kor.wait(fresh, "receipted", seconds=40)
    jpn.wait(fresh, "receipted")

    ours, theirs = _logs(jpn), _logs(kor)
    for log in (("JPN", "KOR"), ("KOR", "JPN")):
        assert ours[log] == theirs[log]
        assert ours[log][2]
    kinds = [line["kind"] for line in jpn.run("journal", "list", "--log", "JPN/KOR")]
    assert "epoch" in kinds
    assert kinds.count("release") == 3
    assert [link["fork"] for link in kor.run("link", "status")["links"]] == [""]


def test_evidence_from_before_the_loss_is_verified_with_the_same_cards_after_it(
    pair: tuple[Party, Party], tmp_path: Path
) -> None:
    """JN-23: an extract from either side convinces with the two cards alone."""
    jpn, kor = pair
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    jpn.start()
    kor.start()
    case = kor.ask("JPN")["line"]["case"]
    kor.wait(case, "receipted")
    jpn.wait(case, "receipted")
    cards = [f"--keys={party.directory / 'card.relto'}" for party in pair]
    for party in pair:
        out = tmp_path / f"{party.code}.zip"
        party.run("journal", "extract", case, "--out", str(out))
        verdict = kor.run("journal", "verify", str(out), *cards, with_dir=False)
        assert verdict["verified"]
        between = [line for line in verdict["entries"] if line["source"] != line["target"]]
        assert [line["kind"] for line in between] == ["request", "release", "receipt"]
        said = {line["kind"]: line["acknowledged"] for line in between}
        assert said["request"]
        assert said["release"]


def test_a_partner_that_is_gone_for_good_is_passed_over_by_a_command_that_asks_again(
    pair: tuple[Party, Party],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """EX-47: who, why and about whom stands in the journal."""
    jpn, _ = pair
    why = ("--reason", "its site has burnt down")
    told = jpn.run("link", "pass-over", "KOR", *why, "--yes", expect=2)
    assert told["error"] == "local.nothing_to_pass_over"
    jpn.run("backup", "--out", str(tmp_path / "backup"), "--with-keys")
    jpn.directory.rename(tmp_path / "lost")
    assert main(["restore", str(tmp_path / "backup"), "--dir", str(jpn.directory)]) == 0
    assert [one["is_awaited"] for one in jpn.run("link", "status")["links"]] == [True]
    told = jpn.run("request", "KOR", "--topic", "dprk", "--purpose", "defence.warning", expect=2)
    assert told["error"] == "local.not_reconciled"
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert main(["link", "pass-over", "KOR", *why, "--dir", str(jpn.directory)]) == 130
    assert [one["is_awaited"] for one in jpn.run("link", "status")["links"]] == [True]
    (link,) = jpn.run("link", "pass-over", "KOR", *why, "--yes")["links"]
    assert not link["is_awaited"]
    kinds = [line["kind"] for line in jpn.run("journal", "list", "--log", "JPN/JPN")]
    assert kinds[-2:] == ["epoch", "passed-over"]
    assert jpn.run("journal", "verify")


def test_a_clock_that_was_ahead_is_named_with_what_it_has_left_and_a_backup_helps(
    pair: tuple[Party, Party],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """JN-35, FL-13."""
    jpn, _ = pair
    assert jpn.run("clock", "check")["ahead"] == []
    jpn.run("backup", "--out", str(tmp_path / "backup"), "--with-keys")
    real = MachineClock.now
    with monkeypatch.context() as jump:
        jump.setattr(MachineClock, "now", lambda clock: real(clock).add(hours=72))
        jpn.hold(CONTENT, topic="dprk.missile.launch")
        jpn.run("request", "KOR", "--topic", "dprk", "--purpose", "defence.warning", "--direct")
    item = tmp_path / "item"
    item.write_bytes(b"another")
    words = ("--topic", "dprk", "--scheme", "jpn", "--level", "hi")
    told = jpn.run("hold", str(item), *words, expect=4)
    assert told["error"] == "world.clock_went_back"
    assert "relto clock check" in told["hint"]
    said = jpn.run("clock", "check", expect=1)
    logs = {f"{one['log']['source']}/{one['log']['target']}": one for one in said["ahead"]}
    assert set(logs) == {"JPN/JPN", "JPN/KOR"}
    assert (logs["JPN/KOR"]["first"], logs["JPN/KOR"]["final"]) == (1, 1)
    assert said["goes_on_at"] == max(one["until"] for one in logs.values())
    assert said["can_be_restored"]
    (link,) = jpn.run("link", "status")["links"]
    assert "relto clock check" in link["error"]
    assert jpn.run("status")["ahead_until"] == said["goes_on_at"]
    capsys.readouterr()
    assert main(["clock", "check", "--dir", str(jpn.directory)]) == 1
    assert "all heals by itself" in capsys.readouterr().out
    jpn.directory.rename(tmp_path / "lost")
    assert main(["restore", str(tmp_path / "backup"), "--dir", str(jpn.directory)]) == 0
    assert jpn.run("clock", "check")["ahead"] == []
    jpn.hold(CONTENT, topic="dprk.missile.launch")


def test_a_stopped_link_runs_again_by_a_command_that_says_who_and_why(
    pair: tuple[Party, Party],
) -> None:
    """EX-54, FL-19."""
    jpn, kor = pair
    why = ("--reason", "it had served a copy of its store", "--officer", "n.sato")
    told = jpn.run("link", "resume", "KOR", *why, expect=2)
    assert told["error"] == "local.link_not_stopped"
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    store = open_store(place_of(jpn.directory))
    with closing(store), store.transaction() as tx:
        tx.put_value(f"{STOPPED_VALUE}KOR", b"peer.fork")
    assert [one["fork"] for one in jpn.run("link", "status")["links"]] == ["peer.fork"]
    jpn.start()
    kor.start()
    case = kor.ask("JPN")["line"]["case"]
    (link,) = jpn.run("link", "resume", "KOR", *why)["links"]
    assert link["fork"] == ""
    kor.wait(case, "receipted", seconds=40)
    lines = jpn.run("journal", "list", "--log", "JPN/JPN")
    assert "link-resumed" in {line["kind"] for line in lines}
