"""The socket below the application: HTTP with deadlines, the upgrade, RFC 6455 framing, pings, back-pressure.

uvicorn accepts and speaks HTTP; from the upgrade on a connection is ours (``protocol.SocketProtocol``), so that an
idle one holds one small object and no task, and a frame costs microseconds.
"""
