"""Tables of holdings and traffic from files: CSV, JSON lines, Parquet; streamed, checked, encoded.

Needs Polars, which comes with the extra `bulk`. Spec: `docs/spec/impact.md`, IMP-20 to IMP-29.
"""

from relto.adapters.tables.files import TableReadError, batches, scan
from relto.adapters.tables.holdings import Encoder, read_holdings

__all__ = ["Encoder", "TableReadError", "batches", "read_holdings", "scan"]
