-- Stores statuses of widgets of one tag, each only if it is newer, and announces it.
-- KEYS: directory, statuses
-- ARGV: per status: widget id, its channel, pairing number, epoch, sequence,
--       version of the thresholds, the status as JSON
-- Returns per status: lit, stale (a newer one is stored), or mismatch (the widget is
-- paired differently by now, or its entry is not there).
--
-- This is the fence that makes everything before it harmless: two routers on one
-- charger, one that slept through its lease, a late or doubled message.
local directory, statuses = KEYS[1], KEYS[2]

local function light(id, channel, pairing, epoch, sequence, thresholds, message)
  local entry = entry_of(directory, id)
  if not entry or entry.unregistered or entry.pairing ~= pairing then return 'mismatch' end
  local stored = redis.call('HGET', statuses, id)
  if stored then
    local status = cjson.decode(stored)
    local at = status.revision
    if status.pairing == pairing and not newer(epoch, sequence, at[1], at[2])
        and not (epoch == at[1] and sequence == at[2] and thresholds > status.thresholds) then
      return 'stale'
    end
  end
  redis.call('HSET', statuses, id, message)
  redis.call('@PUBLISH@', channel, message)
  return 'lit'
end

local answers = {}
for i = 1, #ARGV, 7 do
  answers[#answers + 1] = light(ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]),
    tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5]), ARGV[i + 6])
end
return answers
