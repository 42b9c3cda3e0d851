-- Marks every charger of a partition pending, so that its reading is routed again.
-- KEYS: live, pending
-- Returns how many chargers there are.
--
-- For a router that takes over a partition, or that lost Redis: statuses may be missing
-- that no doorbell will bring.
local ids = redis.call('HKEYS', KEYS[1])
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[2], 'NX', 0, id)
end
return #ids
