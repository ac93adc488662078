"""Practice in the terminal: pick a mission, talk, see the reasons, read the summary."""
