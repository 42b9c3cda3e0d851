-- Reads the chargers of a partition whose reading waits to be routed, the longest first.
-- KEYS: directory, directory version, live, pending
-- ARGV: least time they have waited (µs), greatest number
-- Returns per charger: id, state of charge, epoch, sequence, pairing number, widget.
-- The widget is empty if the reading is to light nothing; then there is nothing to
-- do but to settle it. A charger whose directory is not there is left out: it waits.
--
-- One that is read goes to the back of the queue, so that some that can
-- not be routed yet never keep the others waiting.
local directory, version, live, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now = now_us()
local due = redis.call('ZRANGEBYSCORE', pending, '-inf', int(now - tonumber(ARGV[1])),
  'LIMIT', 0, ARGV[2])
local found = {}
for _, id in ipairs(due) do
  redis.call('ZADD', pending, int(now), id)
  local entry, why = find(directory, version, id)
  if why ~= 'absent' then
    local state = live_of(live, id) or {}
    local revision = state.revision or {0, 0}
    local floor = entry and entry.floor
    -- An unknown floor lights nothing: storing the reading again will make it known.
    local lights = entry and entry.widget and state.revision and floor
      and newer(revision[1], revision[2], floor[1], floor[2])
    for _, value in ipairs({id, number(state.soc or 0), int(revision[1]), int(revision[2]),
        int(entry and entry.pairing or 0), lights and entry.widget or ''}) do
      found[#found + 1] = value
    end
  end
end
return found
