"""What personas remember, beside its history."""

from storage.checks.over import Over, check


def memory(over: Over) -> str:
    """The fold of a key's history: the version that came last, and the present that it left. The value written is the
    present's last item, or after an edit the whole list; an item taken off a list is on it no more."""
    return f"""
WITH {over.ctes} told AS (
    SELECT h.user_id, h.persona_key, h.key, count(*) AS writes, min(h.version) AS first, max(h.version) AS last
    FROM memory_event h {over.keys("h")} GROUP BY h.user_id, h.persona_key, h.key
), held AS (
    SELECT m.* FROM persona_memory m {over.keys("m")}
)
SELECT user_id, l.session_id, CASE
    WHEN m.version IS NULL OR t.last IS NULL OR (t.writes, t.first, t.last) IS DISTINCT FROM (m.version, 1, m.version)
        THEN format('%s of %s: the present has version %s; the history %s writes, from %s to %s', key, persona_key,
            coalesce(m.version, 0), coalesce(t.writes, 0), coalesce(t.first, 0), coalesce(t.last, 0))
    ELSE format('%s of %s: the present of version %s is not what the history leaves (%s)', key, persona_key,
        m.version, l.op) END AS detail
FROM held m FULL JOIN told t USING (user_id, persona_key, key)
LEFT JOIN memory_event l USING (user_id, persona_key, key)
WHERE coalesce(l.version = t.last, true) AND (
    (t.writes, t.first, t.last) IS DISTINCT FROM (m.version, 1, m.version)
    OR m.forgotten <> (l.op = 'forgotten') OR m.previous_value IS DISTINCT FROM l.previous_value
    OR CASE
        WHEN l.op = 'forgotten' THEN m.items <> '[]'
        WHEN l.value IS NOT NULL THEN m.items -> -1 ->> 'value' IS DISTINCT FROM l.value AND (
            SELECT string_agg(i.item ->> 'value', ', ' ORDER BY i.place)
            FROM jsonb_array_elements(m.items) WITH ORDINALITY AS i (item, place)) IS DISTINCT FROM l.value
        ELSE EXISTS (SELECT 1 FROM jsonb_array_elements(m.items) AS i (item)
            WHERE lower(i.item ->> 'value') = lower(l.previous_value)) END)"""


def memory_log(over: Over) -> str:
    return f"""
WITH {over.ctes} written AS (
    SELECT h.user_id, h.session_id, h.seq, h.persona_key, h.key, h.version, h.op
    FROM memory_event h {over.sessions("h")} WHERE h.session_id IS NOT NULL
)
SELECT h.user_id, h.session_id, format('version %s of %s of %s has no memory.%s with seq %s in the log', h.version,
    h.key, h.persona_key, h.op, h.seq) AS detail
FROM written h LEFT JOIN session_event e ON e.user_id = h.user_id AND e.session_id = h.session_id AND e.seq = h.seq
    AND e.type = 'memory.' || h.op
WHERE e.seq IS NULL"""


CHECKS = (
    check("what is remembered is what its history leaves, and every version has its write", memory),
    check("every write to memory is an event of its session", memory_log),
)
