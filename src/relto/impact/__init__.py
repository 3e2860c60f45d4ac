"""What differs between two laws over the same holdings and traffic; and the rules for tables.

Spec: `docs/spec/impact.md`. Two halves. For tables: a row of holdings is four codes (`facts`,
`reading`, `holdings`); the rules become words by code (`words`); an engine, which is an adapter,
looks up and adds. For comparisons: what changed (`change`), kinds of items (`cells`, `classes`),
their best ways on each side (`ways`), what that does to traffic (`effects`), and the answer
(`answer`), put together in `compare`.
"""

from relto.impact.answer import (
    Alternative,
    Direction,
    FeedEffect,
    Flow,
    Impact,
    PartyBalance,
    PastFlow,
    RequestEffect,
    SideView,
    Tally,
)
from relto.impact.cells import Cells, count_cells
from relto.impact.change import InstrumentChange, ReadingChange, changes, instruments_of
from relto.impact.compare import Other, compare
from relto.impact.facts import (
    BulkQuestion,
    CaveatFacts,
    ItemFacts,
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
    Ids,
    Outcomes,
    Words,
    name_items,
)
from relto.impact.point import Finder, ReadAs, Side
from relto.impact.reading import FactReader, StrictError, TableError, split_words
from relto.impact.tabulate import compile_tables
from relto.impact.traffic import Delay, Exchange, Measured, Measurements, TrafficKind
from relto.impact.way import Barrier, Way, WayKind
from relto.impact.ways import Conditions, find_ways, way_of
from relto.impact.words import (
    BulkAnswer,
    BulkConsidered,
    BulkError,
    BulkTables,
    CodeTable,
    owed,
    read_answer,
)

__all__ = [
    "NO_FAULTS",
    "Alternative",
    "Barrier",
    "BulkAnswer",
    "BulkConsidered",
    "BulkError",
    "BulkQuestion",
    "BulkTables",
    "CaveatFacts",
    "Cells",
    "CodeTable",
    "Codes",
    "Conditions",
    "Delay",
    "Direction",
    "Engine",
    "Exchange",
    "FactReader",
    "Fault",
    "Faults",
    "FeedEffect",
    "Finder",
    "Flaw",
    "Flow",
    "Holdings",
    "Ids",
    "Impact",
    "InstrumentChange",
    "ItemFacts",
    "LabelFacts",
    "Measured",
    "Measurements",
    "OriginFacts",
    "Other",
    "Outcomes",
    "PartyBalance",
    "PastFlow",
    "ReadAs",
    "ReadingChange",
    "RequestEffect",
    "RowFacts",
    "Side",
    "SideView",
    "StrictError",
    "TableError",
    "Tally",
    "TopicFacts",
    "TrafficKind",
    "Way",
    "WayKind",
    "Words",
    "case_of",
    "changes",
    "compare",
    "compile_tables",
    "count_cells",
    "find_ways",
    "instruments_of",
    "name_items",
    "owed",
    "read_answer",
    "split_words",
    "way_of",
]
