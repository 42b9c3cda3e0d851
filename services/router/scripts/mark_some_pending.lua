-- Marks some chargers of a partition pending, so that their readings are routed again.
-- KEYS: live, pending
-- ARGV: where to go on ("0": at the beginning), in about how many steps all are marked
-- Returns where to go on ("0": all were marked), and how many were not pending yet.
--
-- COUNT is of places in the hash; there are up to twice as many as chargers.
local count = math.ceil(2 * redis.call('HLEN', KEYS[1]) / tonumber(ARGV[2]))
local answer = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', math.max(count, 1))
local found, marked = answer[2], 0
for i = 1, #found, 2 do
  marked = marked + redis.call('ZADD', KEYS[2], 'NX', 0, found[i])
end
return {answer[1], marked}
