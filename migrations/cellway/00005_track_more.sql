-- cellway_track refuses more of what would not move safely. What it looks at is looked at again at every start, since
-- a later migration may have added it.

-- +goose Up

-- Columns: values that mean something in this database alone, and names that the platform gives its own columns.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_check_columns(rel regclass, tab text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    a record;
BEGIN
    SELECT attname INTO a FROM pg_attribute
    WHERE attrelid = rel AND attname IN ('cellway_partition', 'cellway_xid') AND NOT attisdropped
      AND NOT EXISTS (SELECT FROM @schema@.cellway_tables t WHERE t.name = tab);
    IF FOUND THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('it has a column %s of its own, a name that tracking needs: rename the column', a.attname));
    END IF;
    -- An oid is a large object's, or an object's of the catalog; the reg* types are oids in disguise.
    WITH RECURSIVE kinds (attname, attnum, typid) AS (
        SELECT c.attname, c.attnum, c.atttypid FROM pg_attribute c
        WHERE c.attrelid = rel AND c.attnum > 0 AND NOT c.attisdropped AND c.attname NOT IN ('cellway_partition', 'cellway_xid')
        UNION
        SELECT k.attname, k.attnum, CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END
        FROM kinds k JOIN pg_type t ON t.oid = k.typid
        WHERE t.typtype = 'd' OR t.typcategory = 'A'
    )
    SELECT k.attname, format_type(k.typid, NULL) AS kind INTO a
    FROM kinds k JOIN pg_type t ON t.oid = k.typid
    WHERE t.typnamespace = 'pg_catalog'::regnamespace AND (t.typname IN ('oid', 'xid', 'cid', 'tid', 'xid8') OR t.typname ~ '^reg')
    ORDER BY k.attnum LIMIT 1;
    IF FOUND THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its column %s is of type %s, which names something of this database that does not move: store the content (bytea) or the name (text)', a.attname, a.kind));
    END IF;
END
$body$;
-- +goose StatementEnd

-- Sequences: an import lifts those that belong to the column that draws from them, by the column's highest value.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_check_sequences(rel regclass, tab text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    s record;
BEGIN
    SELECT a.attname, q.seqrelid::regclass AS seq INTO s
    FROM pg_attrdef d
    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    JOIN pg_depend uses ON uses.classid = 'pg_attrdef'::regclass AND uses.objid = d.oid AND uses.refclassid = 'pg_class'::regclass
    JOIN pg_sequence q ON q.seqrelid = uses.refobjid
    WHERE d.adrelid = rel
      AND NOT EXISTS (
          SELECT FROM pg_depend owner
          WHERE owner.classid = 'pg_class'::regclass AND owner.objid = q.seqrelid AND owner.deptype IN ('a', 'i')
            AND owner.refclassid = 'pg_class'::regclass AND owner.refobjid = rel AND owner.refobjsubid = d.adnum)
    ORDER BY a.attnum LIMIT 1;
    IF FOUND THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its column %s draws from the sequence %s, which does not belong to it, so its next numbers could be those of rows that have moved in: give the column a sequence of its own (ALTER SEQUENCE ... OWNED BY %s.%s, or an identity column)', s.attname, s.seq, tab, s.attname));
    END IF;
    SELECT a.attname, q.seqrelid::regclass AS seq, q.seqincrement < 0 AS falls, q.seqcycle AS cycles, a.atttypid INTO s
    FROM pg_depend owner
    JOIN pg_sequence q ON q.seqrelid = owner.objid
    JOIN pg_attribute a ON a.attrelid = owner.refobjid AND a.attnum = owner.refobjsubid
    WHERE owner.classid = 'pg_class'::regclass AND owner.refclassid = 'pg_class'::regclass AND owner.refobjid = rel
      AND owner.deptype IN ('a', 'i')
      AND (q.seqincrement < 0 OR q.seqcycle OR a.atttypid NOT IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype))
    ORDER BY a.attnum LIMIT 1;
    IF s.falls OR s.cycles THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('the sequence %s of its column %s counts down or cycles, so nothing is above what has moved in: ALTER SEQUENCE %s INCREMENT BY 1 NO CYCLE', s.seq, s.attname, s.seq));
    ELSIF FOUND THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('the sequence %s belongs to its column %s, which is of type %s and cannot be compared with it: make the column bigint, or ALTER SEQUENCE %s OWNED BY NONE and give its numbers no default here', s.seq, s.attname, format_type(s.atttypid, NULL), s.seq));
    END IF;
END
$body$;
-- +goose StatementEnd

