-- What is stored in Redis, and how: the directory's entries and the chargers' live state.
-- Every script starts with what it uses of it.
--
-- Numbers: epochs are microseconds since 1970, below 2^53, so exact in Lua's
-- doubles and through cjson.decode; but cjson.encode would round them to 14
-- digits, so JSON with numbers in it is written with string.format.

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function int(number)
  return string.format('%.0f', number)
end

-- Is revision (epoch, sequence) newer than the other one?
local function newer(epoch, sequence, other_epoch, other_sequence)
  return epoch > other_epoch or (epoch == other_epoch and sequence > other_sequence)
end

-- The checks of the shape of stored values. With redis-cli anything can be written, and one
-- value that cannot be read must stop no script: the lights of all other devices would stop
-- with it. What fails a check counts as not there, and is written again from its source.

-- A check need not ask for types: a comparison, or a length, of something of another type is an
-- error, and what makes a check fail in any way cannot be read.

-- A whole number, so far below 2^53 that there is always a next one.
local function is_count(value)
  return value >= 0 and value <= 2 ^ 53 - 2 ^ 40 and value % 1 == 0
end

local function is_id(value)
  local own = string.match(value, '^(.+):[2-9]$') or string.match(value, '^(.+):[1-9]%d$')
  own = own or value -- without a connector's number
  return #own <= 64 and string.find(own, '^[%w._-]+$') ~= nil
end

-- May a text stand in JSON that is put together here?
local function is_plain(value)
  return #value >= 0 and not string.find(value, '[^%w-]')
end

local function is_revision(value)
  return #value == 2 and is_count(value[1]) and is_count(value[2])
end

local function decoded(raw, is_right)
  local value = cjson.decode(raw)
  return is_right(value) and value or nil
end

-- A value that passes a check, or nil.
local function checked(raw, is_right)
  if not raw then return nil end
  local readable, value = pcall(decoded, raw, is_right)
  return readable and value or nil
end

-- A number that Postgres can have drawn. A greater one was written by hand: no other number
-- would ever replace it, and a gateway would wait for one for ever.
local function is_drawn(value)
  return is_count(value) and value <= 2 ^ 52
end

local function is_entry(value)
  return is_drawn(value.pairing)
    and (value.unregistered == nil or value.unregistered == true)
    and (value.charger == nil or is_id(value.charger))
    and (value.widget == nil
      or is_id(value.widget) and value.paired_at ~= nil and value.token ~= nil)
    and (value.paired_at == nil or is_count(value.paired_at))
    and (value.token == nil or is_plain(value.token))
end

local function is_live(value)
  if not is_count(value.epoch) then return false end
  if value.revision == nil then
    return value.soc == nil and value.received_at == nil and value.mark == nil
  end
  return is_revision(value.revision) and value.revision[1] <= value.epoch
    and value.soc >= 0 and value.soc <= 100
    and is_count(value.received_at) and is_plain(value.mark)
end

local function is_charger_presence(value)
  return is_count(value.epoch) and is_count(value.since) and type(value.gateway) == 'string'
end

local function is_charging_status(value)
  return value == 'charging' or value == 'charging80' or value == 'charged'
end

local function is_status(value)
  return is_count(value.pairing) and is_revision(value.revision) and is_count(value.thresholds)
    and type(value.charger) == 'string' and type(value.widget) == 'string'
    and (value.event == nil or value.event == 'chargingStatus')
    and (value.replaces == nil or is_revision(value.replaces))
    and (value.received_at == nil or is_count(value.received_at))
    and is_charging_status(value.data.status)
end

-- A device's directory entry as it is stored, also one that says "unregistered".
local function entry_of(directory, id)
  return checked(redis.call('HGET', directory, id), is_entry)
end

-- An entry cannot be read: the directory of this tag is no longer complete, so the registry
-- writes all of it again, within a second.
local function distrust(version)
  redis.call('DEL', version)
end

