package localserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "postgres"
	// postgresReadyIn bounds a start; after a crash the server first replays its log.
	postgresReadyIn = 60 * time.Second
	// heirsGoneIn is how long a start is repeated while the children of a killed server still hold its memory.
	heirsGoneIn = 15 * time.Second
)

// PostgresConfig says how a private Postgres server runs.
type PostgresConfig struct {
	Dir      string            // the server's own directory; made if missing. Required
	Bin      string            // directory of initdb and postgres; "": found, see FindPostgres
	Port     int               // on 127.0.0.1; 0: a free one
	Settings map[string]string // server settings beside, or instead of, the defaults
	Output   io.Writer         // the server's log; nil: dropped
	Stop     time.Duration     // how long a fast shutdown may take before an immediate one; 0: 10 s
	// Follow is the superuser's URL of a server whose asynchronous standby this one is to be: its data begins as a base
	// backup of that server. "": a server of its own. [Postgres.Promote] ends the following.
	Follow string
}

// Postgres is a running private server. Its data stays in its directory when it stops: the next StartPostgres on
// the same directory finds it. Where root runs a server under a directory that the server's user cannot enter,
// the data alone is elsewhere: DataDir says where, and a file in the directory remembers.
type Postgres struct {
	*Process
	Port    int
	DataDir string
	// Created: the data directory was made by this start.
	Created  bool
	password string
	stop     time.Duration
}

// StartPostgres starts a server, making its data first if there is none, and returns when it answers queries.
// [ErrNoPostgres] and [ErrPortInUse] say what a person can do.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	s, err := preparePostgres(ctx, cfg)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(heirsGoneIn)
	for try := 1; ; try++ {
		pg, out, err := s.start(ctx)
		if err == nil {
			return pg, nil
		}
		// Each try takes the server some 50 ms to refuse.
		heirs := out.contains("is still in use") && time.Now().Before(deadline)
		taken := out.contains("could not bind") && cfg.Port == 0 && try < portTries
		if ctx.Err() != nil || !heirs && !taken {
			return nil, err
		}
	}
}

// postgresStart is what is known before the server's process starts.
type postgresStart struct {
	cfg      PostgresConfig
	bin      PostgresBin
	as       *syscall.Credential
	data     string
	created  bool
	password string
}

func preparePostgres(ctx context.Context, cfg PostgresConfig) (*postgresStart, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil || cfg.Dir == "" {
		return nil, fmt.Errorf("postgres: directory %q: %w", cfg.Dir, errors.Join(err, os.ErrInvalid))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("postgres: make directory: %w", err)
	}
	s := &postgresStart{cfg: cfg}
	if s.as, err = serverUser(); err != nil {
		return nil, err
	}
	place, err := dataPlace(dir, s.as)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s.data = filepath.Join(place, "data")
	major, err := dataVersion(s.data)
	if err != nil {
		return nil, err
	}
	if s.bin, err = FindPostgres(cfg.Bin, major); err != nil {
		return nil, err
	}
	if major == 0 {
		s.created = true
		s.password, err = s.makeData(ctx, dir, place)
	} else {
		s.password, err = readPassword(dir)
	}
	if err != nil {
		return nil, err
	}
	return s, awaitUnused(ctx, s.data)
}

// makeData makes the data directory <place>/data and keeps the superuser's password in dir. Killed on the way it leaves
// nothing that looks finished.
func (s *postgresStart) makeData(ctx context.Context, dir, place string) (password string, err error) {
	making := filepath.Join(place, "data.new")
	if err := os.RemoveAll(making); err != nil {
		return "", fmt.Errorf("postgres: remove unfinished data: %w", err)
	}
	if s.cfg.Follow != "" {
		password, err = copyPostgres(ctx, s.bin, s.as, place, making, s.cfg.Follow)
	} else {
		password, err = initPostgres(ctx, s.bin, s.as, place, making)
	}
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, passwordFile), []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("postgres: keep password: %w", err)
	}
	if err := os.Rename(making, s.data); err != nil {
		return "", fmt.Errorf("postgres: put data in place: %w", err)
	}
	return password, nil
}

func (s *postgresStart) start(ctx context.Context) (*Postgres, *tail, error) {
	out := &tail{next: s.cfg.Output}
	port, err := s.port()
	if err != nil {
		return nil, out, err
	}
	p, err := StartProcess(Spec{
		Name: "postgres", Path: filepath.Join(s.bin.Dir, "postgres"), Args: s.args(port), Env: postgresEnv(s.data), Dir: s.data,
		Output: out, User: s.as,
		// Fast shutdown: sessions end, transactions in progress are undone, data is clean.
		Orphan: syscall.SIGINT,
	})
	if err != nil {
		return nil, out, err
	}
	pg := &Postgres{Process: p, Port: port, DataDir: s.data, Created: s.created, password: s.password, stop: s.cfg.Stop}
	if pg.stop == 0 {
		pg.stop = 10 * time.Second
	}
	if err := awaitReady(ctx, p, postgresReadyIn, pg.ping); err != nil {
		p.Kill()
		return nil, out, fmt.Errorf("%w: %s", err, out.lines(3))
	}
	return pg, out, nil
}

func (s *postgresStart) port() (int, error) {
	if s.cfg.Port == 0 {
		return FreePort()
	}
	if err := CheckFree(loopbackAddr(s.cfg.Port)); err != nil {
		return 0, fmt.Errorf("postgres: %w", err)
	}
	return s.cfg.Port, nil
}

func (s *postgresStart) args(port int) []string {
	settings := map[string]string{
		"listen_addresses":        Loopback,
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": "",
		"max_connections":         "300",
		"shared_buffers":          "128MB",
		"log_checkpoints":         "off",
		"log_timezone":            "UTC",
		"timezone":                "UTC",
	}
	maps.Copy(settings, s.cfg.Settings)
	args := []string{"-D", s.data}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// postgresEnv holds no PG* variable of the parent: they would change what the server and initdb do.
func postgresEnv(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C"}
}

// Addr is host:port.
func (p *Postgres) Addr() string { return loopbackAddr(p.Port) }

// URL is the superuser's, on the given database ("postgres" is always there).
func (p *Postgres) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, p.password), Host: p.Addr(), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Stop shuts down fast (SIGINT: sessions are ended); if that takes too long, immediately (SIGQUIT: the next start
// replays the log), and kills at last. It returns when the server is gone, with an error if it had to be killed.
func (p *Postgres) Stop(ctx context.Context) error {
	_ = p.Signal(syscall.SIGCONT) // one that was stopped would hear nothing else
	for _, step := range []struct {
		sig  syscall.Signal
		wait time.Duration
	}{{syscall.SIGINT, p.stop}, {syscall.SIGQUIT, 5 * time.Second}} {
		if err := p.Signal(step.sig); err != nil {
			break
		}
		if p.endsWithin(ctx, step.wait) {
			return nil
		}
	}
	p.Kill()
	return killed(ctx, "postgres")
}

func (p *Postgres) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.URL(superuser))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, "SELECT 1")
	return err
}

// dataVersion is the major version of the server that made the data; 0 if there is none.
func dataVersion(data string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read version of data: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, fmt.Errorf("read version of data in %s: %w", data, err)
	}
	return major, nil
}
