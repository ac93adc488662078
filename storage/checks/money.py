"""Wallets, their ledger, what turns earned, and what summaries say was paid."""

from storage.checks.over import FINAL, Over, check


def wallet(over: Over) -> str:
    return f"""
WITH {over.ctes} booked AS (
    SELECT l.user_id, coalesce(sum(l.amount) FILTER (WHERE l.currency = 'XP'), 0) AS xp,
        coalesce(sum(l.amount) FILTER (WHERE l.currency = 'COINS'), 0) AS coins,
        coalesce(sum(l.amount) FILTER (WHERE l.currency = 'GEMS'), 0) AS gems
    FROM wallet_ledger l {over.users("l")} GROUP BY l.user_id
), held AS (
    SELECT w.user_id, w.xp, w.coins, w.gems FROM user_wallet w {over.users("w")}
)
SELECT user_id, NULL::uuid AS session_id, format('the wallet has %s XP, %s coins, %s gems; its ledger %s, %s, %s',
    w.xp, w.coins, w.gems, coalesce(b.xp, 0), coalesce(b.coins, 0), coalesce(b.gems, 0)) AS detail
FROM held w FULL JOIN booked b USING (user_id)
WHERE (w.xp, w.coins, w.gems) IS DISTINCT FROM (coalesce(b.xp, 0), coalesce(b.coins, 0), coalesce(b.gems, 0))"""


def balances(over: Over) -> str:
    """Entries have no number that orders them, and need none: each leads from one balance to the next, so over a user
    and currency the balances before and the wallet are the balances after and zero, each as often."""
    return f"""
WITH {over.ctes} steps AS (
    SELECT l.user_id, l.currency, v.balance, sum(v.sign) AS excess
    FROM wallet_ledger l {over.users("l")},
        LATERAL (VALUES (l.balance_after - l.amount, 1), (l.balance_after, -1)) AS v (balance, sign)
    GROUP BY l.user_id, l.currency, v.balance
), ends AS (
    SELECT s.*, (s.balance = 0)::int
        - (s.balance = CASE s.currency WHEN 'XP' THEN w.xp WHEN 'COINS' THEN w.coins ELSE w.gems END)::int AS due
    FROM steps s JOIN user_wallet w ON w.user_id = s.user_id
)
SELECT user_id, NULL::uuid AS session_id,
    format('the balances of the %s entries do not lead from 0 to the wallet', currency) AS detail
FROM ends GROUP BY user_id, currency HAVING bool_or(excess <> due)"""


def pay(over: Over) -> str:
    return f"""
WITH {over.ctes} due AS (
    SELECT s.user_id, s.id, s.status, f.turn_xp, v.currency, CASE
        WHEN s.status NOT IN {FINAL} OR s.end_reason_code = 'ABORT_DISQUALIFIED' THEN 0
        ELSE coalesce(v.amount, 0) END AS amount
    FROM practice_session s {over.sessions("s", "id")}
    LEFT JOIN finalization f ON f.user_id = s.user_id AND f.session_id = s.id, LATERAL (
        SELECT sum(t.xp) AS xp, sum(t.coins) AS coins, sum(t.gems) AS gems FROM turn t
        WHERE t.user_id = s.user_id AND t.session_id = s.id AND t.role = 'user') e,
    LATERAL (VALUES ('XP', e.xp), ('COINS', e.coins), ('GEMS', e.gems)) AS v (currency, amount)
)
SELECT d.user_id, d.id AS session_id, format('%s: its turns are worth %s %s, SESSION_REWARD has %s%s', d.status,
    d.amount, d.currency, coalesce(l.amount, 0),
    CASE WHEN d.currency = 'XP' THEN ', the finalization ' || coalesce(d.turn_xp::text, 'nothing') END) AS detail
FROM due d LEFT JOIN wallet_ledger l ON l.user_id = d.user_id AND l.source_kind = 'SESSION'
    AND l.source_id = d.id::text AND l.kind = 'SESSION_REWARD' AND l.currency = d.currency
WHERE d.amount <> coalesce(l.amount, 0) OR (d.currency = 'XP' AND d.turn_xp <> d.amount)"""


