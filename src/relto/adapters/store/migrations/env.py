"""How Alembic reaches the store: through the connection that `upgrade` hands it."""

from alembic import context

from relto.adapters.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
