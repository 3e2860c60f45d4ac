"""Stores on disk: SQLite by default, PostgreSQL when a node outgrows one process; alone or shared.

Spec: `relto.ports.store`. Both keep the same tables and the same promises; the contract tests run
over both. PostgreSQL's driver is imported only when a store needs it.
"""

from relto.adapters.store.copy import StoreCopyError, check_empty, copy_store
from relto.adapters.store.places import is_file, open_shared, open_store, place_of, set_place
from relto.adapters.store.schema import upgrade
from relto.adapters.store.sqlite import SqliteStore

__all__ = [
    "SqliteStore",
    "StoreCopyError",
    "check_empty",
    "copy_store",
    "is_file",
    "open_shared",
    "open_store",
    "place_of",
    "set_place",
    "upgrade",
]
