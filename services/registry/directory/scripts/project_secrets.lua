-- Bring devices' credentials up to what Postgres has.
--
-- KEYS: credentials
-- ARGV: per device three: id, secrets number, digests of its secrets as a JSON list
-- Returns how many changed.
--
-- No doorbell: gateways look here at each handshake, and remember nothing.

local credentials = KEYS[1]
local changed = 0

for i = 1, #ARGV, 3 do
  local id, number = ARGV[i], tonumber(ARGV[i + 1])
  local value = string.format('{"number":%.0f,"digests":%s}', number, ARGV[i + 2])
  local stored = redis.call('HGET', credentials, id)
  -- An equal number may bring less: of secrets that have expired meanwhile.
  if stored ~= value and (not stored or number >= cjson.decode(stored).number) then
    redis.call('HSET', credentials, id, value)
    changed = changed + 1
  end
end

return changed
