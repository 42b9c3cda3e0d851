-- Notes that a router is alive. KEYS: routers. ARGV: instance id, time to live (µs).
-- Returns the live routers.
local now = now_us()
redis.call('ZADD', KEYS[1], int(now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(now - tonumber(ARGV[2])))
return redis.call('ZRANGE', KEYS[1], 0, -1)
