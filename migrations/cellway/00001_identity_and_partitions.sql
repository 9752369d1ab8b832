-- What a cell's schema holds of the platform: who it is, and the state of every partition.
-- Names between @ are put in by the runner. There is no way down: these tables are the truth about who owns what.

-- +goose Up

-- One row, for the life of the schema.
CREATE TABLE @schema@.cellway_identity (
    only_row          boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    cluster_id        text        NOT NULL,
    cell              text        NOT NULL,
    database_id       text        NOT NULL,
    partitions        integer     NOT NULL CHECK (partitions > 0 AND partitions & (partitions - 1) = 0),
    hash              text        NOT NULL,
    -- Which server wrote this, and since when: another value means a restored or promoted copy.
    system_identifier text        NOT NULL,
    timeline          bigint      NOT NULL,
    database_oid      oid         NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row per partition. Everything that decides ownership is here, in the row that writers lock FOR SHARE.
-- Room on every page keeps the updates HOT.
CREATE TABLE @schema@.cellway_partitions (
    partition  integer PRIMARY KEY CHECK (partition >= 0),
    state      text    NOT NULL DEFAULT 'absent'
               CHECK (state IN ('absent', 'importing', 'ready', 'owned', 'fenced', 'moved')),
    epoch      bigint  NOT NULL DEFAULT 0,
    high_epoch bigint  NOT NULL DEFAULT 0,
    token      bigint  NOT NULL DEFAULT 0,
    fence_no   bigint  NOT NULL DEFAULT 0,
    read_fence bigint  NOT NULL DEFAULT 0,
    move       text    NOT NULL DEFAULT '',
    move_epoch bigint  NOT NULL DEFAULT 0,
    peer       text    NOT NULL DEFAULT '',
    peer_addrs text[]  NOT NULL DEFAULT '{}',
    attempt    bigint  NOT NULL DEFAULT 0,
    batch      bigint  NOT NULL DEFAULT 0,
    deadline   timestamptz,
    swept      boolean NOT NULL DEFAULT false,
    CHECK ((state = 'fenced') = (deadline IS NOT NULL)),
    CHECK (state = 'fenced' OR read_fence = 0),
    CHECK (state NOT IN ('importing', 'ready', 'fenced') OR move <> '')
) WITH (fillfactor = 50);

-- For self-release: almost always empty.
CREATE INDEX cellway_partitions_deadline ON @schema@.cellway_partitions (deadline) WHERE deadline IS NOT NULL;

-- Markers that make new writers refuse while a fence waits for the old ones. They serve liveness only.
CREATE TABLE @schema@.cellway_closing (
    partition integer     PRIMARY KEY,
    move      text        NOT NULL,
    token     bigint      NOT NULL,
    until     timestamptz NOT NULL
);

-- The leases of the instances' gates.
CREATE TABLE @schema@.cellway_gates (
    instance text        PRIMARY KEY,
    addr     text        NOT NULL,
    until    timestamptz NOT NULL
) WITH (fillfactor = 50);

-- The tables that move with their customers.
CREATE TABLE @schema@.cellway_tables (
    name       text        PRIMARY KEY,
    key_column text        NOT NULL,
    tracked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Deletes while a move copies: a copy cannot show what is no longer there.
CREATE TABLE @schema@.cellway_tombstones (
    table_name text    NOT NULL,
    partition  integer NOT NULL,
    key        jsonb   NOT NULL,
    xid        xid8    NOT NULL
);
CREATE INDEX cellway_tombstones_partition ON @schema@.cellway_tombstones (partition);

-- The durable record of every move that this cell took part in.
CREATE TABLE @schema@.cellway_receipts (
    move       text        PRIMARY KEY,
    partition  integer     NOT NULL,
    receipt    jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- +goose StatementBegin
INSERT INTO @schema@.cellway_identity
    (cluster_id, cell, database_id, partitions, hash, system_identifier, timeline, database_oid)
SELECT @cluster_text@, @cell_text@, gen_random_uuid()::text, @partitions@, @hash_text@,
       s.system_identifier::text,
       -- The timeline being written, not the last checkpoint's, which lags behind a promotion.
       ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint,
       d.oid
FROM pg_control_system() s, pg_database d
WHERE d.datname = current_database();
-- +goose StatementEnd

INSERT INTO @schema@.cellway_partitions (partition) SELECT generate_series(0, @partitions@ - 1);
