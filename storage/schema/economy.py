"""Wallet and ledger. Written by ``storage.wallet`` alone: a wallet is the sum of its ledger."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text, UniqueConstraint, Uuid

from storage.schema.base import metadata, of_user, times, user_key

user_wallet = Table(
    "user_wallet",
    metadata,
    user_key(),
    Column("xp", BigInteger, CheckConstraint("xp >= 0", name="xp"), nullable=False, server_default="0"),
    Column("coins", BigInteger, CheckConstraint("coins >= 0", name="coins"), nullable=False, server_default="0"),
    Column("gems", BigInteger, CheckConstraint("gems >= 0", name="gems"), nullable=False, server_default="0"),
    of_user(),
    *times(),
    Index(None, "updated_at"),
)

wallet_ledger = Table(
    "wallet_ledger",
    metadata,
    user_key(),
    Column("id", Uuid, primary_key=True),
    Column("source_kind", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column(
        "currency",
        Text,
        CheckConstraint("currency IN ('XP', 'COINS', 'GEMS')", name="currency"),
        nullable=False,
    ),
    Column("amount", BigInteger, CheckConstraint("amount <> 0", name="amount"), nullable=False),
    Column("balance_after", BigInteger, nullable=False),
    of_user(),
    *times(),
    UniqueConstraint("user_id", "source_kind", "source_id", "kind", "currency"),
    Index(None, "user_id", "created_at"),
    Index(None, "created_at"),
)
