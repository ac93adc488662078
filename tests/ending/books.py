"""The books checked with plain SQL: what the ledger, the wallets and the stored summaries say of each other."""

import asyncpg

# Every currency of every session's own entries, beside what its summary says that they are.
SESSION_ENTRIES = """
WITH summary AS (
    SELECT user_id, session_id, body::jsonb AS body FROM session_summary
), said AS (
    SELECT s.user_id, s.session_id, c.currency, c.gained - c.bonus AS amount
    FROM summary s, LATERAL (VALUES
        ('XP', (body #>> '{rewards,xpGained}')::bigint, (body #>> '{rewards,missionBonus,xp}')::bigint),
        ('COINS', (body #>> '{rewards,coinsGained}')::bigint, (body #>> '{rewards,missionBonus,coins}')::bigint),
        ('GEMS', (body #>> '{rewards,gemsGained}')::bigint, (body #>> '{rewards,missionBonus,gems}')::bigint)
    ) AS c(currency, gained, bonus)
), booked AS (
    SELECT user_id, source_id, currency, sum(amount) AS amount, count(*) AS entries
    FROM wallet_ledger WHERE kind = 'SESSION_REWARD' GROUP BY user_id, source_id, currency
)
SELECT said.*, booked.amount AS booked, booked.entries FROM said
FULL JOIN booked ON booked.user_id = said.user_id AND booked.source_id = said.session_id::text
    AND booked.currency = said.currency
WHERE coalesce(said.amount, 0) <> coalesce(booked.amount, 0) OR booked.entries > 1
"""
WALLETS = """
SELECT * FROM (
    SELECT w.user_id, w.xp, w.coins, w.gems,
        coalesce(sum(l.amount) FILTER (WHERE l.currency = 'XP'), 0) AS ledger_xp,
        coalesce(sum(l.amount) FILTER (WHERE l.currency = 'COINS'), 0) AS ledger_coins,
        coalesce(sum(l.amount) FILTER (WHERE l.currency = 'GEMS'), 0) AS ledger_gems
    FROM user_wallet w LEFT JOIN wallet_ledger l USING (user_id) GROUP BY w.user_id, w.xp, w.coins, w.gems
) b WHERE (xp, coins, gems) <> (ledger_xp, ledger_coins, ledger_gems)
"""
# wallet.after - wallet.before of each summary is its gains, and each session begins where the one before it ended.
CHAIN = """
WITH s AS (
    SELECT f.user_id, f.user_seq, b.body::jsonb -> 'wallet' AS wallet, b.body::jsonb -> 'rewards' AS rewards,
        lag(b.body::jsonb #> '{wallet,after}') OVER (PARTITION BY f.user_id ORDER BY f.user_seq) AS earlier
    FROM finalization f JOIN session_summary b USING (user_id, session_id)
)
SELECT * FROM s
WHERE (wallet #>> '{after,xp}')::int - (wallet #>> '{before,xp}')::int <> (rewards ->> 'xpGained')::int
    OR (wallet #>> '{after,coins}')::int - (wallet #>> '{before,coins}')::int <> (rewards ->> 'coinsGained')::int
    OR (wallet #>> '{after,gems}')::int - (wallet #>> '{before,gems}')::int <> (rewards ->> 'gemsGained')::int
    OR wallet -> 'before' <> coalesce(earlier, '{"xp": 0, "coins": 0, "gems": 0}')
"""
# Each ended session is final, once: one finalization, summary, outbox row and pair of last events.
ONCE = """
SELECT p.id FROM practice_session p WHERE p.status NOT IN ('IN_PROGRESS') AND (
    p.status = 'FINALIZING'
    OR (SELECT count(*) FROM finalization x WHERE x.user_id = p.user_id AND x.session_id = p.id) <> 1
    OR (SELECT count(*) FROM session_summary x WHERE x.user_id = p.user_id AND x.session_id = p.id) <> 1
    OR (SELECT count(*) FROM outbox x WHERE x.user_id = p.user_id AND x.session_id = p.id) <> 1
    OR (SELECT count(*) FROM session_event x WHERE x.user_id = p.user_id AND x.session_id = p.id) <> p.last_seq
    OR (SELECT count(*) FROM session_event x WHERE x.user_id = p.user_id AND x.session_id = p.id
        AND x.type IN ('session.finalizing', 'session.summary')) <> 2)
"""
NUMBERS = """
SELECT s.user_id FROM user_stats s WHERE s.user_seq <> s.success_count + s.fail_count + s.aborted_count
    OR s.user_seq <> (SELECT count(*) FROM finalization f WHERE f.user_id = s.user_id)
    OR s.user_seq <> coalesce((SELECT max(f.user_seq) FROM finalization f WHERE f.user_id = s.user_id), 0)
"""
BALANCES = """
SELECT * FROM (
    SELECT l.user_id, l.currency, l.amount, l.balance_after, w.xp, w.coins, w.gems,
        max(l.balance_after) OVER (PARTITION BY l.user_id, l.currency) AS highest
    FROM wallet_ledger l JOIN user_wallet w USING (user_id)
) b WHERE highest <> CASE currency WHEN 'XP' THEN xp WHEN 'COINS' THEN coins ELSE gems END
"""


async def check(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Fails with the rows that contradict each other."""
    for name, question in (
        ("ledger and summaries", SESSION_ENTRIES),
        ("wallets and ledger", WALLETS),
        ("balances and wallets", BALANCES),
        ("one summary after the other", CHAIN),
        ("once each", ONCE),
        ("numbers", NUMBERS),
    ):
        found = await database.fetch(question)
        assert not found, (name, [dict(record) for record in found[:3]])
