-- Compares what a gateway's chargers of one partition sent with what is stored.
-- KEYS: directory, directory version, live
-- ARGV: per charger, one or more: id, fingerprint
--       and known pairing (services/gateway/chargers/stored_fingerprints.py)
-- Returns Redis' time, then three values per charger that differs: its place in the
-- request, from 0; missing (store the reading again), superseded, unregistered, absent, or
-- kept (the reading is there); and what is told of its pairing (`pairing_told`) if that is
-- not the known one, else nothing.
--
-- Writes the epochs again too, also of connections without a reading: in a Redis
-- that was emptied, or promoted without the last writes, an old connection would
-- otherwise pass for the newest.
local directory, version, live = KEYS[1], KEYS[2], KEYS[3]
local now = now_us()

-- Do entry and stored state match, as far as can be told without decoding? What only looks
-- different (JSON in another form) is decoded below.
local function matches(entry, known, state, fingerprint)
  if not entry or not state or string.sub(entry, 1, #known) ~= known
      or string.sub(state, 1, #fingerprint) ~= fingerprint then
    return false
  end
  local following = string.byte(state, #fingerprint + 1)
  return not (following and following >= 48 and following <= 57) -- a longer number
end

local function reconcile(id, entry, epoch, sequence)
  local state = live_of(live, id) or {epoch = 0}
  if state.epoch > epoch then return 'superseded' end
  if state.epoch < epoch then write_live(live, id, epoch, state) end
  local stored = state.revision
  if sequence > 0 and not (stored and not newer(epoch, sequence, stored[1], stored[2])) then
    return 'missing'
  end
  return 'kept'
end

-- What is told of a charger's pairing if it is not the known one. One with a lower number is
-- not told of: Redis is behind.
local function news(entry, known)
  local mark = mark_in(entry)
  local is_known = known == '{"pairing":' .. int(entry.pairing)
    .. (mark == '' and '}' or ',"token":"' .. entry.token .. '"')
  if is_known or entry.pairing < tonumber(string.match(known, '^{"pairing":(-?%d+)')) then
    return {}
  end
  return pairing_told(entry, now)
end

local ids = {}
for i = 1, #ARGV, 3 do ids[#ids + 1] = ARGV[i] end
local entries = redis.call('HMGET', directory, unpack(ids))
local states = redis.call('HMGET', live, unpack(ids))
local answers = {int(now)}
for place, id in ipairs(ids) do
  local fingerprint, known = ARGV[3 * place - 1], ARGV[3 * place]
  if not matches(entries[place], known, states[place], fingerprint) then
    local entry, answer = find(directory, version, id)
    local told = {}
    if entry then
      answer = reconcile(id, entry, tonumber(string.match(fingerprint, '^{"epoch":(%d+)')),
        tonumber(string.match(fingerprint, ',(%d+)%],$') or 0))
      told = news(entry, known)
    end
    if answer ~= 'kept' or told[1] then
      answers[#answers + 1] = place - 1
      answers[#answers + 1] = answer
      answers[#answers + 1] = told
    end
  end
end
return answers
