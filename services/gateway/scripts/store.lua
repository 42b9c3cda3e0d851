-- Stores readings of one partition's chargers and rings the partition's doorbell; one
-- run does so for several partitions.
-- KEYS: per partition: directory, directory version, live, pending
-- ARGV: per partition: channel of the readings, when this was sent (µs of Redis' time, as
--       the gateway estimates it; 0: it cannot), then per reading:
--       id, epoch, sequence, state of charge, how long before that it was received (µs), and
--       its mark ("" for none); at the end, only if some are traced, the contexts of their
--       traces as JSON, by id
-- Returns per reading: stored, superseded, unregistered or absent.
--
-- May be repeated: a revision that is stored already is only marked and rung again.
local directory, version, live, pending, channel, sent, traces -- of the current partition
local now = now_us()
local now_text = int(now)

-- A Redis that stood still runs this some seconds after it was sent. After a minute it is not
-- that: its clock was set.
local function sent_at(estimated)
  return estimated < now and now - estimated < 60000000 and estimated or now
end

-- Numbers come as text and go into JSON as that text: formatting them takes longer than
-- all the comparisons.
local function store(id, epoch, sequence, soc, age, mark)
  local pairing, token, widget = pairing_of_charger(directory, version, id)
  if not pairing then return token end -- why
  local is_new = is_next_reading(live, id, epoch, sequence)
  if not is_new then
    local state = live_of(live, id) or {epoch = 0}
    local at, number = tonumber(epoch), tonumber(sequence)
    if state.epoch > at then return 'superseded' end
    local stored = state.revision
    is_new = not stored or newer(at, number, stored[1], stored[2])
    if not is_new then
      -- Written all the same: WAIT waits for what its own connection has written, no more.
      redis.call('HSET', live, id, redis.call('HGET', live, id))
      if newer(stored[1], stored[2], at, number) then return 'stored' end
    end
  end
  local revision = '[' .. epoch .. ',' .. sequence .. ']'
  local received_at = int(sent - age)
  if traces and traces[id] then
    received_at = received_at .. ',"traceparent":"' .. traces[id] .. '"'
  end
  if is_new then
    -- Raises the epoch too: a Redis that was emptied does not know it.
    write_reading(live, id, epoch, revision, soc, received_at, mark)
  end
  local route = ''
  if widget and may_light(mark, mark_of(pairing, token)) then
    redis.call('ZADD', pending, now_text, id)
    route = ',"pairing":' .. pairing .. ',"widget":"' .. widget .. '","received_at":'
      .. received_at
  end
  redis.call('@PUBLISH@', channel, '{"event":"StateOfCharge","data":{"soc":' .. soc
    .. '},"charger":"' .. id .. '","revision":' .. revision .. route .. '}')
  return 'stored'
end

local answers = {}
for key, first, last in calls(4) do
  directory, version, live, pending = KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4]
  channel, sent = ARGV[first], sent_at(tonumber(ARGV[first + 1]))
  traces = (last - first - 1) % 6 == 1 and cjson.decode(ARGV[last])
  if traces then last = last - 1 end
  answers[#answers + 1] = (last - first - 1) / 6
  for i = first + 2, last, 6 do
    answers[#answers + 1] = store(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3],
      ARGV[i + 4], ARGV[i + 5])
  end
end
return answers
