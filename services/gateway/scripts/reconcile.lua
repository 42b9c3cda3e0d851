-- Compares what a gateway holds of one partition's chargers with what is stored.
-- KEYS: directory, directory version, live
-- ARGV: per charger, one or more: id, claim (services/gateway/chargers/stored_fingerprints.py)
-- Returns two values per charger with which not all is as claimed: its place in the
-- request, from 0; and missing (store the reading again), superseded, unregistered
-- or absent.
--
-- Asserts the epochs too, also those of connections without a reading: in a Redis
-- that was emptied, or promoted without the last writes, an old connection would
-- otherwise pass for the newest.
local directory, version, live = KEYS[1], KEYS[2], KEYS[3]

-- Is all as claimed, as far as can be told without decoding? What looks otherwise (an id
-- with that word in it, JSON that somebody wrote in another form) is looked at below.
local function is_kept(entry, state, claim)
  if not entry or not state or string.sub(state, 1, #claim) ~= claim then return false end
  local following = string.byte(state, #claim + 1)
  local goes_on = following and following >= 48 and following <= 57 -- a longer number
  return not goes_on and not string.find(entry, 'unregistered', 1, true)
end

local function hold(id, epoch, sequence)
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
  local claim = ARGV[2 * place]
  if not is_kept(entries[place], states[place], claim) then
    local answer = hold(id, tonumber(string.match(claim, '^{"epoch":(%d+)')),
      tonumber(string.match(claim, ',(%d+)%],$') or 0))
    if answer ~= 'kept' then
      answers[#answers + 1] = place - 1
      answers[#answers + 1] = answer
    end
  end
end
return answers
