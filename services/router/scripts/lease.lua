-- Takes or renews a lease. KEYS: lease. ARGV: owner, time to live (ms).
-- Returns who has the lease now.
local owner = redis.call('GET', KEYS[1])
if not owner or owner == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return ARGV[1]
end
return owner
