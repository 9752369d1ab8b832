-- cellway_track('notes', 'customer_id') makes a table move with its customers. It refuses, with the remedy, what
-- could not be moved partition by partition.

-- +goose Up

-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_cannot_track(tab text, why text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'table % cannot be tracked: %', tab, why USING ERRCODE = 'CW400';
END
$body$;
-- +goose StatementEnd

-- The table itself and its key column.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_check_shape(rel regclass, tab text, key_column text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    c pg_class%ROWTYPE;
    a pg_attribute%ROWTYPE;
BEGIN
    SELECT * INTO c FROM pg_class WHERE oid = rel;
    IF c.relkind <> 'r' OR c.relpersistence <> 'p' OR c.relispartition
       OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = rel OR inhparent = rel) THEN
        PERFORM @schema@.cellway_cannot_track(tab, 'it must be a plain, logged table without partitions or inheritance');
    END IF;
    SELECT * INTO a FROM pg_attribute
    WHERE attrelid = rel AND attname = key_column AND attnum > 0 AND NOT attisdropped;
    IF a.attname IS NULL THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('it has no column %s: add it, or name the column that holds the key', key_column));
    ELSIF a.atttypid NOT IN ('text'::regtype, 'varchar'::regtype) THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its key column %s is of type %s, where one key may be spelled in two ways: make it text', key_column, format_type(a.atttypid, a.atttypmod)));
    ELSIF EXISTS (SELECT FROM pg_collation WHERE oid = a.attcollation AND NOT collisdeterministic) THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its key column %s has a collation that takes different texts as equal: use a deterministic one', key_column));
    ELSIF NOT a.attnotnull THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its key column %s may be NULL: ALTER TABLE %s ALTER COLUMN %s SET NOT NULL', key_column, tab, key_column));
    ELSIF a.attgenerated <> '' THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its key column %s is generated: store it', key_column));
    END IF;
END
$body$;
-- +goose StatementEnd

