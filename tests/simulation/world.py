"""A universe: 1 to 3 processes, one database, some devices, and what goes wrong, all drawn from one seed.

First it is lived in for a while, with faults; then all heals: dead processes are started again, nothing breaks any
more, every session is brought to its end. Then ``oracle`` judges what is stored and what the devices saw.
"""

from collections.abc import Callable
from contextvars import Context
from random import Random
from typing import Any
from uuid import UUID

from realtime.core.lines import body_hash
from realtime.core.session import LearnerTurn
from realtime.errors import AppError
from realtime.limits import Limits
from tests.simulation import determinism, oracle
from tests.simulation.base import Base
from tests.simulation.bus import Exchange
from tests.simulation.device import Device
from tests.simulation.faults import befall
from tests.simulation.loop import Stuck, VirtualLoop
from tests.simulation.minds import shelf
from tests.simulation.mutations import Mutation
from tests.simulation.oracle import Violation
from tests.simulation.plan import ACTIVE_SECONDS, TALK_SECONDS, Plan
from tests.simulation.process import Process
from tests.simulation.store import add_user

HEAL_SECONDS = 45.0  # what is not in order by then never will be: failed finalizations wait 1 + 4 + 9 s in all
LEVEL_SECONDS = 8.0  # in which a device sees what another process committed: heads are compared every five
USERS = (UUID(int=0xA11CE), UUID(int=0xB0B))

# Everything that takes minutes takes parts of a second here; the proportions are the product's.
LIMITS = Limits(
    enforced=False,
    reply_seconds=1.5,
    closing_seconds=0.4,
    attach_seconds=0.4,
    attach_lease_seconds=1.0,
    grace_seconds=1.2,
    idle_seconds=3.0,
    sweep_seconds=0.5,
    replay_page=9,
    queue_events=12,
    heartbeat_seconds=5.0,
    revocation_seconds=20.0,
)


