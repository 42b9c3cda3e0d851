-- How scripts are called; every script starts with it. What a script does touches one
-- hash slot only: all keys and channels of a call carry the same tag. Names reach it as
-- arguments; none is built in a script.

-- The calls of a batch (shared/bus/script_batches.py): of each, the place before its first
-- key, and the places of its first and last argument. ARGV has before the arguments of each
-- call how many they are; each call has as many keys. The reply must have before the
-- answers to each call how many they are: a table for each would cost as much as storing
-- what is in it.
local function calls(keys)
  local key, last = -keys, 0
  return function()
    key = key + keys
    if key >= #KEYS then return nil end
    local first = last + 2
    last = last + 1 + ARGV[last + 1]
    return key, first, last
  end
end

