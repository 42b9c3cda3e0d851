-- Reads registrations and credentials of devices of one tag.
-- KEYS: directory, directory version, credentials
-- ARGV: ids
-- Returns two values per device: registered, unregistered or absent; and its
-- digests as JSON, or an empty text if it has none.
local directory, version, credentials = KEYS[1], KEYS[2], KEYS[3]
local answers = {}
for _, id in ipairs(ARGV) do
  local entry, why = find(directory, version, id)
  answers[#answers + 1] = entry and 'registered' or why
  answers[#answers + 1] = redis.call('HGET', credentials, id) or ''
end
return answers
