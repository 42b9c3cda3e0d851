-- Mark the directory of this tag as complete: a device without an entry is not registered.
--
-- KEYS: directory, directory version, credentials
-- ARGV: directory-changes channel, how many entries were written
-- Returns 1, or 0 if entries are missing because Redis was emptied during the projection.
-- With a marker beside half a directory, gateways would close registered devices as
-- unregistered. Each device has credentials, even without a secret; without them no
-- gateway accepts it.

local directory, version, credentials = KEYS[1], KEYS[2], KEYS[3]
local least = tonumber(ARGV[2])
local entries = redis.call('HLEN', directory)
if entries < least or redis.call('HLEN', credentials) < least then return 0 end
local number = version_and_count(version) or 0
redis.call('SET', version, int(math.max(number + 1, now_us())) .. ':' .. int(entries))
-- No ids: the whole tag may have changed.
redis.call('@PUBLISH@', ARGV[1], '{"ids":[]}')
return 1