def stray_pay(over: Over) -> str:
    return f"""
WITH {over.ctes} paid AS (
    SELECT l.user_id, l.source_id, l.currency, l.amount FROM wallet_ledger l {over.users("l")}
    WHERE l.kind = 'SESSION_REWARD'
)
SELECT p.user_id, NULL::uuid AS session_id,
    format('%s %s are booked for session %s, which the user does not have', p.amount, p.currency,
        p.source_id) AS detail
FROM paid p LEFT JOIN practice_session s ON s.user_id = p.user_id AND s.id::text = p.source_id
WHERE s.id IS NULL"""


# Each currency of a summary: what the wallet moved by, what it says was gained, and how much of that is a bonus.
_SAID = """LATERAL (SELECT m.body::jsonb AS body OFFSET 0) b, LATERAL (
        SELECT r.currency, (w -> 'after' ->> r.name)::bigint - (w -> 'before' ->> r.name)::bigint AS moved,
            (g ->> (r.name || 'Gained'))::bigint AS gained, (g -> 'missionBonus' ->> r.name)::bigint AS bonus
        FROM (VALUES ('XP', 'xp'), ('COINS', 'coins'), ('GEMS', 'gems')) AS r (currency, name),
            LATERAL (SELECT b.body -> 'wallet' AS w, b.body -> 'rewards' AS g) parts) v"""


def summary_pay(over: Over) -> str:
    return f"""
WITH {over.ctes} said AS (
    SELECT m.user_id, m.session_id, v.* FROM session_summary m {over.sessions("m")}, {_SAID}
)
SELECT m.user_id, m.session_id, format('its summary moves the wallet by %s %s, %s of them a bonus, and names %s; '
    'SESSION_REWARD has %s', m.moved, m.currency, m.bonus, m.gained, coalesce(l.amount, 0)) AS detail
FROM said m LEFT JOIN wallet_ledger l ON l.user_id = m.user_id AND l.source_kind = 'SESSION'
    AND l.source_id = m.session_id::text AND l.kind = 'SESSION_REWARD' AND l.currency = m.currency
WHERE (m.moved, m.gained) IS DISTINCT FROM (coalesce(l.amount, 0) + m.bonus, m.moved)"""


def mission_bonus(over: Over) -> str:
    """The ledger books a bonus for the template, once per user; with which session it came is what that one's summary
    says. So both are summed over the user's successes with the template."""
    return f"""
WITH {over.ctes} named AS (
    SELECT s.user_id, s.template_id::text AS template, v.currency, sum(v.bonus) AS bonus
    FROM practice_session s {over.missions("s", "s.template_id::text")}
    JOIN session_summary m ON m.user_id = s.user_id AND m.session_id = s.id, {_SAID}
    WHERE s.template_id IS NOT NULL GROUP BY s.user_id, s.template_id, v.currency
), booked AS (
    SELECT l.user_id, l.source_id AS template, l.currency, sum(l.amount) AS bonus
    FROM wallet_ledger l {over.missions("l", "l.source_id")}
    WHERE l.kind = 'MISSION_BONUS' GROUP BY l.user_id, l.source_id, l.currency
)
SELECT user_id, NULL::uuid AS session_id, format('MISSION_BONUS of template %s has %s %s; the summaries name %s',
    template, coalesce(b.bonus, 0), currency, coalesce(n.bonus, 0)) AS detail
FROM named n FULL JOIN booked b USING (user_id, template, currency)
WHERE coalesce(n.bonus, 0) <> coalesce(b.bonus, 0)"""


CHECKS = (
    check("a wallet is the sum of its ledger", wallet),
    check("the entries' balances lead from nothing to the wallet, without a gap", balances),
    check("a final session is paid what its turns were shown to earn; any other nothing", pay),
    check("what is paid for a session is paid for one of the user's", stray_pay),
    check("a summary moves the wallet by what the ledger has for it", summary_pay),
    check("the ledger's bonus of a mission is the one that a summary names", mission_bonus),
)
