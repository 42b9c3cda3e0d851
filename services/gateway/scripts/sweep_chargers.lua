-- Turns a gateway's chargers of one partition to offline.
-- KEYS: presence
-- ARGV: channel of the changes, the gateway, then as `sweep` in presence.lua
-- Returns how many went offline.
return sweep('"gateway":"' .. gateway .. '"', function(id, raw, limit, left, staying)
  local entry = charger_presence(raw)
  if not entry or entry.gateway ~= gateway or entry.left or is_later(entry.since, limit) then
    return false
  end
  -- It stays by a newer connection, too, of which Redis has not been told yet.
  if staying and staying >= entry.epoch then return false end
  write_charger_presence(id, entry.epoch, entry.since, math.max(left, entry.since))
  announce('charger', id, false, gateway)
  return true
end)
