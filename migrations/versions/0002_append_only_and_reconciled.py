"""Append-only tables, and what the reconciler needs

The ledger, finalizations, turns and events are only ever appended to. The application works as the role
``socialgym_app``, which may not UPDATE or DELETE there; where the migrating user may neither create that role nor
take it on, triggers refuse the same. Redaction, the one exception, has functions of its own.

The role belongs to the cluster, and other databases may use it: it is never dropped here.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROLE = "socialgym_app"
APPEND_ONLY = ("finalization", "session_event", "turn", "wallet_ledger")
PRUNED = ("idempotency_key", "outbox", "refresh_token")
CHANGED = (
    *("app_user", "category", "category_stats", "client_secret", "gate_result", "gate_stats", "memory_event"),
    *("mission_progress", "mood_timeline", "persona", "persona_memory", "persona_stats", "practice_session"),
    *("reconciliation", "session_summary", "streak_day", "template", "template_version", "trait_history"),
    *("trait_stats", "user_category_progress", "user_email", "user_stats", "user_wallet", "week_stats"),
)
REDACTION = (
    "socialgym_replace_event(uuid, uuid, int, text, text)",
    "socialgym_blank_turns(uuid, uuid, text[])",
)
INSUFFICIENT_PRIVILEGE = "42501"
ALREADY_THERE = ("42710", "23505")  # another database's migration made it while this one looked


def upgrade() -> None:
    _add_reconciliation()
    schema = _schema()
    _add_redaction(schema)
    if _may_have_the_role():
        _grant(schema)
    else:
        _add_triggers(schema)


def downgrade() -> None:
    schema = _schema()
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER IF EXISTS append_only ON {schema}.{table}")
    op.execute(f"DROP FUNCTION IF EXISTS {schema}.socialgym_append_only()")
    for function in REDACTION:
        op.execute(f"DROP FUNCTION {schema}.{function}")
    if _granted(schema):
        _revoke(schema)
    op.drop_index("ix_practice_session_ended", table_name="practice_session")
    for table, column in (
        ("finalization", "created_at"),
        ("session_summary", "updated_at"),
        ("user_wallet", "updated_at"),
        ("wallet_ledger", "created_at"),
    ):
        op.drop_index(op.f(f"ix_{table}_{column}"), table_name=table)
    op.drop_table("reconciliation")


def _add_reconciliation() -> None:
    op.create_table(
        "reconciliation",
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("covered_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("violations", sa.Text(), server_default="[]", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_reconciliation_is_the_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation")),
    )
    op.create_index(
        "ix_practice_session_ended",
        "practice_session",
        ["ended_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_finalization_created_at"), "finalization", ["created_at"])
    op.create_index(op.f("ix_session_summary_updated_at"), "session_summary", ["updated_at"])
    op.create_index(op.f("ix_user_wallet_updated_at"), "user_wallet", ["updated_at"])
    op.create_index(op.f("ix_wallet_ledger_created_at"), "wallet_ledger", ["created_at"])


def _schema() -> str:
    """The schema that the tables are in, quoted."""
    return str(op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one())


def _try(statement: str, *, refused: tuple[str, ...]) -> bool:
    """Run the statement in a savepoint; False when PostgreSQL refused it for one of these reasons."""
    try:
        with op.get_bind().begin_nested():
            op.execute(statement)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in refused:
            raise
        return False
    return True


def _may_have_the_role() -> bool:
    """Whether this user can take the role on, which is made and granted to it where that is allowed."""
    there = sa.text("SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = :role)")
    if not op.get_bind().execute(there, {"role": ROLE}).scalar_one():
        _try(f"CREATE ROLE {ROLE} NOLOGIN", refused=(INSUFFICIENT_PRIVILEGE, *ALREADY_THERE))
        if not op.get_bind().execute(there, {"role": ROLE}).scalar_one():
            return False
    if not _can_set_it():
        _try(f"GRANT {ROLE} TO CURRENT_USER", refused=(INSUFFICIENT_PRIVILEGE, *ALREADY_THERE))
    return _can_set_it()


def _can_set_it() -> bool:
    allowed = _try(f"SET LOCAL ROLE {ROLE}", refused=(INSUFFICIENT_PRIVILEGE,))
    op.execute("SET LOCAL ROLE NONE")
    return allowed


def _grant(schema: str) -> None:
    """What the application needs. Tables of later migrations are read, added to and changed; a migration that wants
    more or less for its own says so."""
    op.execute(f"GRANT USAGE ON SCHEMA {schema} TO {ROLE}")
    _on_tables(f"GRANT SELECT, INSERT ON {{}} TO {ROLE}", schema, APPEND_ONLY)
    _on_tables(f"GRANT SELECT, INSERT, UPDATE ON {{}} TO {ROLE}", schema, CHANGED)
    _on_tables(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {{}} TO {ROLE}", schema, PRUNED)
    op.execute(f"GRANT SELECT ON {schema}.alembic_version TO {ROLE}")
    for function in REDACTION:
        op.execute(f"GRANT EXECUTE ON FUNCTION {schema}.{function} TO {ROLE}")
    for kind, rights in (("TABLES", "SELECT, INSERT, UPDATE"), ("SEQUENCES", "USAGE")):
        op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {rights} ON {kind} TO {ROLE}")


def _revoke(schema: str) -> None:
    for kind in ("TABLES", "SEQUENCES"):
        op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON {kind} FROM {ROLE}")
    _on_tables(f"REVOKE ALL ON {{}} FROM {ROLE}", schema, (*APPEND_ONLY, *CHANGED, *PRUNED, "alembic_version"))
    op.execute(f"REVOKE USAGE ON SCHEMA {schema} FROM {ROLE}")


def _on_tables(statement: str, schema: str, tables: tuple[str, ...]) -> None:
    op.execute(statement.format(", ".join(f"{schema}.{table}" for table in tables)))


def _granted(schema: str) -> bool:
    asked = sa.text(
        """SELECT EXISTS (SELECT 1 FROM pg_roles r
               WHERE r.rolname = :role AND has_table_privilege(r.oid, CAST(:home AS regclass), 'SELECT'))"""
    )
    return bool(op.get_bind().execute(asked, {"role": ROLE, "home": f"{schema}.practice_session"}).scalar_one())


# --- the exception, and the triggers --------------------------------------------------------------------------------


def _add_redaction(schema: str) -> None:
    """Functions that run with their owner's rights and can do nothing but redact: an event keeps its type and place
    and must say that it is redacted; a turn keeps its score."""
    op.execute(f"""
