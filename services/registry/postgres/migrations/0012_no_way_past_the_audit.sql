-- Two ways to change something without an entry in the audit log, closed.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

-- A row whose subject became another one (a pairing that moved to another charger) was in none
-- of the pairs that were compared. It is one that went, and one that came.
CREATE OR REPLACE FUNCTION audit_updated() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO audit_log (who, action, kind, subject, details)
    SELECT acting(), action, TG_ARGV[0], subject, details
    FROM (
        SELECT subject,
               CASE WHEN was.content IS NULL THEN 'created'
                    WHEN is_now.content IS NULL THEN 'removed'
                    ELSE 'changed' END AS action,
               CASE WHEN was.content IS NULL THEN audited(is_now.content)
                    WHEN is_now.content IS NULL THEN audited(was.content)
                    ELSE (SELECT jsonb_object_agg(key, jsonb_build_array(was.content -> key, value))
                          FROM jsonb_each(audited(is_now.content))
                          WHERE value IS DISTINCT FROM was.content -> key) END AS details
        FROM (SELECT to_jsonb(old_rows) ->> TG_ARGV[1] AS subject, to_jsonb(old_rows) AS content
              FROM old_rows) AS was
        FULL JOIN (SELECT to_jsonb(new_rows) ->> TG_ARGV[1] AS subject,
                          to_jsonb(new_rows) AS content
                   FROM new_rows) AS is_now USING (subject)
    ) AS compared
    WHERE details IS NOT NULL;
    RETURN NULL;
END
$$;

-- Postgres looks for a table among the temporary ones of the session first, unless the path
-- says otherwise: whoever made a temporary `audit_log` had the triggers write into that.
-- https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY
DO $$
DECLARE
    each regprocedure;
BEGIN
    FOR each IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
          AND pg_has_role(proowner, 'USAGE') AND proconfig::text LIKE '%search_path=%'
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', each, current_schema());
    END LOOP;
END
$$;
