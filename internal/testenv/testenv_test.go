package testenv

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m, CheckLeaks()) }

func query(t *testing.T, url, sql string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var got string
	if err := conn.QueryRow(ctx, sql).Scan(&got); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func TestPostgres(t *testing.T) {
	first, second := Postgres(t), Postgres(t)
	t.Run("gives every call a database of its own", func(t *testing.T) {
		if a, b := query(t, first, "SELECT current_database()::text"), query(t, second, "SELECT current_database()::text"); a == b {
			t.Errorf("both are on %s", a)
		}
	})
	t.Run("gives a superuser", func(t *testing.T) {
		if got := query(t, first, "SELECT current_setting('is_superuser')"); got != "on" {
			t.Errorf("is_superuser = %s", got)
		}
	})
	t.Run("drops the database at the end of the test", func(t *testing.T) {
		var name string
		t.Run("inner", func(t *testing.T) { name = query(t, Postgres(t), "SELECT current_database()::text") })
		if got := query(t, first, "SELECT count(*)::text FROM pg_database WHERE datname = '"+name+"'"); got != "0" {
			t.Errorf("%s is still there", name)
		}
	})
}

func TestPostgresServerKeepsItsDataAndAddressWhenKilled(t *testing.T) {
	s := PostgresServer(t)
	url := s.Database(t)
	if err := (&Server{URL: url}).exec("CREATE TABLE kept AS SELECT 'yes'::text AS v"); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := answersQueries(t.Context(), s.URL); err == nil {
		t.Fatal("a killed server answers")
	}
	s.Start()
	if got := query(t, url, "SELECT v FROM kept"); got != "yes" {
		t.Errorf("v = %q", got)
	}
	s.Restart()
	query(t, url, "SELECT v FROM kept")
}

func TestPausedServerDoesNotAnswer(t *testing.T) {
	s := PostgresServer(t)
	conn, err := pgx.Connect(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	s.Pause()
	done := make(chan error, 1)
	go func() { _, err := conn.Exec(t.Context(), "SELECT 1"); done <- err }()
	select {
	case err := <-done:
		t.Errorf("a paused server answered (%v)", err)
	case <-time.After(200 * time.Millisecond):
	}
	s.Resume()
	if err := <-done; err != nil {
		t.Errorf("after Resume: %v", err)
	}
}

func consulKV(t *testing.T, method, addr, value string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+"/v1/kv/test?raw", strings.NewReader(value))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	defer resp.Body.Close()
	body := make([]byte, 100)
	n, _ := resp.Body.Read(body)
	return resp.StatusCode, string(body[:n])
}

func TestConsul(t *testing.T) {
	first, second := ConsulServer(t), Consul(t)
	consulKV(t, http.MethodPut, first.Addr, "one")
	t.Run("gives every call an agent of its own", func(t *testing.T) {
		if status, body := consulKV(t, http.MethodGet, second, ""); status != http.StatusNotFound {
			t.Errorf("the other agent answers %d %s", status, body)
		}
	})
	t.Run("keeps data and address over restart and kill", func(t *testing.T) {
		first.Restart()
		first.Kill()
		first.Start()
		if _, body := consulKV(t, http.MethodGet, first.Addr, ""); body != "one" {
			t.Errorf("after the restarts it holds %q", body)
		}
	})
	t.Run("serves again after a pause", func(t *testing.T) {
		first.Pause()
		first.Resume()
		if _, body := consulKV(t, http.MethodGet, first.Addr, ""); body != "one" {
			t.Errorf("after the pause it holds %q", body)
		}
	})
}
