-- Reads what is stored of chargers of one partition that speak OCPP, and of their connectors.
-- KEYS: directory, directory version, live, transactions, credentials
-- ARGV: per charger: id, epoch
-- Returns Redis' time, then per charger nothing if a newer connection has a greater epoch, or a
-- list: its transactions as JSON ("" for none), then four values for itself (number 1) and each
-- registered connector: its number, how long ago its reading was sampled (µs; or nothing), what is
-- told of its pairing (`pairing_told`), and what counts as full there (or nothing, if that is not
-- known: Redis was emptied).
--
-- Raises the epochs of the connectors to the charger's: from now on an older connection of the
-- charger can store nothing for any of them.
local directory, version, live, transactions = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local credentials = KEYS[5]
local now = now_us()

local function add(answer, id, number, state, entry)
  local known = credentials_of(redis.call('HGET', credentials, id))
  answer[#answer + 1] = number
  answer[#answer + 1] = state.received_at and int(math.max(now - state.received_at, 0)) or false
  answer[#answer + 1] = entry and pairing_told(entry, now) or {}
  answer[#answer + 1] = known and (known.full_when or 'reported') or false
end

local function recall(id, epoch)
  local state = live_of(live, id) or {epoch = 0}
  if state.epoch > epoch then return false end
  local answer = {redis.call('HGET', transactions, id) or ''}
  add(answer, id, 1, state)
  local ids = {}
  for number = 2, 99 do ids[#ids + 1] = id .. ':' .. number end
  for place, raw in ipairs(redis.call('HMGET', directory, unpack(ids))) do
    local entry = raw and find(directory, version, ids[place])
    if entry then
      local own = live_of(live, ids[place]) or {epoch = 0}
      if own.epoch < epoch then write_live(live, ids[place], epoch, own) end
      add(answer, ids[place], place + 1, own, entry)
    end
  end
  return answer
end

local answers = {int(now)}
for i = 1, #ARGV, 2 do answers[#answers + 1] = recall(ARGV[i], tonumber(ARGV[i + 1])) end
return answers
