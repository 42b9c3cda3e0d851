-- Read transitions of one tag's widgets: new ones, and those that a registry read and
-- never acknowledged.
-- KEYS: transitions
-- ARGV: consumer group, consumer, how many at most, after how long (ms) an entry that was
--       not acknowledged is read again
-- Returns the entries: the id, and the fields and values as a list.
local key = KEYS[1]
local group, consumer, most, idle = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

-- Others may read the stream too, in groups of their own.
local function group_exists()
  for _, found in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    for i = 1, #found, 2 do
      if found[i] == 'name' and found[i + 1] == group then return true end
    end
  end
  return false
end

if redis.call('EXISTS', key) == 0 then return {} end
-- From the beginning: no registry recorded any entry of it.
if not group_exists() then redis.call('XGROUP', 'CREATE', key, group, '0') end

local found = {}
local left = redis.call('XPENDING', key, group, 'IDLE', idle, '-', '+', most)
for _, one in ipairs(left) do
  local id = one[1]
  local entry = redis.call('XRANGE', key, id, id)[1]
  if entry then
    redis.call('XCLAIM', key, group, consumer, idle, id, 'JUSTID')
    found[#found + 1] = entry
  else
    -- The stream was too long, and this entry was trimmed.
    redis.call('XACK', key, group, id)
  end
end
if #found < most then
  local new = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', most - #found,
    'STREAMS', key, '>')
  -- A list of streams, of which there is one, each with its entries.
  for _, entry in ipairs(new and new[1] and new[1][2] or {}) do found[#found + 1] = entry end
end
return found
