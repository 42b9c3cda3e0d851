-- What a device must prove itself with, where devices are asked at all: a secret or a
-- certificate, or only a certificate.
--
-- It is projected with the device's secrets, so a change of it draws a secrets_number too.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

ALTER TABLE chargers
    ADD COLUMN auth text NOT NULL DEFAULT 'any' CHECK (auth IN ('any', 'certificate'));
ALTER TABLE widgets
    ADD COLUMN auth text NOT NULL DEFAULT 'any' CHECK (auth IN ('any', 'certificate'));

-- By its name it comes before `refuse_secrets_number`, which lets a drawn number pass.
CREATE TRIGGER number_auth BEFORE UPDATE ON chargers
    FOR EACH ROW WHEN (NEW.auth <> OLD.auth)
    EXECUTE FUNCTION number_secrets_of_registration();
CREATE TRIGGER number_auth BEFORE UPDATE ON widgets
    FOR EACH ROW WHEN (NEW.auth <> OLD.auth)
    EXECUTE FUNCTION number_secrets_of_registration();
