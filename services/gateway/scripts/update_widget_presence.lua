-- Stores which widgets of one tag are connected to a gateway, and which left it.
-- KEYS: directory, directory version, presence
-- ARGV: channel of the changes, the gateway, since when it counts as alive without a
--       break (µs), deadline (µs, Redis' clock), then per widget: id, 0, 1 if it is
--       connected or 0 if its last connection there ended
-- Returns per widget: noted, unregistered, absent or late.
--
-- Each gateway changes only its own part of an entry. For the deadline, and for the
-- time since when a gateway counts as alive, see update_charger_presence.lua.
local directory, version, presence = KEYS[1], KEYS[2], KEYS[3]
local channel, gateway = ARGV[1], ARGV[2]
local alive_since, deadline = tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_us()

-- Since when which gateways have connections of a widget; nil if it never connected.
local function gateways_of(id)
  local raw = redis.call('HGET', presence, id)
  if not raw then return nil end
  local readable, entry = pcall(cjson.decode, raw)
  local found = {}
  if readable and type(entry) == 'table' and type(entry.gateways) == 'table' then
    for name, since in pairs(entry.gateways) do
      if type(name) == 'string' and type(since) == 'number' then found[name] = since end
    end
  end
  return found
end

local function write(id, gateways)
  local parts = {}
  for name, since in pairs(gateways) do
    parts[#parts + 1] = string.format('"%s":%.0f', name, since)
  end
  table.sort(parts)
  redis.call('HSET', presence, id, string.format('{"gateways":{%s}%s}', table.concat(parts, ','),
    #parts == 0 and string.format(',"left":%.0f', now) or ''))
end

local function announce(id, online, name)
  redis.call('@PUBLISH@', channel, string.format(
    '{"widget":"%s","online":%s,"gateway":"%s","at":%.0f}', id, online, name, now))
end

local function connect(id)
  local entry, why = find(directory, version, id)
  if not entry then return why end
  local gateways = gateways_of(id) or {}
  local since = gateways[gateway]
  if since and since >= alive_since then return 'noted' end
  gateways[gateway] = now
  write(id, gateways)
  if not since then announce(id, 'true', gateway) end
  return 'noted'
end

local function disconnect(id)
  local gateways = gateways_of(id)
  if not gateways or not gateways[gateway] then return 'noted' end
  gateways[gateway] = nil
  write(id, gateways)
  local other = next(gateways)
  if other then announce(id, 'true', other) else announce(id, 'false', gateway) end
  return 'noted'
end

local answers = {}
for i = 5, #ARGV, 3 do
  if now > deadline then
    answers[#answers + 1] = 'late'
  else
    answers[#answers + 1] = ARGV[i + 2] == '1' and connect(ARGV[i]) or disconnect(ARGV[i])
  end
end
return answers
