-- Gives newly connected chargers of one partition their connection epochs.
-- KEYS: directory, directory version, live
-- ARGV: the gateway's time (µs), then per charger: id, deadline (µs, Redis' clock)
-- Returns Redis' time, then per charger: its epoch, or unregistered, absent, late.
--
-- The epoch is greater than any before, and than both clocks, so that it grows
-- even across a Redis that lost everything. A request that waited too long (in a
-- frozen Redis' socket buffer, say) draws none: by now its socket may be dead,
-- and a dead socket must not supersede a live one.
local directory, version, live = KEYS[1], KEYS[2], KEYS[3]
local gateway_time = tonumber(ARGV[1])
local now = now_us()
local answers = {int(now)}
for i = 2, #ARGV, 2 do
  local id, deadline = ARGV[i], tonumber(ARGV[i + 1])
  local entry, why = find(directory, version, id)
  local answer
  if not entry then
    answer = why
  elseif now > deadline then
    answer = 'late'
  else
    local state = live_of(live, id) or {epoch = 0}
    local epoch = math.max(state.epoch + 1, now, gateway_time)
    write_live(live, id, epoch, state.revision, state.soc, state.received_at)
    answer = int(epoch)
  end
  answers[#answers + 1] = answer
end
return answers
