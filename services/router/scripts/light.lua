-- Stores statuses of widgets of one tag, each only if it is newer, and announces it; one
-- run does so for several tags.
-- KEYS: per tag: directory, directory version, statuses, transitions
-- ARGV: per tag, per status: widget id, its channel, pairing number, epoch, sequence,
--       version of the thresholds, charger id, charging status, the whole message as JSON,
--       and '' or the revision of a stored status that this one replaces although it is
--       no older ("EPOCH SEQUENCE")
-- Returns per status: lit; restored (lit, in place of one that nothing can have led to);
-- stale (this one is stored, or one by newer thresholds); "ahead EPOCH SEQUENCE" (one of a
-- newer revision is stored, or another one of this revision); or mismatch (the widget has
-- another pairing by now, or another charger, or no entry).
--
-- This is the fence that makes harmless whatever happened before it: two routers on one
-- charger, a router that slept through its lease, a late or doubled message.
local directory, version, statuses, transitions -- of the tag at hand

-- The registry reads transitions from the stream and removes them. About so many wait per
-- tag while no registry runs; there must be a bound, because Redis evicts nothing.
local MOST_WAITING = 10000

-- Compares a status with the stored one, which may not be the usual next one before it. Returns
-- the answer, and the charging status that the widget has had in this pairing.
local function compare(raw, id, pairing, epoch, sequence, thresholds, charger, now, replaces)
  if not raw then return 'lit' end
  local stored = status_of(raw)
  if not stored then return 'restored' end
  pairing, epoch, sequence = tonumber(pairing), tonumber(epoch), tonumber(sequence)
  thresholds = tonumber(thresholds)
  if stored.pairing ~= pairing then
    -- Numbers only grow: one of an earlier pairing is usual, a later one is broken.
    return stored.pairing < pairing and 'lit' or 'restored'
  end
  local at, before = stored.revision, stored.data.status
  if newer(epoch, sequence, at[1], at[2]) then return 'lit', before end
  local entry = {pairing = pairing, charger = charger}
  if at[1] == epoch and at[2] == sequence and fits(stored, id, entry) then
    if thresholds > stored.thresholds then return 'lit', before end
    if thresholds < stored.thresholds or before == now then return 'stale' end
  end
  local revision = int(at[1]) .. ' ' .. int(at[2])
  if revision == replaces then return 'restored', before end
  return 'ahead ' .. revision
end

-- The charging status that a stored status has, if it is one of the same pairing and connection
-- and of an earlier reading, in the form that routers write.
local function status_before(raw, pairing, epoch, sequence)
  local status, stored_pairing, of, stored_sequence = string.match(raw or '',
    '^{"event":"chargingStatus","data":{"status":"(%w+)"},"widget":"[^"]+","charger":"[^"]+",'
    .. '"pairing":(%d+),"revision":%[(%d+),(%d+)%],"thresholds":%d+,"received_at":%d+}$')
  if stored_pairing == pairing and of == epoch
      and tonumber(stored_sequence) < tonumber(sequence) then
    return status
  end
end

local function light(id, channel, pairing, epoch, sequence, thresholds, charger, now, message,
    replaces)
  local number, paired_with = pairing_of_widget(directory, version, id)
  if number ~= pairing or paired_with ~= charger then return 'mismatch' end
  local raw = redis.call('HGET', statuses, id)
  local answer, before = 'lit', status_before(raw, pairing, epoch, sequence)
  if not before then
    answer, before =
      compare(raw, id, pairing, epoch, sequence, thresholds, charger, now, replaces)
  end
  if answer ~= 'lit' and answer ~= 'restored' then return answer end
  -- Announced first: where that is refused, the script ends here, and it is not stored
  -- either, so that the router's next attempt announces it.
  redis.call('@PUBLISH@', channel, message)
  redis.call('HSET', statuses, id, message)
  -- In the same script, so that there is no status without its transition. The id of the
  -- entry is the time. pcall: that key may have been broken by hand, or an older ACL may not
  -- know the channel of the same name, and no light depends on them.
  if before ~= now then
    redis.pcall('XADD', transitions, 'MAXLEN', '~', MOST_WAITING, '*', 'charger', charger,
      'widget', id, 'pairing', pairing, 'status', now)
    redis.pcall('@PUBLISH@', transitions, message)
  end
  return answer
end

local answers = {}
for key, first, last in calls(4) do
  directory, version = KEYS[key + 1], KEYS[key + 2]
  statuses, transitions = KEYS[key + 3], KEYS[key + 4]
  answers[#answers + 1] = (last - first + 1) / 10
  for i = first, last, 10 do
    answers[#answers + 1] = light(unpack(ARGV, i, i + 9))
  end
end
return answers
