"""Who the learner talks with: providers of replies (``realtime.minds.PersonaProvider``)."""

from realtime.persona.scripted import ScriptedPersona

__all__ = ["ScriptedPersona"]
