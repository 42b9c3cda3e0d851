-- Devices' secrets: what a device proves with who it is.
--
-- Never the secret itself, but two things made of it. The digest is what gateways
-- compare at each handshake; it depends on CHARGELIGHT_CREDENTIAL_KEY. The hash is
-- slow on purpose and depends on nothing: by it a secret that is presented again
-- after a change of that key is recognised, and gets a new digest.
--
-- Every change of a device's secrets gives the device a `secrets_number`, and so
-- does its registration. It is drawn from `pairing_numbers`, as those of pairings
-- are: with one line of numbers for all changes it is clear what came first, a
-- secret or the end of the registration that it belonged to. The device's
-- pairing_number stays as it is, and so does its light.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

ALTER TABLE chargers ADD COLUMN secrets_number bigint;
UPDATE chargers SET secrets_number = pairing_number;
ALTER TABLE chargers ALTER COLUMN secrets_number SET NOT NULL;
CREATE INDEX chargers_secrets_number ON chargers (secrets_number);

ALTER TABLE widgets ADD COLUMN secrets_number bigint;
UPDATE widgets SET secrets_number = pairing_number;
ALTER TABLE widgets ALTER COLUMN secrets_number SET NOT NULL;
CREATE INDEX widgets_secrets_number ON widgets (secrets_number);

-- Two tables, because a charger and a widget may have the same id. The greater id is
-- the newer secret.
CREATE TABLE charger_secrets (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id       device_id   NOT NULL REFERENCES chargers ON DELETE CASCADE,
    -- Argon2id, as text that says with which costs (RFC 9106).
    hash            text        NOT NULL CHECK (hash LIKE '$argon2id$%'),
    -- HMAC-SHA-256 in hex, and which key it was made with.
    digest          text        NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    key_fingerprint text        NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Null: valid until another one takes its place.
    expires_at      timestamptz
);

CREATE TABLE widget_secrets (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id       device_id   NOT NULL REFERENCES widgets ON DELETE CASCADE,
    hash            text        NOT NULL CHECK (hash LIKE '$argon2id$%'),
    digest          text        NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    key_fingerprint text        NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at      timestamptz
);

CREATE INDEX charger_secrets_device ON charger_secrets (device_id, id);
CREATE INDEX charger_secrets_expiring ON charger_secrets (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX widget_secrets_device ON widget_secrets (device_id, id);
CREATE INDEX widget_secrets_expiring ON widget_secrets (expires_at) WHERE expires_at IS NOT NULL;


-- Both tables of devices: what a former device of this id could prove ends here.
CREATE FUNCTION number_secrets_of_registration() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    NEW.secrets_number := drawn_pairing_number();
    RETURN NEW;
END
$$;

-- Both tables of devices, like `refuse_number`.
CREATE FUNCTION refuse_secrets_number() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.secrets_number::text = current_setting('chargelight.pairing_number', true) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'secrets numbers are drawn by triggers, not set, also in %', TG_TABLE_NAME;
END
$$;

-- Both tables of secrets. Takes: the table of their devices.
CREATE FUNCTION number_changed_secrets() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    IF EXISTS (SELECT FROM changed_rows) THEN
        -- Who was registered in this transaction has the number already.
        EXECUTE format(
            'UPDATE %I SET secrets_number = $1'
            ' WHERE id IN (SELECT device_id FROM changed_rows) AND secrets_number <> $1',
            TG_ARGV[0]
        ) USING drawn_pairing_number();
    END IF;
    RETURN NULL;
END
$$;

-- Both tables of secrets: the device that had it would go on having it.
CREATE FUNCTION refuse_other_device() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'a secret does not pass to another device, also in %', TG_TABLE_NAME
        USING HINT = 'Delete it, and set it for the other device over REST.';
END
$$;

-- Like `audit_updated`, but by the secret: a device has several, and is the subject.
CREATE FUNCTION audit_secrets_updated() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO audit_log (who, action, kind, subject, details)
    SELECT acting(), 'changed', TG_ARGV[0], old_rows.device_id,
           jsonb_build_object(
               'id', old_rows.id,
               'expires_at', jsonb_build_array(old_rows.expires_at, new_rows.expires_at)
           )
    FROM old_rows
    JOIN new_rows ON new_rows.id = old_rows.id
    WHERE new_rows.expires_at IS DISTINCT FROM old_rows.expires_at;
    RETURN NULL;
END
$$;


CREATE TRIGGER number_secrets BEFORE INSERT ON chargers
    FOR EACH ROW EXECUTE FUNCTION number_secrets_of_registration();
CREATE TRIGGER refuse_secrets_number BEFORE UPDATE ON chargers
    FOR EACH ROW WHEN (NEW.secrets_number <> OLD.secrets_number)
    EXECUTE FUNCTION refuse_secrets_number();

CREATE TRIGGER number_secrets BEFORE INSERT ON widgets
    FOR EACH ROW EXECUTE FUNCTION number_secrets_of_registration();
CREATE TRIGGER refuse_secrets_number BEFORE UPDATE ON widgets
    FOR EACH ROW WHEN (NEW.secrets_number <> OLD.secrets_number)
    EXECUTE FUNCTION refuse_secrets_number();

CREATE TRIGGER lock_first BEFORE INSERT OR UPDATE OR DELETE ON charger_secrets
    FOR EACH STATEMENT EXECUTE FUNCTION lock_directory_first();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON charger_secrets
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER refuse_other_device BEFORE UPDATE ON charger_secrets
    FOR EACH ROW WHEN (NEW.device_id <> OLD.device_id)
    EXECUTE FUNCTION refuse_other_device();
CREATE TRIGGER number_inserted AFTER INSERT ON charger_secrets
    REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION number_changed_secrets('chargers');
CREATE TRIGGER number_updated AFTER UPDATE ON charger_secrets
    REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION number_changed_secrets('chargers');
CREATE TRIGGER number_deleted AFTER DELETE ON charger_secrets
    REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION number_changed_secrets('chargers');
CREATE TRIGGER audit_inserted AFTER INSERT ON charger_secrets REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_inserted('charger-secret', 'device_id');
CREATE TRIGGER audit_updated AFTER UPDATE ON charger_secrets
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_secrets_updated('charger-secret');
CREATE TRIGGER audit_deleted AFTER DELETE ON charger_secrets REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deleted('charger-secret', 'device_id');

CREATE TRIGGER lock_first BEFORE INSERT OR UPDATE OR DELETE ON widget_secrets
    FOR EACH STATEMENT EXECUTE FUNCTION lock_directory_first();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON widget_secrets
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER refuse_other_device BEFORE UPDATE ON widget_secrets
    FOR EACH ROW WHEN (NEW.device_id <> OLD.device_id)
    EXECUTE FUNCTION refuse_other_device();
CREATE TRIGGER number_inserted AFTER INSERT ON widget_secrets
    REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION number_changed_secrets('widgets');
CREATE TRIGGER number_updated AFTER UPDATE ON widget_secrets
    REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION number_changed_secrets('widgets');
CREATE TRIGGER number_deleted AFTER DELETE ON widget_secrets
    REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION number_changed_secrets('widgets');
CREATE TRIGGER audit_inserted AFTER INSERT ON widget_secrets REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_inserted('widget-secret', 'device_id');
CREATE TRIGGER audit_updated AFTER UPDATE ON widget_secrets
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_secrets_updated('widget-secret');
CREATE TRIGGER audit_deleted AFTER DELETE ON widget_secrets REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deleted('widget-secret', 'device_id');
