"""What TLS costs a gateway: a handshake, a reading, an idle connection.

The gateway's own connections, with nobody behind them (as `ingest`'s ``parsed``), in a process
each: plain, with TLS, and with devices' certificates. What is measured is that process's CPU and
memory, so the client in this process only has to be there; it is the slower one. All keys are on
P-256, the protocol is TLS 1.3, and nobody resumes a session: devices rarely can.
"""
