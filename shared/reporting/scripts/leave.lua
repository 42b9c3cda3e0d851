-- Notes in the timeline that an instance stopped because it was asked to.
-- KEYS: instances, heard, settling, events
-- ARGV: the instance, when it started (µs), how many events are kept
-- Returns 1, or 0 if it is not there, or a newer process has the same name.
local instances, heard, events = KEYS[1], KEYS[2], KEYS[4]

local function is_line(value)
  return is_count(value.started_at)
end

if not redis.call('ZSCORE', heard, ARGV[1]) then return 0 end
-- A line that was broken by hand does not keep it here.
local stored = checked(redis.call('HGET', instances, ARGV[1]), is_line)
if stored and stored.started_at ~= tonumber(ARGV[2]) then return 0 end

local function note()
  return redis.pcall('XADD', events, 'MAXLEN', ARGV[3], '*',
    'at', int(now_us()), 'event', 'stopped', 'instance', ARGV[1], 'detail', '')
end

if note().err then -- as in report.lua
  redis.call('DEL', events)
  note()
end
redis.call('HDEL', instances, ARGV[1])
redis.call('ZREM', heard, ARGV[1])
return 1
