-- What every peer stores: the session, the turn with its score, and the turn's events as the text that was sent.
CREATE TABLE practice_session (
    user_id uuid NOT NULL,
    id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, id)
);
CREATE TABLE turn (
    user_id uuid NOT NULL,
    session_id uuid NOT NULL,
    item_id text NOT NULL,
    position int NOT NULL,
    text text NOT NULL,
    score smallint NOT NULL,
    rarity text NOT NULL,
    charisma_index smallint NOT NULL,
    confidence smallint NOT NULL,
    clarity smallint NOT NULL,
    humor smallint NOT NULL,
    tension_control smallint NOT NULL,
    emotional_warmth smallint NOT NULL,
    dominance smallint NOT NULL,
    evidence jsonb NOT NULL,
    observed jsonb NOT NULL,
    xp smallint NOT NULL,
    coins smallint NOT NULL,
    first_seq int NOT NULL,
    final_seq int NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, session_id, item_id)
);
CREATE TABLE session_event (
    user_id uuid NOT NULL,
    session_id uuid NOT NULL,
    seq int NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, session_id, seq)
);
