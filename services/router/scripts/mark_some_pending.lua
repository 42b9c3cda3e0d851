-- Marks some chargers of a partition pending, so that their readings are routed again.
-- KEYS: live, pending
-- ARGV: where to go on ("0": at the beginning), in about how many steps all are marked
-- Returns where to go on ("0": all were marked), and how many were not pending yet.
--
-- A step may have a few more than COUNT, and of a hash that is stored as a list it has all.
local count = math.max(math.ceil(redis.call('HLEN', KEYS[1]) / ARGV[2]), 1)
local answer = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', count)
local found, marked = answer[2], 0
for i = 1, #found, 2 do
  -- Without a reading there is nothing to route.
  if not string.find(found[i + 1], '^{"epoch":%d+}$') then
    marked = marked + redis.call('ZADD', KEYS[2], 'NX', 0, found[i])
  end
end
return {answer[1], marked}
