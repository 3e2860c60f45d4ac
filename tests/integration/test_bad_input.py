"""Every bad input gets a clear error, and changes nothing: no journal, nothing a node knows."""

import base64
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from relto.cli import main
from relto.cli.live import make_nodes
from relto.cli.scenarios import load_scenario
from relto.codec import FRAME
from relto.console import OpenNode, open_home
from relto.driver import BadPackageBytesError
from relto.exchange import CaseState
from relto.node import Ask, By
from relto.sim.oracle import assurance_of

ANALYST = By(officer="duty analyst", role="analyst", reason="a test")
CASE = "kor-launch-1"
ITEM = "launch-2019-10-02"


class Pair(NamedTuple):
    """Two nodes at rest, after one release from Tokyo to Seoul."""

    jpn: Path
    kor: Path


@contextmanager
def _open(pair: Pair) -> Iterator[Mapping[str, OpenNode]]:
    with ExitStack() as stack:
        yield {
            "JPN": stack.enter_context(open_home(pair.jpn)),
            "KOR": stack.enter_context(open_home(pair.kor)),
        }


def _ask(nodes: Mapping[str, OpenNode], case: str, *, item: str | None = None) -> None:
    plan = load_scenario("gsomia-2019").scenario.plan("launch")
    nodes["KOR"].driver.command(
        Ask(
            case=case,
            holder="JPN",
            holding=item,
            topics=plan.topics,
            purpose=plan.purpose,
            assurance=assurance_of(plan),
            by=ANALYST,
        )
    )


def _deliver(nodes: Mapping[str, OpenNode]) -> None:
    """Carry frames by hand until both have nothing to say."""
    for _ in range(20):
        for party, partner in (("KOR", "JPN"), ("JPN", "KOR")):
            frame = nodes[party].driver.next_batch(partner)
            if frame is not None:
                answer = nodes[partner].driver.handle_exchange(party, frame)
                nodes[party].driver.receive_reply(partner, answer)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    loaded = load_scenario("gsomia-2019")
    place = tmp_path_factory.mktemp("made")
    pair = Pair(jpn=place / "jpn", kor=place / "kor")
    make_nodes(
        loaded.scenario,
        {"JPN": pair.jpn, "KOR": pair.kor},
        begins_at=loaded.scenario.steps[0].at,
        files=loaded.files,
        contents=loaded.contents,
    )
    with _open(pair) as nodes:
        _ask(nodes, CASE)
        _deliver(nodes)
        story = nodes["KOR"].driver.story(CASE)
        assert story is not None
        assert story.file.state is CaseState.RECEIPTED
    return pair


@pytest.fixture
def pair(made: Pair, tmp_path: Path) -> Pair:
    """A copy of the nodes for each test."""
    return Pair(
        jpn=shutil.copytree(made.jpn, tmp_path / "jpn"),
        kor=shutil.copytree(made.kor, tmp_path / "kor"),
    )


def _known(pair: Pair) -> dict[str, tuple[str, int]]:
    """Everything that both nodes know, and how many entries they store."""
    with _open(pair) as nodes:
        found: dict[str, tuple[str, int]] = {}
        for party, node in nodes.items():
            with node.store.transaction() as tx:
                found[party] = (node.driver.node.state.digest(), tx.position())
        return found


MALFORMED = b"""\
format = "relto.instrument/1"
id = "jpn-kor-gsomia-2016"
title = "Half a treaty"
parties = ["JPN", "KOR"]
colour = "green"
"""

BAD_ORDERS: dict[str, tuple[list[str], int, str, str]] = {
    "a malformed instrument, checked": (
        ["law", "check", "{bad}"],
        1,
        r"bad\.toml:\d+: colour",
        "unknown key `colour`",
    ),
    "a malformed instrument, adopted": (
        ["law", "adopt", "{bad}", "--dir", "{jpn}"],
        2,
        r"local\.law_file",
        r"bad\.toml",
    ),
    "an unknown topic, held": (
        [
            "hold",
            "{item}",
            "--topic",
            "dprk.lunch",
            "--scheme",
            "jpn",
            "--level",
            "hi",
            "--dir",
            "{jpn}",
        ],
        2,
        r"unknown[_ ]",
        "dprk.lunch",
    ),
    "an unknown level, held": (
        [
            "hold",
            "{item}",
            "--topic",
            "dprk.cyber",
            "--scheme",
            "jpn",
            "--level",
            "high",
            "--dir",
            "{jpn}",
        ],
        2,
        r"local\.",
        "high",
    ),
    "an unknown scheme, held": (
        [
            "hold",
            "{item}",
            "--topic",
            "dprk.cyber",
            "--scheme",
            "jqn",
            "--level",
            "hi",
            "--dir",
            "{jpn}",
        ],
        2,
        r"local\.",
        "jqn",
    ),
    "an unknown topic, asked for": (
        [
            "request",
            "JPN",
            "--topic",
            "dprk.lunch",
            "--purpose",
            "defence.analysis",
            "--dir",
            "{kor}",
        ],
        2,
        r"local\.unknown_word",
        "dprk.lunch",
    ),
    "an unknown purpose": (
        ["request", "JPN", "--topic", "dprk.cyber", "--purpose", "defence.fun", "--dir", "{kor}"],
        2,
        r"local\.unknown_word",
        "defence.fun",
    ),
    "an unknown clearance": (
        [
            "request",
            "JPN",
            "--topic",
            "dprk.cyber",
            "--purpose",
            "defence.cyber",
            "--cleared-to",
            "iv",
            "--dir",
            "{kor}",
        ],
        2,
        r"local\.",
        "iv",
    ),
    "an unknown party": (
        ["request", "JPX", "--topic", "dprk.cyber", "--purpose", "defence.cyber", "--dir", "{kor}"],
        2,
        r"local\.",
        "JPX",
    ),
    "an unknown case, approved": (
        ["approve", "kor-nothing", "--as", "disclosure-officer", "--reason", "x", "--dir", "{jpn}"],
        2,
        r"local\.no_such_case",
        "kor-nothing",
    ),
    "an unknown case, shown": (
        ["show", "kor-nothing", "--dir", "{jpn}"],
        2,
        r"local\.unknown_case",
        "kor-nothing",
    ),
    "a partner with the wrong fingerprint": (
        ["peer", "add", "{card}", "--fingerprint", "0" * 64, "--dir", "{jpn}"],
        3,
        r"peer\.fingerprint",
        "KOR",
    ),
    "a fingerprint that is none": (
        ["peer", "add", "{card}", "--fingerprint", "green", "--dir", "{jpn}"],
        3,
        r"peer\.fingerprint",
        "64",
    ),
    "a card that is none": (
        ["peer", "add", "{bad}", "--fingerprint", "0" * 64, "--dir", "{jpn}"],
        3,
        r"peer\.",
        "",
    ),
    "a clock that goes back": (
        ["clock", "set", "2019-01-01T00:00Z", "--dir", "{jpn}"],
        2,
        r"local\.clock_back",
        "",
    ),
}


