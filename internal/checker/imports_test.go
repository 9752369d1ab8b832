package checker

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestNoCodeIsSharedWithWhatIsChecked: all that the checker needs of this module is the client's knowledge.
func TestNoCodeIsSharedWithWhatIsChecked(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var ours []string
	for pkg := range strings.Lines(string(out)) {
		if pkg = strings.TrimSpace(pkg); strings.HasPrefix(pkg, "github.com/cellway/") {
			ours = append(ours, strings.TrimPrefix(pkg, "github.com/cellway/cellway/"))
		}
	}
	if want := []string{"internal/load", "internal/checker"}; !slices.Equal(ours, want) {
		t.Errorf("it depends on %v, want %v", ours, want)
	}
}
