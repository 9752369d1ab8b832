package localserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// passwordFile, in the server's directory, holds the superuser's password.
const passwordFile = "password"

// initPostgres makes a data directory with a random superuser password, which it returns.
func initPostgres(ctx context.Context, bin PostgresBin, as *syscall.Credential, place, making string) (string, error) {
	password := rand.Text()
	pwfile := filepath.Join(place, "pwfile")
	if err := writeFor(as, pwfile, password); err != nil {
		return "", err
	}
	defer os.Remove(pwfile)
	err := makeDataBy(ctx, bin, as, place, "", "initdb",
		"-D", making, "-U", superuser, "--pwfile="+pwfile, "--auth=scram-sha-256",
		// The same order of texts on every system, and no locale that might be missing.
		"--encoding=UTF8", "--locale=C", "--no-instructions")
	return password, err
}

// makeDataBy runs one of Postgres's programs as the server's user.
func makeDataBy(ctx context.Context, bin PostgresBin, as *syscall.Credential, place, password, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(bin.Dir, program), args...)
	cmd.Env, cmd.Dir = append(postgresEnv(place), "PGPASSWORD="+password), place
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	endWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	if out, err := runOnOwnThread(cmd); err != nil {
		return fmt.Errorf("postgres: %s: %w: %s", program, err, lastLines(out, 3))
	}
	return nil
}

func writeFor(as *syscall.Credential, path, content string) error {
	_ = os.Remove(path)
	if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
		return fmt.Errorf("postgres: write password for initdb: %w", err)
	}
	if as == nil {
		return nil
	}
	if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
		return fmt.Errorf("postgres: give password file to the server's user: %w", err)
	}
	return nil
}

func readPassword(dir string) (string, error) {
	path := filepath.Join(dir, passwordFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("postgres: there is data but no password for it (%s): remove %s to begin anew", path, dir)
	}
	if err != nil {
		return "", fmt.Errorf("postgres: read password: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}
