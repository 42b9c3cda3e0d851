-- Bring devices' credentials up to what Postgres has.
--
-- KEYS: credentials, and for chargers live
-- ARGV: per device four: id, secrets number, when it was registered (µs), digests of
--       its secrets as a JSON list
-- Returns how many changed, then the ids of those that were not written because what is
-- stored is newer.
--
-- No doorbell: gateways read credentials at each handshake and cache nothing. But if a
-- device was unregistered and registered again between two projections, they see no change,
-- and its connections may be another device's. A charger's are superseded here; a widget's
-- are closed because of its new pairing number.

local credentials, live = KEYS[1], KEYS[2]
local changed, refused = 0, {}

for i = 1, #ARGV, 4 do
  local id, number, registered = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local value = string.format('{"number":%.0f,"registered":%.0f,"digests":%s}',
    number, registered, ARGV[i + 3])
  local raw = redis.call('HGET', credentials, id)
  local stored = drawn(credentials_of(raw), 'number')
  if stored and number < stored.number then
    refused[#refused + 1] = id
  elseif raw ~= value then
    -- With an equal number, secrets may have expired meanwhile.
    if live and stored and stored.registered ~= registered then supersede(live, id) end
    redis.call('HSET', credentials, id, value)
    changed = changed + 1
  end
end

return {changed, unpack(refused)}
