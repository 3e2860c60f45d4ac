"""What people see at a terminal: the same answers, in words."""

import pytest

from relto.cli import main
from tests.integration.nodes.conftest import Party

pytestmark = [pytest.mark.net, pytest.mark.slow]


class Terminal:
    """Runs commands without `--json` and gives what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *words: str, expect: int = 0) -> str:
        self._capsys.readouterr()
        assert main(list(words)) == expect
        out, err = self._capsys.readouterr()
        return out if expect in {0, 1} else err


def test_a_case_is_told_in_words(
    pair: tuple[Party, Party], capsys: pytest.CaptureFixture[str]
) -> None:
    jpn, kor = pair
    terminal = Terminal(capsys)
    at_jpn, at_kor = ["--dir", str(jpn.directory)], ["--dir", str(kor.directory)]
    jpn.hold(b"a launch", topic="dprk.missile.launch")
    jpn.hold(b"a satellite", topic="dprk.nuclear.test", level="gokuhi")
    assert "dprk.nuclear.test" in terminal.run("holdings", *at_jpn)
    assert "nothing" in terminal.run("inbox", *at_jpn)
    assert "not running" in terminal.run("link", "status", *at_jpn)
    jpn.start()
    kor.start()
    asked = ["--purpose", "defence.analysis", "--cleared-to", "ii-kup", "--wait", "10", *at_kor]
    shown = terminal.run("request", "JPN", "--topic", "dprk.missile.launch", *asked)
    for words in ("receipted", "JPN → KOR", "jpn-kor-gsomia-2016", "秘", "owed", "release"):
        assert words in shown
    words = ["--topic", "dprk.nuclear.test", "--purpose", "defence.analysis", "--cleared-to"]
    waiting = kor.run("request", "JPN", *words, "ii-kup")["line"]["case"]
    jpn.wait_inbox(waiting)
    assert "0 of 1 approved" in terminal.run("inbox", *at_jpn)
    assert "queued" in terminal.run("show", waiting, *at_jpn)
    step = ["--as", "disclosure-officer", "--reason", "no longer current", *at_jpn]
    assert "officer-refused: no longer current" in terminal.run("refuse", waiting, *step)
    assert "refused" in terminal.run("show", waiting, "--wait", "10", *at_kor)
    assert waiting in terminal.run("cases", *at_kor)
    closed = terminal.run("request", "JPN", "--topic", "rus.cyber", *asked[:4], *at_kor)
    assert "JPN" in closed
    assert "up" in terminal.run("link", "status", *at_kor)
    assert "JPN" in terminal.run("link", "reconcile", "JPN", *at_kor)
    assert "partners" in terminal.run("status", *at_kor)
    assert "fingerprint" in terminal.run("card", *at_kor, "--out", str(kor.directory / "copy"))
    assert (kor.directory / "copy").read_bytes() == (kor.directory / "card.relto").read_bytes()


def test_a_way_that_is_closed_is_told_with_its_article(
    parties: dict[str, Party], capsys: pytest.CaptureFixture[str]
) -> None:
    jpn, kor = parties["JPN"], parties["KOR"]
    for party in (jpn, kor):
        party.init("--exercise", "--clock", "2010-01-01T00:00:00Z")
    kor.pin(jpn)
    terminal = Terminal(capsys)
    where = ["--dir", str(kor.directory)]
    words = ["--topic", "dprk.missile.launch", "--purpose", "defence.analysis", *where]
    shown = terminal.run("request", "JPN", *words, expect=1)
    assert "unroutable" in shown
    assert "closed" in shown
    assert "jpn-kor-gsomia-2016" in shown
    assert "EXERCISE" in terminal.run("status", *where)
    assert "EXERCISE" in terminal.run("card", *where)
    moved = terminal.run("clock", "set", "2019-11-22T15:01:00Z", *where)
    assert "2019-11-22T15:01" in moved
    back = terminal.run("clock", "set", "2010-01-01T00:00:00Z", *where, expect=2)
    assert "local.clock_back" in back


def test_law_is_adopted_by_a_running_node(
    parties: dict[str, Party], tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file replaces the one of its name, a directory all; the same again changes nothing."""
    from relto.adapters.lawfiles import packaged_files

    jpn = parties["JPN"]
    jpn.init()
    jpn.start()
    terminal, where = Terminal(capsys), ["--dir", str(jpn.directory)]
    name = "acts/jpn-kor-gsomia-2016.toml"
    file = tmp_path / name
    file.parent.mkdir()
    file.write_bytes(packaged_files()[name])
    assert "already" in terminal.run("law", "adopt", str(file), *where)
    file.write_bytes(packaged_files()[name] + b"\n# read again\n")
    before = jpn.run("status")["law"]
    assert "adopted" in terminal.run("law", "adopt", str(file), *where, "--reason", "corrected")
    assert jpn.run("status")["law"] != before
    for path, content in packaged_files().items():
        (tmp_path / "all" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / path).write_bytes(content)
    assert "adopted" in terminal.run("law", "adopt", str(tmp_path / "all"), *where)
    assert jpn.run("status")["law"] == before


def test_the_links_say_who_calls_as_the_node_runs(parties: dict[str, Party]) -> None:
    """LK-16: what node.toml says is not the whole of it."""
    jpn, kor = parties["JPN"], parties["KOR"]
    jpn.init()
    kor.init("--listen", "")
    jpn.pin(kor)
    kor.pin(jpn)

    def calls(party: Party) -> str:
        (link,) = party.run("link", "status")["links"]
        return link["calls"]

    assert (calls(jpn), calls(kor)) == ("nobody", "nobody")
    jpn.start()
    kor.start()
    assert (calls(jpn), calls(kor)) == ("them", "us")
    jpn.stop()
    config = jpn.directory / "node.toml"
    config.write_text(config.read_text().replace("[dial]", '[dial]\nKOR = "us"'))
    jpn.start()
    assert calls(jpn) == "nobody"
    kor.stop()
    kor.run("peer", "revoke", "JPN", "--serial", "1", "--reason", "copied")
    kor.start()
    assert calls(kor) == "nobody"


def test_a_node_that_nobody_has_to_see_to_says_so(pair: tuple[Party, Party]) -> None:
    jpn, kor = pair
    stopped = jpn.run("check", "--free", "0", expect=1)
    assert [one["code"] for one in stopped["troubles"]] == ["stopped"]
    jpn.start()
    kor.start()
    kor.run("link", "reconcile", "JPN")
    assert jpn.run("check", "--free", "0")["troubles"] == []
    (ends,) = jpn.run("check", "--free", "0", "--days", "2000", expect=1)["troubles"][1:]
    assert (ends["code"], ends["partner"]) == ("partner-certificate", "KOR")
