"""May this holder release this to that recipient, now? The decision, with every reason.

Spec: `docs/spec/decide.md`. `decide` is the normative reference; `Planner` gives the same answers
from tables, in microseconds; `tables` hands those tables to bulk engines.
"""

from relto.decide.planner import Planner, Removed, Weighing
from relto.decide.reference import decide
from relto.decide.view import LawView, LibraryView

__all__ = ["LawView", "LibraryView", "Planner", "Removed", "Weighing", "decide"]
