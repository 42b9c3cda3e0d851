-- The outbox: what people and other systems are told, written in the transaction that causes it
-- and delivered afterwards, by any registry, at least once.
--
-- Nothing in it names a visitor.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

CREATE TABLE outbox_events (
    -- Writers hold the lock on the directory, so numbers are committed in order.
    number bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- By which a receiver knows an event that it gets twice.
    id     uuid        NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind   text        NOT NULL,
    -- Whether it begins or ends.
    ended  boolean     NOT NULL,
    -- charger, widget or hub. No references: events outlive devices.
    about  text        NOT NULL,
    -- Of the hub: empty.
    device text        NOT NULL COLLATE "C",
    data   jsonb       NOT NULL
);
CREATE INDEX outbox_events_at ON outbox_events (at);

CREATE TABLE outbox_deliveries (
    destination text        NOT NULL COLLATE "C",
    number      bigint      NOT NULL REFERENCES outbox_events ON DELETE CASCADE,
    -- The queue: of one device, one destination gets them in order. Where the event is of none,
    -- `device` is the trouble or alert, each with a queue of its own.
    about       text        NOT NULL,
    device      text        NOT NULL COLLATE "C",
    -- When its 24 hours began.
    queued_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts    integer     NOT NULL DEFAULT 0,
    -- While an attempt runs: when another registry may take it for dead.
    next_try_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    delivered_at timestamptz,
    given_up_at timestamptz,
    last_error  text,
    PRIMARY KEY (destination, number),
    CHECK (delivered_at IS NULL OR given_up_at IS NULL)
);
CREATE INDEX outbox_deliveries_number ON outbox_deliveries (number);
CREATE INDEX outbox_deliveries_waiting ON outbox_deliveries (destination, about, device, number)
    WHERE delivered_at IS NULL AND given_up_at IS NULL;
CREATE INDEX outbox_deliveries_given_up ON outbox_deliveries (number)
    WHERE given_up_at IS NOT NULL;

-- What is the case now and was told: so it is told once, and its end once.
CREATE TABLE raised_conditions (
    kind      text        NOT NULL,
    -- A rental, a charger, a trouble of the hub, an alert.
    subject   text        NOT NULL COLLATE "C",
    raised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    about     text        NOT NULL,
    device    text        NOT NULL COLLATE "C",
    data      jsonb       NOT NULL,
    PRIMARY KEY (kind, subject)
);

-- Which registry judges what is the case, and until when no other one does.
CREATE TABLE judging_registry (
    only_row boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    instance text        NOT NULL DEFAULT '',
    until    timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO judging_registry DEFAULT VALUES;

CREATE TRIGGER lock_first BEFORE INSERT OR UPDATE OR DELETE ON outbox_events
    FOR EACH STATEMENT EXECUTE FUNCTION lock_directory_first();
CREATE TRIGGER lock_first BEFORE INSERT OR UPDATE OR DELETE ON raised_conditions
    FOR EACH STATEMENT EXECUTE FUNCTION lock_directory_first();
