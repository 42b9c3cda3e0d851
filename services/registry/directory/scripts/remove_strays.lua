-- Remove entries of devices that Postgres does not have, and what belongs to them.
--
-- KEYS: directory, directory version, credentials, presence, rejections, then a hash
--       (live, or statuses), and for chargers a sorted set (pending),
--       transactions and ocpp
-- ARGV: directory-changes channel, greatest pairing number of the snapshot without them,
--       then the ids
-- Returns how many entries changed, then the ids of registered devices and of entries that
-- are newer than the snapshot: Postgres may have lost them.
--
-- The entry of a registered device first becomes the mark of one that was unregistered, so
-- that its connections end; the next full projection removes the mark.

local directory, version, credentials = KEYS[1], KEYS[2], KEYS[3]
local presence, rejections, hash = KEYS[4], KEYS[5], KEYS[6]
local sorted, transactions, ocpp = KEYS[7], KEYS[8], KEYS[9]
local greatest = tonumber(ARGV[2])
local changed, suspects, added = {}, {}, 0

local function remove(id, entry)
  if entry and not entry.unregistered then
    redis.call('HSET', directory, id, unregistered_entry(entry.pairing))
  else
    added = added - redis.call('HDEL', directory, id)
  end
  redis.call('HDEL', hash, id)
  redis.pcall('HDEL', presence, id)
  redis.pcall('HDEL', rejections, id)
  if sorted then redis.call('ZREM', sorted, id) end
  if transactions then redis.pcall('HDEL', transactions, id) end
  if ocpp then redis.pcall('HDEL', ocpp, id) end
end

for i = 3, #ARGV do
  local id = ARGV[i]
  local stored = entry_of(directory, id)
  -- A greater number is newer than the snapshot. An entry that cannot be decoded goes.
  local is_there = redis.call('HEXISTS', directory, id) == 1
  if is_there and (not stored or stored.pairing <= greatest) then
    if stored and not stored.unregistered then suspects[#suspects + 1] = id end
    remove(id, stored)
    changed[#changed + 1] = id
  elseif is_there then
    suspects[#suspects + 1] = id
  end
  local known = credentials_of(redis.call('HGET', credentials, id))
  if not known or known.number <= greatest then redis.call('HDEL', credentials, id) end
end

if #changed > 0 then
  bump(version, added)
  redis.call('@PUBLISH@', ARGV[1], '{"ids":["' .. table.concat(changed, '","') .. '"]}')
end
return {#changed, unpack(suspects)}
