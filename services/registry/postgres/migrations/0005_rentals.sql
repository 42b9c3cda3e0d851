-- Rentals: one visitor's phone in one charger, from hand-over to collection.
--
-- A rental begins with a pairing number of its own, also if the two are a fixed pair:
-- what the former phone reported lights nothing, and what the new one reports is known
-- as its. It lasts until the number that ended it. So whatever carries a charger and a
-- pairing number belongs to one rental at most, however late it comes.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

CREATE TABLE rentals (
    id                 uuid        PRIMARY KEY,
    -- In which order they were opened.
    opening_number     bigint      GENERATED ALWAYS AS IDENTITY UNIQUE,
    -- No references: rentals outlive their devices.
    charger_id         device_id   NOT NULL,
    -- What the visitor was given. Null: it was paired with another charger meanwhile.
    widget_id          device_id,
    ticket             text        CHECK (length(ticket) BETWEEN 1 AND 64),
    opened_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When its light became yellow and green for the first time.
    reached_80_at      timestamptz,
    reached_100_at     timestamptz,
    collected_at       timestamptz,
    widget_returned_at timestamptz,
    pairing_number     bigint      NOT NULL,
    ended_number       bigint,
    CHECK ((collected_at IS NULL) = (ended_number IS NULL)),
    CHECK (widget_returned_at IS NULL OR collected_at IS NOT NULL)
);

-- One phone in one charger, one widget with one visitor.
CREATE UNIQUE INDEX rentals_open_charger ON rentals (charger_id) WHERE collected_at IS NULL;
CREATE UNIQUE INDEX rentals_open_widget ON rentals (widget_id) WHERE collected_at IS NULL;
CREATE INDEX rentals_numbers ON rentals (charger_id, pairing_number);
CREATE INDEX rentals_widget ON rentals (widget_id, opening_number);
CREATE INDEX rentals_ticket ON rentals (ticket, opening_number) WHERE ticket IS NOT NULL;
CREATE INDEX rentals_charged ON rentals (reached_100_at) WHERE collected_at IS NULL;
CREATE INDEX rentals_widget_missing ON rentals (opening_number)
    WHERE collected_at IS NOT NULL AND widget_returned_at IS NULL AND widget_id IS NOT NULL;

-- Whoever is paired anew in the middle of a rental (a broken widget was replaced, say)
-- goes on with it: the visitor has the other widget from now on. A charger that is not
-- paired any more leaves its rental as it is: the phone is still in it.
CREATE FUNCTION rentals_follow_pairings() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    UPDATE rentals
    SET widget_id = NULL
    FROM new_rows
    WHERE rentals.widget_id = new_rows.widget_id
      AND rentals.charger_id <> new_rows.charger_id
      AND rentals.collected_at IS NULL;
    UPDATE rentals
    SET widget_id = new_rows.widget_id
    FROM new_rows
    WHERE rentals.charger_id = new_rows.charger_id
      AND rentals.widget_id IS DISTINCT FROM new_rows.widget_id
      AND rentals.collected_at IS NULL;
    RETURN NULL;
END
$$;

-- A rental is of one charger, from one number on.
CREATE FUNCTION refuse_other_rental() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'id, charger and pairing number of a rental do not change'
        USING HINT = 'Collect it, and open another one.';
END
$$;

CREATE FUNCTION refuse_unrecorded() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE would go past the audit log'
        USING HINT = 'Use DELETE FROM.';
END
$$;

CREATE TRIGGER lock_first BEFORE INSERT OR UPDATE OR DELETE ON rentals
    FOR EACH STATEMENT EXECUTE FUNCTION lock_directory_first();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON rentals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unrecorded();
CREATE TRIGGER refuse_other_rental BEFORE UPDATE ON rentals
    FOR EACH ROW
    WHEN ((NEW.id, NEW.charger_id, NEW.pairing_number)
          <> (OLD.id, OLD.charger_id, OLD.pairing_number))
    EXECUTE FUNCTION refuse_other_rental();

CREATE TRIGGER rentals_follow_inserted AFTER INSERT ON pairings
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION rentals_follow_pairings();
CREATE TRIGGER rentals_follow_updated AFTER UPDATE ON pairings
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION rentals_follow_pairings();

CREATE TRIGGER audit_inserted AFTER INSERT ON rentals REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_inserted('rental', 'id');
CREATE TRIGGER audit_updated AFTER UPDATE ON rentals
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_updated('rental', 'id');
CREATE TRIGGER audit_deleted AFTER DELETE ON rentals REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deleted('rental', 'id');
