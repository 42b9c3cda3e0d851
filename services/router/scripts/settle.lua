-- Clears chargers from pending whose reading was routed, if nothing changed since.
-- KEYS: directory, live, pending
-- ARGV: per charger: id, epoch, sequence, pairing number (0: not registered)
-- Returns how many were cleared.
local directory, live, pending = KEYS[1], KEYS[2], KEYS[3]
local cleared = 0
for i = 1, #ARGV, 4 do
  local id = ARGV[i]
  local entry = entry_of(directory, id)
  local pairing = entry and not entry.unregistered and entry.pairing or 0
  local revision = (live_of(live, id) or {}).revision or {0, 0}
  if pairing == tonumber(ARGV[i + 3]) and revision[1] == tonumber(ARGV[i + 1])
      and revision[2] == tonumber(ARGV[i + 2]) then
    cleared = cleared + redis.call('ZREM', pending, id)
  end
end
return cleared
