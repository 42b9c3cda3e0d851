-- Turns a gateway's chargers of one partition to offline.
-- KEYS: presence
-- ARGV: channel of the changes, the gateway, until when (µs, Redis' clock) entries are
--       swept, when the chargers left (µs; 0: now), then those that stay: id, epoch
-- Returns how many went offline.
--
-- Entries written later stay: the gateway came back, and updated them.
local presence = KEYS[1]
local channel, gateway = ARGV[1], ARGV[2]
local limit, left = tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_us()
if left == 0 then left = now end
local staying = {}
for i = 5, #ARGV, 2 do staying[ARGV[i]] = tonumber(ARGV[i + 1]) end

local found = redis.call('HGETALL', presence)
local named = '"gateway":"' .. gateway .. '"'
local swept = 0
for i = 1, #found, 2 do
  local id, raw = found[i], found[i + 1]
  if string.find(raw, named, 1, true) then
    local entry = decoded(raw, 'epoch')
    if entry and entry.gateway == gateway and not entry.left and type(entry.since) == 'number'
        and entry.since <= limit and staying[id] ~= entry.epoch then
      redis.call('HSET', presence, id, string.format(
        '{"gateway":"%s","epoch":%.0f,"since":%.0f,"left":%.0f}',
        gateway, entry.epoch, entry.since, math.max(left, entry.since)))
      redis.call('@PUBLISH@', channel, string.format(
        '{"charger":"%s","online":false,"gateway":"%s","at":%.0f}', id, gateway, now))
      swept = swept + 1
    end
  end
end
return swept
