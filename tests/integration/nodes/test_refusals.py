"""What commands and partners get wrong: a clear error, its hint, and nothing changed."""

import asyncio
import socket
from pathlib import Path

import pytest

from relto.adapters.https_link import PartnerCaller, Pins, endpoint_of
from relto.cli import main
from relto.codec import FRAME
from relto.console import identity_of, open_home, partner_card
from relto.units import PartyCode
from tests.integration.nodes.conftest import Party

pytestmark = pytest.mark.net

USAGE, PEER, WORLD = 2, 3, 4


@pytest.fixture
def jpn(parties: dict[str, Party]) -> Party:
    parties["JPN"].init()
    return parties["JPN"]


def test_a_wrong_fingerprint_pins_nobody(parties: dict[str, Party], jpn: Party) -> None:
    kor = parties["KOR"]
    kor.init()
    wrong = jpn.run("card")["fingerprint"]
    error = jpn.pin(kor, fingerprint=wrong, expect=PEER)
    assert error["error"] == "peer.fingerprint"
    assert jpn.pin(kor, fingerprint="12 34", expect=PEER)["error"] == "peer.fingerprint"
    assert jpn.run("status")["peers"] == []
    jpn.pin(kor)
    assert jpn.run("status")["peers"] == ["KOR"]


def test_a_tampered_card_is_no_card(parties: dict[str, Party], jpn: Party) -> None:
    kor = parties["KOR"]
    kor.init()
    shown = kor.run("card")["fingerprint"]
    file = kor.directory / "card.relto"
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)
    error = jpn.run("peer", "add", str(file), "--fingerprint", shown, expect=PEER)
    assert error["error"].startswith("peer.")
    assert jpn.run("status")["peers"] == []


def test_an_exercise_node_and_a_real_one_never_pin_each_other(
    parties: dict[str, Party], jpn: Party
) -> None:
    kor = parties["KOR"]
    kor.init("--exercise")
    assert jpn.pin(kor, expect=PEER)["error"] == "peer.protocol"
    assert kor.pin(jpn, expect=PEER)["error"] == "peer.protocol"
    assert kor.run("status")["is_exercise"]


WORDS: dict[str, tuple[list[str], str]] = {
    "an unknown topic": (["--topic", "dprk.weather", "--scheme", "jpn", "--level", "hi"], "topic"),
    "an unknown level": (["--topic", "dprk", "--scheme", "jpn", "--level", "himitsu"], "level"),
    "an unknown scheme": (["--topic", "dprk", "--scheme", "narnia", "--level", "hi"], "scheme"),
    "an unknown originator": (
        ["--topic", "dprk", "--scheme", "jpn", "--level", "hi", "--originator", "ＪＰＮ"],
        "party",
    ),
    "an unknown caveat": (
        ["--topic", "dprk", "--scheme", "jpn", "--level", "hi", "--category", "eyes-only"],
        "categor",
    ),
}


@pytest.mark.parametrize("name", WORDS)
def test_an_item_with_an_unknown_word_is_not_registered(
    jpn: Party, tmp_path: Path, name: str
) -> None:
    words, what = WORDS[name]
    file = tmp_path / "item"
    file.write_bytes(b"content")
    error = jpn.run("hold", str(file), *words, expect=USAGE)
    assert error["error"] == "local.unknown_word"
    assert what in error["message"]
    assert error["hint"]
    assert jpn.run("holdings")["holdings"] == []


