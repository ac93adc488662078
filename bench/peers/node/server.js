// The Node peer: ws and pg, a commit per turn.
//
// In two forms. "transaction" is what the driver's own documentation shows: a client of the pool, BEGIN, the turn, its
// events in one INSERT, COMMIT, each awaited. "statement" is the best that can be made of it: turn and events in one
// INSERT with a CTE, which is one round trip and one commit. Both are prepared once a connection, with a pool of twenty;
// the frames leave after the commit.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import pg from "pg";
import { WebSocketServer } from "ws";

const POOL = 20;
const SECRET = process.env.BENCH_SECRET;
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: POOL });

// The stub of a scorer: every line's recorded answer.
const answers = new Map(
  JSON.parse(readFileSync(process.env.BENCH_TURNS, "utf8")).map((turn) => [turn.text, turn]),
);

const FORM = process.argv[2];
if (FORM !== "transaction" && FORM !== "statement") throw new Error("node server.js transaction|statement");
const OF_TURN = 20; // the first parameters are the turn's, the others its events'
const TURN = `INSERT INTO turn (user_id, session_id, item_id, position, text, score, rarity, charisma_index, confidence,
    clarity, humor, tension_control, emotional_warmth, dominance, evidence, observed, xp, coins, first_seq, final_seq)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`;
const events = (first) => `INSERT INTO session_event (user_id, session_id, seq, type, body)
  SELECT $1, $2, e.seq, e.type, e.body
  FROM unnest($${first}::int[], $${first + 1}::text[], $${first + 2}::text[]) AS e(seq, type, body)`;
const INSERT_BOTH = { name: "both", text: `WITH stored AS (${TURN}) ${events(OF_TURN + 1)}` };
const INSERT_TURN = { name: "turn", text: TURN };
const INSERT_EVENTS = { name: "events", text: events(3) };

async function insertInTransaction(values) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query({ ...INSERT_TURN, values: values.slice(0, OF_TURN) });
    await client.query({ ...INSERT_EVENTS, values: [values[0], values[1], ...values.slice(OF_TURN)] });
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

const insert = FORM === "statement" ? (values) => pool.query({ ...INSERT_BOTH, values }) : insertInTransaction;

/** The user that a Bearer header proves, or null. */
function userOf(authorization) {
  const token = (authorization ?? "").replace(/^Bearer /, "");
  const [user, mac] = token.split(".");
  if (!mac) return null;
  const made = createHmac("sha256", SECRET).update(Buffer.from(user.replaceAll("-", ""), "hex")).digest("hex");
  return mac.length === made.length && timingSafeEqual(Buffer.from(mac), Buffer.from(made)) ? user : null;
}

/** A UUID of version 7. */
function newId() {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

class Talk {
  constructor(userId) {
    this.userId = userId;
    this.session = newId();
    this.hex = this.session.replaceAll("-", "");
    this.seq = 0;
    this.position = 0;
    this.previous = "";
  }

  created() {
    this.seq += 1;
    return (
      `{"type":"session.created","event_id":"event_${this.hex}_${this.seq}","session_id":"${this.session}",` +
      `"seq":${this.seq},"session":{"id":"${this.session}","object":"realtime.session"}}`
    );
  }

  frame(event, item) {
    const filled = { hex: this.hex, session: this.session, previous: this.previous, item, seq: this.seq };
    let text = event.literals[0];
    for (let at = 0; at < event.slots.length; at += 1) text += filled[event.slots[at]] + event.literals[at + 1];
    return text;
  }

  /** The parameters of INSERT and the frames of a turn. */
  said(item, answer) {
    const first = this.seq + 1;
    this.position += 1;
    const seqs = [];
    const frames = [];
    for (const event of answer.events) {
      this.seq += 1;
      seqs.push(this.seq);
      frames.push(this.frame(event, item));
    }
    this.previous = item;
    const values = [
      this.userId, this.session, item, this.position, answer.text, answer.score, answer.rarity, answer.charisma,
      ...answer.traits, answer.evidence, answer.observed, answer.xp, answer.coins, first, this.seq,
      seqs, answer.events.map((event) => event.type), frames,
    ];
    return { values, frames };
  }
}

async function store(socket, talk, data) {
  const { item } = JSON.parse(data);
  const { values, frames } = talk.said(item.id, answers.get(item.content[0].text));
  await insert(values);
  for (const frame of frames) socket.send(frame);
}

const http = createServer((request, response) => response.end("ready"));
const sockets = new WebSocketServer({ server: http, path: "/v1/realtime", perMessageDeflate: false });

sockets.on("connection", (socket, request) => {
  const userId = userOf(request.headers.authorization);
  if (userId === null) {
    socket.close(4401);
    return;
  }
  const talk = new Talk(userId);
  socket.send(talk.created());
  socket.on("message", (data) => {
    store(socket, talk, data).catch((error) => {
      console.error(error);
      socket.close(1011);
    });
  });
});

process.on("SIGTERM", () => {
  for (const socket of sockets.clients) socket.terminate();
  http.close();
  pool.end().then(() => process.exit(0));
});
http.listen({ host: "127.0.0.1", port: Number(process.env.BENCH_PORT), backlog: 2048 });
