-- Tells whether directories are complete, and no entries were removed or added by hand; one
-- run does so for several tags.
-- KEYS: per tag: directory, directory version, credentials
-- ARGV: per tag: none
-- Returns per tag: 1 or 0.

local function check(directory, version, credentials)
  if not is_intact(directory, version) then return 0 end
  if redis.call('EXISTS', credentials) == 1 then return 1 end
  -- Where no device has credentials, none may be registered.
  for _, entry in ipairs(redis.call('HVALS', directory)) do
    if not string.find(entry, '"unregistered":true', 1, true) then return 0 end
  end
  return 1
end

local answers = {}
for key in calls(3) do
  answers[#answers + 1] = 1
  answers[#answers + 1] = check(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3])
end
return answers
