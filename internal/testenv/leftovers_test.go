package testenv

import (
	"strconv"
	"testing"
	"time"
)

func TestLeftBehind(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	with := func(host string, pid int, age time.Duration) map[string]string {
		return map[string]string{
			labelOurs: "1", labelHost: host, labelPID: strconv.Itoa(pid),
			labelSince: strconv.FormatInt(now.Add(-age).Unix(), 10),
		}
	}
	alive := func(pid int) bool { return pid == 7 }
	for name, c := range map[string]struct {
		labels map[string]string
		want   bool
	}{
		"of a process that lives":             {with("here", 7, time.Minute), false},
		"of a process that is gone":           {with("here", 8, time.Minute), true},
		"of another machine, young":           {with("there", 8, time.Minute), false},
		"of another machine, old":             {with("there", 8, 3*time.Hour), true},
		"of a process that lives, but so old": {with("here", 7, 3*time.Hour), true},
		"of somebody else":                    {map[string]string{labelPID: "8"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := leftBehind(c.labels, "here", alive, now); got != c.want {
				t.Errorf("leftBehind = %v", got)
			}
		})
	}
}
