"""Real nodes: directories, processes, sockets on loopback; driven by commands, as people do."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relto.cli import main
from relto.console import is_running

# Everybody may hold, ask and release under the pact of 2016 without an officer, where a test says
# so.
DELEGATIONS = """
format = "relto.delegations/1"
holder = "{party}"
[[delegations]]
id = "standing"
recipients = {others}
instruments = ["jpn-kor-gsomia-2016", "jpn-usa-2007", "kor-usa-1987"]
topics = ["dprk", "prc"]
up_to = "{level}"
by = "exercise control"
"""
LEVELS = {"JPN": "hi", "KOR": "iii-kup", "USA": "confidential"}


class CommandError(AssertionError):
    """A command that a test relies on has failed."""


class Party:
    """One node, and the hands of its officers."""

    def __init__(self, code: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.code = code
        self.directory = directory
        self._capsys = capsys
        self._process: subprocess.Popen[bytes] | None = None
        self.log = directory.with_suffix(".log")

    def run(self, *words: str, expect: int = 0, with_dir: bool = True) -> dict:
        """Run a command in this process and give its JSON answer, or its error."""
        self._capsys.readouterr()
        where = ["--dir", str(self.directory)] if with_dir else []
        code = main([*words, *where, "--json"])
        out, err = self._capsys.readouterr()
        if code != expect:
            raise CommandError(f"{' '.join(words)}: exit {code}\n{out}{err}")
        return json.loads(out or err.strip().splitlines()[-1])

    def init(self, *words: str) -> None:
        self.run("init", self.code, *words)

    def pin(self, other: "Party", *, fingerprint: str | None = None, expect: int = 0) -> dict:
        shown = other.run("card")["fingerprint"] if fingerprint is None else fingerprint
        card = str(other.directory / "card.relto")
        return self.run("peer", "add", card, "--fingerprint", shown, expect=expect)

    def delegate(self) -> None:
        file = self.directory / "delegations.toml"
        file.write_text(
            DELEGATIONS.format(
                party=self.code,
                level=LEVELS[self.code],
                others=json.dumps([code for code in LEVELS if code != self.code]),
            )
        )
        self.run("delegations", "adopt", str(file))

    def hold(self, content: bytes, *, topic: str, level: str = "", scheme: str = "") -> str:
        file = self.directory.with_suffix(".item")
        file.write_bytes(content)
        words = ["--topic", topic, "--scheme", scheme or self.code.lower()]
        answer = self.run("hold", str(file), *words, "--level", level or LEVELS[self.code])
        return answer["holding"]["id"]

    def ask(
        self, holder: str, *words: str, topic: str = "dprk.missile.launch", expect: int = 0
    ) -> dict:
        wanted = ["--topic", topic, "--purpose", "defence.analysis"]
        cleared = ["--cleared-to", LEVELS[self.code]]
        return self.run("request", holder, *wanted, *cleared, *words, expect=expect)

    def show(self, case: str) -> dict:
        return self.run("show", case)

    def wait(self, case: str, *states: str, seconds: float = 20) -> dict:
        """Look at a case until it is in one of the states; it may not be known here yet."""
        until = time.monotonic() + seconds
        state = "unknown"
        while True:
            try:
                story = self.show(case)
            except CommandError as error:
                if "local.unknown_case" not in str(error):
                    raise
            else:
                state = story["line"]["state"]
                if state in states:
                    return story
            if time.monotonic() > until:
                raise CommandError(f"{case} is {state}, not {states}\n{self.tail()}")
            time.sleep(0.05)

    def wait_inbox(self, case: str, *, seconds: float = 20) -> None:
        until = time.monotonic() + seconds
        while case not in {one["case"] for one in self.run("inbox")["cases"]}:
            if time.monotonic() > until:
                raise CommandError(f"{case} never came to the inbox of {self.code}\n{self.tail()}")
            time.sleep(0.05)

    def approve(self, case: str, *, officer: str = "first", expect: int = 0) -> dict:
        words = ["--as", "disclosure-officer", "--reason", "need confirmed", "--officer", officer]
        return self.run("approve", case, *words, expect=expect)

    # ------------------------------------------------------------ the process

    def start(self, *options: str, crash: tuple[str, int] | None = None) -> None:
        """Serve; with `crash`, kill itself when it passes that place for the n-th time."""
        words = ["-m", "relto", "serve", "--dir", str(self.directory), "--json", *options]
        if crash is not None:
            words = [str(Path(__file__).with_name("crashing.py")), str(self.directory)]
            words += [crash[0], str(crash[1])]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *words],
                stderr=log,
                stdout=log,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")},
            )
        until = time.monotonic() + 20
        while not is_running(self.directory):
            if self._process.poll() is not None or time.monotonic() > until:
                raise CommandError(f"{self.code} does not serve\n{self.tail()}")
            time.sleep(0.02)

    def wait_running(self, *, seconds: float = 15) -> None:
        """Wait until the node answers again, after it has opened itself anew."""
        until = time.monotonic() + seconds
        time.sleep(0.2)
        while not is_running(self.directory):
            if time.monotonic() > until:
                raise CommandError(f"{self.code} is not back\n{self.tail()}")
            time.sleep(0.02)

    def workers(self) -> list[int]:
        """Give the workers that run, by the supervisor's own account."""
        found: list[int] = []
        for line in self.log.read_text().splitlines():
            event = json.loads(line) if line.startswith("{") else {}
            match event.get("event"):
                case "worker_started":
                    found.append(event["worker"])
                case "worker_ended":
                    found.remove(event["worker"])
                case _:
                    pass
        return found

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=15)
        self._process = None
        return code

    def kill(self) -> None:
        """As a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def wait_crash(self, *, seconds: float = 10) -> bool:
        """Wait until the process has killed itself; tells whether it has."""
        assert self._process is not None
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        self._process = None
        return True

    def clean_up(self) -> None:
        if self._process is not None:
            self.kill()

    def tail(self) -> str:
        return self.log.read_text()[-3_000:] if self.log.exists() else ""


@pytest.fixture
def parties(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[dict[str, Party]]:
    found = {code: Party(code, tmp_path / code.lower(), capsys) for code in ("JPN", "KOR", "USA")}
    yield found
    for party in found.values():
        party.clean_up()


@pytest.fixture
def pair(parties: dict[str, Party]) -> tuple[Party, Party]:
    """JPN and KOR, made, pinned, JPN with a standing authority; not yet serving."""
    jpn, kor = parties["JPN"], parties["KOR"]
    jpn.init()
    kor.init()
    jpn.pin(kor)
    kor.pin(jpn)
    jpn.delegate()
    return jpn, kor
