"""Opening a session: what ``model`` means, who may play it, and the first batch.

A new session is stored with its first events in one transaction, under the user's row lock, so that the number of
live sessions holds over all processes.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import uuid_utils

from realtime import road
from realtime.core import session as core
from realtime.core.contexts import opening_context
from realtime.core.facts import Terms
from realtime.core.graph import Walk
from realtime.core.rewards import DAILY_TURN_XP
from realtime.core.session import Reply
from realtime.core.state import Spec, encode
from realtime.domain import MemoryEntry, RememberedItem
from realtime.errors import AppError
from realtime.limits import Limits
from realtime.memory.rules import snapshot
from realtime.minds import PersonaProvider, ReplyDelta
from realtime.protocol import session_object
from storage.accounts import MINOR_BANDS
from storage.catalogue.loader import DEFAULT_PERSONA
from storage.catalogue.model import Persona, Template, policy_of
from storage.catalogue.store import PublishedTemplate, Shelf
from storage.errors import NotFound
from storage.rows import EventRow, SessionHead
from storage.sessions import NewSession
from storage.store import Handle, Store

FREE_PLAY_THRESHOLD = 60  # practice rules: both thresholds of free play


class Learner(msgspec.Struct, frozen=True, kw_only=True):
    """Who plays, as far as a session asks."""

    user_id: UUID
    time_zone: str
    minor: bool
    adult: bool


class Target(msgspec.Struct, frozen=True):
    """What ``model`` names: a mission, or a persona for free play."""

    persona_id: UUID
    persona: Persona
    mission: PublishedTemplate | None


def terms_of(template: Template | None) -> Terms:
    """The rules that a session of this template is played under; None: free play."""
    if template is None:
        return Terms(
            mission=False,
            max_messages=None,
            max_strikes=None,
            timer_seconds=None,
            success_threshold=FREE_PLAY_THRESHOLD,
            fail_threshold=FREE_PLAY_THRESHOLD,
        )
    policy = policy_of(template)
    return Terms(
        mission=True,
        max_messages=policy.max_messages,
        max_strikes=policy.max_strikes,
        timer_seconds=policy.timer_seconds,
        success_threshold=policy.success_threshold,
        fail_threshold=policy.fail_threshold,
    )


class Opener:
    """Makes sessions. ``make_room`` ends the user's oldest session that no socket holds (cause REPLACED)."""

    def __init__(
        self,
        store: Store,
        shelf: Shelf,
        persona: PersonaProvider,
        limits: Limits,
        make_room: Callable[[UUID, UUID], Awaitable[Any]],
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._persona = persona
        self._limits = limits
        self._make_room = make_room
        self._walks: dict[UUID, Walk] = {}

    def resolve(self, model: str) -> Target:
        """Raises ``not_found`` for a target that does not exist."""
        kind, _, code = model.partition(":")
        try:
            if kind == "template" and code:
                published = self._shelf.template(code)
                return Target(*self._shelf.persona(published.template.persona), published)
            if kind == "persona" and code:
                return Target(*self._shelf.persona(code), None)
        except NotFound:
            raise AppError("not_found", f"There is no {kind} {code[:48]!r}.", param="model") from None
        if model == "" or model.startswith("gpt-"):
            return Target(*self._shelf.persona(DEFAULT_PERSONA), None)
        raise AppError("not_found", f"There is no target {model[:80]!r}.", param="model")

    async def spec(self, head: SessionHead) -> Spec:
        """The unchanging part of a stored session, under the version it was begun with."""
        template = None
        async with self._store.database.read() as connection:
            if head.template_version_id is not None:
                code = head.template_code or ""
                template = await self._shelf.version(connection, head.template_version_id, code)
            age_band = await self._store.transcripts.age_band(connection, head.user_id)
        persona = self._shelf.personas[head.persona_key][1]
        minor = age_band in MINOR_BANDS
        return self._spec(head.user_id, head.id, head.model, minor, persona, template, head.template_version_id)

    async def create(self, learner: Learner, session_id: UUID, model: str, *, held: bool = False) -> SessionHead:
        """Begin a session, or find the one that this id began already. ``held``: a socket is about to hold it, and it
        counts as held from its first moment.

        Raises ``not_found``, ``mission_locked``, ``audience_not_allowed``, ``too_many_sessions``, ``rate_limited``.
        """
        async with self._store.database.read() as connection:
            known = await self._store.heads.head(connection, learner.user_id, session_id)
        if known is not None:
            return known
        target = self.resolve(model)
        await self._admit(learner, target)
        for _ in range(8):  # another device may take the room that was just made
            if self._limits.enforced:
                await self._clear_a_place(learner.user_id)
            head = await self._try_create(learner, target, session_id, model, held=held)
            if head is not None:
                return head
        raise AppError("too_many_sessions")

    async def _admit(self, learner: Learner, target: Target) -> None:
        category = self._shelf.categories[target.mission.template.category] if target.mission else None
        for_adults = target.persona.audience == "ADULT" or (category is not None and category.audience == "ADULT")
        if for_adults and not learner.adult:
            raise AppError("audience_not_allowed")
        async with self._store.database.read() as connection:
            if self._limits.enforced:
                begun = await self._store.transcripts.sessions_since(connection, learner.user_id, 3600)
                if begun >= self._limits.sessions_per_hour:
                    raise AppError("rate_limited", "Too many new sessions this hour.", retry_after_ms=60_000)
            if target.mission is not None:
                stands = await self._store.road.progress(connection, learner.user_id)
                code = target.mission.template.code
                if not road.is_unlocked(self._shelf, code, stands.completed, stands.unlocked):
                    raise AppError("mission_locked")

    async def _clear_a_place(self, user_id: UUID) -> None:
        async with self._store.database.read() as connection:
            open_now = await self._store.transcripts.open_sessions(connection, user_id)
        if len(open_now) < self._limits.sessions_per_user:
            return
        unheld = next((session for session, held in open_now if not held), None)
        if unheld is None:
            raise AppError("too_many_sessions", retry_after_ms=30_000)
        await self._make_room(user_id, unheld)

    async def _try_create(
        self, learner: Learner, target: Target, session_id: UUID, model: str, *, held: bool
    ) -> SessionHead | None:
        """None when the user's places are taken."""
        async with self._store.database.read() as connection:
            memory = await load_memory(self._store, connection, learner.user_id, target.persona.code)
        mission = target.mission
        spec = self._spec(
            learner.user_id,
            session_id,
            model,
            learner.minor,
            target.persona,
            mission.template if mission else None,
            mission.version_id if mission else None,
        )
        opening = await self._opening(spec, memory)
        async with self._store.database.transaction() as connection:
            await self._store.transcripts.lock_user(connection, learner.user_id)
            known = await self._store.heads.head(connection, learner.user_id, session_id)
            if known is not None:
                return known
            if self._limits.enforced:
                places = await self._store.transcripts.open_sessions(connection, learner.user_id)
                if len(places) >= self._limits.sessions_per_user:
                    return None
            today = datetime.now(ZoneInfo(learner.time_zone)).date()
            paid_today = await self._store.transcripts.turn_xp_of_day(connection, learner.user_id, today)
            step = core.begin(
                spec,
                self._session_object(spec, memory),
                xp_left_today=max(0, DAILY_TURN_XP - paid_today),
                opening=opening,
                time_zone=learner.time_zone,
            )
            await self._store.sessions.create(connection, _row(spec, target, step))
            if held:
                key = (learner.user_id, session_id)
                await self._store.sessions.attach(connection, [key], lease_seconds=self._limits.attach_lease_seconds)
            return await self._store.heads.head(connection, learner.user_id, session_id)

    def _spec(
        self,
        user_id: UUID,
        session_id: UUID,
        model: str,
        minor: bool,
        persona: Persona,
        template: Template | None,
        version_id: UUID | None,
    ) -> Spec:
        walk = None
        if template is not None and version_id is not None:
            walk = self._walks.get(version_id)
            if walk is None:
                walk = self._walks[version_id] = Walk(template.graph, template.mission_config_v1.objective.kind)
        return Spec(
            user_id=user_id,
            session_id=session_id,
            model=model,
            minor=minor,
            persona=persona,
            template=template,
            terms=terms_of(template),
            walk=walk,
        )

    async def _opening(self, spec: Spec, memory: dict[str, MemoryEntry]) -> Reply:
        """The persona's first line."""
        context = opening_context(spec, memory)
        text, carry = "", ""
        recalled: tuple[str, ...] = ()
        async for piece in self._persona.stream(context):
            if isinstance(piece, ReplyDelta):
                text += piece.text
            else:
                carry, recalled = piece.carry, piece.recalled
        return Reply(
            response_id="",
            item_id=f"item_{uuid_utils.uuid7().hex}",
            text=text or None,
            status="completed",
            carry=carry,
            recalled=recalled,
        )

    def _session_object(self, spec: Spec, memory: dict[str, MemoryEntry]) -> dict[str, Any]:
        ours: dict[str, Any] = {"persona": {"key": spec.persona.code, "name": spec.persona.name}}
        if spec.template is not None:
            objective = spec.template.mission_config_v1.objective
            ours["template"] = {
                "code": spec.template.code,
                "title": spec.template.title,
                "objective": {
                    "kind": objective.kind,
                    "title": objective.user_title,
                    "description": objective.user_description,
                },
            }
            ours["categoryKey"] = spec.template.category
            ours["difficulty"] = spec.template.difficulty
        ours["aiMode"] = "MISSION" if spec.template is not None else "FREEPLAY"
        ours["memorySnapshot"] = snapshot(memory)
        ours["limits"] = {
            "turnText": self._limits.turn_text,
            "turns": spec.terms.max_messages or self._limits.turns_per_session,
            "seconds": int(self._limits.session_seconds),
        }
        if spec.terms.timer_seconds is not None:
            ours["limits"]["timerSeconds"] = spec.terms.timer_seconds
        ours["autoResponse"] = False
        ours["memoryMode"] = "readWrite"
        return session_object.new(str(spec.session_id), spec.model, ours)


async def load_memory(store: Store, connection: Handle, user_id: UUID, persona_key: str) -> dict[str, MemoryEntry]:
    """What the persona remembers, tombstones included (their items are empty)."""
    stored = await store.memory.present(connection, user_id, persona_key)
    return {
        record["key"]: MemoryEntry(
            key=record["key"],
            items=msgspec.json.decode(record["items"], type=tuple[RememberedItem, ...]),
            version=record["version"],
        )
        for record in stored
    }


def _row(spec: Spec, target: Target, step: core.Step) -> NewSession:
    """The row of a new session, with the copies of its version's terms."""
    template = spec.template
    config = template.mission_config_v1 if template else None
    return NewSession(
        user_id=spec.user_id,
        id=spec.session_id,
        template_id=target.mission.id if target.mission else None,
        template_version_id=target.mission.version_id if target.mission else None,
        template_code=template.code if template else None,
        persona_id=target.persona_id,
        persona_key=target.persona.code,
        category_key=template.category if template else None,
        goal_type=template.goal_type if template else None,
        difficulty=template.difficulty if template else None,
        style=config.style.ai_style_key if config else None,
        objective_key=config.objective.kind if config else None,
        objective_type=config.objective.user_title if config else None,
        dynamic_type=config.dynamics.mode if config else None,
        location_tag=config.dynamics.location_tag if config else None,
        success_threshold=spec.terms.success_threshold,
        fail_threshold=spec.terms.fail_threshold,
        ai_mode="MISSION" if template else "FREEPLAY",
        model=spec.model,
        state=encode(step.state),
        last_seq=step.state.seq,
        turns=step.turns,
        events=tuple(EventRow(e.seq, e.type, e.body) for e in step.events),
    )
