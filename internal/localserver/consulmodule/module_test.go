package consulmodule

import (
	"strings"
	"testing"
)

func TestVersionIsTheOneThatTheModuleBuilds(t *testing.T) {
	if want := "\t" + Package + " v" + Version; !strings.Contains(string(Mod), want) {
		t.Errorf("consul.mod does not require %q", strings.TrimSpace(want))
	}
	if want := "tool " + Package + "\n"; !strings.Contains(string(Mod), want) {
		t.Errorf("consul.mod does not name the tool %s", Package)
	}
	if want := Package + " v" + Version + " h1:"; !strings.Contains(string(Sum), want) {
		t.Errorf("consul.sum has no checksum of %s v%s", Package, Version)
	}
}
