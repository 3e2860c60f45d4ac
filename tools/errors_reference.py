"""Write `docs/reference/errors.md` from the classes below `relto.errors.ReltoError`.

    python tools/errors_reference.py            writes the page
    python tools/errors_reference.py --check    exits 1 when the page is not current

Every module of relto is imported, so that no room's errors are missed. A module that needs an extra
which is not installed is an error here: the page must not depend on the machine that wrote it.
"""

import importlib
import inspect
import pkgutil
import sys
from pathlib import Path
from typing import Final

import relto
from relto.errors import LocalError, PeerError, ReltoError, WorldError

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "errors.md"
FAMILIES: Final[tuple[tuple[type[ReltoError], str], ...]] = (
    (LocalError, "Our caller broke a rule. The answer is shown and nothing has changed."),
    (PeerError, "The other node broke a rule. The input is refused and kept as evidence."),
    (WorldError, "The clock, the disk or the wire failed. What is retryable is tried again."),
)

_INTRODUCTION = """\
# Errors

Every error has a stable code, and its class says whose fault it is. A denial is not an error: it is
a decision with its reasons. The same text and advice appear on the screen and, with `--json`, as
`code`, `message` and `hint`. This page is written by `make docs` from the classes themselves.
"""


def load() -> None:
    """Import every module of relto, so that every error class exists."""
    for module in pkgutil.walk_packages(relto.__path__, prefix="relto."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            importlib.import_module(module.name)


def classes(root: type[ReltoError] = ReltoError) -> tuple[type[ReltoError], ...]:
    """Return every class below `root` that relto ships, in the order of their codes.

    Args:
        root: Where to begin; it is not part of the answer.

    Returns:
        Each class once, whatever the ways that lead to it.
    """
    found: dict[type[ReltoError], None] = {}
    waiting = list(root.__subclasses__())
    while waiting:
        one = waiting.pop()
        if one not in found and one.__module__.split(".")[0] == "relto":
            found[one] = None
        waiting.extend(one.__subclasses__())
    return tuple(sorted(found, key=lambda one: (one.code, one.__qualname__)))


def render() -> str:
    """Return the text of the reference page."""
    load()
    parts = [_INTRODUCTION]
    for family, what in FAMILIES:
        parts.append(f"\n## {family.__name__}\n\n{what}\n\n| code | class | what happened |\n")
        parts.append("| --- | --- | --- |\n")
        parts.extend(
            f"| `{one.code}` | `{one.__module__}.{one.__qualname__}` | {_first_line(one)} |\n"
            for one in classes(family)
        )
    return "".join(parts)


def main() -> int:
    """Write the page, or with `--check` say whether it is current."""
    text = render()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return 0


def _first_line(one: type[ReltoError]) -> str:
    text = inspect.cleandoc(one.__dict__.get("__doc__") or "")
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


if __name__ == "__main__":
    raise SystemExit(main())
