-- Connectors of chargers that speak OCPP. Each is a charger to everything else: its id is its
-- charger's, a colon, and its number from 2 to 99 (connector 1 is the charger itself). It is
-- registered after its charger, and unregistered with it.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

ALTER DOMAIN device_id DROP CONSTRAINT device_id_check;
ALTER DOMAIN device_id ADD CONSTRAINT device_id_check
    CHECK (VALUE ~ '^[A-Za-z0-9._-]{1,64}(:([2-9]|[1-9][0-9]))?$');
ALTER TABLE widgets ADD CONSTRAINT widgets_have_no_connectors CHECK (position(':' IN id) = 0);

CREATE FUNCTION require_charger() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM chargers WHERE id = split_part(NEW.id, ':', 1)) THEN
        RAISE EXCEPTION 'the connector % has no charger', NEW.id
            USING HINT = 'Register its charger first.';
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION unregister_connectors() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    -- A semicolon comes after the colon, in the collation of ids.
    DELETE FROM chargers WHERE id > OLD.id || ':' COLLATE "C" AND id < OLD.id || ';' COLLATE "C";
    RETURN NULL;
END
$$;

-- After the statement: one that inserts many rows may have the connector first.
CREATE TRIGGER require_charger AFTER INSERT ON chargers
    FOR EACH ROW WHEN (position(':' IN NEW.id) > 0)
    EXECUTE FUNCTION require_charger();
CREATE TRIGGER unregister_connectors AFTER DELETE ON chargers
    FOR EACH ROW WHEN (position(':' IN OLD.id) = 0)
    EXECUTE FUNCTION unregister_connectors();

-- Nobody's temporary tables come before these.
DO $$
DECLARE
    each regprocedure;
BEGIN
    FOREACH each IN ARRAY ARRAY[
        'require_charger()'::regprocedure, 'unregister_connectors()'::regprocedure
    ] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', each, current_schema());
    END LOOP;
END
$$;
