-- Ids are compared byte by byte. Whoever types C1234 for c1234 gets a hint, found by these.
-- (In the collation "C" of ids, lower() changes A to Z only, on every server.)
CREATE INDEX chargers_id_in_any_case ON chargers (lower(id));
CREATE INDEX widgets_id_in_any_case ON widgets (lower(id));

-- Tickets are searched in any spelling now, which no index serves.
DROP INDEX rentals_ticket;
