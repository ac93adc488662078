"""The writer's rows as composite types: one parameter a relation instead of one a column.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TYPES = {
    "writer_head": """
        user_id uuid, session_id uuid, expected_seq int, seq int, state text, new_turn bool, voice bool,
        ending_seconds float8, clears_reply text, item_id text
    """,
    "writer_turn": """
        at int, item_id text, position int, turn_index int, role text, kind text, status text,
        parent_item_id text, text text, body_hash bytea, line_hash bigint, score smallint, rarity text,
        confidence smallint, clarity smallint, humor smallint, tension_control smallint,
        emotional_warmth smallint, dominance smallint, charisma_index smallint, evidence text, observed
        text, hooks text, patterns text, tip text, mood text, mood_percent smallint, progress smallint,
        strike text, disqualified text, filler_words smallint, total_words smallint, xp smallint, coins
        smallint, gems smallint, reward_reason text, delivery text, scorer_version text, first_seq int,
        final_seq int
    """,
    "writer_event": """
        at int, seq int, type text, body text
    """,
    "writer_memory": """
        user_id uuid, session_id uuid, persona_key text, key text, items text, previous_value text,
        version int, expected_version int, op text, value text, confidence float8, seq int, item_id
        text, span_start int, span_end int, quote text, created_at timestamptz
    """,
}


def upgrade() -> None:
    for name, columns in TYPES.items():
        op.execute(f"CREATE TYPE {name} AS ({columns})")


def downgrade() -> None:
    for name in TYPES:
        op.execute(f"DROP TYPE {name}")
