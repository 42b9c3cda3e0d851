-- Reads registrations, credentials and pairings of devices of one tag.
-- KEYS: directory, directory version, credentials
-- ARGV: ids
-- Returns whether the directory is complete (1 or 0), then three values per device:
-- registered, unregistered or absent; its credentials as JSON, or an empty text; and what
-- is told of its pairing (`pairing_told`; only chargers' is of use), or nothing.
--
-- A registered device without credentials: Redis was emptied in the middle of a
-- projection, or they cannot be read. It may well have a secret, so no connection is admitted
-- as this device: it counts as absent until the registry has written both.
local directory, version, credentials = KEYS[1], KEYS[2], KEYS[3]
local now = now_us()
local answers = {redis.call('EXISTS', version)}
for _, id in ipairs(ARGV) do
  local entry, why = find(directory, version, id)
  local known = redis.call('HGET', credentials, id)
  if known and not credentials_of(known) then
    known = nil
    distrust(version)
  end
  if entry and not known then why = 'absent' end
  answers[#answers + 1] = entry and known and 'registered' or why
  answers[#answers + 1] = known or ''
  answers[#answers + 1] = entry and pairing_told(entry, now) or {}
end
return answers
