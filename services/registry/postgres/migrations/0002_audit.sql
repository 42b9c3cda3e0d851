-- Who changed what, when; and the keys by which operators are known.
--
-- Triggers write the record, not the application, so that rows changed by hand in
-- psql are in it too. They run once per statement: an import of 50,000 rows is one
-- INSERT … SELECT more.

CREATE TABLE audit_log (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- An operator's name; "postgres:USER" for a change made by hand.
    who     text        NOT NULL,
    action  text        NOT NULL CHECK (action IN ('created', 'changed', 'removed')),
    -- What it happened to: a charger, a pairing (by its charger), …
    kind    text        NOT NULL,
    subject text        NOT NULL COLLATE "C",
    -- Of something created or removed: all of it. Of something changed: what it was
    -- and what it is, for each column that changed.
    details jsonb       NOT NULL
);

CREATE INDEX audit_log_subject ON audit_log (subject, id);
CREATE INDEX audit_log_who ON audit_log (who, id);

CREATE FUNCTION refuse_rewriting() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

-- Who does it: set by the registry for its transaction.
CREATE FUNCTION acting() RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(nullif(current_setting('chargelight.operator', true), ''),
                    'postgres:' || session_user)
$$;

-- What of a row is worth recording: no numbers that other changes draw, no times that
-- the hub notes by itself, and nothing that is made of a secret.
CREATE FUNCTION audited(row_ jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(jsonb_object_agg(key, value), '{}')
    FROM jsonb_each(row_)
    WHERE key !~ '(_number|hash|digest)$'
      AND key NOT IN ('floor_epoch', 'floor_sequence', 'last_used_at', 'key_fingerprint',
                      'reached_80_at', 'reached_100_at')
$$;

-- All three take: what kind of thing the table holds, and the column that names one.
CREATE FUNCTION audit_inserted() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO audit_log (who, action, kind, subject, details)
    SELECT acting(), 'created', TG_ARGV[0], to_jsonb(new_rows) ->> TG_ARGV[1],
           audited(to_jsonb(new_rows))
    FROM new_rows;
    RETURN NULL;
END
$$;

CREATE FUNCTION audit_deleted() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO audit_log (who, action, kind, subject, details)
    SELECT acting(), 'removed', TG_ARGV[0], to_jsonb(old_rows) ->> TG_ARGV[1],
           audited(to_jsonb(old_rows))
    FROM old_rows;
    RETURN NULL;
END
$$;

CREATE FUNCTION audit_updated() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO audit_log (who, action, kind, subject, details)
    SELECT acting(), 'changed', TG_ARGV[0], subject, changes
    FROM (
        SELECT was.subject,
               (SELECT jsonb_object_agg(key, jsonb_build_array(was.content -> key, value))
                FROM jsonb_each(audited(is_now.content))
                WHERE value IS DISTINCT FROM was.content -> key) AS changes
        FROM (SELECT to_jsonb(old_rows) ->> TG_ARGV[1] AS subject, to_jsonb(old_rows) AS content
              FROM old_rows) AS was
        JOIN (SELECT to_jsonb(new_rows) ->> TG_ARGV[1] AS subject, to_jsonb(new_rows) AS content
              FROM new_rows) AS is_now USING (subject)
    ) AS compared
    WHERE changes IS NOT NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER audit_inserted AFTER INSERT ON chargers REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_inserted('charger', 'id');
CREATE TRIGGER audit_updated AFTER UPDATE ON chargers
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_updated('charger', 'id');
CREATE TRIGGER audit_deleted AFTER DELETE ON chargers REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deleted('charger', 'id');

CREATE TRIGGER audit_inserted AFTER INSERT ON widgets REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_inserted('widget', 'id');
CREATE TRIGGER audit_updated AFTER UPDATE ON widgets
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_updated('widget', 'id');
CREATE TRIGGER audit_deleted AFTER DELETE ON widgets REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deleted('widget', 'id');

CREATE TRIGGER audit_inserted AFTER INSERT ON pairings REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_inserted('pairing', 'charger_id');
CREATE TRIGGER audit_updated AFTER UPDATE ON pairings
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_updated('pairing', 'charger_id');
CREATE TRIGGER audit_deleted AFTER DELETE ON pairings REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deleted('pairing', 'charger_id');


-- Keys of operators. A key is 256 random bits, which nobody can guess however fast
-- the hash: SHA-256 is enough, and is computed for each request.
CREATE TABLE api_keys (
    -- The part of the key that is no secret.
    id           text        PRIMARY KEY COLLATE "C",
    -- Who has it: what the audit log says.
    name         text        NOT NULL COLLATE "C" CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$'),
    role         text        NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    hash         bytea       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);

-- A name stands for one person. A revoked key's name is free again.
CREATE UNIQUE INDEX api_keys_name ON api_keys (name) WHERE revoked_at IS NULL;

CREATE TRIGGER audit_inserted AFTER INSERT ON api_keys REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_inserted('api-key', 'id');
CREATE TRIGGER audit_updated AFTER UPDATE ON api_keys
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_updated('api-key', 'id');
CREATE TRIGGER audit_deleted AFTER DELETE ON api_keys REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deleted('api-key', 'id');
