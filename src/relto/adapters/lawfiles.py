"""Law files from the package or from a directory, with the line of every key for the errors.

A file is refused by its size before it is read. Positions come from a TOML grammar (ADR-0006),
and only for errors, so that a library without any is not slowed down by them. TOML is read by the
compiled build of the standard library's reader (ADR-0010).
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePath

import tomli
import tree_sitter_toml
from tree_sitter import Language, Node, Parser

from relto.errors import LocalError, WorldError
from relto.law import KeyPath, Library, load_library
from relto.limits import LAW_FILE_BYTES_MAX
from relto.seal import digest_of_files
from relto.units import Digest

_FOLDERS = ("instruments", "acts", "schemes")
_FILES = ("parties.toml", "topics.toml", "purposes.toml")


class LawDirectoryError(LocalError):
    """A directory or file of law that cannot be used."""

    code = "local.law_directory"


class LawReadError(WorldError):
    """A law file that the disk would not give."""

    code = "world.law_read"


def locate(data: bytes, path: KeyPath) -> int:
    """Find the line of a path of keys in TOML, counted from 1; the deepest part that is there.

    Args:
        data: The file.
        path: Keys and array places from 0.

    Returns:
        The line, or 0 when nothing of the path is there.

    Source: docs/spec/law.md LAW-60.
    """
    lines = _lines(data)
    for length in range(len(path), 0, -1):
        line = lines.get(path[:length])
        if line is not None:
            return line
    return 0


@lru_cache(maxsize=8)
def _lines(data: bytes) -> Mapping[KeyPath, int]:
    parser = Parser(Language(tree_sitter_toml.language()))
    found: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    for node in parser.parse(data).root_node.named_children:
        if node.type == "pair":
            _pair(node, (), found)
        if node.type not in ("table", "table_array_element"):
            continue
        base = _resolve(_keys(node.named_children[0]), counts)
        if node.type == "table_array_element":
            index = counts.get(base, 0)
            counts[base] = index + 1
            base = (*base, index)
        found.setdefault(base, _line(node))
        for length in range(1, len(base)):
            found.setdefault(base[:length], _line(node))
        for child in node.named_children[1:]:
            if child.type == "pair":
                _pair(child, base, found)
    return found


def _line(node: Node) -> int:
    return node.start_point[0] + 1


def _resolve(keys: tuple[str, ...], counts: Mapping[KeyPath, int]) -> KeyPath:
    # `[[a.b]]` after `[[a]]` belongs to the last `a`.
    path: KeyPath = ()
    for index, key in enumerate(keys):
        path = (*path, key)
        if path in counts and index < len(keys) - 1:
            path = (*path, counts[path] - 1)
    return path


def _keys(node: Node) -> tuple[str, ...]:
    if node.type == "dotted_key":
        keys: tuple[str, ...] = ()
        for child in node.named_children:
            keys = (*keys, *_keys(child))
        return keys
    text = (node.text or b"").decode("utf-8", "replace")
    return (text.strip("\"'"),)


def _pair(node: Node, base: KeyPath, found: dict[KeyPath, int]) -> None:
    if len(node.named_children) < 2:
        return
    path = base
    for key in _keys(node.named_children[0]):
        path = (*path, key)
        found.setdefault(path, _line(node))
    _value(node.named_children[-1], path, found)


def _value(node: Node, path: KeyPath, found: dict[KeyPath, int]) -> None:
    if node.type == "inline_table":
        for child in node.named_children:
            if child.type == "pair":
                _pair(child, path, found)
    elif node.type == "array":
        items = [child for child in node.named_children if child.type != "comment"]
        for index, child in enumerate(items):
            found.setdefault((*path, index), _line(child))
            _value(child, (*path, index), found)


def read_files(directory: Path) -> dict[str, bytes]:
    """Read all `*.toml` below a directory, at most `LAW_FILE_BYTES_MAX` of each.

    Args:
        directory: Laid out in any way; what a file is, is said inside it.

    Raises:
        LawDirectoryError: No such directory, or nothing in it.
        LawReadError: The disk failed.

    Source: docs/spec/law.md LAW-1, LAW-61.
    """
    if not directory.is_dir():
        raise LawDirectoryError(
            f"no such directory: `{directory}`", hint="name a directory with law files"
        )
    found = {
        path.relative_to(directory).as_posix(): read_file(path)
        for path in sorted(directory.rglob("*.toml"))
        if path.is_file()
    }
    if not found:
        raise LawDirectoryError(f"no law files in `{directory}`", hint="law files end in .toml")
    return found


def read_file(path: Path) -> bytes:
    """Read one file up to one byte more than is allowed, so that a huge one is refused, not loaded.

    Raises:
        LawDirectoryError: No such file.
        LawReadError: The disk failed.

    Source: docs/spec/law.md LAW-61.
    """
    try:
        with path.open("rb") as file:
            return file.read(LAW_FILE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise LawDirectoryError(f"no such file: `{path}`", hint="mend the name") from error
    except OSError as error:
        raise LawReadError(
            f"cannot read `{path}`: {error.strerror}", hint="see whether the file may be read"
        ) from error


def packaged_files() -> dict[str, bytes]:
    """Return the law files that are shipped with relto.

    Source: docs/spec/law.md LAW-1.
    """
    root = package_files("relto") / "library"
    found = {name: (root / name).read_bytes() for name in _FILES}
    for folder in _FOLDERS:
        for item in sorted((root / folder).iterdir(), key=_name):
            if item.name.endswith(".toml"):
                found[f"{folder}/{item.name}"] = item.read_bytes()
    return found


def overlay(files: Mapping[str, bytes], more: Mapping[str, bytes]) -> dict[str, bytes]:
    """Lay files over others: one of the same name, or of the same id, is replaced.

    Args:
        files: For example the packaged ones.
        more: What a person is writing.

    Source: docs/spec/law.md LAW-1.
    """
    ids = {_id_of(data) for data in more.values()} - {None}
    names = {PurePath(name).name for name in more}
    kept = {
        name: data
        for name, data in files.items()
        if PurePath(name).name not in names and (not ids or _id_of(data) not in ids)
    }
    return kept | dict(more)


def _id_of(data: bytes) -> tuple[str, str] | None:
    try:
        table = tomli.loads(data.decode("utf-8")) if len(data) <= LAW_FILE_BYTES_MAX else {}
    except (UnicodeDecodeError, tomli.TOMLDecodeError):
        return None
    return (str(table.get("format")), str(table["id"])) if "id" in table else None


def _name(item: Traversable) -> str:
    return item.name


def library_of(files: Mapping[str, bytes]) -> Library:
    """Load law files with lines in the errors and with their digest.

    Raises:
        LawFileError: Anything is wrong; it lists all of it.

    Source: docs/spec/law.md LAW-9, LAW-60.
    """
    return load_library(files, locate=locate, parse=tomli.loads, digest=digest_of(files))


def digest_of(files: Mapping[str, bytes]) -> Digest:
    """Return SHA-256 over names and bytes, each preceded by its length, in the order of names.

    Source: docs/spec/law.md LAW-9.
    """
    return digest_of_files(files)


def packaged_library() -> Library:
    """Load the library that is shipped with relto.

    Source: docs/spec/law.md LAW-1.
    """
    return library_of(packaged_files())


def library_from(directory: Path) -> Library:
    """Load the law files below a directory; they stand for themselves, nothing is added.

    Raises:
        LawFileError: Anything is wrong; it lists all of it.
        LawDirectoryError: No such directory, or nothing in it.

    Source: docs/spec/law.md LAW-1.
    """
    return library_of(read_files(directory))
