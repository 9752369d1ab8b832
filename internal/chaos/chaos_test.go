package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/localserver"
	"github.com/cellway/cellway/internal/testgroup"
)

// TestChaos is the soak: `make chaos MINUTES=5 SEED=1`, and a short one where nothing is said.
func TestChaos(t *testing.T) {
	if _, err := localserver.FindPostgres("", 0); err != nil {
		testgroup.NotRun(t, "the soak", err)
	}
	minutes, seed := number(t, "CELLWAY_CHAOS_MINUTES", 1), number(t, "CELLWAY_CHAOS_SEED", 1)
	binary, err := filepath.Abs("../../bin/cellway")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/cellway/cellway/cmd/cellway").CombinedOutput(); err != nil {
		t.Fatalf("build cellway: %v\n%s", err, out)
	}
	dir, err := os.MkdirTemp("", "cellway-chaos-") //nolint:usetesting // it stays when the run is BAD
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // Postgres may run as another user
		t.Fatal(err)
	}
	report := Run(t.Context(), Config{
		Binary: binary, Dir: dir, Seed: uint64(seed), Length: time.Duration(minutes) * time.Minute, Out: os.Stdout,
	})
	fmt.Fprintf(os.Stdout, "\n%s\n", report)
	if reasons := report.Verdict(); len(reasons) > 0 {
		t.Fatalf("BAD; what it left is in %s", dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number from 1", variable, text)
	}
	return n
}
