-- The directory of this tag is complete: what is not in it is not registered.
--
-- KEYS: directory, directory version, credentials
-- ARGV: directory-changes channel, how many entries there are at least
-- Returns 1, or 0 if entries are missing: Redis was emptied in the middle of the
-- projection. A marker beside half a directory would have devices closed as
-- unregistered that are not. And each device has credentials, if only to say that it
-- has no secret; without them no gateway lets it in.

local directory, version, credentials = KEYS[1], KEYS[2], KEYS[3]
local least = tonumber(ARGV[2])
if redis.call('HLEN', directory) < least or redis.call('HLEN', credentials) < least then
  return 0
end
local current = tonumber(redis.call('GET', version) or 0)
redis.call('SET', version, int(math.max(current + 1, now_us())))
-- No ids: look at all of this tag again.
redis.call('@PUBLISH@', ARGV[1], '{"ids":[]}')
return 1