-- Unique keys: one without the key column could hold in each cell and break when rows come together.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_check_unique(rel regclass, tab text, key_column text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    bad text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = rel AND indisprimary) THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('it has no primary key: add one that contains %s', key_column));
    END IF;
    SELECT i.indexrelid::regclass::text INTO bad
    FROM pg_index i
    WHERE i.indrelid = rel AND (i.indisunique OR i.indisexclusion)
      AND NOT EXISTS (
          SELECT FROM pg_attribute a
          WHERE a.attrelid = rel AND a.attname = key_column
            AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
    ORDER BY 1 LIMIT 1;
    IF bad IS NOT NULL THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its unique key %s lacks the key column, so two cells could hold the same value: add %s to it', bad, key_column));
    END IF;
END
$body$;
-- +goose StatementEnd

-- Foreign keys of one table to others: rows must point only to rows that move with them.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_check_references(rel regclass, tab text, key_column text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    f      record;
    target record;
BEGIN
    FOR f IN SELECT conname, confrelid, conkey, confkey FROM pg_constraint
             WHERE conrelid = rel AND contype = 'f' ORDER BY conname
    LOOP
        SELECT c.relname, t.key_column INTO target
        FROM pg_class c
        LEFT JOIN @schema@.cellway_tables t ON t.name = c.relname AND c.relnamespace = '@schema@'::regnamespace
        WHERE c.oid = f.confrelid;
        IF target.key_column IS NULL THEN
            PERFORM @schema@.cellway_cannot_track(tab, format('its foreign key %s goes to %s, which is not tracked: track %s first, or drop the foreign key', f.conname, target.relname, target.relname));
        END IF;
        IF NOT EXISTS (
            SELECT FROM unnest(f.conkey, f.confkey) AS pair (here, there)
            JOIN pg_attribute h ON h.attrelid = rel AND h.attnum = pair.here AND h.attname = cellway_check_references.key_column
            JOIN pg_attribute t ON t.attrelid = f.confrelid AND t.attnum = pair.there AND t.attname = target.key_column)
        THEN
            PERFORM @schema@.cellway_cannot_track(tab, format('its foreign key %s does not pair %s.%s with %s.%s, so it could cross partitions: add that pair to it', f.conname, tab, key_column, target.relname, target.key_column));
        END IF;
    END LOOP;
END
$body$;
-- +goose StatementEnd

-- Foreign keys of untracked tables to a tracked one: they would stop the sweep, or lose their rows.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_check_referrers(rel regclass, tab text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    f record;
BEGIN
    SELECT k.conname, k.conrelid::regclass::text AS child INTO f
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.confrelid = rel AND k.contype = 'f'
      AND NOT EXISTS (SELECT FROM @schema@.cellway_tables t
                      WHERE t.name = c.relname AND c.relnamespace = '@schema@'::regnamespace)
    ORDER BY 1 LIMIT 1;
    IF f.conname IS NOT NULL THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('the foreign key %s comes from %s, which is not tracked: track %s in the same transaction, or drop the foreign key', f.conname, f.child, f.child));
    END IF;
END
$body$;
-- +goose StatementEnd

-- Looks again at every tracked table: a later migration may have added what tracking would have refused.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_check_all() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    t   record;
    rel regclass;
BEGIN
    FOR t IN SELECT name, key_column FROM @schema@.cellway_tables ORDER BY name LOOP
        rel := to_regclass(format('@schema@.%I', t.name));
        IF rel IS NULL THEN
            PERFORM @schema@.cellway_cannot_track(t.name, 'it is gone: DELETE its line from cellway_tables in the migration that drops it');
        END IF;
        PERFORM @schema@.cellway_check_shape(rel, t.name, t.key_column);
        PERFORM @schema@.cellway_check_unique(rel, t.name, t.key_column);
        PERFORM @schema@.cellway_check_references(rel, t.name, t.key_column);
        PERFORM @schema@.cellway_check_referrers(rel, t.name);
        IF (SELECT count(*) FROM pg_trigger WHERE tgrelid = rel AND tgenabled = 'A'
            AND tgname IN ('~cellway_fence', '~cellway_truncate')) <> 2 THEN
            PERFORM @schema@.cellway_cannot_track(t.name, 'its fence is gone or off: call cellway_track again');
        END IF;
    END LOOP;
END
$body$;
-- +goose StatementEnd

-- At the end of the transaction that tracks a table: its children are tracked after it.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_tracked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    rel regclass := to_regclass(format('@schema@.%I', NEW.name));
BEGIN
    IF rel IS NOT NULL THEN
        PERFORM @schema@.cellway_check_referrers(rel, NEW.name);
    END IF;
    RETURN NULL;
END
$body$;
-- +goose StatementEnd

CREATE CONSTRAINT TRIGGER cellway_tracked AFTER INSERT OR UPDATE ON @schema@.cellway_tables
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION @schema@.cellway_tracked();

-- The application's role works with the table and its sequences, and with nothing of the platform's.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_grant(rel regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    s regclass;
BEGIN
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO @approle@', rel);
    FOR s IN SELECT d.objid::regclass FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
             WHERE d.refobjid = rel AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    LOOP
        EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO @approle@', s);
    END LOOP;
END
$body$;
-- +goose StatementEnd

-- Makes a table of this schema move with its customers. Tracking it again with the same key renews its triggers.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_track(tab text, key_column text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    rel regclass := to_regclass(format('@schema@.%I', tab));
    had text;
BEGIN
    IF rel IS NULL THEN
        PERFORM @schema@.cellway_cannot_track(tab, 'there is no such table in schema ' || @schema_text@ || ': create it first, and name it without its schema');
    END IF;
    SELECT t.key_column INTO had FROM @schema@.cellway_tables t WHERE t.name = tab;
    IF had <> cellway_track.key_column THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('it is tracked by %s already: a key column never changes', had));
    END IF;
    PERFORM @schema@.cellway_check_shape(rel, tab, key_column);
    PERFORM @schema@.cellway_check_unique(rel, tab, key_column);
    INSERT INTO @schema@.cellway_tables AS t (name, key_column) VALUES (tab, cellway_track.key_column)
    ON CONFLICT (name) DO UPDATE SET tracked_at = t.tracked_at;
    PERFORM @schema@.cellway_check_references(rel, tab, key_column);
    IF had IS NULL THEN
        -- As a generated column first: so the rows that exist get their partition without running triggers.
        EXECUTE format('ALTER TABLE %s ADD COLUMN cellway_partition integer NOT NULL '
                       'GENERATED ALWAYS AS (@schema@.cellway_partition_of(%I)) STORED, '
                       'ADD COLUMN cellway_xid xid8 NOT NULL DEFAULT pg_current_xact_id()', rel, key_column);
        EXECUTE format('ALTER TABLE %s ALTER COLUMN cellway_partition DROP EXPRESSION', rel);
        EXECUTE format('CREATE INDEX ON %s (cellway_partition)', rel);
    END IF;
    PERFORM @schema@.cellway_write_fence(rel, tab, key_column);
    PERFORM @schema@.cellway_put_triggers(rel, tab);
    PERFORM @schema@.cellway_grant(rel);
END
$body$;
-- +goose StatementEnd

-- Lifts the table's sequences above what an import brought, so that the next row drawn does not collide with it.
-- The distance covers those who draw a number between the reading and the setting.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_lift_sequences(tab text, p integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    rel regclass := to_regclass(format('@schema@.%I', tab));
    s   record;
    top bigint;
    cur bigint;
BEGIN
    FOR s IN SELECT d.objid::regclass AS seq, a.attname, q.seqmax
             FROM pg_depend d
             JOIN pg_sequence q ON q.seqrelid = d.objid
             JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
             WHERE d.refobjid = rel AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
             ORDER BY d.objid
    LOOP
        -- One import at a time: two could read before either sets.
        PERFORM pg_advisory_xact_lock(hashtextextended('cellway sequence ' || s.seq::oid, 0));
        EXECUTE format('SELECT max(%I)::bigint FROM %s WHERE cellway_partition = $1', s.attname, rel) INTO top USING p;
        EXECUTE format('SELECT last_value FROM %s', s.seq) INTO cur;
        IF top >= cur THEN
            PERFORM setval(s.seq, least(top + 1000, s.seqmax));
        END IF;
    END LOOP;
END
$body$;
-- +goose StatementEnd

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA @schema@ FROM PUBLIC;
