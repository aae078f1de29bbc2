"""Which of the shop said whose account a cart is: it goes on with the cart.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cart", sa.Column("served_by", sa.Text(), nullable=True))
