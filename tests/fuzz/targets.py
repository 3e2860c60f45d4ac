"""What the fuzzing engine calls: one target for each decoder that a partner's bytes can reach.

python -m tests.fuzz.targets header -max_total_time=60 [CORPUS]

A target lets a `PeerError` pass, holds what was believed to its one form, and lets everything else
crash.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["relto"]):
    from relto.adapters.casezip import read_archive
    from relto.codec import (
        BATCH,
        CARD,
        CONTEXT,
        EXTRACT,
        FORK,
        FRAME,
        HEADER,
        SIGNED_CARD,
        decode_note,
        encode_note,
    )
    from relto.codec.message import decode_message, encode_message
    from relto.codec.strict import Codec
    from relto.errors import PeerError
    from relto.journal import LOG_STATE, verify_card, verify_checkpoint, verify_extract
    from relto.model.message import KINDS
    from relto.seal import open_package
    from tests.support_journal import JPN, JPN_KOR, ring

Target = Callable[[bytes], None]


def _json(codec: Codec) -> Target:
    def target(data: bytes) -> None:
        try:
            value = codec.decode(data)
        except PeerError:
            return
        assert codec.encode(value) == data

    return target


def _note(data: bytes) -> None:
    try:
        note = decode_note(data)
    except PeerError:
        return
    assert encode_note(note) == data
    try:
        verify_checkpoint(data, log=JPN_KOR, ring=ring("JPN", JPN), at=None, is_durable=False)
    except PeerError:
        return


def _card(data: bytes) -> None:
    try:
        verify_card(data, is_exercise=False)
    except PeerError:
        return


def _package(data: bytes) -> None:
    try:
        open_package(data, content_key=bytes(32), context=bytes(32))
    except PeerError:
        return
    raise AssertionError("a package that nobody sealed has opened")


def _archive(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.zip"
        path.write_bytes(data)
        try:
            archive = read_archive(path)
            verify_extract(archive.extract, files=archive.files, trusted=[])
        except PeerError:
            return


def _message(data: bytes) -> None:
    kinds = sorted(KINDS)
    kind = kinds[data[0] % len(kinds)] if data else kinds[0]
    try:
        message = decode_message(data[1:], kind=kind)
    except PeerError:
        return
    assert encode_message(message) == data[1:]


TARGETS: dict[str, Target] = {
    "header": _json(HEADER),
    "batch": _json(BATCH),
    "frame": _json(FRAME),
    "node-card": _json(CARD),
    "signed-card": _json(SIGNED_CARD),
    "context": _json(CONTEXT),
    "extract": _json(EXTRACT),
    "fork": _json(FORK),
    "log-state": _json(LOG_STATE),
    "message": _message,
    "note": _note,
    "card": _card,
    "package": _package,
    "archive": _archive,
}


def main() -> None:
    """Fuzz the target that the command line names."""
    name, *rest = sys.argv[1:]
    atheris.Setup([sys.argv[0], *rest], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
