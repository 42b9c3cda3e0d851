-- Codes of visitors' pages: with one, and no key, anyone sees how the phone of a rental charges.
--
-- One is made when the staff first ask for it, and removed when the phone is collected. It is not
-- in the audit log, nor in backups.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

CREATE TABLE visitor_codes (
    rental uuid PRIMARY KEY REFERENCES rentals ON DELETE CASCADE,
    -- 128 random bits.
    code   text NOT NULL UNIQUE COLLATE "C"
);
