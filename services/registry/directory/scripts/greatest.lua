-- Reads the greatest number in the directory of a tag.
-- KEYS: directory, credentials
-- ARGV: none
-- Returns it, of pairings and of credentials; 0 if there is none.

local greatest = 0
for _, raw in ipairs(redis.call('HVALS', KEYS[1])) do
  local entry = checked(raw, is_entry)
  if entry then greatest = math.max(greatest, entry.pairing) end
end
for _, raw in ipairs(redis.call('HVALS', KEYS[2])) do
  local known = credentials_of(raw)
  if known then greatest = math.max(greatest, known.number) end
end
return int(greatest)
