-- +goose Up

-- A customer's notes. note_id is a UUID that the application draws: a number from a sequence would be drawn again
-- elsewhere. The key column comes first in the primary key, so that the foreign key's action finds a customer's
-- notes by it. A note says something about its customer and nothing without: it goes when the customer goes.
CREATE TABLE notes (
    customer_id text        NOT NULL REFERENCES customers ON DELETE CASCADE,
    note_id     uuid        NOT NULL,
    text        text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, note_id)
);

SELECT cellway_track('notes', 'customer_id');

-- +goose Down
DELETE FROM cellway_tables WHERE name = 'notes';
DROP TABLE notes;
