package systemtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fewer partitions than usual: what is looked at here does not depend on how many there are.
const fewer = 512

// TestPlanAndPace asks what a drain would move, drains, and compares; on the way the pace is changed, and taken up.
func TestPlanAndPace(t *testing.T) {
	t.Setenv("CELLWAY_PARTITIONS", strconv.Itoa(fewer))
	f := start(t)
	f.fill(2000)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()

	var plan struct {
		Moves   int
		Rows    int64
		Bytes   int64
		Seconds float64
		ByPair  []struct{ From, To string } `json:"by_pair"`
	}
	out := f.run(t, time.Minute, "plan", "--drain", "cell-b", "-o", "json")
	f.must(t, json.Unmarshal([]byte(out), &plan))
	t.Logf("the plan: %+v\n%s", plan, f.run(t, time.Minute, "plan", "--drain", "cell-b"))
	if plan.Moves != fewer/3 && plan.Moves != fewer/3+1 || plan.Bytes <= 0 || plan.Seconds <= 0 || len(plan.ByPair) != 2 {
		t.Errorf("the plan: %+v", plan)
	}
	if joins := f.run(t, time.Minute, "plan", "--add", "cell-d", "--weight", "1"); !strings.Contains(joins, strconv.Itoa(fewer/4)+" moves") {
		t.Errorf("the plan of a join:\n%s", joins)
	}

	// So slow that it does not end before the pace is changed: a limit that no write keeps stops it altogether.
	stop := f.load(t)
	f.run(t, time.Minute, "tune", "--parallel", "1", "--max-write-latency", "1ms")
	draining := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := f.sys.Run(ctx, "drain", "cell-b")
		draining <- err
	}()
	f.must(t, Until(ctx, func() error {
		var progress struct{ Problem string }
		if err := f.sys.Admin(ctx, "/admin/rebalance", &progress); err != nil {
			return err
		}
		if !strings.Contains(progress.Problem, "moves from cell-b wait: its writes take ") {
			return fmt.Errorf("the rebalance does not say that it waits for cell-b's writes: %q", progress.Problem)
		}
		return nil
	}))
	if shown := f.run(t, time.Minute, "tune", "--reset", "--parallel", "6"); !strings.Contains(shown, "6         default     default     default") {
		t.Errorf("the pace is shown as\n%s", shown)
	}
	f.must(t, <-draining)
	took := time.Since(began)
	f.mustBeSpotless(t, stop())

	var moved struct {
		Moves []struct {
			State string
			From  string
			Rows  int64
		}
	}
	f.must(t, f.sys.Admin(ctx, "/admin/moves?limit=10000", &moved))
	var rows int64
	for _, mv := range moved.Moves {
		if mv.State == "done" && mv.From == "cell-b" {
			rows += mv.Rows
		}
	}
	t.Logf("%d rows were planned, %d have moved; %.0f s were planned, it took %s", plan.Rows, rows, plan.Seconds, took.Round(time.Second))
	if rows == 0 || plan.Rows > 2*rows || rows > 2*plan.Rows {
		t.Errorf("%d rows were planned and %d have moved: more than a factor of two", plan.Rows, rows)
	}
	if back := f.run(t, time.Minute, "plan", "--undrain", "cell-b"); !strings.Contains(back, fmt.Sprintf("as measured over the last %d moves", plan.Moves)) {
		t.Errorf("the plan of the way back:\n%s", back)
	}
}
