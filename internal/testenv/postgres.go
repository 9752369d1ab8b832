package testenv

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/cellway/cellway/internal/localserver"
)

// EnvPostgresImage names the image to use instead of postgres:15.
const EnvPostgresImage = "CELLWAY_POSTGRES_IMAGE"

// Postgres returns the superuser's URL of a fresh database, which is dropped when the test ends. The server is
// shared by the tests of the process: roles and settings that a test makes are seen by all.
func Postgres(tb testing.TB) string {
	tb.Helper()
	return env.sharedPostgres(tb, env.pickFor(tb, "postgres", postgresSources())).Database(tb)
}

// PostgresServer returns a server for this test alone, which the test may stop, kill, freeze and start again.
func PostgresServer(tb testing.TB) *Server {
	tb.Helper()
	s := start(tb, env.pickFor(tb, "postgres", postgresSources()))
	s.removeAtEnd()
	return s
}

// Database returns the superuser's URL of a fresh database on a Postgres server. It is dropped when tb ends, if the
// server still answers then.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	ident := pgx.Identifier{name}.Sanitize()
	if err := s.exec("CREATE DATABASE " + ident); err != nil {
		tb.Fatalf("testenv: create database: %v", err)
	}
	tb.Cleanup(func() { _ = s.exec("DROP DATABASE IF EXISTS " + ident + " WITH (FORCE)") })
	u, err := url.Parse(s.URL)
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}

func (s *Server) exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopFor)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// testSettings trade safety for speed: the data ends with the test.
func testSettings() map[string]string {
	return map[string]string{"fsync": "off", "full_page_writes": "off", "max_connections": "300"}
}

func postgresSources() []source {
	image := imageName(EnvPostgresImage, "postgres:15")
	inEngine := func(ctx context.Context) (*Server, error) { return containerPostgres(ctx, image) }
	return []source{
		{kind: "docker", label: "container " + image, have: haveImage(image), make: inEngine},
		{kind: "local", label: "a program of this machine", have: havePostgres, make: newLocalPostgres},
		{kind: "docker", label: "pulled container " + image, have: pullImage(image), make: inEngine},
	}
}

func havePostgres(context.Context) error {
	_, err := localserver.FindPostgres("", 0)
	return err
}

func newLocalPostgres(ctx context.Context) (*Server, error) {
	dir, err := env.dir("postgres")
	if err != nil {
		return nil, err
	}
	b := &localPostgres{cfg: localserver.PostgresConfig{Dir: dir, Settings: testSettings()}}
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	return &Server{Addr: b.pg.Addr(), URL: b.pg.URL("postgres"), b: b}, nil
}

func containerPostgres(ctx context.Context, image string) (*Server, error) {
	e, err := env.docker(ctx)
	if err != nil {
		return nil, err
	}
	// Chosen here: a port that the engine chooses is another one after a restart.
	port, err := localserver.FreePort()
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	addr := localserver.Loopback + ":" + strconv.Itoa(port)
	s := &Server{Addr: addr, URL: "postgres://postgres:" + password + "@" + addr + "/postgres?sslmode=disable"}
	args := []string{"postgres"}
	for name, value := range testSettings() {
		args = append(args, "-c", name+"="+value)
	}
	b, err := e.runContainer(ctx, containerSpec{
		image: image, cmd: args,
		env: map[string]string{"POSTGRES_PASSWORD": password, "POSTGRES_INITDB_ARGS": "--no-sync --locale=C --encoding=UTF8"},
		host: func(h *container.HostConfig) {
			h.PortBindings = network.PortMap{
				network.MustParsePort("5432/tcp"): {{HostIP: netip.MustParseAddr(localserver.Loopback), HostPort: strconv.Itoa(port)}},
			}
		},
		ready: func(ctx context.Context) error { return answersQueries(ctx, s.URL) },
	})
	if err != nil {
		return nil, err
	}
	s.b = b
	return s, nil
}

func answersQueries(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, "SELECT 1")
	return err
}

func imageName(variable, standard string) string {
	if name := os.Getenv(variable); name != "" {
		return name
	}
	return standard
}

func haveImage(image string) func(context.Context) error {
	return func(ctx context.Context) error {
		e, err := env.docker(ctx)
		if err != nil {
			return err
		}
		return e.hasImage(ctx, image)
	}
}

func pullImage(image string) func(context.Context) error {
	return func(ctx context.Context) error {
		e, err := env.docker(ctx)
		if err != nil {
			return err
		}
		if err := e.pullImage(ctx, image); err != nil {
			return fmt.Errorf("cannot be had: %w", err)
		}
		return nil
	}
}
