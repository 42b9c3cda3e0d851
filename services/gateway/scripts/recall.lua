-- Reads what is stored of chargers of one partition that speak OCPP and just got their epochs.
-- KEYS: live, transactions
-- ARGV: per charger: id, epoch
-- Returns two values per charger: its transactions as JSON ("" for none), or nothing if a newer
-- connection has a greater epoch; and how long ago its reading was sampled (µs), or nothing.
local live, transactions = KEYS[1], KEYS[2]
local now = now_us()
local answers = {}
for i = 1, #ARGV, 2 do
  local id, epoch = ARGV[i], tonumber(ARGV[i + 1])
  local state = live_of(live, id) or {epoch = 0}
  answers[#answers + 1] = state.epoch <= epoch and (redis.call('HGET', transactions, id) or '')
  answers[#answers + 1] = state.received_at and int(math.max(now - state.received_at, 0)) or false
end
return answers
