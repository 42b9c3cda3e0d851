-- Reads the greatest number in the directory of a tag.
-- KEYS: directory, credentials
-- ARGV: none
-- Returns it, of pairings and of credentials; 0 if there is none.

local greatest = 0
for place, member in ipairs({'pairing', 'number'}) do
  for _, raw in ipairs(redis.call('HVALS', KEYS[place])) do
    local value = drawn(decoded(raw, member), member)
    if value then greatest = math.max(greatest, value[member]) end
  end
end
return int(greatest)
