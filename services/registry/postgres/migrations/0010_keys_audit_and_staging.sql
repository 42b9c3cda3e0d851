-- Keys expire and are renewed; the audit log says with which key and from where, and who was
-- refused; and imports wait outside of a transaction until they are complete.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

ALTER TABLE api_keys
    -- Null: never. Only keys from before this file.
    ADD COLUMN expires_at  timestamptz,
    -- When a newer key took its place: both are valid until this one expires.
    ADD COLUMN replaced_at timestamptz;

DROP INDEX api_keys_name;
CREATE UNIQUE INDEX api_keys_name ON api_keys (name)
    WHERE revoked_at IS NULL AND replaced_at IS NULL;

-- All that writes the audit log holds the lock on the directory: so its ids are committed in
-- order, and whoever reads on from the last one misses none. (Not for `last_used_at`, which
-- is not audited: a request would wait for an import.)
CREATE TRIGGER lock_first BEFORE INSERT OR DELETE OR UPDATE OF name, role, revoked_at,
    expires_at, replaced_at ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION lock_directory_first();


-- Set by the registry for its transaction. Not of earlier entries, so the defaults come after
-- the columns.
ALTER TABLE audit_log
    ADD COLUMN key_id  text COLLATE "C",
    ADD COLUMN address text;
ALTER TABLE audit_log
    ALTER COLUMN key_id SET DEFAULT nullif(current_setting('chargelight.key', true), ''),
    ALTER COLUMN address SET DEFAULT nullif(current_setting('chargelight.address', true), ''),
    DROP CONSTRAINT audit_log_action_check,
    ADD CONSTRAINT audit_log_action_check
        CHECK (action IN ('created', 'changed', 'removed', 'imported', 'refused', 'exported'));

-- Of an entry about a rental, only the details may be emptied.
DROP TRIGGER refuse_rewriting ON audit_log;
CREATE TRIGGER refuse_rewriting BEFORE UPDATE ON audit_log
    FOR EACH ROW
    WHEN (OLD.kind <> 'rental' OR NEW.details <> '{}'
          OR (NEW.id, NEW.at, NEW.who, NEW.action, NEW.kind, NEW.subject, NEW.import_id,
              NEW.key_id, NEW.address)
          IS DISTINCT FROM
             (OLD.id, OLD.at, OLD.who, OLD.action, OLD.kind, OLD.subject, OLD.import_id,
              OLD.key_id, OLD.address))
    EXECUTE FUNCTION refuse_rewriting();


-- Rows of import files that are being received. Nobody needs them after a crash.
CREATE UNLOGGED TABLE staged_rows (
    upload          uuid        NOT NULL,
    staged_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    line            integer     NOT NULL,
    kind            text        NOT NULL,
    id              text        NOT NULL COLLATE "C",
    label           text,
    location        text,
    widget          text        COLLATE "C",
    hash            text,
    digest          text,
    key_fingerprint text
);

CREATE INDEX staged_rows_upload ON staged_rows (upload);
CREATE INDEX staged_rows_staged_at ON staged_rows (staged_at);
