"""An arbiter who has never seen the nodes: an archive, the parties' cards, and nothing else."""

import json
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from relto.adapters.store import open_store, place_of
from relto.cli import main
from relto.codec import EXTRACT
from relto.model import ExtractedEntry, LogId
from tests.integration.nodes.conftest import Party

pytestmark = [pytest.mark.net, pytest.mark.slow]

CONTENT = b"a launch, seen at 07:11"
CONTROL = ("--as", "disclosure-officer", "--reason", "sent by mistake")


class Arbiter:
    """Sits elsewhere, with cards that the parties handed over, and archives."""

    def __init__(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._place = place
        self._capsys = capsys
        self._count = 0
        place.mkdir()

    def card(self, party: Party) -> Path:
        """Take a party's card as it is today."""
        return self._keep((party.directory / "card.relto").read_bytes(), "relto")

    def extract(self, party: Party, case: str) -> Path:
        """Be given what a party's node knows of a case."""
        self._count += 1
        path = self._place / f"{self._count}.zip"
        party.run("journal", "extract", case, "--out", str(path))
        return path

    def changed(self, archive: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
        """Make a copy of an archive that somebody has changed."""
        with zipfile.ZipFile(archive) as old:
            content = {name: old.read(name) for name in old.namelist()}
        change(content)
        path = self._keep(b"", "zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
            for name, data in content.items():
                new.writestr(name, data)
        return path

    def judge(self, archive: Path, *cards: Path) -> dict:
        """Verify, and give the verdict or the error."""
        self._capsys.readouterr()
        main(["journal", "verify", str(archive), *self._words(cards), "--json"])
        out, err = self._capsys.readouterr()
        told = json.loads(out or err.strip().splitlines()[-1])
        assert isinstance(told, dict)
        return told

    def read(self, archive: Path, *cards: Path) -> str:
        """Verify, and give what a reader sees."""
        self._capsys.readouterr()
        main(["journal", "verify", str(archive), *self._words(cards)])
        return " ".join(self._capsys.readouterr().out.split())

    def _words(self, cards: tuple[Path, ...]) -> list[str]:
        return [f"--keys={card}" for card in cards]

    def _keep(self, data: bytes, kind: str) -> Path:
        self._count += 1
        path = self._place / f"{self._count}.{kind}"
        path.write_bytes(data)
        return path


@pytest.fixture
def arbiter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Arbiter:
    return Arbiter(tmp_path / "arbiter", capsys)


def exchanged(jpn: Party, kor: Party) -> str:
    """KOR asks, and JPN releases under its standing authority."""
    case = str(kor.ask("JPN")["line"]["case"])
    kor.wait(case, "receipted")
    jpn.wait(case, "receipted")
    return case


def kinds(verdict: dict) -> list[str]:
    return [line["kind"] for line in verdict["entries"]]


def release_of(verdict: dict) -> dict:
    (line,) = [line for line in verdict["entries"] if line["kind"] == "release"]
    return dict(line)


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


class Archived:
    """The evidence of one release, and the arbiter with both cards."""

    def __init__(self, pair: tuple[Party, Party], arbiter: Arbiter) -> None:
        jpn, kor = pair
        jpn.hold(CONTENT, topic="dprk.missile.launch")
        jpn.start()
        kor.start()
        case = exchanged(jpn, kor)
        self._arbiter = arbiter
        self._cards = (arbiter.card(jpn), arbiter.card(kor))
        self._archive = arbiter.extract(jpn, case)
        self.sound = arbiter.judge(self._archive, *self._cards)
        with zipfile.ZipFile(self._archive) as opened:
            self.made = EXTRACT.decode(opened.read("extract.json"))

    def after(self, change: Callable[[dict[str, bytes]], object]) -> dict:
        """Judge a copy whose files somebody has changed."""
        return self._arbiter.judge(self._arbiter.changed(self._archive, change), *self._cards)

    def problem(self, change: Callable[[dict[str, bytes]], object]) -> str:
        told = self.after(change)
        assert not told.get("verified")
        return str(told.get("problem") or told.get("message"))

    def after_editing(
        self, kind: str, change: Callable[[ExtractedEntry], tuple[ExtractedEntry, ...]]
    ) -> dict:
        """Judge a copy in which somebody has changed the entries of one kind."""
        sought = f'"kind":"{kind}"'.encode()

        def edited(entry: ExtractedEntry) -> tuple[ExtractedEntry, ...]:
            return change(entry) if sought in entry.header else (entry,)

        logs = tuple(
            replace(log, entries=tuple(it for one in log.entries for it in edited(one)))
            for log in self.made.logs
        )
        document = EXTRACT.encode(replace(self.made, logs=logs))
        return self.after(lambda it: it.update({"extract.json": document}))


@pytest.fixture
def archived(pair: tuple[Party, Party], arbiter: Arbiter) -> Archived:
    return Archived(pair, arbiter)


def test_what_is_done_to_a_file_of_the_archive_is_named(archived: Archived) -> None:
    """JN-23, JN-30: each kind of file flipped, dropped, swapped with the next; files added."""
    assert archived.sound["verified"]
    assert (archived.sound["missing"], archived.sound["remarks"]) == ([], [])
    files = archived.made.files
    # Schemes, topics and parties are law as well, and travel with it.
    assert {"schemes/jpn.toml", "schemes/kor.toml", "parties.toml"} <= {it.name for it in files}
    laws = [f"law/{place:04}.toml" for place in range(1, len(files) + 1)]
    for place, (name, file) in enumerate(zip(laws, files, strict=True)):
        other = laws[(place + 1) % len(laws)]
        for change in (
            lambda it, name=name: it.update({name: flipped(it[name])}),
            lambda it, name=name: it.pop(name),
            lambda it, name=name, other=other: it.update({name: it[other], other: it[name]}),
        ):
            said = archived.problem(change)
            # Of two that were swapped the first is named.
            is_last = place + 1 == len(laws)
            assert f"law file `{file.name}`" in said or (is_last and files[0].name in said)
    added = archived.problem(lambda it: it.update({"law/0999.toml": it[laws[0]]}))
    assert "a law file that the extract does not name" in added
    assert "a name or a kind" in archived.problem(lambda it: it.update({"notes.txt": b"trust me"}))
    assert "extract.json" in archived.problem(lambda it: it.pop("extract.json"))
    assert archived.problem(lambda it: it.update({"extract.json": flipped(it["extract.json"])}))
    for change in (
        lambda it: it.pop("README.txt"),
        lambda it: it.update({"README.txt": flipped(it["README.txt"])}),
    ):
        assert "README.txt" in archived.after(change)["remarks"][0]


def test_what_is_done_to_an_entry_is_named(archived: Archived) -> None:
    """JN-23, JN-39: each changed, each left out; and one text kept back."""

    def forge(entry: ExtractedEntry) -> tuple[ExtractedEntry, ...]:
        (body,) = entry.bodies
        assert body is not None
        return (replace(entry, bodies=(replace(body, content=flipped(body.content)),)),)

    for line in archived.sound["entries"]:
        problem = archived.after_editing(line["kind"], forge)["problem"]
        assert f"`relto/{line['source']}/{line['target']}`" in problem
        assert f"entry {line['number']}" in problem
    left_out = {kind: archived.after_editing(kind, lambda _: ()) for kind in kinds(archived.sound)}
    assert "of no adopted law" in left_out["law-adopted"]["problem"]
    assert "rests on delegation `standing`" in left_out["delegations-adopted"]["problem"]
    assert left_out["request"]["missing"] == ["the request of KOR that JPN > KOR 1 answers"]
    assert left_out["release"]["missing"] == ["JPN > KOR 1, of which KOR > JPN 2 speaks"]
    # Nothing speaks of the last word of a case: nobody can tell from this side's extract alone.
    assert left_out["receipt"]["missing"] == []
    bare = archived.after_editing("release", lambda it: (replace(it, bodies=(None,)),))
    assert release_of(bare)["destroyed"] == ["message"]
    assert release_of(bare)["rests_on"] is None


def test_only_the_right_keys_convince_before_and_after_they_change(
    pair: tuple[Party, Party], parties: dict[str, Party], arbiter: Arbiter
) -> None:
    """JN-23, JN-28: nobody's, one party's, a stranger's, the old ones, the new ones."""
    jpn, kor = pair
    usa = parties["USA"]
    usa.init()
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    jpn.start()
    kor.start()
    case = exchanged(jpn, kor)
    old, other, stranger = arbiter.card(jpn), arbiter.card(kor), arbiter.card(usa)
    before = {party.code: arbiter.extract(party, case) for party in pair}
    for archive in before.values():
        assert arbiter.judge(archive, old, other)["verified"]
        assert "no trusted card of" in arbiter.judge(archive)["problem"]
        assert "no trusted card of `KOR`" in arbiter.judge(archive, old)["problem"]
        assert "no trusted card of `JPN`" in arbiter.judge(archive, other)["problem"]
        assert "no trusted card of `JPN`" in arbiter.judge(archive, stranger, other)["problem"]
    jpn.run("key", "rotate", "--reason", "yearly")
    jpn.wait_running()
    later = exchanged(jpn, kor)
    new = arbiter.card(jpn)
    for archive in before.values():
        assert arbiter.judge(archive, old, other)["verified"]
        assert not arbiter.judge(archive, new, other)["verified"]
    for party in pair:
        archive = arbiter.extract(party, later)
        told = arbiter.judge(archive, new, old, other)
        assert told["verified"]
        assert len(told["fingerprints"]["JPN"]) == 2
        assert arbiter.judge(archive, new, other)["verified"]
        assert "serial 2" in arbiter.judge(archive, old, other)["problem"]


def test_a_recalled_item_and_a_destroyed_text_are_told_as_what_they_are(
    pair: tuple[Party, Party], arbiter: Arbiter
) -> None:
    """JN-6, JN-23, FL-48."""
    jpn, kor = pair
    item = jpn.hold(CONTENT, topic="dprk.missile.launch")
    jpn.start()
    kor.start()
    case = exchanged(jpn, kor)
    jpn.run("recall", case, *CONTROL)
    kor.wait_inbox(case)
    kor.run("destroy", case, "--as", "registrar", "--method", "erased")
    until = time.monotonic() + 10
    while "destroyed" not in {one["kind"] for one in jpn.show(case)["entries"]}:
        assert time.monotonic() < until
        time.sleep(0.05)
    cards = (arbiter.card(jpn), arbiter.card(kor))
    for party in pair:
        told = arbiter.judge(arbiter.extract(party, case), *cards)
        said = [kind for kind in kinds(told) if kind in {"release", "recall", "destroyed"}]
        assert said == ["release", "recall", "destroyed"]
        assert [it["holding"] for it in release_of(told)["rests_on"]["items"]] == [item]
    jpn.stop()
    with closing(open_store(place_of(jpn.directory))) as store, store.transaction() as tx:
        assert tx.destroy(LogId(source="JPN", target="KOR"), number=1, part="message")
    told = arbiter.judge(arbiter.extract(jpn, case), *cards)
    assert told["verified"]
    assert release_of(told)["destroyed"] == ["message"]
    assert "receipt" in kinds(told)


def test_through_an_intermediary_each_partys_evidence_holds_and_says_who_consented(
    parties: dict[str, Party], arbiter: Arbiter
) -> None:
    """JN-24, EX-17: with clocks that differ by minutes, and no effect before its cause (JN-37)."""
    begins = "2014-12-30T09:0{}:00+09:00"
    jpn, kor, usa = (parties[code] for code in ("JPN", "KOR", "USA"))
    for minute, party in enumerate((jpn, usa, kor)):
        party.init("--exercise", "--clock", begins.format(2 * minute + 1))
    for party in parties.values():
        for other in parties.values():
            if other is not party:
                party.pin(other)
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    for party in parties.values():
        party.start()
    case = kor.ask("JPN")["line"]["case"]
    jpn.wait_inbox(case)
    jpn.approve(case)
    usa.wait_inbox(case)
    usa.approve(case)
    kor.wait(case, "receipted")
    usa.wait(case, "receipted")
    jpn.wait(case, "receipted")
    cards = tuple(arbiter.card(party) for party in (jpn, kor, usa))
    for party in (jpn, kor, usa):
        archive = arbiter.extract(party, case)
        told = arbiter.judge(archive, *cards)
        assert told["verified"], told["problem"]
        assert told["missing"] == []
        places = [(line["source"], line["target"], line["kind"]) for line in told["entries"]]
        for source, target in (("JPN", "USA"), ("USA", "KOR")):
            if (source, target, "release") in places:
                hop = [("request", target, source), ("release", source, target)]
                hop.append(("receipt", target, source))
                order = [places.index((one, two, kind)) for kind, one, two in hop]
                assert order == sorted(order)
        for line in told["entries"]:
            if line["kind"] == "release":
                (consent,) = line["rests_on"]["consents"]
                assert (consent["originator"], consent["recipient"]) == ("JPN", "KOR")
                assert consent["entry"].startswith("JPN > USA ")
        assert "JPN consents to KOR for " in arbiter.read(archive, *cards)
    for place in range(3):
        fewer = [card for at, card in enumerate(cards) if at != place]
        told = arbiter.judge(arbiter.extract(usa, case), *fewer)
        assert "no trusted card of" in told["problem"]
    # Without the originator's card the final recipient's evidence does not hold.
    told = arbiter.judge(arbiter.extract(kor, case), cards[1], cards[2])
    assert "consent of `JPN`" in told["problem"]
    assert "no trusted card of `JPN`" in told["problem"]
