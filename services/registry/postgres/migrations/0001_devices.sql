-- Devices, who is paired with whom, and the numbers that order every change.
--
-- The rule: each registration, unregistration and change of a pairing draws a
-- number from `pairing_numbers`, and every device it touches gets that number,
-- also those it leaves alone. One transaction draws at most one. Because writers
-- are serialised before they draw, numbers become visible in their own order:
-- whoever has seen number 7 has seen all below 7, so "what changed since 7" is
-- `pairing_number > 7`.
--
-- Triggers keep the rule, not the application, so that it also holds for rows
-- changed by hand in psql.

-- `COLLATE "C"`: ids are compared and sorted byte by byte, the same everywhere.
CREATE DOMAIN device_id AS text COLLATE "C" CHECK (VALUE ~ '^[A-Za-z0-9._-]{1,64}$');

CREATE SEQUENCE pairing_numbers AS bigint;

CREATE TABLE chargers (
    id             device_id   PRIMARY KEY,
    label          text        NOT NULL DEFAULT '',
    location       text        NOT NULL DEFAULT '',
    pairing_number bigint      NOT NULL,
    registered_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE widgets (
    id             device_id   PRIMARY KEY,
    label          text        NOT NULL DEFAULT '',
    location       text        NOT NULL DEFAULT '',
    pairing_number bigint      NOT NULL,
    registered_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE pairings (
    charger_id     device_id   PRIMARY KEY REFERENCES chargers ON DELETE CASCADE,
    widget_id      device_id   NOT NULL UNIQUE REFERENCES widgets ON DELETE CASCADE,
    pairing_number bigint      NOT NULL,
    paired_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The revision the charger had when it was paired: readings up to it light
    -- nothing. Null while nobody knows it (Redis was emptied).
    floor_epoch    bigint,
    floor_sequence bigint,
    CHECK ((floor_epoch IS NULL) = (floor_sequence IS NULL))
);

-- Who is no longer registered: what is gone has no row that could carry a number.
CREATE TABLE unregistered (
    kind           text        NOT NULL CHECK (kind IN ('charger', 'widget')),
    id             device_id   NOT NULL,
    pairing_number bigint      NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE INDEX chargers_pairing_number ON chargers (pairing_number);
CREATE INDEX widgets_pairing_number ON widgets (pairing_number);
CREATE INDEX unregistered_pairing_number ON unregistered (pairing_number);
CREATE INDEX pairings_without_floor ON pairings (charger_id) WHERE floor_epoch IS NULL;


-- One writer at a time, until its transaction ends. The key is an arbitrary
-- constant; advisory locks belong to one database.
CREATE FUNCTION lock_directory() RETURNS void
LANGUAGE sql
AS $$
    SELECT pg_advisory_xact_lock(726001)
$$;

-- Fires before the statement locks any row. A writer that waits holds no row
-- that the writer before it could want, so the two can not deadlock.
CREATE FUNCTION lock_directory_first() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    PERFORM lock_directory();
    RETURN NULL;
END
$$;

-- The number of this transaction: drawn when first asked for, under the lock,
-- and the same from then on. That makes the numbers of a charger, its pairing
-- and its widget equal however many statements of a transaction touch them.
-- Drawing one is what rings the registry's doorbell (sent at commit).
CREATE FUNCTION drawn_pairing_number() RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
    -- Set for this transaction only; rolled back with the savepoint it was set in.
    drawn text := current_setting('chargelight.pairing_number', true);
BEGIN
    IF drawn IS NULL OR drawn = '' THEN
        PERFORM lock_directory();
        drawn := nextval('pairing_numbers')::text;
        PERFORM set_config('chargelight.pairing_number', drawn, true);
        PERFORM pg_notify('directory_changed', '');
    END IF;
    RETURN drawn::bigint;
END
$$;

-- Both tables of devices: a registration.
CREATE FUNCTION number_registration() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    NEW.pairing_number := drawn_pairing_number();
    DELETE FROM unregistered WHERE kind = TG_ARGV[0] AND id = NEW.id;
    RETURN NEW;
END
$$;

-- Both tables of devices: an unregistration leaves its number behind.
CREATE FUNCTION number_unregistration() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO unregistered (kind, id, pairing_number)
    VALUES (TG_ARGV[0], OLD.id, drawn_pairing_number())
    ON CONFLICT (kind, id) DO UPDATE SET pairing_number = EXCLUDED.pairing_number;
    RETURN NULL;
END
$$;

-- All three tables: a number set by hand would go past the rule unseen.
CREATE FUNCTION refuse_number() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.pairing_number::text = current_setting('chargelight.pairing_number', true) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'pairing numbers are drawn by triggers, not set, also in %', TG_TABLE_NAME
        USING HINT = 'For a new number, delete the pairing and insert it again.';
END
$$;

-- Both tables of devices: another id is another device.
CREATE FUNCTION refuse_id() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'ids do not change in %', TG_TABLE_NAME
        USING HINT = 'Delete the device and insert another one.';
END
$$;

CREATE FUNCTION refuse_truncate() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE would draw no pairing numbers for the rows it removes from %', TG_TABLE_NAME
        USING HINT = 'Use DELETE FROM.';
END
$$;

-- A pairing is new, or one of its sides is another one now.
CREATE FUNCTION number_pairing() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    NEW.pairing_number := drawn_pairing_number();
    IF TG_OP = 'UPDATE' THEN
        NEW.paired_at := clock_timestamp();
        NEW.floor_epoch := NULL;
        NEW.floor_sequence := NULL;
    END IF;
    RETURN NEW;
END
$$;

-- Everybody who was or is part of the pairing gets the number.
CREATE FUNCTION number_paired_devices() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
    drawn bigint := drawn_pairing_number();
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE chargers SET pairing_number = drawn WHERE id = OLD.charger_id;
        UPDATE widgets SET pairing_number = drawn WHERE id = OLD.widget_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE chargers SET pairing_number = drawn WHERE id = NEW.charger_id;
        UPDATE widgets SET pairing_number = drawn WHERE id = NEW.widget_id;
    END IF;
    RETURN NULL;
END
$$;


CREATE TRIGGER lock_first BEFORE INSERT OR UPDATE OR DELETE ON chargers
    FOR EACH STATEMENT EXECUTE FUNCTION lock_directory_first();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON chargers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER number_registration BEFORE INSERT ON chargers
    FOR EACH ROW EXECUTE FUNCTION number_registration('charger');
CREATE TRIGGER number_unregistration AFTER DELETE ON chargers
    FOR EACH ROW EXECUTE FUNCTION number_unregistration('charger');
CREATE TRIGGER refuse_number BEFORE UPDATE ON chargers
    FOR EACH ROW WHEN (NEW.pairing_number <> OLD.pairing_number)
    EXECUTE FUNCTION refuse_number();
CREATE TRIGGER refuse_id BEFORE UPDATE ON chargers
    FOR EACH ROW WHEN (NEW.id <> OLD.id)
    EXECUTE FUNCTION refuse_id();

CREATE TRIGGER lock_first BEFORE INSERT OR UPDATE OR DELETE ON widgets
    FOR EACH STATEMENT EXECUTE FUNCTION lock_directory_first();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON widgets
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER number_registration BEFORE INSERT ON widgets
    FOR EACH ROW EXECUTE FUNCTION number_registration('widget');
CREATE TRIGGER number_unregistration AFTER DELETE ON widgets
    FOR EACH ROW EXECUTE FUNCTION number_unregistration('widget');
CREATE TRIGGER refuse_number BEFORE UPDATE ON widgets
    FOR EACH ROW WHEN (NEW.pairing_number <> OLD.pairing_number)
    EXECUTE FUNCTION refuse_number();
CREATE TRIGGER refuse_id BEFORE UPDATE ON widgets
    FOR EACH ROW WHEN (NEW.id <> OLD.id)
    EXECUTE FUNCTION refuse_id();

CREATE TRIGGER lock_first BEFORE INSERT OR UPDATE OR DELETE ON pairings
    FOR EACH STATEMENT EXECUTE FUNCTION lock_directory_first();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON pairings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER number_inserted BEFORE INSERT ON pairings
    FOR EACH ROW EXECUTE FUNCTION number_pairing();
CREATE TRIGGER number_updated BEFORE UPDATE ON pairings
    FOR EACH ROW WHEN ((NEW.charger_id, NEW.widget_id) <> (OLD.charger_id, OLD.widget_id))
    EXECUTE FUNCTION number_pairing();
CREATE TRIGGER refuse_number BEFORE UPDATE ON pairings
    FOR EACH ROW WHEN (NEW.pairing_number <> OLD.pairing_number)
    EXECUTE FUNCTION refuse_number();
CREATE TRIGGER number_devices AFTER INSERT OR DELETE ON pairings
    FOR EACH ROW EXECUTE FUNCTION number_paired_devices();
CREATE TRIGGER number_devices_updated AFTER UPDATE ON pairings
    FOR EACH ROW WHEN ((NEW.charger_id, NEW.widget_id) <> (OLD.charger_id, OLD.widget_id))
    EXECUTE FUNCTION number_paired_devices();
