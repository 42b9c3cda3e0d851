-- Numbers for many rows at once: what 0001 did for each row is done once for each
-- statement. The rule is the same, word for word.
--
-- Moving a pairing (UPDATE) stays with its trigger for each row: only that one knows
-- which row became which, and nobody moves many.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

-- Both tables of devices: a registration. What must be done before the row is there.
CREATE OR REPLACE FUNCTION number_registration() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    NEW.pairing_number := drawn_pairing_number();
    RETURN NEW;
END
$$;

-- And what may be done once, for all of them.
CREATE FUNCTION forget_unregistrations() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    DELETE FROM unregistered
    WHERE kind = TG_ARGV[0] AND id IN (SELECT id FROM new_rows);
    RETURN NULL;
END
$$;

-- Both tables of devices: unregistrations leave their number behind.
CREATE OR REPLACE FUNCTION number_unregistration() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    IF EXISTS (SELECT FROM old_rows) THEN
        INSERT INTO unregistered (kind, id, pairing_number)
        SELECT TG_ARGV[0], id, drawn_pairing_number()
        FROM old_rows
        ON CONFLICT (kind, id) DO UPDATE SET pairing_number = EXCLUDED.pairing_number;
    END IF;
    RETURN NULL;
END
$$;

-- Everybody who is or was part of these pairings gets the number; who was registered
-- or paired in this transaction has it already.
CREATE FUNCTION number_devices_of_pairings() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
    drawn bigint;
BEGIN
    IF EXISTS (SELECT FROM changed_rows) THEN
        drawn := drawn_pairing_number();
        UPDATE chargers SET pairing_number = drawn
        WHERE id IN (SELECT charger_id FROM changed_rows) AND pairing_number <> drawn;
        UPDATE widgets SET pairing_number = drawn
        WHERE id IN (SELECT widget_id FROM changed_rows) AND pairing_number <> drawn;
    END IF;
    RETURN NULL;
END
$$;


CREATE TRIGGER forget_unregistrations AFTER INSERT ON chargers
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION forget_unregistrations('charger');
CREATE TRIGGER forget_unregistrations AFTER INSERT ON widgets
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION forget_unregistrations('widget');

DROP TRIGGER number_unregistration ON chargers;
CREATE TRIGGER number_unregistration AFTER DELETE ON chargers
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION number_unregistration('charger');
DROP TRIGGER number_unregistration ON widgets;
CREATE TRIGGER number_unregistration AFTER DELETE ON widgets
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION number_unregistration('widget');

DROP TRIGGER number_devices ON pairings;
CREATE TRIGGER number_devices_inserted AFTER INSERT ON pairings
    REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION number_devices_of_pairings();
CREATE TRIGGER number_devices_deleted AFTER DELETE ON pairings
    REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION number_devices_of_pairings();
