"""relto makes information-sharing agreements executable.

Each party runs its own node. The agreements in force are data that every node evaluates at every
instant: information moves the moment they allow it, by the best lawful way that is open, and never
otherwise. `docs/architecture.md` draws the rooms; each room's own first page says what it keeps.
"""

from typing import Final

__version__: Final = "0.1.0"
"""The version of this package; the same as in `pyproject.toml` (a test compares them)."""

__all__ = ["__version__"]
