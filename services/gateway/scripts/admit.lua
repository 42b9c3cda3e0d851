-- Gives newly connected chargers of one partition their connection epochs.
-- KEYS: directory, directory version, live
-- ARGV: the gateway's time (µs), then per charger: id, deadline (µs, Redis' clock),
--       and when it connected if it has left already (else 0)
-- Returns Redis' time, then two values per charger: its epoch, or unregistered, absent,
-- late, superseded; and with an epoch what is told of its pairing (`pairing_told`), else
-- nothing.
--
-- The epoch is greater than any before, and than both clocks, so that it grows
-- even across a Redis that lost everything. A request that waited too long (in a
-- frozen Redis' socket buffer, say) draws none: by now its socket may be dead,
-- and a dead socket must not supersede a live one. The readings of one that left
-- still count, but not against a connection that came after it.
local directory, version, live = KEYS[1], KEYS[2], KEYS[3]
local gateway_time = tonumber(ARGV[1])
local now = now_us()
local answers = {int(now)}
for i = 2, #ARGV, 3 do
  local id, deadline, left = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local entry, why = find(directory, version, id)
  local answer, told
  if not entry then
    answer = why
  elseif now > deadline then
    answer = 'late'
  else
    local state = live_of(live, id) or {epoch = 0}
    if left > 0 and state.epoch > left then
      answer = 'superseded'
    else
      local epoch = math.max(state.epoch + 1, now, gateway_time)
      write_live(live, id, epoch, state)
      answer, told = int(epoch), pairing_told(entry, now)
    end
  end
  answers[#answers + 1] = answer
  answers[#answers + 1] = told or {}
end
return answers
