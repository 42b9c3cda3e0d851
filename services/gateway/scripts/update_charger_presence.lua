-- Stores which chargers of one partition are connected to a gateway, and which left it.
-- KEYS: directory, directory version, presence
-- ARGV: channel of the changes, the gateway, since when it counts as alive without a
--       break (µs), deadline (µs, Redis' clock), then per charger: id, connection
--       epoch, 1 if it is connected or 0 if it left
-- Returns per charger: noted, superseded, unregistered, absent or late.
--
-- Every change compares the epoch, so the end of an old connection never takes a
-- newer one offline. What waited too long (in a frozen Redis' socket buffer) is
-- refused: the opposite may have been stored since.
local directory, version, presence = KEYS[1], KEYS[2], KEYS[3]
local channel, gateway = ARGV[1], ARGV[2]
local alive_since, deadline = tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_us()

-- What is stored of a charger, or nil if there is nothing, or nothing valid.
local function stored_of(id)
  local entry = decoded(redis.call('HGET', presence, id), 'epoch')
  return entry and type(entry.since) == 'number' and entry or nil
end

local function announce(id, online)
  redis.call('@PUBLISH@', channel, string.format(
    '{"charger":"%s","online":%s,"gateway":"%s","at":%.0f}', id, online, gateway, now))
end

local function connect(id, epoch)
  local entry, why = find(directory, version, id)
  if not entry then return why end
  local stored = stored_of(id)
  if stored and stored.epoch > epoch then return 'superseded' end
  local was_here = stored and not stored.left and stored.gateway == gateway
  local since = now
  -- Not from before the gateway last counted as dead: another one may be sweeping the
  -- entries until then, and tells newer ones by this time.
  if was_here and stored.epoch == epoch and stored.since >= alive_since then
    since = stored.since
  end
  redis.call('HSET', presence, id, string.format(
    '{"gateway":"%s","epoch":%.0f,"since":%.0f}', gateway, epoch, since))
  if not was_here then announce(id, 'true') end
  return 'noted'
end

local function disconnect(id, epoch)
  local stored = stored_of(id)
  if not stored or stored.left then return 'noted' end
  if stored.epoch > epoch then return 'superseded' end
  redis.call('HSET', presence, id, string.format(
    '{"gateway":"%s","epoch":%.0f,"since":%.0f,"left":%.0f}', gateway, epoch, stored.since, now))
  announce(id, 'false')
  return 'noted'
end

local answers = {}
for i = 5, #ARGV, 3 do
  local id, epoch = ARGV[i], tonumber(ARGV[i + 1])
  if now > deadline then
    answers[#answers + 1] = 'late'
  elseif ARGV[i + 2] == '1' then
    answers[#answers + 1] = connect(id, epoch)
  else
    answers[#answers + 1] = disconnect(id, epoch)
  end
end
return answers
