package customers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// All but the first begin at the customer: no row says that there is no such customer, a row without a note that
// there is no such note. Both come from one statement, so the two never contradict each other.
const (
	insertNoteSQL = `INSERT INTO notes (customer_id, note_id, text) VALUES ($1, $2, $3)
RETURNING note_id, text, created_at, updated_at`

	selectNoteSQL = `SELECT n.note_id, n.text, n.created_at, n.updated_at FROM customers c
LEFT JOIN notes n ON n.customer_id = c.customer_id AND n.note_id = $2 WHERE c.customer_id = $1`

	updateNoteSQL = `WITH n AS (UPDATE notes SET text = $3, updated_at = now() WHERE customer_id = $1 AND note_id = $2
RETURNING note_id, text, created_at, updated_at)
SELECT n.note_id, n.text, n.created_at, n.updated_at FROM customers c LEFT JOIN n ON true WHERE c.customer_id = $1`

	deleteNoteSQL = `WITH n AS (DELETE FROM notes WHERE customer_id = $1 AND note_id = $2
RETURNING note_id, text, created_at, updated_at)
SELECT n.note_id, n.text, n.created_at, n.updated_at FROM customers c LEFT JOIN n ON true WHERE c.customer_id = $1`

	listNotesSQL = `SELECT n.note_id, n.text, n.created_at, n.updated_at FROM customers c LEFT JOIN LATERAL (
SELECT note_id, text, created_at, updated_at FROM notes WHERE customer_id = c.customer_id AND note_id > $2
ORDER BY note_id LIMIT $3) n ON true WHERE c.customer_id = $1 ORDER BY n.note_id`
)

func (s *store) createNote(ctx context.Context, customer, text string) (Note, error) {
	var n Note
	id, err := newNoteID()
	if err != nil {
		return n, fmt.Errorf("draw a note's ID: %w", err)
	}
	err = s.db.write(ctx, n.scan, insertNoteSQL, customer, id, text)
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.ConstraintName == "notes_customer_id_fkey" {
		return n, notFound()
	}
	return n, acted("create note", err)
}

func (s *store) getNote(ctx context.Context, customer string, id uuid.UUID) (Note, error) {
	var n Note
	err := s.db.read(ctx, n.scan, selectNoteSQL, customer, id)
	return n, acted("read note", err)
}

func (s *store) updateNote(ctx context.Context, customer string, id uuid.UUID, text string) (Note, error) {
	var n Note
	err := s.db.write(ctx, n.scan, updateNoteSQL, customer, id, text)
	return n, acted("update note", err)
}

func (s *store) deleteNote(ctx context.Context, customer string, id uuid.UUID) error {
	var n Note
	return acted("delete note", s.db.write(ctx, n.scan, deleteNoteSQL, customer, id))
}

// listNotes returns at most limit notes whose IDs are after the one given, in the order of their IDs.
func (s *store) listNotes(ctx context.Context, customer string, after uuid.UUID, limit int) ([]Note, error) {
	var notes []Note
	rows := 0
	err := s.db.readAll(ctx, func(row pgx.Row) error {
		var n Note
		rows++
		err := n.scan(row)
		if errors.Is(err, errNoNote) {
			return nil // the customer, alone
		}
		notes = append(notes, n)
		return err
	}, listNotesSQL, customer, after, limit)
	if err == nil && rows == 0 {
		err = pgx.ErrNoRows
	}
	return notes, acted("list notes", err)
}

// scan reads a row that may be of a customer without the note: errNoNote.
func (n *Note) scan(row pgx.Row) error {
	var id *uuid.UUID
	var text *string
	var created, updated *time.Time
	if err := row.Scan(&id, &text, &created, &updated); err != nil {
		return err
	}
	if id == nil {
		return errNoNote
	}
	*n = Note{*id, *text, *created, *updated}
	return nil
}
