package localserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/cellway/cellway/internal/localserver/consulmodule"
)

// EnvConsulBin names the consul binary, before any other place.
const EnvConsulBin = "CELLWAY_CONSUL_BIN"

// MinConsulMinor is the oldest minor version of Consul 1 that is used unasked.
const MinConsulMinor = 22

// ErrNoConsul says what to do.
var ErrNoConsul = errors.New("no Consul found")

var consulVersion = regexp.MustCompile(`Consul v(\d+)\.(\d+)`)

// FindConsul returns the path of a consul binary: bin if it is given, else what CELLWAY_CONSUL_BIN says, else the
// one on PATH if it is 1.22 or newer, else the one that was built before. [ErrNoConsul] if there is none.
func FindConsul(ctx context.Context, bin string) (string, error) {
	if bin == "" {
		bin = os.Getenv(EnvConsulBin)
	}
	if bin != "" {
		if _, err := consulMinor(ctx, bin); err != nil {
			return "", err
		}
		return bin, nil
	}
	if path, err := exec.LookPath("consul"); err == nil {
		if minor, err := consulMinor(ctx, path); err == nil && minor >= MinConsulMinor {
			return path, nil
		}
	}
	built, err := builtConsul()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(built); err != nil {
		return "", fmt.Errorf("%w: neither on PATH (1.%d or newer) nor built before; name one in %s", ErrNoConsul, MinConsulMinor, EnvConsulBin)
	}
	return built, nil
}

// FindOrBuildConsul is FindConsul, but builds Consul if there is none, which takes minutes; progress gets a line
// before and after (nil: dropped).
func FindOrBuildConsul(ctx context.Context, bin string, progress io.Writer) (string, error) {
	path, err := FindConsul(ctx, bin)
	if err == nil || bin != "" || os.Getenv(EnvConsulBin) != "" {
		return path, err
	}
	if progress == nil {
		progress = io.Discard
	}
	return buildConsul(ctx, progress)
}

// builtConsul is where a Consul that was built is kept, for all clones of this user.
func builtConsul() (string, error) {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("%w: no place to keep one that is built: %w", ErrNoConsul, err)
		}
		cache = filepath.Join(home, ".cache")
	}
	return filepath.Join(cache, "cellway", "bin", "consul-"+consulmodule.Version), nil
}

// consulMinor is y of version 1.y.z.
func consulMinor(ctx context.Context, path string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "version").Output()
	if err != nil {
		return 0, fmt.Errorf("%w: ask %s for its version: %w", ErrNoConsul, path, err)
	}
	m := consulVersion.FindSubmatch(out)
	if m == nil || string(m[1]) != "1" {
		return 0, fmt.Errorf("%w: %s says %.60q", ErrNoConsul, path, out)
	}
	return strconv.Atoi(string(m[2]))
}
