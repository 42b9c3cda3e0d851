-- Clears chargers of one partition from pending unless their reading or their pairing
-- changed since it was routed, or their status is missing; one run does so for several
-- partitions.
-- KEYS: per partition: directory, live, pending
-- ARGV: per partition, per charger: id, epoch, sequence, pairing number (0: not registered)
-- Returns per partition: how many were cleared.
local directory, live, pending -- of the current partition

-- A stored value begins with the numbers that are compared here. Usually they are those that
-- were routed, and then it need not be decoded. If the rest of it is broken, the audit finds that.
local function begins_with(text, start)
  return text and string.find(text, start, 1, true) == 1
end

local function has_pairing(id, pairing)
  local raw = redis.call('HGET', directory, id)
  if begins_with(raw, '{"pairing":' .. pairing .. ',"token":') then return true end
  local entry = entry_of(directory, id)
  return (entry and not entry.unregistered and entry.pairing or 0) == tonumber(pairing)
end

local function has_reading(id, epoch, sequence)
  local raw = redis.call('HGET', live, id)
  local revision = '"revision":[' .. epoch .. ',' .. sequence .. '],'
  if begins_with(raw, '{"epoch":' .. epoch .. ',' .. revision) then return true end
  local stored = (live_of(live, id) or {}).revision or {0, 0}
  return stored[1] == tonumber(epoch) and stored[2] == tonumber(sequence)
end

-- Was a charger marked pending since it was routed? One that is pending because of a reading, or
-- was found overdue, has a time as its score.
local function is_marked(id)
  return tonumber(redis.call('ZSCORE', pending, id) or 1) <= 0
end

local answers = {}
for key, first, last in calls(3) do
  directory, live, pending = KEYS[key + 1], KEYS[key + 2], KEYS[key + 3]
  local any_marked = redis.call('ZRANGEBYSCORE', pending, '-inf', 0, 'LIMIT', 0, 1)[1]
  local cleared = 0
  for i = first, last, 4 do
    local id = ARGV[i]
    if has_pairing(id, ARGV[i + 3]) and has_reading(id, ARGV[i + 1], ARGV[i + 2])
        and not (any_marked and is_marked(id)) then
      cleared = cleared + redis.call('ZREM', pending, id)
    end
  end
  answers[#answers + 1] = 1
  answers[#answers + 1] = cleared
end
return answers
