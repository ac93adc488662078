"""Sessions: their log, their turns, their end."""

from storage.checks.over import FINAL, Over, check
from storage.finalization import OUTBOX_KEPT_SECONDS

FINALIZING_SECONDS = 60.0  # the promise is 20 s after the end; past a minute nobody is at it any more


def log(over: Over) -> str:
    return f"""
WITH {over.ctes} done AS (SELECT 1)
SELECT s.user_id, s.id AS session_id, format('last_seq is %s; the log has %s events, from %s to %s', s.last_seq,
    g.events, coalesce(g.first, 0), coalesce(g.last, 0)) AS detail
FROM practice_session s {over.sessions("s", "id")}, LATERAL (
    SELECT count(*) AS events, min(e.seq) AS first, max(e.seq) AS last
    FROM session_event e WHERE e.user_id = s.user_id AND e.session_id = s.id) g
WHERE (g.events, g.first, g.last) IS DISTINCT FROM (s.last_seq, 1, s.last_seq)"""


def turns(over: Over) -> str:
    return f"""
WITH {over.ctes} done AS (SELECT 1)
SELECT s.user_id, s.id AS session_id, format('%s turns in %s places up to seq %s, %s of the learner up to number %s; '
    'the log has %s items up to seq %s, %s scored', t.turns, t.places, coalesce(t.last, 0), t.mine,
    coalesce(t.highest, 0), g.done, s.last_seq, g.scored) AS detail
FROM practice_session s {over.sessions("s", "id")}, LATERAL (
    SELECT count(*) AS turns, count(*) FILTER (WHERE t.role = 'user') AS mine,
        count(DISTINCT t.position) AS places, max(t.position) - min(t.position) + 1 AS span,
        count(DISTINCT t.turn_index) AS indexes, coalesce(max(t.turn_index), 0) AS highest, max(t.final_seq) AS last,
        bool_and(t.first_seq BETWEEN 1 AND t.final_seq) AS placed
    FROM turn t WHERE t.user_id = s.user_id AND t.session_id = s.id) t, LATERAL (
    SELECT count(*) FILTER (WHERE e.type = 'turn.scored') AS scored,
        count(*) FILTER (WHERE e.type = 'conversation.item.done') AS done
    FROM session_event e WHERE e.user_id = s.user_id AND e.session_id = s.id) g
WHERE (t.turns, t.mine) <> (g.done, g.scored) OR (t.turns, t.turns) <> (t.places, t.span)
    OR (t.mine, t.mine) <> (t.indexes, t.highest) OR t.last > s.last_seq OR NOT t.placed"""


def finalization(over: Over) -> str:
    return f"""
WITH {over.ctes} done AS (SELECT 1)
SELECT s.user_id, s.id AS session_id, CASE
    WHEN f.session_id IS NULL THEN format('the session is %s and was not finalized', s.status)
    WHEN s.status NOT IN {FINAL} THEN format('the session was finalized and is %s', s.status)
    WHEN h.id IS NULL OR m.id IS NULL THEN 'the session has no trait history or no mood timeline'
    ELSE format('the session is %s (%s), number %s; its finalization %s (%s), number %s; its trait history number %s',
        s.status, s.end_reason_code, s.user_seq, f.status, f.end_reason_code, f.user_seq, h.user_seq) END AS detail
FROM practice_session s {over.sessions("s", "id")}
LEFT JOIN finalization f ON f.user_id = s.user_id AND f.session_id = s.id
LEFT JOIN trait_history h ON h.user_id = s.user_id AND h.session_id = s.id
LEFT JOIN mood_timeline m ON m.user_id = s.user_id AND m.session_id = s.id
WHERE CASE WHEN s.status IN {FINAL} THEN
        (s.status, s.end_reason_code, s.user_seq, s.user_seq, s.local_date)
            IS DISTINCT FROM (f.status, f.end_reason_code, f.user_seq, h.user_seq, f.local_date) OR m.id IS NULL
    ELSE f.session_id IS NOT NULL END"""


def turn_count(over: Over) -> str:
    return f"""
WITH {over.ctes} done AS (SELECT 1)
SELECT f.user_id, f.session_id,
    format('finalized with %s turns; the learner said %s', f.turn_count, t.turns) AS detail
FROM finalization f {over.sessions("f")}, LATERAL (
    SELECT count(*) AS turns FROM turn t
    WHERE t.user_id = f.user_id AND t.session_id = f.session_id AND t.role = 'user') t
WHERE f.turn_count <> t.turns"""


def summary(over: Over) -> str:
    """The last event of a final session holds the summary's bytes, and the one before it tells of the end."""
    return f"""
WITH {over.ctes} done AS (SELECT 1)
SELECT s.user_id, s.id AS session_id, CASE
    WHEN s.status NOT IN {FINAL} THEN format('the session is %s and has a summary', s.status)
    WHEN m.session_id IS NULL THEN format('the session is %s and has no summary', s.status)
    WHEN e.seq IS NULL OR b.seq IS NULL THEN 'the log does not end with session.finalizing and session.summary'
    ELSE 'session.summary holds another body than the summary' END AS detail
FROM practice_session s {over.sessions("s", "id")}
LEFT JOIN session_summary m ON m.user_id = s.user_id AND m.session_id = s.id
LEFT JOIN session_event e ON e.user_id = s.user_id AND e.session_id = s.id AND e.seq = s.last_seq
    AND e.type = 'session.summary'
LEFT JOIN session_event b ON b.user_id = s.user_id AND b.session_id = s.id AND b.seq = s.last_seq - 1
    AND b.type = 'session.finalizing'
WHERE CASE WHEN s.status IN {FINAL} THEN m.session_id IS NULL OR e.seq IS NULL OR b.seq IS NULL
        OR strpos(e.body, ',"summary":' || m.body) = 0
    ELSE m.session_id IS NOT NULL END"""


