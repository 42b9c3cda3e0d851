-- Records the last rejections of devices of one tag.
-- KEYS: directory, directory version, rejections
-- ARGV: the gateway, then per device: id, how long ago it was (µs), the code, and the
--       message, both as JSON
-- Returns how many were recorded.
--
-- Only of registered devices: invented ids must not fill Redis. Of a device only the
-- newest one counts, whichever gateway rejected it.
local directory, version, rejections = KEYS[1], KEYS[2], KEYS[3]
local gateway = ARGV[1]
local now = now_us()
local recorded = 0

local function is_rejection(value)
  return is_count(value.at)
end

for i = 2, #ARGV, 4 do
  local id, at = ARGV[i], now - tonumber(ARGV[i + 1])
  if find(directory, version, id) then
    local stored = checked(redis.call('HGET', rejections, id), is_rejection)
    -- One from the future counts as old.
    if not stored or at >= stored.at or stored.at > now then
      redis.call('HSET', rejections, id, string.format(
        '{"at":%.0f,"gateway":"%s","code":%s,"message":%s}',
        at, gateway, ARGV[i + 2], ARGV[i + 3]))
      recorded = recorded + 1
    end
  end
end
return recorded
