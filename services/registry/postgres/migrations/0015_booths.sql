-- Booths: the places of one festival, each with devices of its own. A key may be limited to one.
--
-- A device stays without a booth until it is put into one, also a device that an older registry
-- registers: it does not know of booths.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

CREATE DOMAIN booth_id AS text COLLATE "C" CHECK (VALUE ~ '^[A-Za-z0-9._-]{1,64}$');

CREATE TABLE booths (
    id         booth_id    PRIMARY KEY,
    name       text        NOT NULL COLLATE "C" UNIQUE CHECK (name <> ''),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- An id that no booth has, made of a name: "Hauptbühne 2" is hauptbuhne-2.
CREATE FUNCTION free_booth_id(name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT
AS $$
DECLARE
    wanted text := name;
    found text;
    number integer := 1;
BEGIN
    IF current_setting('server_encoding') = 'UTF8' THEN
        wanted := regexp_replace(normalize(wanted, NFKD), '[\u0300-\u036f]', '', 'g');
    END IF;
    wanted := regexp_replace(lower(wanted COLLATE "C"), '[^a-z0-9]+', '-', 'g');
    wanted := coalesce(nullif(trim(BOTH '-' FROM left(wanted, 50)), ''), 'booth');
    found := wanted;
    WHILE EXISTS (SELECT FROM booths WHERE id = found) LOOP
        number := number + 1;
        found := wanted || '-' || number;
    END LOOP;
    RETURN found;
END
$$;

ALTER TABLE chargers ADD COLUMN booth booth_id;
ALTER TABLE widgets ADD COLUMN booth booth_id;
-- No reference: rentals outlive booths.
ALTER TABLE rentals ADD COLUMN booth booth_id;
ALTER TABLE staged_rows ADD COLUMN booth text;
-- Where it was, or what it was about. Not of earlier entries.
ALTER TABLE audit_log ADD COLUMN booth booth_id;

ALTER TABLE api_keys
    -- Null: of the whole hub. No reference: keys outlive booths.
    ADD COLUMN booth booth_id,
    -- A viewer who also opens and closes rentals is an attendant. Not a role of its own before
    -- each registry that may run beside this one knows it: an older one takes it for a viewer.
    ADD COLUMN opens_rentals boolean NOT NULL DEFAULT false,
    ADD CHECK (booth IS NULL OR role <> 'admin'),
    ADD CHECK (NOT opens_rentals OR role = 'viewer');

-- A booth for each location in use, and the devices in it. Locations stay: where in its booth a
-- device is. The audit log has nothing of it: a backup that is restored goes through this file,
-- and its last entry must stay the last.
DO $$
DECLARE
    place text;
BEGIN
    FOR place IN
        SELECT min(btrim(location) COLLATE "C") AS name
        FROM (SELECT location FROM chargers WHERE NOT canary
              UNION ALL SELECT location FROM widgets WHERE NOT canary) AS each
        WHERE btrim(location) <> ''
        GROUP BY lower(btrim(location))
        ORDER BY name
    LOOP
        INSERT INTO booths (id, name) VALUES (free_booth_id(place), place);
    END LOOP;
END
$$;
ALTER TABLE chargers DISABLE TRIGGER audit_updated;
ALTER TABLE widgets DISABLE TRIGGER audit_updated;
ALTER TABLE rentals DISABLE TRIGGER audit_updated;
UPDATE chargers SET booth = booths.id FROM booths
WHERE lower(btrim(location)) = lower(name COLLATE "default") AND NOT canary;
UPDATE widgets SET booth = booths.id FROM booths
WHERE lower(btrim(location)) = lower(name COLLATE "default") AND NOT canary;
UPDATE rentals SET booth = chargers.booth FROM chargers
WHERE chargers.id = charger_id AND chargers.booth IS NOT NULL;
ALTER TABLE chargers ENABLE TRIGGER audit_updated;
ALTER TABLE widgets ENABLE TRIGGER audit_updated;
ALTER TABLE rentals ENABLE TRIGGER audit_updated;

ALTER TABLE chargers ADD FOREIGN KEY (booth) REFERENCES booths;
ALTER TABLE widgets ADD FOREIGN KEY (booth) REFERENCES booths;
CREATE INDEX chargers_booth ON chargers (booth, id) WHERE booth IS NOT NULL;
CREATE INDEX widgets_booth ON widgets (booth, id) WHERE booth IS NOT NULL;
CREATE INDEX rentals_booth ON rentals (booth, opening_number) WHERE booth IS NOT NULL;
CREATE INDEX audit_log_booth ON audit_log (booth, id) WHERE booth IS NOT NULL;


-- A rental is where its charger is: whoever opens it, also an older registry. If the charger is
-- taken elsewhere, the phone in it is there, too.
CREATE FUNCTION find_booth_of_rental() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    NEW.booth := (SELECT booth FROM chargers WHERE id = NEW.charger_id);
    RETURN NEW;
END
$$;

CREATE FUNCTION rentals_follow_charger() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    -- Looked for first: an import may move many chargers, and most of them are empty.
    IF EXISTS (SELECT FROM rentals WHERE charger_id = NEW.id AND collected_at IS NULL) THEN
        UPDATE rentals SET booth = NEW.booth WHERE charger_id = NEW.id AND collected_at IS NULL;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER find_booth BEFORE INSERT ON rentals
    FOR EACH ROW EXECUTE FUNCTION find_booth_of_rental();
CREATE TRIGGER rentals_follow AFTER UPDATE OF booth ON chargers
    FOR EACH ROW WHEN (NEW.booth IS DISTINCT FROM OLD.booth)
    EXECUTE FUNCTION rentals_follow_charger();


-- Each entry says which booth it is about.
CREATE FUNCTION booth_of(source name, content jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT
AS $$
BEGIN
    RETURN CASE source
        WHEN 'booths' THEN content ->> 'id'
        WHEN 'pairings' THEN (SELECT booth FROM chargers WHERE id = content ->> 'charger_id')
        WHEN 'charger_secrets' THEN (SELECT booth FROM chargers WHERE id = content ->> 'device_id')
        WHEN 'widget_secrets' THEN (SELECT booth FROM widgets WHERE id = content ->> 'device_id')
        ELSE content ->> 'booth'
    END;
END
$$;

CREATE OR REPLACE FUNCTION audit_inserted() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO audit_log (who, action, kind, subject, details, booth)
    SELECT acting(), 'created', TG_ARGV[0], to_jsonb(new_rows) ->> TG_ARGV[1],
           audited(to_jsonb(new_rows)), booth_of(TG_TABLE_NAME, to_jsonb(new_rows))
    FROM new_rows;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION audit_deleted() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO audit_log (who, action, kind, subject, details, booth)
    SELECT acting(), 'removed', TG_ARGV[0], to_jsonb(old_rows) ->> TG_ARGV[1],
           audited(to_jsonb(old_rows)), booth_of(TG_TABLE_NAME, to_jsonb(old_rows))
    FROM old_rows;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION audit_updated() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO audit_log (who, action, kind, subject, details, booth)
    SELECT acting(), action, TG_ARGV[0], subject, details, booth_of(TG_TABLE_NAME, content)
    FROM (
        SELECT subject,
               coalesce(is_now.content, was.content) AS content,
               CASE WHEN was.content IS NULL THEN 'created'
                    WHEN is_now.content IS NULL THEN 'removed'
                    ELSE 'changed' END AS action,
               CASE WHEN was.content IS NULL THEN audited(is_now.content)
                    WHEN is_now.content IS NULL THEN audited(was.content)
                    ELSE (SELECT jsonb_object_agg(key, jsonb_build_array(was.content -> key, value))
                          FROM jsonb_each(audited(is_now.content))
                          WHERE value IS DISTINCT FROM was.content -> key) END AS details
        FROM (SELECT to_jsonb(old_rows) ->> TG_ARGV[1] AS subject, to_jsonb(old_rows) AS content
              FROM old_rows) AS was
        FULL JOIN (SELECT to_jsonb(new_rows) ->> TG_ARGV[1] AS subject,
                          to_jsonb(new_rows) AS content
                   FROM new_rows) AS is_now USING (subject)
    ) AS compared
    WHERE details IS NOT NULL;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION audit_rentals_deleted() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    UPDATE audit_log
    SET details = '{}'
    WHERE kind = 'rental' AND details <> '{}'
      AND subject IN (SELECT id::text FROM old_rows);
    INSERT INTO audit_log (who, action, kind, subject, details, booth)
    SELECT acting(), 'removed', 'rental', id::text, '{}', booth
    FROM old_rows;
    RETURN NULL;
END
$$;

DROP TRIGGER refuse_rewriting ON audit_log;
CREATE TRIGGER refuse_rewriting BEFORE UPDATE ON audit_log
    FOR EACH ROW
    WHEN (OLD.kind <> 'rental' OR NEW.details <> '{}'
          OR (NEW.id, NEW.at, NEW.who, NEW.action, NEW.kind, NEW.subject, NEW.import_id,
              NEW.key_id, NEW.address, NEW.booth)
          IS DISTINCT FROM
             (OLD.id, OLD.at, OLD.who, OLD.action, OLD.kind, OLD.subject, OLD.import_id,
              OLD.key_id, OLD.address, OLD.booth))
    EXECUTE FUNCTION refuse_rewriting();


CREATE TRIGGER lock_first BEFORE INSERT OR UPDATE OR DELETE ON booths
    FOR EACH STATEMENT EXECUTE FUNCTION lock_directory_first();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON booths
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unrecorded();
CREATE TRIGGER refuse_id BEFORE UPDATE ON booths
    FOR EACH ROW WHEN (NEW.id <> OLD.id)
    EXECUTE FUNCTION refuse_id();
CREATE TRIGGER audit_inserted AFTER INSERT ON booths REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_inserted('booth', 'id');
CREATE TRIGGER audit_updated AFTER UPDATE ON booths
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_updated('booth', 'id');
CREATE TRIGGER audit_deleted AFTER DELETE ON booths REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deleted('booth', 'id');

-- As 0012 does: temporary tables are looked for last.
DO $$
DECLARE
    each regprocedure;
BEGIN
    FOR each IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
          AND pg_has_role(proowner, 'USAGE') AND proconfig::text LIKE '%search_path=%'
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', each, current_schema());
    END LOOP;
END
$$;
