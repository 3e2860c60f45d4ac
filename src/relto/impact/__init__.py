"""What differs between two laws over the same holdings and traffic; and the rules for tables.

Spec: `docs/spec/impact.md`. A table of holdings is codes for facts (`reading`, `holdings`); the
rules become words by code (`words`); an engine, which is an adapter, looks up and adds.
"""

from relto.impact.facts import (
    BulkQuestion,
    CaveatFacts,
    LabelFacts,
    OriginFacts,
    RowFacts,
    TopicFacts,
    case_of,
)
from relto.impact.holdings import (
    NO_FAULTS,
    Codes,
    Engine,
    Fault,
    Faults,
    Flaw,
    Holdings,
    Outcomes,
    Words,
)
from relto.impact.reading import FactReader, StrictError, TableError
from relto.impact.words import (
    BulkAnswer,
    BulkConsidered,
    BulkError,
    BulkTables,
    compile_tables,
    owed,
    read_answer,
)

__all__ = [
    "NO_FAULTS",
    "BulkAnswer",
    "BulkConsidered",
    "BulkError",
    "BulkQuestion",
    "BulkTables",
    "CaveatFacts",
    "Codes",
    "Engine",
    "FactReader",
    "Fault",
    "Faults",
    "Flaw",
    "Holdings",
    "LabelFacts",
    "OriginFacts",
    "Outcomes",
    "RowFacts",
    "StrictError",
    "TableError",
    "TopicFacts",
    "Words",
    "case_of",
    "compile_tables",
    "owed",
    "read_answer",
]
