"""Adversity: real processes, sockets, PostgreSQL and Valkey, broken on purpose while learners talk.

``fleet`` plays many learners in processes of its own and writes down all that they sent and were told; ``cluster`` is
what is broken; ``checker`` compares, after healing, what was told with what is stored. ``chaos`` is the long form.
"""
