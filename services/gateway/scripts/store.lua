-- Stores readings of one partition's chargers and rings the partition's doorbell; one
-- run does so for several partitions.
-- KEYS: per partition: directory, directory version, live, pending
-- ARGV: per partition: channel of the readings, then per reading:
--       id, epoch, sequence, state of charge, when received (µs, Redis' clock),
--       1 if stored before else 0
-- Returns per reading: stored, superseded, unregistered or absent.
--
-- May be repeated: a revision that is stored already is only marked and rung again.
local directory, version, live, pending, channel -- of the current partition
local now = now_us()
local now_text = int(now)

-- May this reading light the paired widget? A reading from before the pairing (of the
-- last visitor's phone) may not: it raises the floor instead, and at or below the
-- floor nothing is lit. While the floor is unknown (Redis was emptied before it was
-- stored), a reading stored again counts as one from before the pairing.
local function may_light(id, entry, epoch, sequence, received_at, again)
  if not entry.widget then return false end
  local floor = entry.floor
  local before = received_at < entry.paired_at or (again and not floor)
  if before and not (floor and not newer(epoch, sequence, floor[1], floor[2])) then
    floor = {epoch, sequence}
  elseif not floor then
    floor = {epoch, sequence - 1}
  end
  if floor ~= entry.floor then
    redis.call('HSET', directory, id,
      charger_entry(entry.pairing, entry.widget, floor, entry.paired_at))
  end
  return newer(epoch, sequence, floor[1], floor[2])
end

-- Numbers come as text and go into JSON as that text: formatting them takes longer than
-- all the comparisons.
local function store(id, epoch_text, sequence_text, soc, received_text, again)
  local entry, why = find(directory, version, id)
  if not entry then return why end
  local epoch, sequence = tonumber(epoch_text), tonumber(sequence_text)
  local received_at = tonumber(received_text)
  local state = live_of(live, id) or {epoch = 0}
  if state.epoch > epoch then return 'superseded' end
  local stored = state.revision
  if stored and newer(stored[1], stored[2], epoch, sequence) then return 'stored' end
  if received_at > now then received_at, received_text = now, now_text end
  local revision = '[' .. epoch_text .. ',' .. sequence_text .. ']'
  if not stored or newer(epoch, sequence, stored[1], stored[2]) then
    -- Raises the epoch too: a Redis that was emptied does not know it.
    write_reading(live, id, epoch_text, revision, soc, received_text)
  end
  local route = ''
  if may_light(id, entry, epoch, sequence, received_at, again) then
    redis.call('ZADD', pending, now_text, id)
    route = ',"pairing":' .. int(entry.pairing) .. ',"widget":"' .. entry.widget .. '"'
  end
  redis.call('@PUBLISH@', channel, '{"event":"StateOfCharge","data":{"soc":' .. soc
    .. '},"charger":"' .. id .. '","revision":' .. revision .. route .. '}')
  return 'stored'
end

local answers = {}
for key, first, last in calls(4) do
  directory, version, live, pending = KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4]
  channel = ARGV[first]
  answers[#answers + 1] = (last - first) / 6
  for i = first + 1, last, 6 do
    answers[#answers + 1] = store(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3],
      ARGV[i + 4], ARGV[i + 5] == '1')
  end
end
return answers