-- What would run when rows arrive or leave with a move, where nothing happens to the customer; and what would change a
-- row behind the fence's back.
-- +goose StatementBegin
CREATE FUNCTION @schema@.cellway_check_triggers(rel regclass, tab text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    bad name;
BEGIN
    SELECT rulename INTO bad FROM pg_rewrite WHERE ev_class = rel ORDER BY rulename LIMIT 1;
    IF FOUND THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its rule %s rewrites statements, those of a move too: use a trigger', bad));
    END IF;
    IF (SELECT relforcerowsecurity FROM pg_class WHERE oid = rel) THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its row security binds the owner too, so a move could leave rows behind: ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', tab));
    END IF;
    -- 1: for each row; 2: before; 4, 8, 16: insert, delete, update.
    SELECT tgname INTO bad FROM pg_trigger
    WHERE tgrelid = rel AND NOT tgisinternal AND tgenabled <> 'D' AND tgname > '~cellway_fence' AND tgname <> '~cellway_truncate'
      AND tgtype & 3 = 3 AND tgtype & 28 <> 0
    ORDER BY tgname LIMIT 1;
    IF FOUND THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its trigger %s would change rows behind the fence, which runs last by its name: ALTER TRIGGER %s ON %s RENAME TO a name before "~cellway_fence"', bad, quote_ident(bad), tab));
    END IF;
    SELECT tgname INTO bad FROM pg_trigger
    WHERE tgrelid = rel AND NOT tgisinternal AND tgenabled <> 'D' AND tgname NOT IN ('~cellway_fence', '~cellway_truncate')
      AND tgtype & 28 <> 0 AND pg_get_triggerdef(oid) NOT LIKE '%cellway.import%'
    ORDER BY tgname LIMIT 1;
    IF FOUND THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its trigger %s would run again for rows that arrive or leave with a move: give it WHEN (coalesce(current_setting(''cellway.import'', true), '''') <> ''on'')', bad));
    END IF;
END
$body$;
-- +goose StatementEnd

-- As before, and the columns, sequences and triggers.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION @schema@.cellway_check_shape(rel regclass, tab text, key_column text) RETURNS void
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
    PERFORM @schema@.cellway_check_columns(rel, tab);
    PERFORM @schema@.cellway_check_sequences(rel, tab);
    PERFORM @schema@.cellway_check_triggers(rel, tab);
END
$body$;
-- +goose StatementEnd

-- As before, and: rows are told apart by their primary key while a move copies, so it must hold at every moment and
-- travel whole; and an exclusion keeps to one customer only where it compares the keys by equality.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION @schema@.cellway_check_unique(rel regclass, tab text, key_column text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    pk  pg_index%ROWTYPE;
    bad text;
BEGIN
    SELECT * INTO pk FROM pg_index WHERE indrelid = rel AND indisprimary;
    IF NOT FOUND THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('it has no primary key: add one that contains %s', key_column));
    ELSIF NOT pk.indimmediate THEN
        PERFORM @schema@.cellway_cannot_track(tab, 'its primary key is deferrable, so that two rows may share it for a while: make it NOT DEFERRABLE');
    END IF;
    SELECT attname INTO bad FROM pg_attribute
    WHERE attrelid = rel AND attnum = ANY (pk.indkey) AND attgenerated <> '' ORDER BY attnum LIMIT 1;
    IF bad IS NOT NULL THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its primary key contains %s, which is generated and does not travel: store it, or leave it out', bad));
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
    SELECT k.conname INTO bad
    FROM pg_constraint k
    WHERE k.conrelid = rel AND k.contype = 'x'
      AND NOT EXISTS (
          SELECT FROM unnest(k.conkey, k.conexclop) AS part (num, op)
          JOIN pg_attribute a ON a.attrelid = rel AND a.attnum = part.num AND a.attname = key_column
          JOIN pg_operator o ON o.oid = part.op AND o.oprname = '=')
    ORDER BY 1 LIMIT 1;
    IF bad IS NOT NULL THEN
        PERFORM @schema@.cellway_cannot_track(tab, format('its exclusion constraint %s does not compare %s by equality, so rows of two cells could exclude each other: say %s WITH =', bad, key_column, key_column));
    END IF;
END
$body$;
-- +goose StatementEnd

-- As before, and: of tables that refer to each other in a circle none can be filled first.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION @schema@.cellway_check_references(rel regclass, tab text, key_column text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    f      record;
    target record;
BEGIN
    FOR f IN SELECT conname, confrelid, conkey, confkey, condeferred FROM pg_constraint
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
        IF f.confrelid <> rel AND NOT f.condeferred AND EXISTS (
            WITH RECURSIVE up (tab) AS (
                SELECT f.confrelid
                UNION
                SELECT k.confrelid FROM up JOIN pg_constraint k ON k.conrelid = up.tab AND k.contype = 'f')
            SELECT FROM up WHERE up.tab = rel)
        THEN
            PERFORM @schema@.cellway_cannot_track(tab, format('its foreign key %s closes a circle with %s, so neither can be filled first: make it DEFERRABLE INITIALLY DEFERRED', f.conname, target.relname));
        END IF;
    END LOOP;
END
$body$;
-- +goose StatementEnd

-- Those that are new: of the others the rights stay as they are, and the application may have functions, too.
REVOKE ALL ON FUNCTION @schema@.cellway_check_columns(regclass, text), @schema@.cellway_check_sequences(regclass, text),
    @schema@.cellway_check_triggers(regclass, text) FROM PUBLIC;
