"""Exchange: request, referral, release, receipt, consent, as tables over journal entries.

Spec: docs/spec/exchange.md. A case is one request and all that follows from it; a node is
requester, holder, intermediary or originator in it. States: see `TABLES`; diagrams and tests read
the same tables.
"""

from relto.exchange.case import (
    Arrived,
    CaseFile,
    EntryRef,
    Fact,
    Given,
    IdConflictError,
    OutOfPlaceError,
    RepeatError,
    advance,
    answered,
    fold_case,
    has_approved,
    is_beyond_reading,
    open_case,
    void_case,
    way_of,
)
from relto.exchange.table import CLOSED, TABLES, CaseState, Move, Role, Table, Way

__all__ = [
    "CLOSED",
    "TABLES",
    "Arrived",
    "CaseFile",
    "CaseState",
    "EntryRef",
    "Fact",
    "Given",
    "IdConflictError",
    "Move",
    "OutOfPlaceError",
    "RepeatError",
    "Role",
    "Table",
    "Way",
    "advance",
    "answered",
    "fold_case",
    "has_approved",
    "is_beyond_reading",
    "open_case",
    "void_case",
    "way_of",
]
