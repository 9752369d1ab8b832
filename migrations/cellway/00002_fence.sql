-- The fence: the number of a key's partition, and the triggers that refuse a write to a partition that the cell
-- does not own. One function is generated per table, so that the key is a plain field access.

-- +goose Up

-- The partition of a key: the first four bytes of sha256(key), big-endian, modulo the partition count.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_partition_of(key text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    h bytea := sha256(convert_to(key, 'UTF8'));
BEGIN
    RETURN ((get_byte(h, 0)::bigint << 24) | (get_byte(h, 1) << 16) | (get_byte(h, 2) << 8) | get_byte(h, 3))
           & (@partitions@ - 1);
END
$body$;
-- +goose StatementEnd

-- The name of a table's fence function: within 63 bytes, and never the same for two tables.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_fence_name(tab text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $body$
    SELECT CASE WHEN octet_length(tab) <= 48 THEN 'cellway_fence_' || tab
                ELSE 'cellway_fence_' || encode(substr(sha256(convert_to(tab, 'UTF8')), 1, 16), 'hex') END
$body$;
-- +goose StatementEnd

-- Refuses a write to a partition whose row is not owned. Kept apart from the generated functions: it runs only
-- when something is wrong.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_refuse(p integer, state text, epoch bigint, peer text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    IF state = 'closing' THEN
        RAISE EXCEPTION 'partition % is closing for a move', p
            USING ERRCODE = 'CW503', DETAIL = 'state=closing', HINT = 'Nothing was written. Try again at once.';
    ELSIF state IN ('fenced', 'importing', 'ready') THEN
        RAISE EXCEPTION 'partition % is %: a move is in progress', p, state
            USING ERRCODE = 'CW503', DETAIL = format('state=%s; epoch=%s', state, epoch),
                  HINT = 'Nothing was written. Try again at once.';
    ELSIF state = 'moved' THEN
        RAISE EXCEPTION 'partition % is owned by %', p, peer
            USING ERRCODE = 'CW421', DETAIL = format('%s; epoch=%s', peer, epoch),
                  HINT = 'Nothing was written. Write at the owner.';
    END IF;
    RAISE EXCEPTION 'partition % is not owned by this cell', p
        USING ERRCODE = 'CW421', DETAIL = 'no owner known', HINT = 'Nothing was written. Ask the map for the owner.';
END
$body$;
-- +goose StatementEnd

-- Writes (again) the fence function of a table.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_write_fence(rel regclass, tab text, key_column text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    fence  text := @schema@.cellway_fence_name(tab);
    pk     text;
BEGIN
    SELECT string_agg(format('%L, OLD.%I', a.attname, a.attname), ', ' ORDER BY a.attnum) INTO pk
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = rel AND i.indisprimary;

    -- The order inside matters. The marker first (liveness), then the lock: the row that comes back is the
    -- newest committed one, and stays so until this transaction ends. Nothing else is consulted.
    EXECUTE format($fence$
        CREATE OR REPLACE FUNCTION @schema@.%1$I() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $trigger$
        DECLARE
            h bytea;
            p integer;
            r record;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                h := sha256(convert_to(NEW.%2$I, 'UTF8'));
            ELSE
                IF TG_OP = 'UPDATE' AND NEW.%2$I IS DISTINCT FROM OLD.%2$I THEN
                    RAISE EXCEPTION 'the key of a row never changes: %%.%%', TG_TABLE_NAME, %3$L
                        USING ERRCODE = 'CW400', HINT = 'Delete the row and insert it under the other key.';
                END IF;
                h := sha256(convert_to(OLD.%2$I, 'UTF8'));
            END IF;
            IF h IS NULL THEN
                RAISE EXCEPTION 'a row without its key: %%.%%', TG_TABLE_NAME, %3$L USING ERRCODE = 'CW400';
            END IF;
            p := ((get_byte(h, 0)::bigint << 24) | (get_byte(h, 1) << 16) | (get_byte(h, 2) << 8) | get_byte(h, 3))
                 & (@partitions@ - 1);
            PERFORM FROM @schema@.cellway_closing c WHERE c.partition = p AND c.until > clock_timestamp();
            IF FOUND THEN
                PERFORM @schema@.cellway_refuse(p, 'closing', 0, '');
            END IF;
            SELECT o.state, o.epoch, o.peer, o.move INTO r
            FROM @schema@.cellway_partitions o WHERE o.partition = p FOR SHARE;
            IF r.state IS DISTINCT FROM 'owned' THEN
                PERFORM @schema@.cellway_refuse(p, r.state, r.epoch, r.peer);
            END IF;
            IF TG_OP = 'DELETE' THEN
                IF r.move <> '' THEN
                    INSERT INTO @schema@.cellway_tombstones (table_name, partition, key, xid)
                    VALUES (%4$L, p, jsonb_build_object(%5$s), pg_current_xact_id());
                END IF;
                RETURN OLD;
            END IF;
            NEW.cellway_partition := p;
            NEW.cellway_xid := pg_current_xact_id();
            RETURN NEW;
        END
        $trigger$
    $fence$, fence, key_column, key_column, tab, pk);
    EXECUTE format('REVOKE ALL ON FUNCTION @schema@.%I() FROM PUBLIC', fence);
END
$body$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_refuse_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'TRUNCATE of % is refused: it would empty every partition unseen', TG_TABLE_NAME
        USING ERRCODE = 'CW400', HINT = 'Use DELETE.';
END
$body$;
-- +goose StatementEnd

-- Puts the triggers on a table. The last in the alphabet runs last: no other BEFORE trigger changes the row after
-- it. ENABLE ALWAYS: session_replication_role does not skip it. The platform's own imports and sweeps do: they
-- hold the partition's row FOR UPDATE. session_user, too, because a foreign key's action runs as the table's
-- owner, and anybody may set cellway.import.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_put_triggers(rel regclass, tab text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    EXECUTE format('DROP TRIGGER IF EXISTS "~cellway_fence" ON %s', rel);
    EXECUTE format('DROP TRIGGER IF EXISTS "~cellway_truncate" ON %s', rel);
    EXECUTE format($ddl$
        CREATE TRIGGER "~cellway_fence" BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW
        WHEN (NOT (session_user = @platform_text@ AND current_user = @platform_text@
                   AND coalesce(current_setting('cellway.import', true), '') = 'on'))
        EXECUTE FUNCTION @schema@.%I()
    $ddl$, rel, @schema@.cellway_fence_name(tab));
    EXECUTE format('CREATE TRIGGER "~cellway_truncate" BEFORE TRUNCATE ON %s EXECUTE FUNCTION '
                   '@schema@.cellway_refuse_truncate()', rel);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER "~cellway_fence", '
                   'ENABLE ALWAYS TRIGGER "~cellway_truncate"', rel);
END
$body$;
-- +goose StatementEnd

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA @schema@ FROM PUBLIC;
