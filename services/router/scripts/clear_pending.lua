-- Clears chargers of one partition from pending unless their reading or their pairing
-- changed since it was routed; one run does so for several partitions.
-- KEYS: per partition: directory, live, pending
-- ARGV: per partition, per charger: id, epoch, sequence, pairing number (0: not registered)
-- Returns per partition: how many were cleared.
local answers = {}
for key, first, last in calls(3) do
  local directory, live, pending = KEYS[key + 1], KEYS[key + 2], KEYS[key + 3]
  local cleared = 0
  for i = first, last, 4 do
    local id = ARGV[i]
    local entry = entry_of(directory, id)
    local pairing = entry and not entry.unregistered and entry.pairing or 0
    local revision = (live_of(live, id) or {}).revision or {0, 0}
    if pairing == tonumber(ARGV[i + 3]) and revision[1] == tonumber(ARGV[i + 1])
        and revision[2] == tonumber(ARGV[i + 2]) then
      cleared = cleared + redis.call('ZREM', pending, id)
    end
  end
  answers[#answers + 1] = 1
  answers[#answers + 1] = cleared
end
return answers