ASKED: dict[str, tuple[list[str], str]] = {
    "an unknown topic": (["KOR", "--topic", "x.y", "--purpose", "defence"], "local.unknown_word"),
    "an unknown purpose": (["KOR", "--topic", "dprk", "--purpose", "x"], "local.unknown_word"),
    "an unknown party": (["XYZ", "--topic", "dprk", "--purpose", "defence"], "local.unknown_word"),
    "itself": (["JPN", "--topic", "dprk", "--purpose", "defence"], "local.no_partner"),
    "nobody pinned, directly": (
        ["KOR", "--topic", "dprk", "--purpose", "defence", "--direct"],
        "local.no_partner",
    ),
    "an unknown clearance": (
        ["KOR", "--topic", "dprk", "--purpose", "defence", "--cleared-to", "ts"],
        "local.unknown_word",
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_request_with_an_unknown_word_is_not_sent(jpn: Party, name: str) -> None:
    words, code = ASKED[name]
    error = jpn.run("request", *words, expect=USAGE)
    assert (error["error"], bool(error["hint"])) == (code, True)
    assert jpn.run("cases")["cases"] == []


COMMANDS: dict[str, tuple[list[str], str, int]] = {
    "approve an unknown case": (
        ["approve", "nope", "--as", "disclosure-officer", "--reason", "x"],
        "local.no_such_case",
        USAGE,
    ),
    "show an unknown case": (["show", "nope"], "local.unknown_case", USAGE),
    "reconcile while stopped": (["link", "reconcile", "KOR"], "local.no_partner", USAGE),
    "set a real clock": (["clock", "set", "2030-01-01T00:00Z"], "local.clock_back", USAGE),
    "adopt a missing file": (["law", "adopt", "/nowhere.toml"], "local.law_directory", USAGE),
    "delegate from a missing file": (
        ["delegations", "adopt", "/nowhere.toml"],
        "local.law_directory",
        USAGE,
    ),
    "pin a missing card": (
        ["peer", "add", "/nowhere", "--fingerprint", "0" * 64],
        "local.input",
        USAGE,
    ),
    "hold a missing file": (
        ["hold", "/nowhere", "--topic", "dprk", "--scheme", "jpn", "--level", "hi"],
        "local.content",
        USAGE,
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_cannot_be_says_why_and_what_to_do(jpn: Party, name: str) -> None:
    words, code, exit_code = COMMANDS[name]
    error = jpn.run(*words, expect=exit_code)
    assert error["error"] == code
    assert error["hint"]


def test_a_malformed_law_file_changes_nothing_in_a_node(jpn: Party, tmp_path: Path) -> None:
    before = jpn.run("status")["law"]
    file = tmp_path / "acts" / "jpn-kor-gsomia-2016.toml"
    file.parent.mkdir()
    file.write_text("[[acts]]\nkind = 'nonsense'\n")
    error = jpn.run("law", "adopt", str(file), expect=USAGE)
    assert error["error"].startswith("local.")
    assert jpn.run("status")["law"] == before


def test_authorities_of_another_party_are_not_adopted(jpn: Party, tmp_path: Path) -> None:
    file = tmp_path / "delegations.toml"
    file.write_text('format = "relto.delegations/1"\nholder = "KOR"\n')
    assert jpn.run("delegations", "adopt", str(file), expect=USAGE)["error"] == "local.holder"


def test_init_says_what_is_wrong_and_leaves_no_half_node(
    parties: dict[str, Party], tmp_path: Path
) -> None:
    usa = parties["USA"]
    assert usa.run("init", "XYZ", expect=USAGE)["error"] == "local.party"
    assert usa.run("init", "USA", "--listen", "here", expect=USAGE)["error"] == "local.listen"
    assert usa.run("init", "USA", "--listen", "192.0.2.1:0", expect=WORLD)["error"] == "world.port"
    words = ["--endpoint", "http://x:1"]
    assert usa.run("init", "USA", *words, expect=USAGE)["error"] == "local.endpoint"
    words = ["--clock", "2019-01-01T00:00Z"]
    assert usa.run("init", "USA", *words, expect=USAGE)["error"] == "local.home"
    assert not usa.directory.exists()
    usa.init()
    assert usa.run("init", "USA", expect=USAGE)["error"] == "local.home_taken"
    assert usa.run("status")["party"] == "USA"


def test_a_directory_that_is_no_nodes_is_said_to_be_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--dir", str(tmp_path), "--json"]) == USAGE
    assert "local.home" in capsys.readouterr().err
    (tmp_path / "node.toml").write_text("party = 'JPN'\nlisten_at = 'x'\n")
    assert main(["status", "--dir", str(tmp_path), "--json"]) == USAGE
    assert "listen_at" in capsys.readouterr().err


def test_what_needs_a_running_node_says_so(parties: dict[str, Party], jpn: Party) -> None:
    kor = parties["KOR"]
    kor.init()
    jpn.pin(kor)
    assert jpn.run("link", "reconcile", "KOR", expect=USAGE)["error"] == "local.not_yet"


@pytest.mark.slow
def test_two_processes_never_serve_one_directory(jpn: Party) -> None:
    """FL-18: the second is refused; commands go to the first."""
    jpn.start()
    error = jpn.run("serve", expect=WORLD)
    assert error["error"] == "world.store_locked"
    assert jpn.run("status")["is_running"]


def test_a_taken_port_is_said_before_anything_is_served(jpn: Party) -> None:
    place = jpn.run("status")["listens_at"]
    with socket.create_server(("127.0.0.1", int(place.rpartition(":")[2]))):
        error = jpn.run("serve", expect=WORLD)
    assert error["error"] == "world.port"
    assert place in error["message"]
    assert not (jpn.directory / "control.sock").exists()


@pytest.mark.slow
def test_keys_and_socket_are_for_the_nodes_own_user(jpn: Party) -> None:
    jpn.start()
    assert (jpn.directory / "control.sock").stat().st_mode & 0o777 == 0o600
    assert jpn.directory.stat().st_mode & 0o077 == 0
    jpn.stop()
    assert not (jpn.directory / "control.sock").exists()
    (jpn.directory / "keys" / "0001.secrets").chmod(0o644)
    assert jpn.run("status", expect=USAGE)["error"] == "local.keys_unsafe"


@pytest.mark.slow
def test_fl_23_certificate_signer_and_party_must_be_one(parties: dict[str, Party]) -> None:
    """FL-23, LK-6: USA's connection carrying KOR's frame is refused, and nothing of it is kept."""
    jpn, kor, usa = parties["JPN"], parties["KOR"], parties["USA"]
    for party in (jpn, kor, usa):
        party.init()
    for party in (kor, usa):
        party.pin(jpn)
        jpn.pin(party)
    case = kor.ask("JPN", "--direct")["line"]["case"]
    with open_home(kor.directory) as node:
        frame = node.driver.next_batch(PartyCode("JPN"))
    assert frame is not None
    jpn.start()

    async def send() -> bytes:
        with open_home(usa.directory) as node:
            card = partner_card(node.driver.node.state.peers[PartyCode("JPN")].card)
            pins = Pins()
            pins.replace(PartyCode("JPN"), (card.certificate,))
            caller = PartnerCaller(
                PartyCode("JPN"),
                [endpoint_of(one) for one in card.endpoints],
                identity=identity_of(node.keys),
                pins=pins,
            )
            async with caller:
                return await caller.exchange(frame)

    answer = FRAME.decode(asyncio.run(send()))
    assert answer.target == "USA"
    assert answer.rejection is not None
    assert answer.rejection.code == "peer.identity_mismatch"
    assert jpn.run("cases")["cases"] == []
    kor.start()
    assert jpn.wait(case, "refused")["refusal"] == "nothing-held"
