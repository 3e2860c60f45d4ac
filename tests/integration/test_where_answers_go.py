"""Answers to a pipe that closes, a full device, a terminal of another alphabet; odd arguments."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LAW = ("law", "show", "jpn-kor-gsomia-2016")
DENIED = ("decide", "--from", "JPN", "--to", "KOR", "--topic", "dprk", "--level", "hi")


def relto(*words: str | bytes, **changes: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    extra = changes.pop("env", {})
    assert isinstance(extra, dict)
    return subprocess.run(
        [sys.executable, "-m", "relto", *words],
        env={**environment, **extra},
        stderr=subprocess.PIPE,
        check=False,
        **{"stdout": subprocess.PIPE, **changes},  # type: ignore[call-overload]
    )


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["for people", "for programs"])
@pytest.mark.parametrize(("command", "code"), [(LAW, 0), (DENIED, 1)], ids=["yes", "no"])
def test_a_reader_that_has_seen_enough_does_not_change_the_answer(
    command: tuple[str, ...], code: int, form: tuple[str, ...]
) -> None:
    """House style 11: a closed pipe is neither a no nor a bug."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = relto(*command, *form, stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (code, b"")


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["for people", "for programs"])
def test_a_full_device_is_the_worlds_fault(form: tuple[str, ...]) -> None:
    """House style 11."""
    with Path("/dev/full").open("wb") as full:
        done = relto(*LAW, *form, stdout=full)
    assert done.returncode == 4
    assert b"world.output" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_terminal_of_another_alphabet_gets_numbers_and_a_program_gets_utf_8() -> None:
    """House style 11."""
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    shown = relto(*LAW, env=ascii_only)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert rb"\u9632\u885b\u79d8\u5bc6" in shown.stdout
    told = relto(*LAW, "--json", env=ascii_only)
    assert "防衛秘密" in json.dumps(json.loads(told.stdout), ensure_ascii=False)


def test_bytes_that_are_no_text_are_a_slip_of_the_caller() -> None:
    """House style 11: they could not be journaled."""
    done = relto("law", "show", b"\xff\xfe")
    assert done.returncode == 2
    assert b"argument 3 is no text in UTF-8" in done.stderr