local function is_credentials(value)
  if not is_drawn(value.number) then return false end
  if value.registered ~= nil and not is_count(value.registered) then return false end
  if value.auth ~= nil and value.auth ~= 'any' and value.auth ~= 'certificate' then return false end
  if value.full_when ~= nil and type(value.full_when) ~= 'string' then return false end
  for _, digest in ipairs(value.digests) do
    if type(digest) ~= 'string' or not string.find(digest, '^%x+$') then return false end
  end
  return true
end

-- Stored credentials: {number, registered, digests = [...], auth, full_when}. Decoded, {} and [] are alike.
local function credentials_of(raw)
  if not raw or not string.find(raw, '"digests":%s*%[') then return nil end
  return checked(raw, is_credentials)
end

-- A stored status: {pairing, revision, thresholds, charger, widget, data = {status}}.
local function status_of(raw)
  return checked(raw, is_status)
end

-- The version of a tag's directory, and how many entries it has: "VERSION:COUNT". Nothing while
-- the directory is not complete, and if something else was written there.
local function version_and_count(version)
  local number, count = string.match(redis.call('GET', version) or '', '^(%d+):(%d+)$')
  return tonumber(number), tonumber(count)
end

-- Is the directory of this tag complete, and were no entries removed or added by hand?
local function is_intact(directory, version)
  local _, count = version_and_count(version)
  return count == redis.call('HLEN', directory)
end

-- A device's directory entry, or nil and why there is none: 'unregistered', or 'absent'
-- while the directory is not there (Redis was emptied), entries are missing in it, or this
-- one cannot be read.
local function find(directory, version, id)
  local raw = redis.call('HGET', directory, id)
  local entry = checked(raw, is_entry)
  if entry then
    if not entry.unregistered then return entry end
    return nil, 'unregistered'
  end
  if raw then
    distrust(version)
  elseif is_intact(directory, version) then
    return nil, 'unregistered'
  end
  return nil, 'absent'
end

-- The directory of this tag changed, and has so many entries more (fewer: below 0). Gateways,
-- which compare versions, look again. The version exists only while the directory is complete.
local function bump(version, added)
  local number, count = version_and_count(version)
  if number then
    redis.call('SET', version, int(math.max(number + 1, now_us())) .. ':' .. int(count + added))
  end
end

-- What a reading meets in Redis is nearly always in the form that it is written in, and then a
-- pattern finds what is needed in half the time of decoding and checking. All else is decoded.

-- A charger's pairing: number, token and widget, as texts; the widget is nil if it is not paired.
-- Or nil and why there is no entry, as of `find`.
local function pairing_of_charger(directory, version, id)
  local pairing, token, widget = string.match(redis.call('HGET', directory, id) or '',
    '^{"pairing":(%d+),"token":"([%w-]+)","paired_at":%d+,"widget":"([%w._-]+)"}$')
  if pairing and #pairing <= 15 and #widget <= 64 then return pairing, token, widget end
  local entry, why = find(directory, version, id)
  if not entry then return nil, why end
  return int(entry.pairing), entry.token, entry.widget
end

-- A widget's pairing: number, as a text, and charger; nil if it has no entry.
local function pairing_of_widget(directory, version, id)
  local pairing, charger = string.match(redis.call('HGET', directory, id) or '',
    '^{"pairing":(%d+),"charger":"([%w._:-]+)"}$')
  if pairing and #pairing <= 15 and #charger <= 67 then return pairing, charger end
  local entry = find(directory, version, id)
  if entry then return int(entry.pairing), entry.charger end
end

