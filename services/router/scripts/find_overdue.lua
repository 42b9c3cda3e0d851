-- Reads the chargers of a partition that have been pending for too long, the longest first.
-- KEYS: directory, directory version, live, pending
-- ARGV: least time they have been pending (µs), how many at most, and ids of others to read
-- Returns how many are pending, then per charger: id, state of charge, epoch, sequence, pairing
-- number, widget, when it was received, and the context of its trace. The widget is empty if the reading lights nothing:
-- then it need only be cleared from pending. A charger stays pending and is left out while its
-- directory entry is absent.
--
-- Each goes to the back of the queue, so that chargers that cannot be routed yet never
-- keep others waiting.
local directory, version, live, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now = now_us()

-- Those with a score in a range; what cannot be an id is removed.
local function pending_between(from, to)
  local ids = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', pending, from, to, 'LIMIT', 0, ARGV[2])) do
    if is_id(id) then ids[#ids + 1] = id else redis.call('ZREM', pending, id) end
  end
  return ids
end

local overdue = pending_between('-inf', int(now - tonumber(ARGV[1])))
-- Pending since a time in the future: of a clock that was ahead. Overdue now.
for _, id in ipairs(pending_between('(' .. int(now), '+inf')) do overdue[#overdue + 1] = id end
for i = 3, #ARGV do overdue[#overdue + 1] = ARGV[i] end
local found = {redis.call('ZCARD', pending)}
for _, id in ipairs(overdue) do
  redis.call('ZADD', pending, int(now), id)
  local entry, why = find(directory, version, id)
  if why ~= 'absent' then
    local state = live_of(live, id) or {}
    local revision = state.revision or {0, 0}
    local lights = entry and state.revision and may_light(state.mark, mark_in(entry))
    for _, value in ipairs({id, number(state.soc or 0), int(revision[1]), int(revision[2]),
        int(entry and entry.pairing or 0), lights and entry.widget or '',
        int(state.received_at or 0), right_traceparent(state.traceparent) or ''}) do
      found[#found + 1] = value
    end
  end
end
return found