class World:
    """Made of a plan; ``run`` gives what was violated. Is the network of its processes, too."""

    def __init__(self, plan: Plan, mutation: Mutation, *, tracing: bool = False) -> None:
        self.plan = plan
        self.mutation = mutation
        self.limits = LIMITS
        self.loop = VirtualLoop()
        determinism.begin(plan.seed, lambda: self.loop.now)
        self.base = Base(determinism.CLOCK.datetime)
        self.trace: list[str] | None = [] if tracing else None
        self.violations: list[Violation] = []
        self.lagging: list[str] = []  # devices that don't see what other processes commit
        self.lost_holds: list[UUID] = []  # sessions that ended though sockets held them
        self.summaries: dict[UUID, set[str]] = {}
        self._draw = Random(plan.seed * 2)
        self._healing = False
        self.database_down = False
        self._numbers = 0
        self._outside = Context()
        self._failed_inside: list[str] = []
        for user_id in USERS:
            add_user(self.base, user_id)
        self.exchange = None if plan.bus == "none" else Exchange(self, 0.1 if plan.bus == "lossy" else 0.0)
        self.processes: list[Process] = [Process(self, f"process {n}") for n in range(plan.processes)]
        self.devices: list[Device] = []
        self.left: set[UUID] = set()
        for talk in plan.talks:
            session_id = UUID(int=len(self.devices) + 1 << 80)
            if talk.left:
                self.left.add(session_id)
            for _ in range(talk.devices):
                draw = Random(self._draw.getrandbits(40))
                self.devices.append(Device(self, len(self.devices), USERS[talk.user], session_id, talk.model, draw))

    # --- the course of things ----------------------------------------------------------------------------------

    def run(self) -> list[Violation]:
        try:
            for process in self.processes:
                process.start()
            for device in self.devices:
                device.start()
            for fault in self.plan.faults:
                self.later(fault.at, befall, self, fault)
            self.loop.run_until(_never, at_most=TALK_SECONDS)
            if self.plan.together:
                self._end_together()
            self.loop.run_until(_never, at_most=ACTIVE_SECONDS - TALK_SECONDS)
            self._heal()
        except Stuck as stuck:
            self.violation("stuck", str(stuck))
        finally:
            self.loop.end()
        found = determinism.ERRORS
        self.violations += [Violation("unexpected_error", f"{event}: {error}") for event, error in found[:5]]
        self.violations += oracle.judge(self)
        return self.violations

    def _heal(self) -> None:
        """Nothing fails any more; what is open is settled, then ended, or left alone until the sweeper ends it."""
        self._healing = True
        self.base.on_serial = None
        self.database_down = False
        if self.exchange is not None:
            self.exchange.come_back()
        for process in list(self.processes):
            process.crash_in = None
            process.go_on()
        for device in self.devices:
            device.talkative, device.staying = False, True
            if device.socket is not None:
                device.socket.unclog()
        self._run_while(lambda: any(not device.settled for device in self.devices), 10.0)
        if self.exchange is not None:
            self._run_while(lambda: any(not self._is_level(device) for device in self.devices), LEVEL_SECONDS)
            self.lagging = [device.name for device in self.devices if not self._is_level(device)]
        if self.plan.silence:
            self._be_silent()
        for session_id in self.left:
            self._leave_alone(session_id)
        end = self.loop.now + HEAL_SECONDS
        while not self._all_final() and self.loop.now < end:
            for device in self._one_each():  # again, where a process died before it heard of it
                if device.session_id not in self.left and self._is_open(device):
                    device.end()
            self._run_while(lambda: not self._all_final(), 1.0)
        for device in self.devices:
            device.asleep = False
            device.connect()
        self._run_while(lambda: any(device.where != "done" for device in self.devices), 10.0)
        self._run_while(lambda: any(process.holds_sockets for process in self.processes), 1.0)

    def _is_open(self, device: Device) -> bool:
        """Or not even begun. One that has ended is finalized, and its devices are told, without anybody's asking."""
        row = self.base.tables["practice_session"].get((device.user_id, device.session_id))
        return row is None or row["status"] == "IN_PROGRESS"

    def _be_silent(self) -> None:
        """Sockets that say nothing hold their sessions, however long."""
        self.loop.run_until(_never, at_most=LIMITS.attach_lease_seconds)  # what was paused renews its leases
        rows = self.base.tables["practice_session"]
        there = {(d.user_id, d.session_id) for d in self.devices if d.where == "online"}
        held = [key for key in there if rows[key]["status"] == "IN_PROGRESS" and rows[key]["ending_until"] is None]
        self.loop.run_until(_never, at_most=LIMITS.idle_seconds + 2 * LIMITS.sweep_seconds)
        rows = self.base.tables["practice_session"]
        self.lost_holds = [key[1] for key in sorted(held) if rows[key]["cause"] in ("GRACE", "IDLE")]

    def _is_level(self, device: Device) -> bool:
        """Whether a device that is there has seen all that is stored, without asking for it."""
        row = self.base.tables["practice_session"].get((device.user_id, device.session_id))
        if row is None or device.where != "online" or device.last_seq is None:
            return device.where != "connecting"
        return bool(device.last_seq == row["last_seq"])

    def _one_each(self) -> list[Device]:
        """One device of each session."""
        return list({device.session_id: device for device in self.devices}.values())

    def _end_together(self) -> None:
        for device in self.devices:
            device.talkative = False
        for device in self._one_each():
            self.end_over_rest(device, self._draw)

    def _leave_alone(self, session_id: UUID) -> None:
        for device in self.devices:
            if device.session_id == session_id and device.where != "done":
                device.asleep = True
                device.leave()

    def _run_while(self, busy: Callable[[], bool], at_most: float) -> None:
        end = self.loop.now + at_most
        while busy() and self.loop.now < end:
            self.loop.run_until(_never, at_most=0.2)

    def _all_final(self) -> bool:
        rows = self.base.tables["practice_session"].values()
        return all(row["status"] not in ("IN_PROGRESS", "FINALIZING") for row in rows)

    # --- faults ------------------------------------------------------------------------------------------------

    def crash(self, process: Process) -> None:
        """It does nothing more. What it sent to the database may still arrive there."""
        self.note(process.name, "crashes")
        for backend in list(process.backends):
            backend.cut(arrives=self._draw.random() < 0.5, process_is_told=False)
        self.gone(process)

    def gone(self, process: Process) -> None:
        """Its sockets break, and after a while another one is there in its place."""
        process.dead = True
        if process.bus is not None:
            process.bus.gone()
        for socket in list(process.sockets):
            self.later(self.distance(), socket.device.lost, socket)
        self.later(self._draw.uniform(0.05, 0.6), self._replace, process)

    def _replace(self, process: Process) -> None:
        made = Process(self, f"{process.name}'")
        self.processes[self.processes.index(process)] = made
        self.note(made.name, "starts")
        made.start()

    # --- the network -------------------------------------------------------------------------------------------

    def delay(self) -> float:
        draw = self._draw.random()
        return 0.0002 + (0.001 * draw if draw < 0.95 else 0.05 * (draw - 0.9))

    def flush(self) -> float:
        return self.plan.slow_flush * (0.3 + self._draw.random())

    def require_up(self) -> None:
        if self.database_down:
            raise ConnectionRefusedError("the database is starting")

    def loses_answer(self) -> bool:
        lost = self.plan.lost_answers
        return lost > 0.0 and not self._healing and self._draw.random() < lost

    def loses_message(self) -> bool:
        loss = self.exchange.loss if self.exchange is not None else 0.0
        return loss > 0.0 and not self._healing and self._draw.random() < loss

    def distance(self) -> float:
        """From a device to a process."""
        return 0.001 + 0.02 * self._draw.random() ** 2

    # --- what devices and processes use ------------------------------------------------------------------------

    def later(self, delay: float, call: Callable[..., Any], *arguments: Any) -> None:
        self.loop.call_later(delay, call, *arguments, context=self._outside)

    def at(self, when: float, call: Callable[..., Any], *arguments: Any) -> None:
        self.loop.call_at(when, call, *arguments, context=self._outside)

    def next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def any_process(self, draw: Random) -> Process | None:
        there = [p for p in self.processes if p.up and not p.dead and not p.engine.draining]
        return draw.choice(there) if there else None

    def base_has(self, device: Device) -> bool:
        return (device.user_id, device.session_id) in self.base.tables["practice_session"]

    def over_rest(self, device: Device, item_id: str, text: str, draw: Random) -> None:
        process = self.any_process(draw)
        if process is not None and self.base_has(device):
            process.run(self._rest_turn(process, device, item_id, text))

    async def _rest_turn(self, process: Process, device: Device, item_id: str, text: str) -> None:
        engine = process.engine
        turn = LearnerTurn(
            item_id=item_id, text=text, kind="text", body_hash=body_hash("text", text), at=engine.now_iso()
        )
        try:
            answer = await engine.tasks.run(engine.turn(device.user_id, device.session_id, turn), "turn")
        except AppError as error:
            self.later(self.distance(), device.rest_answered, item_id, error)
            return
        except Exception:
            self.failed_inside(process.name)
            return
        for event in answer.events:
            self.check_sent(device, event.seq, event.body)
        self.later(self.distance(), device.rest_answered, item_id, answer.events)

    def end_over_rest(self, device: Device, draw: Random) -> None:
        process = self.any_process(draw)
        if process is not None and self.base_has(device):
            process.run(self.end(process, device.user_id, device.session_id))
        else:
            self.later(0.1, device.end)

    async def end(self, process: Process, user_id: UUID, session_id: UUID) -> None:
        engine = process.engine
        try:
            ending = engine.ender.end_session(user_id, session_id, "CLIENT")
            body = await engine.tasks.run(ending, "end")
        except Exception:
            return  # an error that is none of a broken connection is in the log
        if body is not None:
            self.summaries.setdefault(session_id, set()).add(body)

    # --- what is noticed at once -------------------------------------------------------------------------------

    def note(self, *words: Any) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.loop.now:8.4f}  " + " ".join(str(word) for word in words))

    def violation(self, rule: str, detail: str) -> None:
        self.note("VIOLATION", rule, detail)
        self.violations.append(Violation(rule, detail))

    def failed_inside(self, name: str) -> None:
        """A device was told that the server failed. Only a connection of the pool that broke excuses it: the writer
        settles its own."""
        self.note(name, "internal_error")
        breaks = self.plan.lost_answers > 0 or any(f.kind in ("pool", "restart") for f in self.plan.faults)
        if not breaks:
            self.violation("settled", f"{name} was told of an internal_error")

    def check_sent(self, device: Device, seq: int, text: str) -> None:
        """Asked when a frame is sent: what is not committed must not be told."""
        row = self.base.tables["session_event"].get((device.user_id, device.session_id, seq))
        if row is None:
            self.violation("committed_first", f"{device.name} was sent seq {seq} before its commit")
        elif row["body"] != text:
            self.violation("same_bytes", f"{device.name} was sent another seq {seq} than is stored")


def _never() -> bool:
    return False


def missions() -> tuple[str, ...]:
    """What a new user may play: the first mission of each lane."""
    return tuple(lane[0].template.code for _, lane in sorted(shelf().lanes.items()))
