-- How long things are kept: tombstones get a date, and the audit log gives up what it says
-- about a visitor when the rental goes.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

-- Since when a device is not registered. Of those that are here already nobody knows: from
-- now on, which keeps them too long and never too short.
ALTER TABLE unregistered
    ADD COLUMN unregistered_at timestamptz NOT NULL DEFAULT clock_timestamp();

CREATE FUNCTION date_tombstone() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.unregistered_at := clock_timestamp();
    RETURN NEW;
END
$$;

CREATE TRIGGER date_tombstone BEFORE UPDATE ON unregistered
    FOR EACH ROW WHEN (NEW.pairing_number <> OLD.pairing_number)
    EXECUTE FUNCTION date_tombstone();


-- The audit log is only added to, with two exceptions. What an entry says about a rental may
-- be emptied; who did what to which one, and when, stays. And an entry may go when it is 30
-- days old.
CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to'
        USING HINT = 'Entries may be deleted when they are 30 days old. Of those about rentals '
                     'the details may be set to {}.';
END
$$;

DROP TRIGGER append_only ON audit_log;
CREATE TRIGGER append_only BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER refuse_rewriting BEFORE UPDATE ON audit_log
    FOR EACH ROW
    WHEN (OLD.kind <> 'rental' OR NEW.details <> '{}'
          OR (NEW.id, NEW.at, NEW.who, NEW.action, NEW.kind, NEW.subject)
          <> (OLD.id, OLD.at, OLD.who, OLD.action, OLD.kind, OLD.subject))
    EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER refuse_removing BEFORE DELETE ON audit_log
    FOR EACH ROW WHEN (OLD.at > clock_timestamp() - interval '30 days')
    EXECUTE FUNCTION refuse_rewriting();

-- In place of `audit_deleted`: a rental that is removed takes its visitor's data with it.
CREATE FUNCTION audit_rentals_deleted() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    UPDATE audit_log
    SET details = '{}'
    WHERE kind = 'rental' AND details <> '{}'
      AND subject IN (SELECT id::text FROM old_rows);
    INSERT INTO audit_log (who, action, kind, subject, details)
    SELECT acting(), 'removed', 'rental', id::text, '{}'
    FROM old_rows;
    RETURN NULL;
END
$$;

DROP TRIGGER audit_deleted ON rentals;
CREATE TRIGGER audit_deleted AFTER DELETE ON rentals REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_rentals_deleted();

-- What rentals left behind that were removed before this version.
UPDATE audit_log
SET details = '{}'
WHERE kind = 'rental' AND details <> '{}'
  AND NOT EXISTS (SELECT FROM rentals WHERE rentals.id::text = audit_log.subject);


-- To find what is old without reading all of it.
CREATE INDEX rentals_collected ON rentals (collected_at) WHERE collected_at IS NOT NULL;
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_about_rentals ON audit_log (at) WHERE kind = 'rental' AND details <> '{}';
