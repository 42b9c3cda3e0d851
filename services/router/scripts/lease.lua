-- Takes or renews a lease. KEYS: lease. ARGV: owner, time to live (ms).
-- Returns who has the lease now.
--
-- A lease that lasts longer than a lease, or for ever, has expired: it was written by a clock
-- that was ahead (before a replica took over, or before the clock was set back), or by hand.
-- A live owner renews it before another one can take it.
local owner = redis.call('GET', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
local has_expired = not owner or left < 0 or left > tonumber(ARGV[2])
if has_expired or owner == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return ARGV[1]
end
return owner
