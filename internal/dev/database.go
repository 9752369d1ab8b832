package dev

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/localserver"
)

// database holds the schemas of all cells.
const database = "cellway"

func (s *supervisor) setDatabase(pg *localserver.Postgres) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db = pg
}

// databaseURL is the superuser's, on the database that holds the cells' schemas; "" before Postgres has started.
func (s *supervisor) databaseURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return ""
	}
	return s.db.URL(database)
}

func (s *supervisor) createDatabase(ctx context.Context) error {
	s.mu.Lock()
	url := s.db.URL("postgres")
	s.mu.Unlock()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, database).Scan(&there); err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{database}.Sanitize())
	return err
}

// sayData tells where Postgres's data is when it is not below the state directory.
func (s *supervisor) sayData() {
	s.mu.Lock()
	data := s.db.DataDir
	s.mu.Unlock()
	if rel, err := filepath.Rel(s.cfg.StateDir, data); err != nil || strings.HasPrefix(rel, "..") {
		s.con.say("Postgres's user cannot enter the state directory: its data is in %s", data)
	}
}
