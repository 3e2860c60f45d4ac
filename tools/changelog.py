"""Move the fragments of `changes/` into `CHANGELOG.md` at a release.

    python tools/changelog.py              prints what the next release would say
    python tools/changelog.py 0.2.0 DATE   writes it under that version, and deletes the fragments

Between releases the fragments themselves are the record, so that two changes never meet in one
file.
"""

import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "CHANGELOG.md"
FRAGMENTS: Final = ROOT / "changes"
KINDS: Final = ("added", "changed", "fixed", "security")
MARKER: Final = "<!-- the newest release stands below this line -->\n"

_NAME = re.compile(r"^[a-z0-9][a-z0-9-]*\.(added|changed|fixed|security)\.md$")


def paths() -> tuple[Path, ...]:
    """Return the fragments, in the order of their names.

    Raises:
        ValueError: A file of `changes/` has a name that says no kind, or has no text.
    """
    found = []
    for path in sorted(FRAGMENTS.glob("*")):
        if path.name == "README.md":
            continue
        if _NAME.match(path.name) is None or not path.read_text(encoding="utf-8").strip():
            message = f"changes/{path.name}: wants <slug>.<{'|'.join(KINDS)}>.md with some text"
            raise ValueError(message)
        found.append(path)
    return tuple(found)


def render() -> str:
    """Return what the fragments say, by kind; empty when there are none."""
    parts = []
    for kind in KINDS:
        texts = [
            " ".join(path.read_text(encoding="utf-8").split())
            for path in paths()
            if path.name.endswith(f".{kind}.md")
        ]
        if texts:
            parts.append(f"\n### {kind.capitalize()}\n\n" + "".join(f"- {one}\n" for one in texts))
    return "".join(parts)


def release(version: str, date: str) -> None:
    """Write the fragments under a version, and delete them.

    Args:
        version: As in `pyproject.toml`.
        date: The day of the release, as `YYYY-MM-DD`.

    Raises:
        ValueError: There is nothing to release, or the page has lost its marker line.
    """
    said = render()
    before, marker, after = PAGE.read_text(encoding="utf-8").partition(MARKER)
    if not said or not marker:
        message = "nothing to release" if not said else f"{PAGE.name}: the marker line is missing"
        raise ValueError(message)
    PAGE.write_text(f"{before}{marker}\n## {version}, {date}\n{said}{after}", encoding="utf-8")
    for path in paths():
        path.unlink()


def main() -> int:
    """Print the next release's words, or write them under the version that was named."""
    match sys.argv[1:]:
        case []:
            print(render(), end="")
        case [version, date]:
            release(version, date)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
