-- What counts as full at a charger that knows no state of charge.
--
-- It is projected with the charger's secrets, so a change of it draws a secrets_number too.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

ALTER TABLE chargers
    ADD COLUMN full_when text NOT NULL DEFAULT 'reported'
    CHECK (full_when ~ '^(reported|suspended|no-energy:[1-9][0-9]{0,2})$');

-- By its name it comes before `refuse_secrets_number`, which lets a drawn number pass.
CREATE TRIGGER number_full_when BEFORE UPDATE ON chargers
    FOR EACH ROW WHEN (NEW.full_when <> OLD.full_when)
    EXECUTE FUNCTION number_secrets_of_registration();
