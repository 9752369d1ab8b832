package localserver

import (
	"context"
	"fmt"
	"net/url"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// copyPostgres makes a data directory that is a base backup of the server at the superuser's URL, set up to follow
// it. The superuser and his password, which it returns, are those of that server.
func copyPostgres(ctx context.Context, bin PostgresBin, as *syscall.Credential, place, making, from string) (string, error) {
	u, err := url.Parse(from)
	if err != nil {
		return "", fmt.Errorf("postgres: the server to follow: %w", err)
	}
	password, _ := u.User.Password()
	u.User = url.User(u.User.Username()) // a command's arguments are seen by everybody
	err = makeDataBy(ctx, bin, as, place, password, "pg_basebackup",
		"-D", making, "-d", u.String(), "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")
	return password, err
}

// Promote makes a standby a server of its own, on a new timeline, and returns when it takes writes.
func (p *Postgres) Promote(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.URL(superuser))
	if err != nil {
		return fmt.Errorf("postgres: promote: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var done bool
	if err := conn.QueryRow(ctx, `SELECT pg_promote(true, 60)`).Scan(&done); err != nil {
		return fmt.Errorf("postgres: promote: %w", err)
	}
	if !done {
		return fmt.Errorf("postgres: promote: still a standby after 60 s")
	}
	return nil
}
