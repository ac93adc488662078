"""Practice in the terminal: pick a mission, talk, see the reasons, read the summary."""

from server.chat.app import add_arguments, chat, run_arguments, run_chat

__all__ = ["add_arguments", "chat", "run_arguments", "run_chat"]
