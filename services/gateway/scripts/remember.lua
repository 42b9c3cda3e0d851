-- Stores what a gateway keeps of chargers of one partition that speak OCPP: their transactions,
-- or what is known of them.
-- KEYS: live, the hash to store it in
-- ARGV: per charger: id, epoch, what to store, as JSON
-- Returns per charger: stored, or superseded if a newer connection has a greater epoch.
--
-- May be repeated. Who is no longer registered has a greater epoch, too, so nothing of it stays.
local live, hash = KEYS[1], KEYS[2]
local answers = {}
for i = 1, #ARGV, 3 do
  local id, epoch = ARGV[i], tonumber(ARGV[i + 1])
  local state = live_of(live, id) or {epoch = 0}
  if state.epoch > epoch then
    answers[#answers + 1] = 'superseded'
  else
    redis.call('HSET', hash, id, ARGV[i + 2])
    answers[#answers + 1] = 'stored'
  end
end
return answers
