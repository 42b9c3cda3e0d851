-- Notes that a router is alive. KEYS: routers. ARGV: instance id, time to live (µs).
-- Returns the live routers.
--
-- A time in the future (of a Redis whose clock was ahead, before its replica took over) would
-- keep a dead router alive until then: it becomes now.
local now = now_us()
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. int(now), '+inf')) do
  redis.call('ZADD', KEYS[1], int(now), id)
end
redis.call('ZADD', KEYS[1], int(now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(now - tonumber(ARGV[2])))
return redis.call('ZRANGE', KEYS[1], 0, -1)
