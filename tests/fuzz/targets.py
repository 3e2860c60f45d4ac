"""What the fuzzing engine calls: one target for each decoder that somebody's bytes can reach.

python -m tests.fuzz.targets header -max_total_time=60 [CORPUS]

A target lets a `PeerError` pass (of one's own files, what their reader raises), holds what was
believed to its one form, and lets everything else crash.
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
    from relto.codec.pack import PackedError
    from relto.codec.strict import Codec
    from relto.errors import PeerError
    from relto.journal import (
        LOG_STATE,
        held_size,
        verify_card,
        verify_checkpoint,
        verify_cosignature,
        verify_extract,
    )
    from relto.law import LawFileError, load_library
    from relto.model.message import KINDS
    from relto.node import restore_state
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


def _acknowledgement(data: bytes) -> None:
    """What a partner says it holds, before and after its signature has been looked at."""
    try:
        assert held_size(data, log=JPN_KOR) >= 0
    except PeerError:
        return
    try:
        verify_cosignature(data, log=JPN_KOR, ring=ring("KOR", JPN))
    except PeerError:
        return


def _law(data: bytes) -> None:
    """A law file is somebody's text: all of it is right, or it is refused with a place."""
    try:
        load_library({"file.toml": data})
    except LawFileError:
        return


def _snapshot(data: bytes) -> None:
    """A node's own value: the disk may lie."""
    try:
        state = restore_state(data)
    except PackedError:
        return
    assert restore_state(state.snapshot()).digest() == state.digest()


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
    "acknowledgement": _acknowledgement,
    "law": _law,
    "snapshot": _snapshot,
}


def main() -> None:
    """Fuzz the target that the command line names."""
    name, *rest = sys.argv[1:]
    atheris.Setup([sys.argv[0], *rest], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
