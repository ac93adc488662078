"""Every limit, with its default and its reason. Changed by ``server.settings`` as one value."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds, sizes in bytes, text in Unicode code points.

    ``enforced`` false (tests and benchmarks on loopback) lifts every limit of rate and number, none of size.
    """

    enforced: bool = True

    turn_text: int = 2_000  # longer than anything a person says in one breath
    item_id: int = 64
    frame: int = 64 * 1024  # a turn of 2,000 code points and its JSON, with room to spare
    frame_hard: int = 256 * 1024  # audio appends may be larger; beyond this the socket closes (1009)
    instructions: int = 8_000

    frames_per_second: float = 20.0  # a fast typist sends 2; recognition partials up to 10
    frames_burst: int = 40
    reads_per_second: float = 200.0  # frames of any kind, pings and fragments too; past it a socket is not read
    reads_burst: int = 400
    bad_frames_per_minute: int = 10
    sockets_per_user: int = 5  # phone, laptop, a second tab, and two on their way out
    sessions_per_user: int = 2
    turns_per_session: int = 1_000
    session_seconds: float = 2 * 60 * 60
    guests_per_hour: int = 10  # per address
    logins_per_minute: int = 10  # per address
    client_secrets_per_minute: int = 30  # per user
    sessions_per_hour: int = 30  # per user

    connections: int = 16_000  # of one process, and never more than its limit of open files has room for
    request_seconds: float = 10.0  # for a request's head to be whole, and again for its body; for TLS to be agreed
    answer_seconds: float = 40.0  # for an HTTP answer to begin, past which it is a 503; a poll waits for up to 25
    requests_waiting: int = 2_000  # HTTP requests without an answer, past which the next is a 503 at once
    ping_seconds: float = 20.0  # between two pings of a socket, and for the pong
    close_seconds: float = 10.0  # for the peer to answer a close frame, and to read what was sent before it
    unread_seconds: float = 30.0  # a peer that acknowledges nothing for so long is gone (the kernel resets it)
    drain_seconds: float = 3.0  # over which a server that goes down spreads the good-byes to its sockets
    queue_events: int = 256  # durable events waiting for one socket
    queue_bytes: int = 256 * 1024
    replay_page: int = 200  # events read at once when a client comes back

    reply_seconds: float = 60.0  # a claim on the reply is void after this
    closing_seconds: float = 10.0  # the persona's closing line takes at most this
    heartbeat_seconds: float = 25.0
    attach_seconds: float = 30.0  # how often a held socket renews its session's lease
    attach_lease_seconds: float = 75.0  # two renewals may fail before the session counts as left
    grace_seconds: float = 120.0
    idle_seconds: float = 15 * 60
    sweep_seconds: float = 2.0  # how often each process looks for sessions that nobody ended
    token_warning_seconds: float = 60.0
    revocation_seconds: float = 2.0  # how often open sockets are checked against revocation (promise: 5)
    finalize_attempts: int = 5


DEFAULT = Limits()
