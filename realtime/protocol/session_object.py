"""The OpenAI session object: what a client may change of it, and what the server makes of that.

Every field of the package's session type is accepted and checked; what the server does not do yet is answered as
it is, not as it was asked: output is text, nothing detects turns in audio, and there are no tools.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from realtime.domain import MemoryMode

Short = Annotated[str, Meta(max_length=512)]
Effort = Literal["minimal", "low", "medium", "high", "xhigh"]
Instructions = Annotated[str, Meta(max_length=8_000)]


class _Checked(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is None or not said is left out of the effective session; what the package does not name is dropped."""


class AudioFormat(_Checked, frozen=True, kw_only=True):
    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] | None = None
    rate: Literal[24000] | None = None


class NoiseReduction(_Checked, frozen=True, kw_only=True):
    type: Literal["near_field", "far_field"] | None = None
    strength: Annotated[float, Meta(ge=0, le=1)] | None = None


class Transcription(_Checked, frozen=True, kw_only=True):
    delay: Effort | None = None
    keywords: Annotated[list[Short], Meta(max_length=100)] | None = None
    language: Short | None = None
    languages: Annotated[list[Short], Meta(max_length=100)] | None = None
    model: Short | None = None
    prompt: Annotated[str, Meta(max_length=2_000)] | None = None


class AudioInput(_Checked, frozen=True, kw_only=True):
    format: AudioFormat | None = None
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    turn_detection: dict[str, Any] | None = None


class VoiceId(_Checked, frozen=True, kw_only=True):
    id: Short


class AudioOutput(_Checked, frozen=True, kw_only=True):
    format: AudioFormat | None = None
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] | None = None
    voice: Short | VoiceId | None = None


class Audio(_Checked, frozen=True, kw_only=True):
    input: AudioInput | None = None
    output: AudioOutput | None = None


class Prompt(_Checked, frozen=True, kw_only=True):
    id: Short
    variables: dict[Short, Short | dict[str, Any]] | None = None
    version: Short | None = None


class Reasoning(_Checked, frozen=True, kw_only=True):
    effort: Effort | None = None


class Tracing(_Checked, frozen=True, kw_only=True):
    group_id: Short | None = None
    metadata: dict[str, Any] | None = None
    workflow_name: Short | None = None


class TokenLimits(_Checked, frozen=True, kw_only=True):
    post_instructions: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None


class Retention(_Checked, frozen=True, kw_only=True):
    retention_ratio: Annotated[float, Meta(ge=0, le=1)]
    type: Literal["retention_ratio"]
    token_limits: TokenLimits | None = None


class SocialgymPatch(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    auto_response: bool | UnsetType = UNSET
    memory_mode: MemoryMode | UnsetType = UNSET


class SessionPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``session`` of a ``session.update``: every field of the package's type, and ours under ``socialgym``."""

    type: Literal["realtime"] | UnsetType = UNSET
    model: Short | None | UnsetType = UNSET
    instructions: Instructions | None | UnsetType = UNSET
    audio: Audio | None | UnsetType = UNSET
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None | UnsetType = UNSET
    max_output_tokens: Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"] | None | UnsetType = UNSET
    output_modalities: list[Literal["text", "audio"]] | None | UnsetType = UNSET
    parallel_tool_calls: bool | None | UnsetType = UNSET
    prompt: Prompt | None | UnsetType = UNSET
    reasoning: Reasoning | None | UnsetType = UNSET
    tool_choice: str | dict[str, Any] | None | UnsetType = UNSET
    tools: Annotated[list[dict[str, Any]], Meta(max_length=128)] | None | UnsetType = UNSET
    tracing: Literal["auto"] | Tracing | None | UnsetType = UNSET
    truncation: Literal["auto", "disabled"] | Retention | None | UnsetType = UNSET
    socialgym: SocialgymPatch | UnsetType = UNSET


# Taken over as they were said. The others are fixed for now (text out, no tools) or can't change (type, model).
_ECHOED = (
    "instructions",
    "include",
    "max_output_tokens",
    "parallel_tool_calls",
    "prompt",
    "reasoning",
    "tracing",
    "truncation",
)


def new(session_id: str, model: str, socialgym: dict[str, Any]) -> dict[str, Any]:
    """The session object as ``session.created`` carries it."""
    return {
        "id": session_id,
        "object": "realtime.session",
        "type": "realtime",
        "model": model,
        "output_modalities": ["text"],
        "audio": {"input": {"turn_detection": None}},
        "tools": [],
        "socialgym": socialgym,
    }


def patched(session: dict[str, Any], patch: SessionPatch) -> dict[str, Any]:
    """The whole effective session after ``patch``; ``session`` is left as it was."""
    made = dict(session)
    for name in _ECHOED:
        value = getattr(patch, name)
        if isinstance(value, UnsetType):
            continue
        if value is None:
            made.pop(name, None)
        else:
            made[name] = msgspec.to_builtins(value)
    if not isinstance(patch.audio, UnsetType):
        audio = msgspec.to_builtins(patch.audio) if patch.audio is not None else {}
        made["audio"] = {**audio, "input": {**audio.get("input", {}), "turn_detection": None}}
    if not isinstance(patch.socialgym, UnsetType):
        said = msgspec.to_builtins(patch.socialgym)
        made["socialgym"] = {**made["socialgym"], **said}
    return made
