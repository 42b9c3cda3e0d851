-- How full the phone of a rental was, and which lights it had: for a small chart, and for the
-- estimate of when it will be ready.
--
-- It is not in the audit log, nor in backups. It goes with its rental, or before. One registry
-- writes it, with the lock on the directory, so numbers are committed in order.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

CREATE TABLE rental_levels (
    -- Drawn again when a row changes: what has a greater one is news.
    number bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rental uuid        NOT NULL REFERENCES rentals ON DELETE CASCADE,
    at     timestamptz NOT NULL,
    -- Either: it was so full, last at this time,
    level  smallint    CHECK (level BETWEEN 0 AND 100),
    -- or its light changed to this one.
    light  text        COLLATE "C",
    CHECK (num_nonnulls(level, light) = 1)
);

CREATE UNIQUE INDEX rental_levels_level ON rental_levels (rental, level);
CREATE UNIQUE INDEX rental_levels_light ON rental_levels (rental, at, light)
    WHERE light IS NOT NULL;
CREATE INDEX rental_levels_at ON rental_levels (at);
