-- Remove entries of devices that Postgres does not have, and what belongs to them.
--
-- KEYS: directory, directory version, credentials, presence, rejections, then a hash
--       (live, or statuses), and for chargers a sorted set (pending)
-- ARGV: directory-changes channel, greatest pairing number of the snapshot without them,
--       then the ids
-- Returns how many entries were removed.

local directory, version, credentials = KEYS[1], KEYS[2], KEYS[3]
local presence, rejections, hash, sorted = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local greatest = tonumber(ARGV[2])
local removed = {}

for i = 3, #ARGV do
  local id = ARGV[i]
  local stored = entry_of(directory, id)
  -- A greater number is newer than the snapshot. An entry that cannot be decoded goes.
  local is_there = redis.call('HEXISTS', directory, id) == 1
  if is_there and (not stored or stored.pairing <= greatest) then
    redis.call('HDEL', directory, id)
    redis.call('HDEL', hash, id)
    redis.pcall('HDEL', presence, id)
    redis.pcall('HDEL', rejections, id)
    if sorted then redis.call('ZREM', sorted, id) end
    removed[#removed + 1] = id
  end
  local known = decoded(redis.call('HGET', credentials, id), 'number')
  if not known or known.number <= greatest then redis.call('HDEL', credentials, id) end
end

if #removed > 0 then
  bump(version)
  redis.call('@PUBLISH@', ARGV[1], '{"ids":["' .. table.concat(removed, '","') .. '"]}')
end
return #removed
