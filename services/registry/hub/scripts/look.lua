-- Reads what instances last said of themselves, and the timeline.
-- KEYS: instances, heard, events
-- ARGV: how many instances, and how many events at most
-- Returns Redis' time (µs), per instance its name, when it was heard (µs) and its line, and per
-- event, the newest first: id, then names and values in turn.
local instances, heard, events = KEYS[1], KEYS[2], KEYS[3]
local found = {}
local members = redis.call('ZRANGE', heard, -tonumber(ARGV[1]), -1, 'WITHSCORES')
for i = 1, #members, 2 do
  found[#found + 1] = members[i]
  found[#found + 1] = members[i + 1]
  found[#found + 1] = redis.call('HGET', instances, members[i]) or ''
end
return {int(now_us()), found, redis.call('XREVRANGE', events, '+', '-', 'COUNT', ARGV[2])}
