"""OCPP 1.6, 2.0.1 and 2.1 (JSON), which chargers speak that are on sale. Without I/O.

`negotiation.choose` says what a handshake gets. A connection that gets OCPP has one `Conversation`,
made with it; our own dialect needs none, and does not come by here. The interface is the same idea:

    (message, state of the connection, now) -> replies due now, replies due once stored,
                                               readings (connector, level, when), calls to send

Our own dialect is its smallest case: no state, no replies, no calls, and each message is one
reading of connector 1, sampled when it came (`services.gateway.connection.dialect`).

Who holds the connection calls, each time with the present by two clocks (`turn.Now`):

- `take` with each text message, and `on_admitted` once the charger has its epoch, with what is
  stored of it. Until then reports and BootNotification are held; all else is answered.
- `on_settings` before that, and whenever they change: what counts as full where no state of
  charge is reported.
- `on_timer` at `next_at`; `ask_again` if a reading lights nothing because it may be from before
  its connector's pairing; `command` for an operator, and `on_checked` once it is known whether a
  command that is `due` may still be sent.

Each returns a `turn.Turn`, and its holder does this, in this order:

1. Writes `replies`, then `calls`: a charger waits for its answer before it answers a call.
2. Stores `readings` and `transactions`, and writes `receipts` once these, and all before them, are
   stored: as with a pong of our own dialect, so they go through the same count. A reading's
   `sampled_at` is its `received_at`. What the store answers for a connector that is not registered
   counts as stored. If many receipts wait, the oldest is dropped: its charger has given it up.
3. Compares `answered` with the number that `calls.newest` had when it learned of a pairing: a
   greater one puts the connector's mark in force, as that pong does. A reading whose `sampled_at`
   lies before the pairing gets no mark.
4. Counts `bad` like a bad frame of our own dialect; twenty in a row are closed with 1008.
5. Writes `known` for ``explain`` some time after `has_news`.

A UnicodeDecodeError closes with 1007, a message over `frames.MAX_MESSAGE_BYTES` with 1009. After
Redis was emptied, the transactions are stored again.
"""
