package testenv

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	yes := func(context.Context) error { return nil }
	no := func(context.Context) error { return errors.New("not installed") }
	must := func(context.Context) error { t.Error("asked although another was forced"); return nil }
	for name, c := range map[string]struct {
		sources []source
		forced  string
		want    string
	}{
		"takes the first that can be had":  {[]source{{kind: "docker", label: "a", have: no}, {kind: "local", label: "b", have: yes}}, "", "b"},
		"takes the forced kind only":       {[]source{{kind: "docker", label: "a", have: must}, {kind: "local", label: "b", have: yes}}, "local", "b"},
		"names every reason if none can":   {[]source{{kind: "docker", label: "a", have: no}, {kind: "local", label: "b", have: no}}, "", "a: not installed"},
		"refuses a kind that is not known": {[]source{{kind: "docker", label: "a", have: yes}}, "podman", "use docker or local"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := choose(t.Context(), c.sources, c.forced)
			if err != nil && !strings.Contains(err.Error(), c.want) || err == nil && got.label != c.want {
				t.Errorf("choose = %q, %v; want %q", got.label, err, c.want)
			}
		})
	}
}
