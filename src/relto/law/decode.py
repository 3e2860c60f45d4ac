"""Bytes of law files to tables: size, text, TOML, the `format` key, then every table strictly.

Each step names what is wrong with its place. A file is decoded table by table, so that one bad
table does not hide the next.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, TypeVar

import msgspec

from relto.law.errors import Problem
from relto.law.files import FILE_TYPES, GROUND_KEYS, LawFile, convert, fold, revive
from relto.limits import LAW_FILE_BYTES_MAX

KeyPath: TypeAlias = tuple[str | int, ...]
Locate: TypeAlias = Callable[[bytes, KeyPath], int]
"""Finds the line of a path of keys in TOML bytes, counted from 1; 0 when it cannot."""
Parse: TypeAlias = Callable[[str], Mapping[str, object]]
"""Reads TOML; raises `ValueError` with the line in its message, as the standard library does."""
T = TypeVar("T", bound=msgspec.Struct)

# Control, format (also direction and zero width), surrogate, private, unassigned, line separators.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WHERE: Final = re.compile(r" - at `\$(.*)`$")
_STEP: Final = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]|\[\.\.\.\]")
_TOML_LINE: Final = re.compile(r" \(at line (\d+), column \d+\)$| \(at end of document\)$")
_WORDS: Final[Mapping[str, str]] = {
    "str": "text",
    "int": "a whole number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
    "float": "a number",
}
_SCHEMA_HINT: Final = "`relto law schema` prints every table and key there is"


class Finder:
    """Collects the problems of one file, each with its line."""

    def __init__(
        self, file: str, data: bytes, locate: Locate | None, *, hint: str = _SCHEMA_HINT
    ) -> None:
        """Remember where the problems are to be found, and what to do about a key that is wrong."""
        self.hint = hint
        self._file = file
        self._data = data
        self._locate = locate
        self.problems: list[Problem] = []
        self.said_id = ""  # what the file calls itself, even where it is refused

    def add(self, path: KeyPath, reason: str, hint: str) -> None:
        """Note one problem.

        Args:
            path: Keys and array places (from 0) that lead to it; empty for the whole file.
            reason: What is wrong.
            hint: What to do about it.

        Source: docs/spec/law.md LAW-60.
        """
        line = self._locate(self._data, path) if self._locate and path else 0
        self.add_at(line, key_of(path), reason, hint)

    def add_at(self, line: int, key: str, reason: str, hint: str) -> None:
        """Note one problem whose line is known.

        Source: docs/spec/law.md LAW-60.
        """
        self.problems.append(Problem(file=self._file, line=line, key=key, reason=reason, hint=hint))


def key_of(path: KeyPath) -> str:
    """Write a path for people: array places counted from 1.

    Source: docs/spec/law.md LAW-60.
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step + 1}]"
        else:
            text += f".{step}" if text else step
    return text


def decode_file(data: bytes, finder: Finder, *, parse: Parse | None = None) -> LawFile | None:
    """Decode one file, or say all that is wrong with its tables.

    Args:
        data: The file.
        finder: Takes the problems.
        parse: Reads TOML; `None` takes the reader of the standard library.

    Returns:
        The file, or `None` when there is any problem.

    Source: docs/spec/law.md LAW-2, LAW-60, LAW-61.
    """
    # 1. Size, before anything is parsed.
    if len(data) > LAW_FILE_BYTES_MAX:
        finder.add_at(
            0,
            "",
            f"file too large: at least {len(data)} bytes, limit {LAW_FILE_BYTES_MAX}",
            "split the acts over several files",
        )
        return None
    # 2. TOML.
    table = parse_toml(data, finder, parse=parse)
    if table is None:
        return None
    # 3. What it says it is.
    known = ", ".join(f"`{name}`" for name in FILE_TYPES)
    if "format" not in table:
        finder.add((), "missing key `format`", f"begin the file with one of {known}")
        return None
    said = table["format"]
    kind = FILE_TYPES.get(said) if isinstance(said, str) else None
    if kind is None:
        finder.add(("format",), f"unknown format `{said}`", f"use one of {known}")
        return None
    finder.said_id = str(table.get("id", ""))
    # 4. Text that people will see and machines will not obey.
    before = len(finder.problems)
    _check_text(table, (), finder)
    if len(finder.problems) > before:
        return None
    # 5. The whole, and where that fails every table by itself.
    folded = fold(table)
    assert isinstance(folded, dict)
    return decode_tables(folded, kind, finder)


