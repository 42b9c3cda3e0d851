-- Fixed pairs outlive their rentals, and an import is one line of the audit log.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

ALTER TABLE rentals
    -- Whether charger and widget were a pair before the hand-over. Then they stay one when the
    -- phone is collected. Of rentals from before this file it is not known: no.
    ADD COLUMN paired_before boolean NOT NULL DEFAULT false,
    -- Whether they were left a pair at the collection. Null: not collected, or not a pair then.
    ADD COLUMN pairing_kept boolean;

-- What happened in a time: the summary of an evening.
CREATE INDEX rentals_opened ON rentals (opened_at);

-- Which import an entry is a part of; set by the registry for its transaction. The import
-- has an entry of its own, with the id as its subject. Not of earlier entries, so the
-- default comes after the column.
ALTER TABLE audit_log ADD COLUMN import_id uuid;
ALTER TABLE audit_log
    ALTER COLUMN import_id
        SET DEFAULT nullif(current_setting('chargelight.import', true), '')::uuid,
    DROP CONSTRAINT audit_log_action_check,
    ADD CONSTRAINT audit_log_action_check
        CHECK (action IN ('created', 'changed', 'removed', 'imported'));

CREATE INDEX audit_log_import ON audit_log (import_id, id) WHERE import_id IS NOT NULL;
-- The list without the parts of imports, the newest first.
CREATE INDEX audit_log_lines ON audit_log (id) WHERE import_id IS NULL;
