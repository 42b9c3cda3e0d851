-- Stores a gateway's heartbeat: once for all its devices.
-- KEYS: gateways
-- ARGV: the gateway, then dead gateways to take off the list: name, and its last
--       heartbeat (µs)
-- Returns Redis' time, this gateway's heartbeat before (0: none), then per gateway:
-- its name, and its last heartbeat.
local gateways, name = KEYS[1], ARGV[1]
local now = now_us()

-- A score as a time; 0 if it cannot be one. A time in the future (of a Redis whose clock
-- was ahead, before its replica took over) would keep a dead gateway alive until then.
local function time_of(score)
  local time = tonumber(score) or 0
  return time > 0 and math.min(time, now) or 0
end

local before = time_of(redis.call('ZSCORE', gateways, name))
for i = 2, #ARGV, 2 do
  -- Unless it came back.
  if time_of(redis.call('ZSCORE', gateways, ARGV[i])) == tonumber(ARGV[i + 1]) then
    redis.call('ZREM', gateways, ARGV[i])
  end
end
redis.call('ZADD', gateways, int(now), name)
local answer = {int(now), int(before)}
local found = redis.call('ZRANGE', gateways, 0, -1, 'WITHSCORES')
for i = 1, #found, 2 do
  if tonumber(found[i + 1]) > now then redis.call('ZADD', gateways, int(now), found[i]) end
  answer[#answer + 1] = found[i]
  answer[#answer + 1] = int(time_of(found[i + 1]))
end
return answer
