-- Removes keys of one slot that have another type than ours: no script can work with them.
-- What was in them is lost already, and each is written again from its source.
-- KEYS: the keys, then of their tag: directory version, live (twice another key if it has none)
-- ARGV: per key: its name within the tag, its type
-- Returns two values per key that was removed: key, the type that it had.
local version, live = KEYS[#KEYS - 1], KEYS[#KEYS]
local removed = {}

-- A service may lack the right to remove what it only reads. Then the registry, which writes
-- it, finds it, within a second.
local function remove(key, name, had)
  local answer = redis.pcall('DEL', key)
  if type(answer) == 'table' and answer.err then return end
  removed[#removed + 1] = key
  removed[#removed + 1] = had
  if name == 'directory' or name == 'credentials' then
    -- No longer complete: the registry writes all of the tag again.
    redis.call('DEL', version)
  elseif name == 'pending' then
    -- Which readings waited is not known any more, so all do.
    local ids = redis.pcall('HKEYS', live)
    for _, id in ipairs(ids.err and {} or ids) do redis.call('ZADD', key, 0, id) end
  end
end

for i = 1, #KEYS - 2 do
  local name, ours = ARGV[2 * i - 1], ARGV[2 * i]
  local had = redis.call('TYPE', KEYS[i]).ok
  if had ~= 'none' and had ~= ours then remove(KEYS[i], name, had) end
end
return removed
