"""Alembic's migrations of a store; `relto.adapters.store.upgrade` runs them."""
