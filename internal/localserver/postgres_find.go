package localserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
)

// EnvPostgresBin names the directory that holds initdb and postgres, before any other place.
const EnvPostgresBin = "CELLWAY_POSTGRES_BIN"

// MinPostgres is the oldest major version that is used unasked.
const MinPostgres = 15

// ErrNoPostgres says what to install.
var ErrNoPostgres = errors.New("no Postgres server found")

// PostgresBin is a directory with the programs of a Postgres server.
type PostgresBin struct {
	Dir   string
	Major int
}

var postgresVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// FindPostgres finds the programs of a Postgres server: in dir if it is given, else where CELLWAY_POSTGRES_BIN
// says, else the one on PATH, in Debian's and in Homebrew's places; of those the newest. If major is not 0, it has
// to be of that version, because existing data is. [ErrNoPostgres] says what to do.
func FindPostgres(dir string, major int) (PostgresBin, error) {
	if dir == "" {
		dir = os.Getenv(EnvPostgresBin)
	}
	if dir != "" {
		bin, err := postgresAt(dir)
		if err != nil {
			return PostgresBin{}, err
		}
		if major != 0 && bin.Major != major {
			return PostgresBin{}, fmt.Errorf("%w of version %d, which the existing data needs: %s holds version %d", ErrNoPostgres, major, dir, bin.Major)
		}
		return bin, nil
	}
	return choosePostgres(postgresPlaces(), major)
}

// choosePostgres takes the newest of the directories that hold a server of MinPostgres or newer.
func choosePostgres(dirs []string, major int) (PostgresBin, error) {
	var found []PostgresBin
	for _, d := range dirs {
		bin, err := postgresAt(d)
		if err == nil && bin.Major >= MinPostgres && (major == 0 || bin.Major == major) {
			found = append(found, bin)
		}
	}
	if len(found) == 0 {
		return PostgresBin{}, noPostgres(major)
	}
	return slices.MaxFunc(found, func(a, b PostgresBin) int { return a.Major - b.Major }), nil
}

func noPostgres(major int) error {
	need := fmt.Sprintf("version %d or newer", MinPostgres)
	if major != 0 {
		need = fmt.Sprintf("version %d, which the existing data needs", major)
	}
	how := "on Debian or Ubuntu `apt-get install postgresql-" + strconv.Itoa(max(major, MinPostgres)) + "`"
	if runtime.GOOS == "darwin" {
		how = "with Homebrew `brew install postgresql@" + strconv.Itoa(max(major, MinPostgres)) + "`"
	}
	return fmt.Errorf("%w: install %s (%s), or name the directory with initdb and postgres in %s", ErrNoPostgres, need, how, EnvPostgresBin)
}

func postgresPlaces() []string {
	var dirs []string
	for _, name := range []string{"postgres", "pg_ctl"} {
		if path, err := exec.LookPath(name); err == nil {
			// A link from PATH into the server's own directory: the other programs are there, not here.
			if real, err := filepath.EvalSymlinks(path); err == nil {
				dirs = append(dirs, filepath.Dir(real))
			}
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql*/bin",
		"/usr/local/opt/postgresql*/bin",
	} {
		if more, err := filepath.Glob(pattern); err == nil {
			dirs = append(dirs, more...)
		}
	}
	return dirs
}

func postgresAt(dir string) (PostgresBin, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return PostgresBin{}, fmt.Errorf("%w: %s holds no initdb", ErrNoPostgres, dir)
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return PostgresBin{}, fmt.Errorf("%w: ask %s/postgres for its version: %w", ErrNoPostgres, dir, err)
	}
	m := postgresVersion.FindSubmatch(out)
	if m == nil {
		return PostgresBin{}, fmt.Errorf("%w: %s/postgres says %.60q", ErrNoPostgres, dir, out)
	}
	major, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return PostgresBin{}, fmt.Errorf("%w: %s/postgres: %w", ErrNoPostgres, dir, err)
	}
	return PostgresBin{Dir: dir, Major: major}, nil
}