def decode_tables(tables: Mapping[str, object], kind: type[T], finder: Finder) -> T | None:
    """Decode the tables of a file strictly, so that one bad table does not hide the next.

    Scenarios are read by the same rules.

    Args:
        tables: What the file holds, already TOML.
        kind: The struct of the whole file.
        finder: Takes the problems.

    Returns:
        The file, or `None` when there is any problem.

    Source: docs/spec/law.md LAW-2, LAW-60.
    """
    try:
        return convert(tables, kind)
    except msgspec.ValidationError:
        pass  # something is wrong; look for all of it, table by table
    before = len(finder.problems)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if name in tables:
            _check(tables[name], field.type, (name,), finder)
        elif field.required:
            finder.add((), f"missing key `{name}`", finder.hint)
    for name in tables:
        if name not in fields:
            finder.add((name,), f"unknown key `{name}`", finder.hint)
    assert len(finder.problems) > before
    return None


def parse_toml(
    data: bytes, finder: Finder, *, parse: Parse | None = None
) -> dict[str, object] | None:
    """Read TOML, or say where it is none.

    Args:
        data: The file; its size has been checked.
        finder: Takes the problem.
        parse: Reads TOML; `None` takes the reader of the standard library.

    Source: docs/spec/law.md LAW-60.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        finder.add_at(line, "", "not UTF-8 text", "save the file as UTF-8")
        return None
    try:
        table = parse(text) if parse else msgspec.toml.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        message = str(error) or "nested too deeply"
        found = _TOML_LINE.search(message)
        line = int(found.group(1)) if found and found.group(1) else text.count("\n") + 1
        reason = _TOML_LINE.sub("", message)
        finder.add_at(line, "", f"not TOML: {reason[:1].lower()}{reason[1:]}", _toml_hint(reason))
        return None
    return dict(table)


def _check_text(value: object, path: KeyPath, finder: Finder) -> None:
    if isinstance(value, str):
        if value.isascii() and value.isprintable():
            return
        odd = [char for char in value if unicodedata.category(char) in _UNSEEN]
        if odd:
            named = ", ".join(f"U+{ord(char):04X}" for char in dict.fromkeys(odd))
            finder.add(path, f"text with characters that are not seen: {named}", "take them out")
        elif not unicodedata.is_normalized("NFC", value):
            finder.add(path, "text that is not in Unicode form NFC", "write it composed (NFC)")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(item, (*path, key), finder)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_text(item, (*path, index), finder)


def _toml_hint(reason: str) -> str:
    if "date" in reason:
        return "that day does not exist, or is not written like 2019-08-23"
    return "mend the line; nothing of the file was loaded"


def _check(value: object, wanted: object, path: KeyPath, finder: Finder) -> None:
    try:
        msgspec.convert(value, wanted, dec_hook=revive)
    except msgspec.ValidationError as error:
        items = _items(value, wanted)
        if items is None:
            _note(str(error), path, finder)
            return
        for index, item in enumerate(items[0]):
            try:
                msgspec.convert(item, items[1], dec_hook=revive)
            except msgspec.ValidationError as inner:
                _note(str(inner), (*path, index), finder)


def _items(value: object, wanted: object) -> tuple[list[object], object] | None:
    # An array of tables is looked through table by table.
    arguments: tuple[object, ...] = getattr(wanted, "__args__", ())
    if isinstance(value, list) and len(arguments) == 2 and arguments[1] is Ellipsis:
        return value, arguments[0]
    return None


def _note(message: str, path: KeyPath, finder: Finder) -> None:
    found = _WHERE.search(message)
    steps = found.group(1) if found else ""
    reason = _WHERE.sub("", message)
    for name, place in _STEP.findall(steps):
        if name or place:
            path = (*path, name or int(place))
    if path and path[-1] == "ground":
        path = path[:-1]
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", reason)
    missing = re.fullmatch(r"Object missing required field `(.*)`", reason)
    if unknown:
        finder.add((*path, unknown.group(1)), f"unknown key `{unknown.group(1)}`", finder.hint)
    elif missing and missing.group(1) in ("ground", *GROUND_KEYS):
        keys = GROUND_KEYS if missing.group(1) == "ground" else (missing.group(1),)
        names = ", ".join(f"`{key}`" for key in keys)
        hint = "every rule says where it stands and how well that is known"
        finder.add(path, f"missing {names}", hint)
    elif missing:
        finder.add(path, f"missing key `{missing.group(1)}`", finder.hint)
    else:
        finder.add(path, _plain(reason), finder.hint)


def _plain(reason: str) -> str:
    for name, word in _WORDS.items():
        reason = reason.replace(f"`{name}`", word)
    reason = re.sub(r"`(\w+) \| null`", r"`\1`", reason)
    enum = re.fullmatch(r"Invalid enum value '(.*)'", reason)
    if enum:
        return f"`{enum.group(1)}` is not one of the allowed words"
    return reason[:1].lower() + reason[1:]
