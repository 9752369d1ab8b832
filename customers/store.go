package customers

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	insertSQL = `INSERT INTO customers (customer_id, name, email, profile)
VALUES ($1, $2, $3, coalesce($4::jsonb, '{}')) RETURNING customer_id`

	selectSQL = `SELECT name, email, profile, created_at, updated_at FROM customers WHERE customer_id = $1`

	updateSQL = `UPDATE customers SET name = coalesce($2, name), email = coalesce($3, email),
profile = coalesce($4::jsonb, profile), updated_at = now() WHERE customer_id = $1
RETURNING name, email, profile, created_at, updated_at`

	deleteSQL = `DELETE FROM customers WHERE customer_id = $1 RETURNING customer_id`
)

// store is the table customers. Its errors are those of errors.go.
type store struct {
	db database
}

func (s *store) create(ctx context.Context, id string, c Change) error {
	err := s.db.write(ctx, scanID, insertSQL, id, c.Name, c.Email, jsonb(c.Profile))
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.ConstraintName == "customers_pkey" {
		return &Error{Code: CodeExists, Message: "Customer already exists"}
	}
	return acted("create customer", err)
}

func (s *store) get(ctx context.Context, id string) (Customer, error) {
	c := Customer{ID: id}
	err := s.db.read(ctx, c.scan, selectSQL, id)
	return c, acted("read customer", err)
}

func (s *store) update(ctx context.Context, id string, ch Change) (Customer, error) {
	c := Customer{ID: id}
	err := s.db.write(ctx, c.scan, updateSQL, id, ch.Name, ch.Email, jsonb(ch.Profile))
	return c, acted("update customer", err)
}

func (s *store) delete(ctx context.Context, id string) error {
	return acted("delete customer", s.db.write(ctx, scanID, deleteSQL, id))
}

func (c *Customer) scan(row pgx.Row) error {
	return row.Scan(&c.Name, &c.Email, (*[]byte)(&c.Profile), &c.CreatedAt, &c.UpdatedAt)
}

func scanID(row pgx.Row) error {
	var id string
	return row.Scan(&id)
}

// jsonb hands the text of a profile to the database as it was written: through float64 it would lose digits.
func jsonb(profile []byte) *string {
	if profile == nil {
		return nil
	}
	text := string(profile)
	return &text
}

func acted(act string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return notFound()
	}
	return fmt.Errorf("%s: %w", act, err)
}
