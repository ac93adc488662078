"""The outbox by transaction: its readers follow the ids of transactions, which are drawn before the serials.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_outbox_transaction_id", "outbox", ["transaction_id"])
    op.drop_index("ix_outbox_serial", table_name="outbox")


def downgrade() -> None:
    op.create_index("ix_outbox_serial", "outbox", ["serial"])
    op.drop_index("ix_outbox_transaction_id", table_name="outbox")
