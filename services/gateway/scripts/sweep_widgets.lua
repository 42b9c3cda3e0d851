-- Removes a gateway from the widgets of one tag; those without another go offline.
-- KEYS: presence
-- ARGV: channel of the changes, the gateway, until when (µs, Redis' clock) entries are
--       swept, when the widgets left (µs; 0: now), then those that stay: id, 0
-- Returns how many were changed.
--
-- Entries written later stay: the gateway came back, and updated them.
local presence = KEYS[1]
local channel, gateway = ARGV[1], ARGV[2]
local limit, left = tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_us()
if left == 0 then left = now end
local staying = {}
for i = 5, #ARGV, 2 do staying[ARGV[i]] = true end

local function sweep(id, gateways)
  local others, other = {}, nil
  for name, since in pairs(gateways) do
    if name ~= gateway and type(since) == 'number' then
      others[#others + 1] = string.format('"%s":%.0f', name, since)
      other = name
    end
  end
  table.sort(others)
  redis.call('HSET', presence, id, string.format('{"gateways":{%s}%s}', table.concat(others, ','),
    other and '' or string.format(',"left":%.0f', math.max(left, gateways[gateway]))))
  redis.call('@PUBLISH@', channel, string.format(
    '{"widget":"%s","online":%s,"gateway":"%s","at":%.0f}',
    id, other and 'true' or 'false', other or gateway, now))
end

local found = redis.call('HGETALL', presence)
local named = '"' .. gateway .. '":'
local swept = 0
for i = 1, #found, 2 do
  local id, raw = found[i], found[i + 1]
  if not staying[id] and string.find(raw, named, 1, true) then
    local readable, entry = pcall(cjson.decode, raw)
    local gateways = readable and type(entry) == 'table' and entry.gateways
    local since = type(gateways) == 'table' and gateways[gateway]
    if type(since) == 'number' and since <= limit then
      sweep(id, gateways)
      swept = swept + 1
    end
  end
end
return swept
