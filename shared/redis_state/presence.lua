-- What the scripts that change presence have in common; they start with it, after the model.
-- KEYS: the last one: presence
-- ARGV: channel of the changes, the gateway
local presence, channel, gateway = KEYS[#KEYS], ARGV[1], ARGV[2]
local now = now_us()

local function announce(kind, id, online, at_gateway)
  redis.call('@PUBLISH@', channel, string.format(
    '{"%s":"%s","online":%s,"gateway":"%s","at":%.0f}',
    kind, id, tostring(online), at_gateway, now))
end

-- Applies changes. ARGV after the gateway: since when it counts as alive without a break
-- (µs), and a deadline (µs, Redis' clock); then per device: id, connection epoch (0: a
-- widget), 1 if it is connected or 0 if it left. Returns an answer per device.
--
-- A change that waited too long (in a frozen Redis' socket buffer) is refused: the opposite
-- may have been stored since.
local function update(connect, disconnect)
  local deadline = tonumber(ARGV[4])
  local answers = {}
  for i = 5, #ARGV, 3 do
    local apply = ARGV[i + 2] == '1' and connect or disconnect
    answers[#answers + 1] = now > deadline and 'late' or apply(ARGV[i], tonumber(ARGV[i + 1]))
  end
  return answers
end

-- Was an entry written after a time? One from the future was written by a clock that was ahead.
local function is_later(since, limit)
  return since > limit and since <= now
end

-- Removes the gateway from entries. ARGV after the gateway: until when (µs, Redis' clock)
-- entries were written that are swept, and when their devices left (µs; 0: now); then the
-- devices that stay: id, epoch. Returns how many entries changed. Later entries stay: the
-- gateway came back.
local function sweep(named, sweep_entry)
  local limit, left = tonumber(ARGV[3]), tonumber(ARGV[4])
  if left == 0 then left = now end
  local staying = {}
  for i = 5, #ARGV, 2 do staying[ARGV[i]] = tonumber(ARGV[i + 1]) end
  local found = redis.call('HGETALL', presence)
  local swept = 0
  for i = 1, #found, 2 do
    local id, raw = found[i], found[i + 1]
    if string.find(raw, named, 1, true) and sweep_entry(id, raw, limit, left, staying[id]) then
      swept = swept + 1
    end
  end
  return swept
end

-- A charger's stored entry, or nil if there is nothing, or nothing valid.
local function charger_presence(raw)
  return checked(raw, is_charger_presence)
end

-- Since when which gateways have connections of a widget; nil if it never connected.
local function widget_presence(raw)
  if not raw then return nil end
  local readable, entry = pcall(cjson.decode, raw)
  local found = {}
  if readable and type(entry) == 'table' and type(entry.gateways) == 'table' then
    for name, since in pairs(entry.gateways) do
      if type(name) == 'string' and type(since) == 'number' and is_count(since) then
        found[name] = since
      end
    end
  end
  return found
end

local function left_at(left)
  return left and string.format(',"left":%.0f', left) or ''
end

local function write_charger_presence(id, epoch, since, left)
  redis.call('HSET', presence, id, string.format(
    '{"gateway":"%s","epoch":%.0f,"since":%.0f%s}', gateway, epoch, since, left_at(left)))
end

local function write_widget_presence(id, gateways, left)
  local parts = {}
  for name, since in pairs(gateways) do
    parts[#parts + 1] = string.format('"%s":%.0f', name, since)
  end
  table.sort(parts)
  redis.call('HSET', presence, id, string.format(
    '{"gateways":{%s}%s}', table.concat(parts, ','), #parts == 0 and left_at(left) or ''))
end

-- Removes the gateway from a widget's entry; without another gateway the widget is offline.
local function leave_widget(id, gateways, left)
  gateways[gateway] = nil
  write_widget_presence(id, gateways, left)
  local other = next(gateways)
  announce('widget', id, other ~= nil, other or gateway)
end

