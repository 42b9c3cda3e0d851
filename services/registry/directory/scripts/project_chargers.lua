-- Bring chargers' directory entries up to what Postgres has.
--
-- KEYS: directory, directory version, live, pending, credentials, presence, rejections,
--       transactions, ocpp
-- ARGV: directory-changes channel, presence-changes channel, then per charger six:
--       id, pairing number, "registered" or "unregistered", widget and token ("" and "" if
--       not paired), and for how long it has been paired (µs)
-- Returns how many entries changed, then the ids of those that were not written because what
-- is stored is newer, or differs under the same number.

local directory, version, live, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local credentials, presence, rejections = KEYS[5], KEYS[6], KEYS[7]
local transactions, ocpp = KEYS[8], KEYS[9]
local presence_changes = ARGV[2]
local now = now_us()
local changed, refused, added = {}, {}, 0

local function is_same(entry, registered, widget, token)
  return (not entry.unregistered) == registered and (entry.widget or '') == widget
    and (entry.token or '') == token
end

-- Was it dated too late? Writing took long then, or the clock was ahead. Not for 100 ms, which
-- two projections may differ by.
local function dated_after(entry, paired_at)
  return entry.paired_at > paired_at + 100000
end

-- Remove what ends with a registration. The credentials may belong to a newer one already:
-- they are written before the entries. The others light nothing, so an error there (a key of
-- another type) must not stop the projection.
local function forget(id, number)
  local known = credentials_of(redis.call('HGET', credentials, id))
  if not known or known.number <= number then redis.call('HDEL', credentials, id) end
  redis.pcall('HDEL', rejections, id)
  redis.pcall('HDEL', transactions, id)
  redis.pcall('HDEL', ocpp, id)
  local left = redis.pcall('HGET', presence, id)
  redis.pcall('HDEL', presence, id)
  left = type(left) == 'string' and checked(left, is_charger_presence)
  if left and not left.left then
    redis.call('@PUBLISH@', presence_changes, string.format(
      '{"charger":"%s","online":false,"gateway":"%s","at":%.0f}', id, left.gateway, now))
  end
end

-- Returns how many entries that added: 1 or 0.
local function write(id, number, registered, widget, token, paired_at)
  if not registered then
    -- Its live state stays, superseded: a gateway that missed the time without a
    -- registration must not go on with a connection from before it.
    supersede(live, id)
    redis.call('ZREM', pending, id)
    forget(id, number)
    return redis.call('HSET', directory, id, unregistered_entry(number))
  end
  local state = live_of(live, id)
  if widget ~= '' and state and state.revision then redis.call('ZADD', pending, int(now), id) end
  return redis.call('HSET', directory, id,
    charger_entry(number, widget ~= '' and widget, token, paired_at))
end

for i = 3, #ARGV, 6 do
  local id, number = ARGV[i], tonumber(ARGV[i + 1])
  local registered, widget, token = ARGV[i + 2] == 'registered', ARGV[i + 3], ARGV[i + 4]
  local paired_at = now - tonumber(ARGV[i + 5])
  local stored = entry_of(directory, id)
  if not stored or number > stored.pairing then
    added = added + write(id, number, registered, widget, token, paired_at)
    changed[#changed + 1] = id
  elseif number < stored.pairing or not is_same(stored, registered, widget, token) then
    refused[#refused + 1] = id
  elseif widget ~= '' and dated_after(stored, paired_at) then
    -- No doorbell: the pairing is the same.
    redis.call('HSET', directory, id, charger_entry(number, widget, token, paired_at))
  end
end

if #changed > 0 then
  bump(version, added)
  redis.call('@PUBLISH@', ARGV[1], '{"ids":["' .. table.concat(changed, '","') .. '"]}')
end
return {#changed, unpack(refused)}
