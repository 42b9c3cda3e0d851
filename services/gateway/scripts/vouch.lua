-- Reads registrations and credentials of devices of one tag.
-- KEYS: directory, directory version, credentials
-- ARGV: ids
-- Returns two values per device: registered, unregistered or absent; and its
-- credentials as JSON, or an empty text.
--
-- A registered device without credentials is one of a Redis that was emptied in the
-- middle of a projection. It may well have a secret, so nobody is let in as it: it
-- counts as absent until the registry has written both. And until all of them are
-- there, all are absent: else it could be told which ids exist.
local directory, version, credentials = KEYS[1], KEYS[2], KEYS[3]
local complete = redis.call('EXISTS', version) == 1
local answers = {}
for _, id in ipairs(ARGV) do
  local entry, why = find(directory, version, id)
  local known = redis.call('HGET', credentials, id)
  if not complete or (entry and not known) then entry, why = nil, 'absent' end
  answers[#answers + 1] = entry and 'registered' or why
  answers[#answers + 1] = known or ''
end
return answers
