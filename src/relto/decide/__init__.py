"""May this holder release this to that recipient, now? The decision, with every reason.

Spec: `docs/spec/decide.md`. `decide` is the normative reference; `Planner` gives the same answers
from tables, in microseconds; `tables_of` hands those tables to bulk engines. Outcomes: `permit`,
`refer`, `deny`; verdicts of a rule: `pass`, `ask`, `fail`.
"""

from relto.decide.change import Change, changed_pairs
from relto.decide.delegation import (
    DelegationFileError,
    Handling,
    HandlingKind,
    handle,
    load_delegations,
)
from relto.decide.planner import Planner, Sifted
from relto.decide.reference import decide
from relto.decide.tables import (
    Conditions,
    Facts,
    LevelFact,
    Masks,
    PairTables,
    tables_of,
)
from relto.decide.view import LawView, LibraryView
from relto.decide.weighing import Removed, Weighing
from relto.model.delegation import Delegation, Delegations

__all__ = [
    "Change",
    "Conditions",
    "Delegation",
    "DelegationFileError",
    "Delegations",
    "Facts",
    "Handling",
    "HandlingKind",
    "LawView",
    "LevelFact",
    "LibraryView",
    "Masks",
    "PairTables",
    "Planner",
    "Removed",
    "Sifted",
    "Weighing",
    "changed_pairs",
    "decide",
    "handle",
    "load_delegations",
    "tables_of",
]
