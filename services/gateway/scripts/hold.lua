-- Compares what a gateway holds of one partition's chargers with what is stored.
-- KEYS: directory, directory version, live
-- ARGV: per charger: id, epoch, sequence of its last reading (0: none)
-- Returns per charger: kept, missing (store the reading again), superseded,
-- unregistered or absent.
--
-- Asserts the epochs too, also those of connections without a reading: in a Redis
-- that was emptied, or promoted without the last writes, an old connection would
-- otherwise pass for the newest.
local directory, version, live = KEYS[1], KEYS[2], KEYS[3]

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

local answers = {}
for i = 1, #ARGV, 3 do
  answers[#answers + 1] = hold(ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]))
end
return answers
