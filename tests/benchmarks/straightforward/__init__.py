"""The same hub as one writes it in an afternoon: what the real one's speed is compared with.

Nothing in it is made slow on purpose. It uses the libraries as their manuals show them:

- `gateway`: the asyncio server of `websockets`; each reading is decoded with `json`, checked,
  and published with one awaited `redis.publish`. Statuses come through ``pubsub.listen()``, and
  are sent to the widget's connection.
- `router`: ``pubsub.listen()``, and one awaited publish per reading.

It leaves out all that the real hub guarantees: nothing is stored, so a lost message stays lost;
no epochs, no fences, no receipts, no limits, no pings but the library's. Pairings are read once.
So it has an easier task, and the comparison flatters it.
"""
