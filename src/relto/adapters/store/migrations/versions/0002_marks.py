"""A table of marks, which find entries of a log by what they are about.

Snapshots of before are dropped: the next start folds the journal anew, and marks it.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table of version 0002."""
    op.create_table(
        "mark",
        sa.Column("log_id", _KEY, sa.ForeignKey("log.id"), primary_key=True, autoincrement=False),
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("rank", _TEXT, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.execute("DELETE FROM snapshot")


def downgrade() -> None:
    """Refuse: a journal is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
