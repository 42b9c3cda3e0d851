"""Does more of something make each message dearer, and does more of it carry more?

- `processes`: CPU per message with 1, 2 and 4 gateways, and with 1, 2 and 4 routers, at the same
  total rate. What n of them carry, as a multiple of what one does, is n divided by how much
  dearer a message got. That is on the safe side: each of n has an n-th of the load, and a process
  with less to do does less in one turn of its event loop. On a machine with a core for each
  process they are pinned; elsewhere they share the cores, and only their CPU counts.
- `connections`: the gateways' CPU per message as connections grow from 100 to 50,000, at the same
  total rate. Pings cost something for each connection, message or not. So each load is measured
  beside a rest of the same length, one ping interval, in which each connection is pinged once
  too; the rest's CPU is taken off, and is a figure of its own.
- `redis`: readings per second of a gateway with a Redis Cluster of three, beside one Redis.
"""
