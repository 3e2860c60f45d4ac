"""Write `docs/adr/README.md` from the decision records beside it.

python tools/adr_index.py            writes the page
python tools/adr_index.py --check    exits 1 when the page is not current
"""

import re
import sys
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "adr"
PAGE: Final = FOLDER / "README.md"
SECTIONS: Final = (
    "Context",
    "Drivers",
    "Options",
    "Decision",
    "Consequences",
    "How we will know it was wrong",
)

_TITLE = re.compile(r"^# ADR-(\d{4}): (.+)$")
_FIELD = re.compile(r"^- (Status|Date): (.+)$")
_INTRODUCTION = """\
# Decisions

One page for each answer we would otherwise argue twice. A number is never used again; an accepted
record is superseded, not edited. Begin with a copy of [the template](template.md). This page is
written by `make docs`.

| record | decision | status | date |
| --- | --- | --- | --- |
"""


class Record(NamedTuple):
    """What the index says about one decision record."""

    path: Path
    number: str
    title: str
    status: str
    date: str


def read(path: Path) -> Record:
    """Read the head of one record.

    Args:
        path: A file of `docs/adr` whose name begins with four digits.

    Returns:
        The record; its number is the one in the title.

    Raises:
        ValueError: The title, the status, the date or a section is missing.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    title = _TITLE.match(lines[0] if lines else "")
    fields = {found[1]: found[2] for line in lines if (found := _FIELD.match(line))}
    missing = [name for name in SECTIONS if f"## {name}" not in lines]
    if title is None or "Status" not in fields or "Date" not in fields or missing:
        message = f"{path.name}: wants `# ADR-NNNN: title`, Status, Date and the sections {missing}"
        raise ValueError(message)
    return Record(path, title[1], title[2], fields["Status"], fields["Date"])


def records() -> tuple[Record, ...]:
    """Return every record, in the order of their numbers."""
    return tuple(read(path) for path in sorted(FOLDER.glob("[0-9][0-9][0-9][0-9]-*.md")))


def render() -> str:
    """Return the text of the index page."""
    rows = (
        f"| [ADR-{record.number}]({record.path.name}) | {record.title} | {record.status}"
        f" | {record.date} |\n"
        for record in records()
    )
    return _INTRODUCTION + "".join(rows)


def main() -> int:
    """Write the page, or with `--check` say whether it is current."""
    text = render()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
