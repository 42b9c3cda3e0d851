-- Counts the devices of one tag that are online, some at a time.
-- KEYS: presence. ARGV: where to go on ("0": at the beginning), about how many to look at
-- Returns where to go on ("0": that was all), and how many of them are online.
--
-- Who left says since when. Devices of a gateway that died count until they are swept.
local answer = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local found, online = answer[2], 0
for i = 2, #found, 2 do
  if not string.find(found[i], ',%s*"left":%s*%d+}$') then online = online + 1 end
end
return {answer[1], online}
