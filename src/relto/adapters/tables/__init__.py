"""Tables of holdings and traffic from files: CSV, JSON lines, Parquet; streamed, checked, encoded.

Needs Polars, which comes with the extra `bulk`. Spec: `docs/spec/impact.md`, IMP-20 to IMP-29.
"""

from relto.adapters.tables.faults import write_faults
from relto.adapters.tables.files import TableReadError, batches, scan
from relto.adapters.tables.holdings import Encoder, read_holdings
from relto.adapters.tables.traffic import Traffic, TrafficReader, read_traffic

__all__ = [
    "Encoder",
    "TableReadError",
    "Traffic",
    "TrafficReader",
    "batches",
    "read_holdings",
    "read_traffic",
    "scan",
    "write_faults",
]
