"""The first tables of a store.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables of version 0001."""
    op.create_table(
        "store",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("fence", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "log",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("origin", sa.String, nullable=False, unique=True),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "entry",
        sa.Column("position", _KEY, primary_key=True, autoincrement=False),
        sa.Column("log_id", _KEY, sa.ForeignKey("log.id"), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("case_id", sa.String),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.Column("peak", sa.LargeBinary, nullable=False),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("bodies", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("log_id", "number"),
    )
    op.create_index("entry_case", "entry", ["case_id"])
    op.create_table(
        "claim",
        sa.Column("origin", sa.String, primary_key=True),
        sa.Column("fence", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "snapshot",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "blob",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("state", sa.String, nullable=False, index=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "kept",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "value",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
    )
    op.execute("INSERT INTO store (id, fence) VALUES (1, 0)")


def downgrade() -> None:
    """Refuse: a journal is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