-- Is a reading the next one of its connection? Then it replaces what is stored, whatever else
-- that says.
local function is_next_reading(live, id, epoch, sequence)
  local start = '{"epoch":' .. epoch .. ',"revision":[' .. epoch .. ','
  local raw = redis.call('HGET', live, id)
  if not raw or string.find(raw, start, 1, true) ~= 1 then return false end
  local stored = string.match(raw, '^%d+', #start + 1)
  return stored and tonumber(stored) < tonumber(sequence)
end

-- A charger's live state: {epoch, revision = {epoch, sequence}, soc, received_at, mark}, and of
-- a reading that is traced also traceparent, which no check asks for: no light depends on it.
-- One that cannot be read is removed: a gateway that compares only how it begins would not
-- notice it, but stores again what is missing.
local function live_of(live, id)
  local raw = redis.call('HGET', live, id)
  local state = checked(raw, is_live)
  if raw and not state then redis.call('HDEL', live, id) end
  return state
end

-- Does a status belong to a widget, and to the pairing that its entry has?
local function fits(status, id, entry)
  return status.pairing == entry.pairing and status.charger == entry.charger
    and status.widget == id
end

-- A number as JSON, as short as it can be without changing it.
local function number(value)
  local short = string.format('%.14g', value)
  return tonumber(short) == value and short or string.format('%.17g', value)
end

-- Writes a live state with a reading. All arguments are texts, ready for the JSON.
local function write_reading(live, id, epoch, revision, soc, received_at, mark)
  redis.call('HSET', live, id, '{"epoch":' .. epoch .. ',"revision":' .. revision
    .. ',"soc":' .. soc .. ',"received_at":' .. received_at .. ',"mark":"' .. mark .. '"}')
end

-- The context of a trace if it may stand in JSON, or nil.
local function right_traceparent(value)
  return type(value) == 'string' and #value == 55 and is_plain(value) and value or nil
end

-- When a reading was received, as a text, and the context of its trace after it, if it has one.
local function with_trace(received_at, traceparent)
  local right = right_traceparent(traceparent)
  return right and received_at .. ',"traceparent":"' .. right .. '"' or received_at
end

-- Writes a live state again, with another epoch.
local function write_live(live, id, epoch, state)
  local revision = state.revision
  if revision then
    write_reading(live, id, int(epoch), '[' .. int(revision[1]) .. ',' .. int(revision[2]) .. ']',
      number(state.soc), with_trace(int(state.received_at), state.traceparent), state.mark)
  else
    redis.call('HSET', live, id, string.format('{"epoch":%.0f}', epoch))
  end
end

-- A charger's directory entry as JSON; widget is nil if it is not paired. It begins with what
-- tells one pairing from another: gateways know that text (`known_pairing` in
-- services/gateway/chargers/stored_fingerprints.py).
local function charger_entry(pairing, widget, token, paired_at)
  if not widget then return string.format('{"pairing":%.0f}', pairing) end
  return string.format('{"pairing":%.0f,"token":"%s","paired_at":%.0f,"widget":"%s"}',
    pairing, token, paired_at, widget)
end

-- The entry that marks a device as unregistered.
local function unregistered_entry(number)
  return string.format('{"pairing":%.0f,"unregistered":true}', number)
end

-- The mark of a pairing: its number, as a text, and its token.
local function mark_of(pairing, token)
  return pairing .. '-' .. token
end

-- The mark of the pairing that a charger's entry has; "" if it is not paired.
local function mark_in(entry)
  return entry.widget and mark_of(int(entry.pairing), entry.token) or ''
end

-- May a reading light the charger's widget? Only one that was given the mark of the present
-- pairing: its device sent it after the gateway knew of that pairing.
local function may_light(mark, present)
  return mark ~= '' and mark == present
end

-- How long ago a charger was paired, in µs. No pairing is from the future: Redis' clock was
-- set back, or this server's is behind. Then it began now.
local function pairing_age(entry, now)
  return math.max(now - entry.paired_at, 0)
end

-- What a gateway is told of a charger's pairing: its number, its mark, and its age (µs).
local function pairing_told(entry, now)
  local mark = mark_in(entry)
  local age = mark == '' and 0 or pairing_age(entry, now)
  return {int(entry.pairing), mark, int(age)}
end

-- Mark every connection that a charger has now as superseded: it ends with its next
-- frame, and its readings do not count. The stored reading is removed.
local function supersede(live, id)
  local state = live_of(live, id)
  if state then write_live(live, id, math.max(state.epoch + 1, now_us()), {}) end
end

