-- Removes a gateway from the widgets of one tag; those without another go offline.
-- KEYS: presence
-- ARGV: channel of the changes, the gateway, then as `sweep` in presence.lua
-- Returns how many were changed.
return sweep('"' .. gateway .. '":', function(id, raw, limit, left, staying)
  local gateways = widget_presence(raw)
  local since = gateways[gateway]
  if staying or not since or is_later(since, limit) then return false end
  leave_widget(id, gateways, math.max(left, since))
  return true
end)
