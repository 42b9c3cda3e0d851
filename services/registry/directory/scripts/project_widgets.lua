-- Bring widgets' directory entries up to what Postgres has.
--
-- KEYS: directory, directory version, statuses, credentials, presence, rejections
-- ARGV: directory-changes channel, presence-changes channel, then per widget four:
--       id, pairing number, "registered" or "unregistered", charger ("" if not paired)
-- Returns how many entries changed, then the ids of those that were not written because what
-- is stored is newer, or differs under the same number.

local directory, version, statuses = KEYS[1], KEYS[2], KEYS[3]
local credentials, presence, rejections = KEYS[4], KEYS[5], KEYS[6]
local presence_changes = ARGV[2]
local changed, refused, added = {}, {}, 0

local function is_same(entry, registered, charger)
  return (not entry.unregistered) == registered and (entry.charger or '') == charger
end

-- Remove what ends with a registration. The credentials may belong to a newer one already:
-- they are written before the entries. Presence and rejections light nothing, so an error
-- there (a key of another type) must not stop the projection.
local function forget(id, number)
  local known = credentials_of(redis.call('HGET', credentials, id))
  if not known or known.number <= number then redis.call('HDEL', credentials, id) end
  redis.pcall('HDEL', rejections, id)
  local left = redis.pcall('HGET', presence, id)
  redis.pcall('HDEL', presence, id)
  local _, gateway = string.match(type(left) == 'string' and left or '', '^{"gateways":{("([^"]+)":)')
  if gateway then
    redis.call('@PUBLISH@', presence_changes, string.format(
      '{"widget":"%s","online":false,"gateway":"%s","at":%.0f}', id, gateway, now_us()))
  end
end

for i = 3, #ARGV, 4 do
  local id, number = ARGV[i], tonumber(ARGV[i + 1])
  local registered, charger = ARGV[i + 2] == 'registered', ARGV[i + 3]
  local stored = entry_of(directory, id)
  if not stored or number > stored.pairing then
    local entry
    if not registered then
      entry = unregistered_entry(number)
      forget(id, number)
    elseif charger == '' then
      entry = string.format('{"pairing":%.0f}', number)
    else
      entry = string.format('{"pairing":%.0f,"charger":"%s"}', number, charger)
    end
    added = added + redis.call('HSET', directory, id, entry)
    -- Its status belonged to the earlier pairing.
    redis.call('HDEL', statuses, id)
    changed[#changed + 1] = id
  elseif number < stored.pairing or not is_same(stored, registered, charger) then
    refused[#refused + 1] = id
  end
end

if #changed > 0 then
  bump(version, added)
  redis.call('@PUBLISH@', ARGV[1], '{"ids":["' .. table.concat(changed, '","') .. '"]}')
end
return {#changed, unpack(refused)}
