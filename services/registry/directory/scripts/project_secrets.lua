-- Bring devices' credentials up to what Postgres has.
--
-- KEYS: credentials, directory version, and for chargers live
-- ARGV: directory-changes channel, then per device six: id, secrets number, when it was
--       registered (µs), digests of its secrets as a JSON list, what it must prove itself with,
--       and what counts as full there
-- Returns how many changed, then the ids of those that were not written because what is
-- stored is newer.
--
-- Gateways read credentials at each handshake and cache nothing. The doorbell, and the version
-- for those who miss it, is for connections: one whose secret is gone is closed. And if a device
-- was unregistered and registered again between two projections, they see no change,
-- and its connections may be another device's. A charger's are superseded here; a widget's
-- are closed because of its new pairing number.

local credentials, version, live = KEYS[1], KEYS[2], KEYS[3]
local changed, replaced, refused = 0, {}, {}

for i = 2, #ARGV, 6 do
  local id, number, registered = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local auth = ARGV[i + 4] == 'any' and '' or ',"auth":"' .. ARGV[i + 4] .. '"'
  local full_when = ARGV[i + 5] == 'reported' and '' or ',"full_when":"' .. ARGV[i + 5] .. '"'
  local value = string.format('{"number":%.0f,"registered":%.0f,"digests":%s%s%s}',
    number, registered, ARGV[i + 3], auth, full_when)
  local raw = redis.call('HGET', credentials, id)
  local stored = credentials_of(raw)
  if stored and number < stored.number then
    refused[#refused + 1] = id
  elseif raw ~= value then
    -- With an equal number, secrets may have expired meanwhile.
    if live and stored and stored.registered ~= registered then supersede(live, id) end
    redis.call('HSET', credentials, id, value)
    changed = changed + 1
    if raw then replaced[#replaced + 1] = id end
  end
end

if #replaced > 0 then
  bump(version, 0)
  redis.call('@PUBLISH@', ARGV[1], '{"ids":["' .. table.concat(replaced, '","') .. '"]}')
end

return {changed, unpack(refused)}
