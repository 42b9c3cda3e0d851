-- Marks chargers of one partition pending whose widgets have no status, so that their
-- readings are routed again; those only whose readings light their widgets. With a
-- score of 0 a charger stays pending when a reading that was routed before is cleared.
-- KEYS: directory, live, pending
-- ARGV: ids
-- Returns how many readings light their widgets.
local directory, live, pending = KEYS[1], KEYS[2], KEYS[3]
local lighting = 0
for _, id in ipairs(ARGV) do
  local entry, state = entry_of(directory, id), live_of(live, id)
  if entry and state and state.revision and may_light(state.mark, mark_in(entry)) then
    redis.call('ZADD', pending, 0, id)
    lighting = lighting + 1
  end
end
return lighting
