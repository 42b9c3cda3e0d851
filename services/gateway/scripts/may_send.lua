-- Tells whether an operator's command to a charger that speaks OCPP may still be sent.
-- KEYS: live
-- ARGV: charger, epoch of the connection that would send it, deadline (µs of Redis' time)
-- Returns for how long it may be sent (µs; 0: not any more), or superseded if the connection is not
-- the one that counts.
local live, id, epoch, deadline = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local state = live_of(live, id)
if not state or state.epoch ~= epoch then return 'superseded' end
return int(math.max(deadline - now_us(), 0))
