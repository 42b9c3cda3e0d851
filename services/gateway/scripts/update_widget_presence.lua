-- Stores which widgets of one tag are connected to a gateway, and which left it.
-- KEYS: directory, directory version, presence
-- ARGV: channel of the changes, the gateway, then as `update` in presence.lua
-- Returns per widget: noted, unregistered, absent or late.
--
-- Each gateway changes only its own part of an entry. For the time since when a gateway
-- counts as alive, see update_charger_presence.lua.
local alive_since = tonumber(ARGV[3])

local function connect(id)
  local entry, why = find(KEYS[1], KEYS[2], id)
  if not entry then return why end
  local gateways = widget_presence(redis.call('HGET', presence, id)) or {}
  local since = gateways[gateway]
  if since and since >= alive_since then return 'noted' end
  gateways[gateway] = now
  write_widget_presence(id, gateways)
  if not since then announce('widget', id, true, gateway) end
  return 'noted'
end

local function disconnect(id)
  local gateways = widget_presence(redis.call('HGET', presence, id))
  if gateways and gateways[gateway] then leave_widget(id, gateways, now) end
  return 'noted'
end

return update(connect, disconnect)
