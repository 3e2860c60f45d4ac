"""FL-28: whatever XML can do to a reader, it cannot do it here, because nothing reads XML."""

import ast
from pathlib import Path

import pytest

from relto.adapters.lawfiles import library_of
from relto.codec import FRAME, MalformedError
from relto.law import LawFileError

SOURCE = Path(__file__).resolve().parents[2] / "src" / "relto"
READERS = {"xml", "lxml", "defusedxml", "xmltodict", "pyexpat", "bs4", "html5lib"}


def test_fl_28_nothing_in_the_package_reads_xml() -> None:
    """FL-28: no entity, inclusion, schema or signature wrapping, for want of a parser."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            found += [(path.name, name) for name in names if name.split(".")[0] in READERS]
    assert found == []


@pytest.mark.parametrize(
    "data",
    [b"[" * 100_000, b'{"version":' * 100_000, b'<?xml version="1.0"?><!DOCTYPE a []><a/>'],
    ids=["nested lists", "nested objects", "an XML document"],
)
def test_fl_28_deep_nesting_and_xml_are_malformed_frames(data: bytes) -> None:
    """FL-28: refused by the one strict decoder, in constant memory."""
    with pytest.raises(MalformedError):
        FRAME.decode(data)


@pytest.mark.parametrize(
    "data",
    [b"a = " + b"[" * 100_000, b"a = " + b"{ b = " * 50_000, b"<instrument/>"],
    ids=["nested lists", "nested tables", "an XML document"],
)
def test_fl_28_deep_nesting_and_xml_are_no_law(data: bytes) -> None:
    """FL-28: a law file that nests without end is refused with its name."""
    with pytest.raises(LawFileError):
        library_of({"instruments/deep.toml": data})
