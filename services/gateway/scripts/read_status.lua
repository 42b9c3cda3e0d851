-- Reads the registrations and statuses of widgets of one tag.
-- KEYS: directory, directory version, statuses
-- ARGV: ids
-- Returns three values per widget: its pairing number, unregistered or absent; its stored
-- status as JSON, or an empty text if there is none of this pairing; and then its charger,
-- if it is paired.
local directory, version, statuses = KEYS[1], KEYS[2], KEYS[3]
local answers = {}
for _, id in ipairs(ARGV) do
  local entry, why = find(directory, version, id)
  local status, charger = '', ''
  if entry then
    local stored = redis.call('HGET', statuses, id)
    local known = status_of(stored)
    if known and fits(known, id, entry) then
      status = stored
    elseif entry.charger then
      charger = entry.charger
    end
  end
  answers[#answers + 1] = entry and int(entry.pairing) or why
  answers[#answers + 1] = status
  answers[#answers + 1] = charger
end
return answers