@pytest.mark.parametrize("name", BAD_ORDERS)
def test_a_bad_order_is_refused_with_its_reason_and_changes_nothing(
    name: str, pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, code, first, second = BAD_ORDERS[name]
    (tmp_path / "bad.toml").write_bytes(MALFORMED)
    (tmp_path / "item.txt").write_text("a thing\n")
    places = {
        "bad": tmp_path / "bad.toml",
        "item": tmp_path / "item.txt",
        "card": pair.kor / "card.relto",
        "jpn": pair.jpn,
        "kor": pair.kor,
    }
    before = _known(pair)
    capsys.readouterr()
    assert main([word.format(**places) for word in words]) == code
    told = capsys.readouterr()
    said = " ".join((told.out + told.err).split())
    assert re.search(first, said), said
    assert re.search(second, said), said
    assert "Traceback" not in said
    assert _known(pair) == before


def test_a_request_for_an_unknown_item_is_refused_without_a_word_about_what_is_held(
    pair: Pair,
) -> None:
    with _open(pair) as nodes:
        register = dict(nodes["KOR"].driver.node.state.register)
        _ask(nodes, "kor-unknown-1", item="no-such-item")
        _deliver(nodes)
        story = nodes["KOR"].driver.story("kor-unknown-1")
        assert story is not None
        assert story.file.state is CaseState.REFUSED
        assert story.file.refused is not None
        assert story.file.refused.code == "nothing-held"
        assert story.file.refused.considered == ()
        assert nodes["KOR"].driver.node.state.register == register


def test_a_package_changed_on_the_way_is_not_taken_and_the_right_one_is(pair: Pair) -> None:
    with _open(pair) as nodes:
        jpn, kor = nodes["JPN"].driver, nodes["KOR"].driver
        _ask(nodes, "kor-again-1")
        request = kor.next_batch("JPN")
        assert request is not None
        frame = FRAME.decode(jpn.handle_exchange("KOR", request))
        (package,) = frame.packages
        wrong = bytes([package.content[0] ^ 1]) + package.content[1:]
        # 1. Beside the entry, under the name of the right one: it is as if none had come.
        changed = type(package)(digest=package.digest, content=wrong)
        tampered = type(frame)(
            **{
                name: getattr(frame, name) for name in frame.__struct_fields__ if name != "packages"
            },
            packages=(changed,),
        )
        kor.receive_reply("JPN", FRAME.encode(tampered))
        (wanted,) = kor.wanted("JPN")
        register = dict(kor.node.state.register)
        # 2. By range: it is thrown away with an error.
        before = kor.node.state.digest()
        with pytest.raises(BadPackageBytesError, match="not the package that was named"):
            kor.write_package("JPN", wanted.digest, offset=0, piece=wrong)
        assert kor.node.state.digest() == before
        assert kor.node.state.register == register
        # 3. The right one still comes through.
        kor.write_package("JPN", wanted.digest, offset=0, piece=package.content)
        story = kor.story("kor-again-1")
        assert story is not None
        assert story.file.state is CaseState.RECEIPTED


def _forge(document: bytes) -> bytes:
    """Let every body that names the item name another one, and leave all else as it is."""

    def change(text: re.Match[bytes]) -> bytes:
        body = base64.b64decode(text.group())
        return base64.b64encode(body.replace(ITEM.encode(), ITEM.replace("2019", "2020").encode()))

    return re.sub(rb'(?<=")[A-Za-z0-9+/]{40,}={0,2}(?=")', change, document)


def test_a_tampered_extract_is_not_verified_and_the_true_one_is(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _known(pair)
    path, forged = tmp_path / "case.zip", tmp_path / "forged.zip"
    keys = ["--keys", str(pair.jpn / "card.relto"), "--keys", str(pair.kor / "card.relto")]
    assert main(["journal", "extract", CASE, "--dir", str(pair.kor), "--out", str(path)]) == 0
    assert main(["journal", "verify", str(path), *keys]) == 0
    with zipfile.ZipFile(path) as true, zipfile.ZipFile(forged, "w") as false:
        for item in true.infolist():
            content = true.read(item)
            false.writestr(item, _forge(content))
    assert forged.read_bytes() != path.read_bytes()
    capsys.readouterr()
    assert main(["journal", "verify", str(forged), *keys]) == 1
    told = capsys.readouterr()
    assert "not verified" in (told.out + told.err).lower()
    assert _known(pair) == before
