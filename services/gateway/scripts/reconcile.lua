-- Compares what a gateway's chargers of one partition sent with what is stored.
-- KEYS: directory, directory version, live
-- ARGV: per charger, one or more: id, fingerprint
--       (services/gateway/chargers/stored_fingerprints.py)
-- Returns two values per charger that differs: its place in the request, from 0; and
-- missing (store the reading again), superseded, unregistered or absent.
--
-- Writes the epochs again too, also of connections without a reading: in a Redis
-- that was emptied, or promoted without the last writes, an old connection would
-- otherwise pass for the newest.
local directory, version, live = KEYS[1], KEYS[2], KEYS[3]

-- Does the stored state match, as far as can be told without decoding? What only looks
-- different (an id with that word in it, JSON in another form) is decoded below.
local function matches(entry, state, fingerprint)
  if not entry or not state or string.sub(state, 1, #fingerprint) ~= fingerprint then
    return false
  end
  local following = string.byte(state, #fingerprint + 1)
  local goes_on = following and following >= 48 and following <= 57 -- a longer number
  return not goes_on and not string.find(entry, 'unregistered', 1, true)
end

local function reconcile(id, epoch, sequence)
  local entry, why = find(directory, version, id)
  if not entry then return why end
  local state = live_of(live, id) or {epoch = 0}
  if state.epoch > epoch then return 'superseded' end
  if state.epoch < epoch then
    write_live(live, id, epoch, state.revision, state.soc, state.received_at)
  end
  local stored = state.revision
  if sequence > 0 and not (stored and not newer(epoch, sequence, stored[1], stored[2])) then
    return 'missing'
  end
  return 'kept'
end

local ids = {}
for i = 1, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
local entries = redis.call('HMGET', directory, unpack(ids))
local states = redis.call('HMGET', live, unpack(ids))
local answers = {}
for place, id in ipairs(ids) do
  local fingerprint = ARGV[2 * place]
  if not matches(entries[place], states[place], fingerprint) then
    local answer = reconcile(id, tonumber(string.match(fingerprint, '^{"epoch":(%d+)')),
      tonumber(string.match(fingerprint, ',(%d+)%],$') or 0))
    if answer ~= 'kept' then
      answers[#answers + 1] = place - 1
      answers[#answers + 1] = answer
    end
  end
end
return answers
