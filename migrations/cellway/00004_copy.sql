-- Copying while the source works: how far an import has come, and which rows changed meanwhile.

-- +goose Up

ALTER TABLE @schema@.cellway_partitions
    -- target: the source's snapshot that this attempt began to copy from; set once per attempt
    ADD COLUMN base    text    NOT NULL DEFAULT '',
    -- target: the source's snapshot that the rows here are at, once all of base has arrived
    ADD COLUMN mark    text    NOT NULL DEFAULT '',
    -- target: copied and compared as a whole; what is left is for the fence
    ADD COLUMN copied  boolean NOT NULL DEFAULT false,
    -- source, moved: the frozen rows were compared once more; only then they may be swept
    ADD COLUMN checked boolean NOT NULL DEFAULT false;

-- What was handed over before this version was compared as a whole under its fence.
UPDATE @schema@.cellway_partitions SET checked = true WHERE state = 'moved';

-- Keys of the rows that were inserted or updated while a move copies. cellway_xid alone would say it, too, but to
-- find the few among many by it needs an index on it, and every update in normal running would pay for that.
CREATE TABLE @schema@.cellway_touched (
    table_name text    NOT NULL,
    partition  integer NOT NULL,
    key        jsonb   NOT NULL,
    xid        xid8    NOT NULL
);
CREATE INDEX cellway_touched_partition ON @schema@.cellway_touched (partition, xid);
DROP INDEX @schema@.cellway_tombstones_partition;
CREATE INDEX cellway_tombstones_partition ON @schema@.cellway_tombstones (partition, xid);

-- The key of a row, as tombstones name it: an SQL expression over OLD or NEW.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_key_expression(rel regclass, version text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $body$
    SELECT 'jsonb_build_object(' || string_agg(format('%L, %s.%I', a.attname, version, a.attname), ', ' ORDER BY a.attnum) || ')'
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = rel AND i.indisprimary
$body$;
-- +goose StatementEnd

-- Writes (again) the fence function of a table. New: an update that changes the primary key leaves a tombstone of the
-- old one, and keys that are written while the row names a move are noted.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION @schema@.cellway_write_fence(rel regclass, tab text, key_column text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    fence  text := @schema@.cellway_fence_name(tab);
BEGIN
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
            IF r.move <> '' THEN
                IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND %5$s IS DISTINCT FROM %6$s THEN
                    INSERT INTO @schema@.cellway_tombstones (table_name, partition, key, xid)
                    VALUES (%4$L, p, %5$s, pg_current_xact_id());
                END IF;
                IF TG_OP <> 'DELETE' THEN
                    INSERT INTO @schema@.cellway_touched (table_name, partition, key, xid)
                    VALUES (%4$L, p, %6$s, pg_current_xact_id());
                END IF;
            END IF;
            IF TG_OP = 'DELETE' THEN
                RETURN OLD;
            END IF;
            NEW.cellway_partition := p;
            NEW.cellway_xid := pg_current_xact_id();
            RETURN NEW;
        END
        $trigger$
    $fence$, fence, key_column, key_column, tab,
        @schema@.cellway_key_expression(rel, 'OLD'), @schema@.cellway_key_expression(rel, 'NEW'));
    EXECUTE format('REVOKE ALL ON FUNCTION @schema@.%I() FROM PUBLIC', fence);
END
$body$;
-- +goose StatementEnd

SELECT @schema@.cellway_write_fence(to_regclass(format('@schema@.%I', name)), name, key_column)
FROM @schema@.cellway_tables WHERE to_regclass(format('@schema@.%I', name)) IS NOT NULL;

-- Lifts one column's sequence above a value that an import brought: under the fence nobody looks through the table.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_lift_sequence(tab text, col text, top bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    s   record;
    cur bigint;
BEGIN
    FOR s IN SELECT d.objid::regclass AS seq, q.seqmax
             FROM pg_depend d
             JOIN pg_sequence q ON q.seqrelid = d.objid
             JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attname = col
             WHERE d.refobjid = to_regclass(format('@schema@.%I', tab)) AND d.classid = 'pg_class'::regclass
               AND d.deptype IN ('a', 'i')
             ORDER BY d.objid
    LOOP
        -- One import at a time: two could read before either sets.
        PERFORM pg_advisory_xact_lock(hashtextextended('cellway sequence ' || s.seq::oid, 0));
        EXECUTE format('SELECT last_value FROM %s', s.seq) INTO cur;
        IF top >= cur THEN
            PERFORM setval(s.seq, least(top + 1000, s.seqmax));
        END IF;
    END LOOP;
END
$body$;
-- +goose StatementEnd

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA @schema@ FROM PUBLIC;
