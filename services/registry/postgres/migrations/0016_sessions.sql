-- Sessions of the console, and codes to begin one with. Of both, only a hash is here.
--
-- Nobody asks later who was signed in when: the audit log has what was done, and with which key.
-- So neither is in it, nor in backups; and no lock on the directory is needed.

CREATE TABLE sessions (
    hash       bytea       PRIMARY KEY,
    -- No reference: a restored backup may lack the key. Then the session has ended.
    key_id     text        NOT NULL COLLATE "C",
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_key ON sessions (key_id, created_at);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE sign_in_codes (
    hash       bytea       PRIMARY KEY,
    key_id     text        NOT NULL COLLATE "C",
    expires_at timestamptz NOT NULL
);
CREATE INDEX sign_in_codes_expires_at ON sign_in_codes (expires_at);