def outbox(over: Over) -> str:
    """Rows are pruned when they are ``OUTBOX_KEPT_SECONDS`` old. By then nobody needs them: every process has read
    them, and a socket that opens later reads the summary from the log. So a row must be there for as long as it can't
    have been pruned, by the same clock; the minute is for a pruning that began after this transaction and is in its
    snapshot all the same."""
    return f"""
WITH {over.ctes} done AS (SELECT 1)
SELECT f.user_id, f.session_id, 'finalized, and no outbox row has it pushed' AS detail
FROM finalization f {over.sessions("f")}
WHERE f.created_at > now() - make_interval(secs => {OUTBOX_KEPT_SECONDS - 60.0})
    AND NOT EXISTS (SELECT 1 FROM outbox o
        WHERE o.user_id = f.user_id AND o.session_id = f.session_id AND o.kind = 'session.summary')"""


def finalizing(over: Over) -> str:
    """Since when is what the log says: ``ended_at`` may be the last turn's time, long before the end was decided."""
    return f"""
WITH {over.ctes} done AS (SELECT 1)
SELECT s.user_id, s.id AS session_id, CASE
    WHEN s.finalize_failures >= :attempts
        THEN format('quarantined: %s finalizations failed; it waits for a person', s.finalize_failures)
    ELSE format('FINALIZING for %s s, after %s failures',
        round(extract(epoch FROM now() - coalesce(e.created_at, s.updated_at))), s.finalize_failures) END AS detail
FROM practice_session s
LEFT JOIN session_event e ON e.user_id = s.user_id AND e.session_id = s.id AND e.seq = s.last_seq
WHERE s.status = 'FINALIZING' AND (s.finalize_failures >= :attempts
    OR coalesce(e.created_at, s.updated_at) < now() - make_interval(secs => {FINALIZING_SECONDS}))"""


def numbers(over: Over) -> str:
    return f"""
WITH {over.ctes} done AS (
    SELECT f.user_id, count(*) AS sessions, max(f.user_seq) AS last,
        count(*) FILTER (WHERE f.status = 'SUCCESS') AS success, count(*) FILTER (WHERE f.status = 'FAIL') AS fail
    FROM finalization f {over.users("f")} GROUP BY f.user_id
), stood AS (
    SELECT u.user_id, u.user_seq, u.success_count, u.fail_count, u.aborted_count
    FROM user_stats u {over.users("u")}
)
SELECT user_id, NULL::uuid AS session_id, format('the statistics count %s of %s successes, %s of %s failures, %s of '
    '%s sessions in all; the last number is %s of %s', u.success_count, coalesce(d.success, 0), u.fail_count,
    coalesce(d.fail, 0), u.success_count + u.fail_count + u.aborted_count, coalesce(d.sessions, 0), u.user_seq,
    coalesce(d.last, 0)) AS detail
FROM stood u FULL JOIN done d USING (user_id)
WHERE (u.success_count, u.fail_count, u.success_count + u.fail_count + u.aborted_count, u.user_seq, u.user_seq)
    IS DISTINCT FROM (coalesce(d.success, 0), coalesce(d.fail, 0), coalesce(d.sessions, 0), coalesce(d.sessions, 0),
        coalesce(d.last, 0))"""


def strays(over: Over) -> str:
    """Turns and events have no foreign key; only the statement that inserts them ties them to their session."""
    return f"""
WITH {over.ctes} missing AS (
    SELECT t.user_id, t.session_id, 'turns' AS what FROM turn t {over.sessions("t")}
    WHERE NOT EXISTS (SELECT 1 FROM practice_session s WHERE s.user_id = t.user_id AND s.id = t.session_id)
    UNION SELECT e.user_id, e.session_id, 'events' FROM session_event e {over.sessions("e")}
    WHERE NOT EXISTS (SELECT 1 FROM practice_session s WHERE s.user_id = e.user_id AND s.id = e.session_id)
)
SELECT user_id, session_id, 'there are ' || what || ' of a session that is not there' AS detail FROM missing"""


CHECKS = (
    check("a session's log is gapless up to its head", log),
    check("every turn has its place and its events, and every such event its turn", turns),
    check("a final session was finalized once, as what it is called; any other was not", finalization),
    check("a finalization counted the learner's turns", turn_count),
    check("a final session has its summary, and its last event holds the same bytes", summary),
    check("a summary is in the outbox for as long as somebody may have to read it there", outbox),
    check("no session stays between its end and its summary", finalizing),
    check("a user's finalizations are numbered without a gap, and counted", numbers),
    check("turns and events belong to a session", strays),
)
