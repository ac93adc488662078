"""The role that the application works as, which may not change what is only ever appended to.

Migrations make it, or triggers that do the same, and are run without it. Here is how a connection takes it on.
"""

import asyncpg

ROLE = "socialgym_app"
APPEND_ONLY = ("wallet_ledger", "finalization", "turn", "session_event")

# The role, and the schemas that the login finds its tables in: "$user" would be another one with the role. No row
# where this login can't take it on, or it has no rights here: not migrated yet, or triggers stand in for it.
_TAKEN_ON = """
SELECT r.rolname::text AS role,
    (SELECT string_agg(quote_ident(s.name), ', ' ORDER BY s.place)
     FROM unnest(current_schemas(false)) WITH ORDINALITY AS s (name, place)) AS search_path
FROM pg_roles r, to_regclass('practice_session') AS home
WHERE r.rolname = $1 AND pg_has_role(session_user, r.oid, $2) AND has_table_privilege(r.oid, home, 'INSERT')
"""

# What the role, or whoever the login is, could still do; a table with its trigger is safe from that too.
LEFT_OPEN = """
SELECT c.relname::text AS name FROM unnest(CAST(:tables AS text[])) AS t (name)
JOIN pg_class c ON c.oid = to_regclass(t.name)
WHERE (has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE')
    OR has_table_privilege(c.oid, 'TRUNCATE'))
    AND NOT EXISTS (SELECT 1 FROM pg_trigger g
        WHERE g.tgrelid = c.oid AND g.tgname = 'append_only' AND g.tgenabled IN ('O', 'A'))
ORDER BY c.relname
"""


async def settings_of(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, str] | None:
    """The settings with which this login's further connections begin as the role, or None where they can't.

    As the session's own default the role outlasts RESET ROLE, RESET ALL and DISCARD ALL.
    """
    # Since version 16 a member may lack the right to take the role on.
    membership = "SET" if connection.get_server_version().major >= 16 else "MEMBER"
    found = await connection.fetchrow(_TAKEN_ON, ROLE, membership)
    return None if found is None else dict(found)
