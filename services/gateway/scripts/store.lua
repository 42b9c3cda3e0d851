-- Stores readings of one partition's chargers and rings the partition's doorbell.
-- KEYS: directory, directory version, live, pending
-- ARGV: channel of the readings, then per reading:
--       id, epoch, sequence, state of charge, when received (µs, Redis' clock),
--       1 if stored before else 0
-- Returns per reading: stored, superseded, unregistered or absent.
--
-- May be repeated: a revision that is stored already is only marked and rung again.
local directory, version, live, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local channel = ARGV[1]
local now = now_us()

-- May this reading light the paired widget? What was read before the pairing (the
-- last visitor's phone) may not: it raises the floor instead, and at or below the
-- floor nothing is lit. While the floor is unknown (Redis was emptied before
-- anybody could note it), a reading stored again is such a one.
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

local function announce(id, entry, epoch, sequence, soc, lights)
  local route = lights
    and string.format(',"pairing":%.0f,"widget":"%s"', entry.pairing, entry.widget) or ''
  redis.call('@PUBLISH@', channel, string.format(
    '{"event":"StateOfCharge","data":{"soc":%s},"charger":"%s","revision":[%.0f,%.0f]%s}',
    soc, id, epoch, sequence, route))
end

local function store(id, epoch, sequence, soc, received_at, again)
  local entry, why = find(directory, version, id)
  if not entry then return why end
  local state = live_of(live, id) or {epoch = 0}
  if state.epoch > epoch then return 'superseded' end
  local stored = state.revision
  if stored and newer(stored[1], stored[2], epoch, sequence) then return 'stored' end
  received_at = math.min(received_at, now)
  if not stored or newer(epoch, sequence, stored[1], stored[2]) then
    -- Raises the epoch too: a Redis that was emptied does not know it.
    write_live(live, id, epoch, {epoch, sequence}, soc, received_at)
  end
  local lights = may_light(id, entry, epoch, sequence, received_at, again)
  if lights then redis.call('ZADD', pending, int(now), id) end
  announce(id, entry, epoch, sequence, soc, lights)
  return 'stored'
end

local answers = {}
for i = 2, #ARGV, 6 do
  answers[#answers + 1] = store(ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]),
    ARGV[i + 3], tonumber(ARGV[i + 4]), ARGV[i + 5] == '1')
end
return answers
