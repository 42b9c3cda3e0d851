-- Says that a gateway is alive: once for all its devices.
-- KEYS: gateways
-- ARGV: the gateway, then dead gateways of which nothing is left to do: name, and
--       when it was last heard of (µs)
-- Returns Redis' time, when this gateway was last heard of before (0: never), then
-- per gateway: its name, and when it was last heard of.
local gateways, name = KEYS[1], ARGV[1]
local now = now_us()

-- A score as a time; 0 for what can be none. One in the future (of a Redis whose clock
-- was ahead, before its replica took over) would keep a dead gateway alive for so long.
local function time_of(score)
  local time = tonumber(score) or 0
  return time > 0 and math.min(time, now) or 0
end

local before = time_of(redis.call('ZSCORE', gateways, name))
for i = 2, #ARGV, 2 do
  -- Compared, because it may have come back.
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
