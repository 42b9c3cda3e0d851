-- Stores statuses of widgets of one tag, each only if it is newer, and announces it; one
-- run does so for several tags.
-- KEYS: per tag: directory, statuses, transitions
-- ARGV: per tag, per status: widget id, its channel, pairing number, epoch, sequence,
--       version of the thresholds, charger id, charging status, the whole message as JSON
-- Returns per status: lit, stale (an equal or a newer one is stored), or mismatch (the
-- widget has another pairing by now, or no entry).
--
-- This is the fence that makes harmless whatever happened before it: two routers on one
-- charger, a router that slept through its lease, a late or doubled message.
local directory, statuses, transitions -- of the tag at hand

-- The registry reads transitions from the stream and removes them. About so many wait per
-- tag while no registry runs; there must be a bound, because Redis evicts nothing.
local MOST_WAITING = 10000

local function light(id, channel, pairing, epoch, sequence, thresholds, charger, now, message)
  local before
  local entry = entry_of(directory, id)
  if not entry or entry.unregistered or entry.pairing ~= pairing then return 'mismatch' end
  local status = decoded(redis.call('HGET', statuses, id), 'pairing')
  if status then
    local at = status.revision
    if status.pairing == pairing and not newer(epoch, sequence, at[1], at[2])
        and not (epoch == at[1] and sequence == at[2] and thresholds > status.thresholds) then
      return 'stale'
    end
    before = status.pairing == pairing and status.data.status
  end
  redis.call('HSET', statuses, id, message)
  redis.call('@PUBLISH@', channel, message)
  -- In the same script, so that there is no status without its transition. The id of the
  -- entry is the time. pcall: that key may have been broken by hand, and no light depends
  -- on it.
  if before ~= now then
    redis.pcall('XADD', transitions, 'MAXLEN', '~', MOST_WAITING, '*', 'charger', charger,
      'widget', id, 'pairing', int(pairing), 'status', now)
  end
  return 'lit'
end

local answers = {}
for key, first, last in calls(3) do
  directory, statuses, transitions = KEYS[key + 1], KEYS[key + 2], KEYS[key + 3]
  answers[#answers + 1] = (last - first + 1) / 9
  for i = first, last, 9 do
    answers[#answers + 1] = light(ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]),
      tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5]), ARGV[i + 6],
      ARGV[i + 7], ARGV[i + 8])
  end
end
return answers
