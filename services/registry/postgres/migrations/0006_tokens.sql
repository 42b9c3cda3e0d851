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

CREATE OR REPLACE FUNCTION audited(row_ jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(jsonb_object_agg(key, value), '{}')
    FROM jsonb_each(row_)
    WHERE key !~ '(_number|hash|digest)$'
      AND key NOT IN ('token', 'last_used_at', 'key_fingerprint', 'reached_80_at',
                      'reached_100_at')
$$;
