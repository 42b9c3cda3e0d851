-- Bring chargers' directory entries up to what Postgres has.
--
-- KEYS: directory, directory version, live, pending, credentials, presence, rejections
-- ARGV: directory-changes channel, presence-changes channel, then per charger eight:
--       id, pairing number, "registered" or "unregistered", widget ("" if not paired),
--       floor epoch and floor sequence ("" and "" while Postgres does not know them),
--       when it was paired (µs, Redis' clock; rather too early than too late), and from when
--       on a reading certainly belongs to this pairing (µs)
-- Returns how many entries changed.

local directory, version, live, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local credentials, presence, rejections = KEYS[5], KEYS[6], KEYS[7]
local presence_changes = ARGV[2]
local now = now_us()
local complete = redis.call('EXISTS', version) == 1
local changed = {}

-- The revision after which a pairing begins. It is read in this script, so no reading can
-- be stored between this and the entry that uses it.
local function floor_of(reading, known, certain_at)
  if known then return known end
  -- This reading was stored before its pairing was projected: it is above the floor.
  if reading and reading.received_at and reading.received_at > certain_at then
    return {reading.revision[1], reading.revision[2] - 1}
  end
  if reading then return reading.revision end
  -- Without live state, although Redis lost nothing, this charger never reported.
  if complete then return {0, 0} end
  -- Redis was emptied: the first reading that is stored again becomes the floor.
  return nil
end

-- Remove what ends with a registration. The credentials may belong to a newer one already:
-- they are written before the entries. Presence and rejections light nothing, so an error
-- there (a key of another type) must not stop the projection.
local function forget(id, number)
  local known = decoded(redis.call('HGET', credentials, id), 'number')
  if not known or known.number <= number then redis.call('HDEL', credentials, id) end
  redis.pcall('HDEL', rejections, id)
  local left = redis.pcall('HGET', presence, id)
  redis.pcall('HDEL', presence, id)
  left = type(left) == 'string' and decoded(left, 'epoch')
  if left and not left.left then
    redis.call('@PUBLISH@', presence_changes, string.format(
      '{"charger":"%s","online":false,"gateway":"%s","at":%.0f}', id, left.gateway, now))
  end
end

for i = 3, #ARGV, 8 do
  local id, number = ARGV[i], tonumber(ARGV[i + 1])
  local registered, widget = ARGV[i + 2] == 'registered', ARGV[i + 3]
  local known = ARGV[i + 4] ~= '' and {tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])} or nil
  local stored = entry_of(directory, id)
  local entry

  if not stored or number > stored.pairing then
    if not registered then
      entry = string.format('{"pairing":%.0f,"unregistered":true}', number)
      -- Its live state stays, superseded: a gateway that missed the time without a
      -- registration must not go on with a connection from before it.
      supersede(live, id)
      redis.call('ZREM', pending, id)
      forget(id, number)
    elseif widget == '' then
      entry = charger_entry(number)
    else
      local reading = live_of(live, id)
      if reading and not reading.revision then reading = nil end
      local paired_at, certain_at = tonumber(ARGV[i + 6]), tonumber(ARGV[i + 7])
      entry = charger_entry(number, widget, floor_of(reading, known, certain_at), paired_at)
      if reading then redis.call('ZADD', pending, int(now), id) end
    end
  elseif number == stored.pairing and stored.widget and not stored.floor and known then
    -- The same pairing, after Redis lost its floor: only the floor is added.
    entry = charger_entry(number, stored.widget, known, stored.paired_at)
  end

  if entry then
    redis.call('HSET', directory, id, entry)
    changed[#changed + 1] = id
  end
end

if #changed > 0 then
  bump(version)
  redis.call('@PUBLISH@', ARGV[1], '{"ids":["' .. table.concat(changed, '","') .. '"]}')
end
return #changed
