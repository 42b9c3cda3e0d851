-- Stores what an instance says of itself, and notes in the timeline who came, went or changed.
-- KEYS: instances, heard, settling, events
-- ARGV: the instance, its line (a JSON object), when it started (µs), whether it is ready and
--       whether this is its first line (1 or 0), its version, why it is not ready; then after
--       how long without a line an instance is lost, after how long without any line something
--       was wrong with all of them (µs), and how many events are kept
-- Returns 1, or 0 if a newer process has the same name.
--
-- All of it is one script: the first instance to notice what happened notes it, and no other does.
local instances, heard, settling, events = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local name, line, started = ARGV[1], ARGV[2], tonumber(ARGV[3])
local is_ready, is_first, version, reason = ARGV[4] == '1', ARGV[5] == '1', ARGV[6], ARGV[7]
local lost_after, silence, most = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10]
local now = now_us()

local function is_line(value)
  return is_count(value.started_at) and (value.ready == true or value.ready == false)
end

local function add(kind, instance, detail)
  return redis.pcall('XADD', events, 'MAXLEN', most, '*',
    'at', int(now), 'event', kind, 'instance', instance, 'detail', detail)
end

local function note(kind, instance, detail)
  if add(kind, instance, detail).err then
    -- Of another type, or written by hand with the last id there is.
    redis.call('DEL', events)
    add(kind, instance, detail)
  end
end

-- A time in the future is that of a clock that was ahead: it becomes now.
for _, other in ipairs(redis.call('ZRANGEBYSCORE', heard, '(' .. int(now), '+inf')) do
  redis.call('ZADD', heard, int(now), other)
end

local score = redis.call('ZSCORE', heard, name)
local before = score and checked(redis.call('HGET', instances, name), is_line)
if before and before.started_at > started then return 0 end

local newest = tonumber(redis.call('ZRANGE', heard, -1, -1, 'WITHSCORES')[2])
local is_silence = newest and now - newest > silence
local is_emptied = not newest and not is_first
local left = redis.call('PTTL', settling) * 1000
local is_settling = is_silence or is_emptied or (left > 0 and left <= lost_after)

-- Whether the timeline says that it is ready. A moment in which it is not is no event, nor is one
-- before it has been ready for the first time.
local told = not before or before.told ~= 'not_ready'
local kind, detail
if not score then
  if is_first then
    kind, detail = 'started', version
  elseif not is_settling then
    kind, detail = 'back', ''
  end
elseif before and before.started_at < started then
  kind, detail = 'restarted', version
  told = true
elseif before and not is_settling then
  if told and not is_ready and not before.ready then
    kind, detail = 'not_ready', reason
    told = false
  elseif not told and is_ready then
    kind, detail = 'ready', ''
    told = true
  end
end

-- Before the timeline: an instance that Redis does not let write this tries again and again, and
-- would fill the timeline with the same event.
redis.call('HSET', instances, name,
  '{"told":"' .. (told and 'ready' or 'not_ready') .. '",' .. string.sub(line, 2))
redis.call('ZADD', heard, int(now), name)

if is_silence then
  note('silence', '', string.format('%.0f', (now - newest) / 1000000))
elseif is_emptied then
  note('redis_emptied', '', '')
end
if is_silence or is_emptied then
  -- For a while nobody counts as lost: all have to be heard again first.
  redis.call('SET', settling, 1, 'PX', int(lost_after / 1000))
end
if not is_settling then
  local overdue = redis.call('ZRANGEBYSCORE', heard, '-inf', int(now - lost_after), 'LIMIT', 0, 100)
  for _, other in ipairs(overdue) do
    redis.call('ZREM', heard, other)
    redis.call('HDEL', instances, other)
    -- What cannot be a name was written by hand.
    if is_id(other) then note('lost', other, '') end
  end
end
if kind then note(kind, name, detail) end

if redis.call('HLEN', instances) > redis.call('ZCARD', heard) then
  -- Written by hand.
  for _, other in ipairs(redis.call('HKEYS', instances)) do
    if not redis.call('ZSCORE', heard, other) then redis.call('HDEL', instances, other) end
  end
end
-- Of a hub that was taken down for good.
redis.call('EXPIRE', instances, 24 * 3600)
redis.call('EXPIRE', heard, 24 * 3600)
return 1