CREATE FUNCTION {schema}.socialgym_replace_event(p_user uuid, p_session uuid, p_seq int, p_type text, p_body text)
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE touched int;
BEGIN
    IF strpos(p_body, '"redacted"\\:true') = 0 THEN
        RAISE EXCEPTION 'an event can only be replaced by its redacted copy'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('socialgym.redacting', 'on', true);
    UPDATE {schema}.session_event SET body = p_body, updated_at = now()
    WHERE user_id = p_user AND session_id = p_session AND seq = p_seq AND type = p_type;
    GET DIAGNOSTICS touched = ROW_COUNT;
    PERFORM set_config('socialgym.redacting', 'off', true);
    RETURN touched;
END $$""")
    op.execute(f"""
CREATE FUNCTION {schema}.socialgym_blank_turns(p_user uuid, p_session uuid, p_values text[])
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE touched int;
BEGIN
    PERFORM set_config('socialgym.redacting', 'on', true);
    UPDATE {schema}.turn SET text = '', tip = NULL,
        evidence = CASE WHEN evidence IS NULL THEN NULL ELSE '[]'::jsonb END, updated_at = now()
    WHERE user_id = p_user AND session_id = p_session AND (p_values IS NULL OR EXISTS (
        SELECT 1 FROM unnest(p_values) AS v WHERE position(lower(v) in lower(text)) > 0));
    GET DIAGNOSTICS touched = ROW_COUNT;
    PERFORM set_config('socialgym.redacting', 'off', true);
    RETURN touched;
END $$""")
    for function in REDACTION:
        op.execute(f"REVOKE ALL ON FUNCTION {schema}.{function} FROM PUBLIC")


def _add_triggers(schema: str) -> None:
    op.execute(f"""
CREATE FUNCTION {schema}.socialgym_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('socialgym.redacting', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% of %: it is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$""")
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.{table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {schema}.socialgym_append_only()"
        )
