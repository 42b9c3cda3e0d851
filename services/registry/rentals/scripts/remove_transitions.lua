-- Acknowledge transitions that were recorded, and remove them.
-- KEYS: transitions
-- ARGV: consumer group, then the ids
-- Returns how many were removed.
local removed = 0
for i = 2, #ARGV do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  removed = removed + redis.call('XDEL', KEYS[1], ARGV[i])
end
return removed
