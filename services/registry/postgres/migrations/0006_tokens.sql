-- A token for each pairing, in place of the floor that it had.
--
-- Which visitor a reading belongs to is told by order: a reading carries the mark of the
-- pairing that its connection knew, and lights only under the same one. The mark is the
-- pairing's number and this token. After a backup was restored, a number may be drawn for
-- the second time, for another pairing; the token is not.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

-- 64 random bits in hex: all digits of a UUID but those that say which kind it is.
CREATE FUNCTION random_token() RETURNS text
LANGUAGE sql VOLATILE
AS $$
    SELECT right(id, 12) || left(id, 4)
    FROM (SELECT gen_random_uuid()::text AS id) AS drawn
$$;

DROP INDEX pairings_without_floor;
ALTER TABLE pairings
    DROP COLUMN floor_epoch,
    DROP COLUMN floor_sequence,
    ADD COLUMN token text NOT NULL DEFAULT random_token() CHECK (token ~ '^[0-9a-f]{16}$');

-- One row: a token that is drawn with each number. By it a registry sees that Postgres went
-- back in time and has drawn, since, as many numbers as it had before.
CREATE TABLE last_draw (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    token    text    NOT NULL DEFAULT random_token()
);
INSERT INTO last_draw DEFAULT VALUES;

CREATE OR REPLACE FUNCTION drawn_pairing_number() RETURNS bigint
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
        UPDATE last_draw SET token = random_token();
        PERFORM pg_notify('directory_changed', '');
    END IF;
    RETURN drawn::bigint;
END
$$;

-- A pairing is new, or one of its sides is another one now.
CREATE OR REPLACE FUNCTION number_pairing() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    NEW.pairing_number := drawn_pairing_number();
    NEW.token := random_token();
    IF TG_OP = 'UPDATE' THEN
        NEW.paired_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;

-- Postgres lost changes that Redis has (a backup was restored, say): gives these devices and
-- their pairings a new number, and the pairings a new token. Ids that are not registered get
-- the number as that of the end of their registration. Returns the number.
CREATE FUNCTION renumber(charger_ids text[], widget_ids text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
    drawn bigint := drawn_pairing_number();
BEGIN
    UPDATE pairings
    SET pairing_number = drawn, token = random_token(), paired_at = clock_timestamp()
    WHERE charger_id = ANY (charger_ids) OR widget_id = ANY (widget_ids);
    UPDATE chargers SET pairing_number = drawn, secrets_number = drawn
    WHERE id = ANY (charger_ids)
       OR id IN (SELECT charger_id FROM pairings WHERE pairing_number = drawn);
    UPDATE widgets SET pairing_number = drawn, secrets_number = drawn
    WHERE id = ANY (widget_ids)
       OR id IN (SELECT widget_id FROM pairings WHERE pairing_number = drawn);
    INSERT INTO unregistered (kind, id, pairing_number)
    SELECT kind, id, drawn
    FROM (
        SELECT 'charger' AS kind, unnest(charger_ids) AS id
        EXCEPT
        SELECT 'charger', id FROM chargers
        UNION ALL
        (SELECT 'widget', unnest(widget_ids) EXCEPT SELECT 'widget', id FROM widgets)
    ) AS gone
    ON CONFLICT (kind, id) DO UPDATE SET pairing_number = EXCLUDED.pairing_number;
    RETURN drawn;
END
$$;

CREATE OR REPLACE FUNCTION audited(row_ jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(jsonb_object_agg(key, value), '{}')
    FROM jsonb_each(row_)
    WHERE key !~ '(_number|hash|digest)$'
      AND key NOT IN ('token', 'last_used_at', 'key_fingerprint', 'reached_80_at',
                      'reached_100_at')
$$;
