-- Stores which chargers of one partition are connected to a gateway, and which left it.
-- KEYS: directory, directory version, presence
-- ARGV: channel of the changes, the gateway, then as `update` in presence.lua
-- Returns per charger: noted, superseded, unregistered, absent or late.
--
-- Every change compares the epoch, so the end of an old connection never takes a
-- newer one offline.
local alive_since = tonumber(ARGV[3])

local function connect(id, epoch)
  local entry, why = find(KEYS[1], KEYS[2], id)
  if not entry then return why end
  local stored = charger_presence(redis.call('HGET', presence, id))
  if stored and stored.epoch > epoch then return 'superseded' end
  local was_here = stored and not stored.left and stored.gateway == gateway
  local since = now
  -- Not from before the gateway last counted as dead: another one may be sweeping the
  -- entries until then, and tells newer ones by this time.
  if was_here and stored.epoch == epoch and stored.since >= alive_since then
    since = stored.since
  end
  write_charger_presence(id, epoch, since)
  if not was_here then announce('charger', id, true, gateway) end
  return 'noted'
end

local function disconnect(id, epoch)
  local stored = charger_presence(redis.call('HGET', presence, id))
  if not stored or stored.left then return 'noted' end
  if stored.epoch > epoch then return 'superseded' end
  write_charger_presence(id, epoch, stored.since, now)
  announce('charger', id, false, gateway)
  return 'noted'
end

return update(connect, disconnect)
