-- Records who was refused, as often as it happened; forgets those that were not for longest.
-- KEYS: refused
-- ARGV: most that are kept, the gateway, then per item: who and why, how often since it was
--       last recorded, and how long ago the last time was (µs)
-- Returns how many were forgotten.
--
-- After a quiet hour an item is counted from the beginning; after a quiet week all are forgotten.
local refused, most, gateway = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local now = now_us()
local quiet = 3600 * 1000000

local function is_refused(value)
  return is_count(value.count) and is_count(value.at)
    and (value.since == nil or is_count(value.since))
end

for i = 3, #ARGV, 3 do
  local stored = checked(redis.call('HGET', refused, ARGV[i]), is_refused)
  -- One from the future was written by a clock that was ahead.
  local seen = now - tonumber(ARGV[i + 2])
  if not stored or stored.at > now or stored.at < now - quiet then
    stored = {count = 0, at = 0, since = seen}
  end
  -- A gateway of version 0.1.0 writes no time of the first refusal, and nobody knows it then.
  local since = stored.since and string.format(',"since":%.0f', stored.since) or ''
  redis.call('HSET', refused, ARGV[i], string.format(
    '{"count":%.0f,"at":%.0f,"gateway":"%s"%s}',
    stored.count + tonumber(ARGV[i + 1]), math.max(seen, stored.at), gateway, since))
end

redis.call('EXPIRE', refused, 7 * 24 * 3600)

local surplus = redis.call('HLEN', refused) - most
if surplus <= 0 then return 0 end
local found = redis.call('HGETALL', refused)
local items = {}
for i = 1, #found, 2 do
  local value = checked(found[i + 1], is_refused)
  items[#items + 1] = {found[i], value and value.at or 0}
end
table.sort(items, function(one, other) return one[2] < other[2] end)
for i = 1, surplus do redis.call('HDEL', refused, items[i][1]) end
return surplus
