"""Stores on disk: SQLite by default, PostgreSQL when a node outgrows one process.

Spec: `relto.ports.store`. Both keep the same tables and the same promises; the contract tests run
over both.
"""

from relto.adapters.store.sqlite import SqliteStore

__all__ = ["SqliteStore"]
