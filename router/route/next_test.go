package route

import (
	"strings"
	"testing"
	"time"
)

// step is an attempt that gave outcome, and what has to follow.
type step struct {
	after   Outcome
	owner   Owner // named by a refusal
	kind    Kind
	address string // of a Send
	code    string // of a Refuse
	reread  bool
}

// drive carries a request through the steps as a router would, with a fixed table but for what is followed.
func drive(t *testing.T, table *Table, r Request, steps []step) {
	t.Helper()
	for i, s := range steps {
		if s.after != None {
			last := r.Next(table, time.Second, 0)
			if last.Kind != Send {
				t.Fatalf("step %d: nothing is sent: %+v", i, last)
			}
			r = r.After(Attempt{Outcome: s.after, Cell: last.Cell, Address: last.Address, Owner: s.owner})
		}
		act := r.Next(table, time.Second, 0)
		if act.Kind != s.kind || act.Refusal.Code != s.code || act.Reread != s.reread || (s.address != "" && act.Address != s.address) {
			t.Fatalf("step %d: got %+v, want %+v", i, act, s)
		}
		switch act.Kind {
		case Follow:
			var news bool
			if table, news = table.WithOwner(act.Partition, act.Owner); !news {
				t.Fatalf("step %d: followed to what is no news: %+v", i, act.Owner)
			}
			r = r.Followed()
		case Hold:
			r = r.Again()
		}
	}
}

func TestNext(t *testing.T) {
	cases := []struct {
		name  string
		table *Table
		write bool
		steps []step
	}{
		{"an answer is passed on", tableOf(t, "cell-a", 5, a1), true, []step{{after: Answered, kind: Pass}}},
		{"without a map nothing is sent", new(Table), false, []step{{kind: Refuse, code: CodeNoMap}}},
		{"a cell without known instances is unavailable", tableOf(t, "cell-a", 5, b1), false, []step{{kind: Refuse, code: CodeUnavailable}}},
		{
			"a refusal that names a newer owner is followed", tableOf(t, "cell-a", 5, a1, b1), true,
			[]step{{after: Refused, owner: Owner{"cell-b", 6}, kind: Follow}, {kind: Send, address: "b:1"}, {after: Answered, kind: Pass}},
		},
		{
			"an owner at the same epoch is not followed", tableOf(t, "cell-a", 5, a1, b1), true,
			[]step{{after: Refused, owner: Owner{"cell-b", 5}, kind: Hold, reread: true}, {kind: Send, address: "a:1"}},
		},
		{
			"a refusal without an owner has the map read again", tableOf(t, "cell-a", 5, a1), true,
			[]step{{after: Refused, kind: Hold, reread: true}, {kind: Send, address: "a:1"}},
		},
		{
			"an owner without known instances is not followed", tableOf(t, "cell-a", 5, a1), true,
			[]step{{after: Refused, owner: Owner{"cell-b", 6}, kind: Hold, reread: true}},
		},
		{
			"cells that keep naming each other are followed with pauses", tableOf(t, "cell-a", 5, a1, b1), true,
			[]step{
				{after: Refused, owner: Owner{"cell-b", 6}, kind: Follow},
				{after: Refused, owner: Owner{"cell-a", 7}, kind: Follow},
				{after: Refused, owner: Owner{"cell-b", 8}, kind: Follow},
				{after: Refused, owner: Owner{"cell-a", 9}, kind: Hold, reread: true},
			},
		},
		{
			"a fenced partition is held and tried again", tableOf(t, "cell-a", 5, a1), true,
			[]step{{after: Fenced, kind: Hold}, {after: Fenced, kind: Hold}, {after: Answered, kind: Pass}},
		},
		{
			"a failed dial goes to the cell's next instance, never to another cell", tableOf(t, "cell-a", 5, a1, a2, b1), true,
			[]step{{after: DialFailed, kind: Send, address: "a:2"}, {after: DialFailed, kind: Refuse, code: CodeUnavailable}},
		},
		{
			"an open breaker is as a failed dial", tableOf(t, "cell-a", 5, a1, a2), true,
			[]step{{after: BreakerOpen, kind: Send, address: "a:2"}, {after: Answered, kind: Pass}},
		},
		{
			"what was not written is sent again", tableOf(t, "cell-a", 5, a1), true,
			[]step{{after: Unsent, kind: Send, address: "a:1"}, {after: Answered, kind: Pass}},
		},
		{
			"connections that keep closing end as a failed dial", tableOf(t, "cell-a", 5, a1), true,
			[]step{{after: Unsent, kind: Send}, {after: Unsent, kind: Send}, {after: Unsent, kind: Send}, {after: Unsent, kind: Refuse, code: CodeUnavailable}},
		},
		{
			"a lost write is never repeated", tableOf(t, "cell-a", 5, a1, a2), true,
			[]step{{after: Lost, kind: Refuse, code: CodeOutcomeUnknown}},
		},
		{
			"a lost read goes to another instance", tableOf(t, "cell-a", 5, a1, a2), false,
			[]step{{after: Lost, kind: Send, address: "a:2"}, {after: Answered, kind: Pass}},
		},
		{
			"a lost read is repeated once where there is one instance", tableOf(t, "cell-a", 5, a1), false,
			[]step{{after: Lost, kind: Send, address: "a:1"}, {kind: Send}},
		},
		{
			"a write without an answer in time is unknown", tableOf(t, "cell-a", 5, a1, a2), true,
			[]step{{after: TimedOut, kind: Refuse, code: CodeOutcomeUnknown}},
		},
		{
			"a read without an answer in time is refused", tableOf(t, "cell-a", 5, a1, a2), false,
			[]step{{after: TimedOut, kind: Refuse, code: CodeTimedOut}},
		},
		{
			"a cell with too much in flight is busy", tableOf(t, "cell-a", 5, a1), false,
			[]step{{after: Busy, kind: Refuse, code: CodeBusy}},
		},
		{
			"too long an answer to a write is unknown", tableOf(t, "cell-a", 5, a1), true,
			[]step{{after: TooLarge, kind: Refuse, code: CodeOutcomeUnknown}},
		},
		{
			"too long an answer to a read is said", tableOf(t, "cell-a", 5, a1), false,
			[]step{{after: TooLarge, kind: Refuse, code: CodeAnswerTooLarge}},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { drive(t, c.table, Request{Key: key, Write: c.write}, c.steps) })
	}
}

func TestNext_a_read_lost_twice_at_the_only_instance_is_refused(t *testing.T) {
	table := tableOf(t, "cell-a", 5, a1)
	r := Request{Key: key}
	for range 2 {
		r = r.After(Attempt{Outcome: Lost, Cell: "cell-a", Address: "a:1"})
	}
	if act := r.Next(table, time.Second, 0); act.Kind != Refuse || act.Refusal.Code != CodeUnavailable {
		t.Errorf("got %+v", act)
	}
}

func TestNext_an_unassigned_partition_is_refused(t *testing.T) {
	m := mapOf(t, "cell-a", 1)
	empty := tableOf(t, "cell-a", 1, a1)
	empty.m = nil
	if act := (Request{Key: key}).Next(empty, time.Second, 0); act.Refusal.Code != CodeNoMap {
		t.Errorf("got %+v", act)
	}
	var none Table
	table := none.WithMap(m, "cluster", SourceLive)
	table.m = unassigned(t)
	act := (Request{Key: key}).Next(table, time.Second, 0)
	if act.Refusal.Code != CodeUnassigned || act.Refusal.RetryAfter == 0 {
		t.Errorf("got %+v", act)
	}
}

func TestNext_the_hold_budget_ends_holding(t *testing.T) {
	table := tableOf(t, "cell-a", 5, a1, b1)
	for _, a := range []Attempt{
		{Outcome: Fenced, Cell: "cell-a"},
		{Outcome: Refused, Cell: "cell-a"},
		{Outcome: Refused, Cell: "cell-a", Owner: Owner{"cell-b", 9}},
	} {
		act := Request{Key: key}.After(a).Next(table, 0, 0)
		if act.Kind != Refuse || act.Refusal.Code != CodeHeldTooLong || act.Refusal.Status != 503 || act.Refusal.RetryAfter == 0 {
			t.Errorf("after %+v: got %+v", a, act)
		}
	}
}

func TestNext_pauses_grow_within_bounds_and_end_with_the_budget(t *testing.T) {
	table := tableOf(t, "cell-a", 5, a1)
	r := Request{Key: key}
	last := time.Duration(0)
	for i := range 100 {
		r = r.Again().After(Attempt{Outcome: Fenced, Cell: "cell-a"})
		low, high := r.Next(table, time.Hour, 0).Pause, r.Next(table, time.Hour, 1).Pause
		if low < time.Millisecond || high > longestPause || low >= high || high < last {
			t.Fatalf("pause %d is from %v to %v, after %v", i, low, high, last)
		}
		last = high
	}
	if last != longestPause {
		t.Errorf("the longest pause is %v", last)
	}
	if p := r.Next(table, time.Millisecond, 1).Pause; p != time.Millisecond {
		t.Errorf("with 1 ms left the pause is %v", p)
	}
}

func TestNext_every_refusal_of_its_own_says_when_to_come_back_or_that_the_outcome_is_unknown(t *testing.T) {
	table := tableOf(t, "cell-a", 5, a1)
	for o := None; o <= TooLarge; o++ {
		for _, write := range []bool{true, false} {
			act := Request{Key: key, Write: write}.After(Attempt{Outcome: o, Cell: "cell-a", Address: "a:1"}).Next(table, 0, 0)
			if act.Kind != Refuse {
				continue
			}
			f := act.Refusal
			if f.Error == "" || f.Details == "" || f.Code == "" {
				t.Errorf("%v: something is missing in %+v", o, f)
			}
			if (f.Status == 503) != (f.RetryAfter > 0) {
				t.Errorf("%v: Retry-After and status disagree in %+v", o, f)
			}
			if f.Status == 502 && write && !strings.Contains(f.Code, CodeOutcomeUnknown) {
				t.Errorf("%v: a write got %+v", o, f)
			}
		}
	}
}

func TestNext_goes_on_at_once_where_the_table_has_moved_on(t *testing.T) {
	table := tableOf(t, "cell-b", 6, a1, b1)
	r := Request{Key: key}.After(Attempt{Outcome: Refused, Cell: "cell-a", Owner: Owner{"cell-b", 6}})
	if act := r.Next(table, time.Second, 1); act.Kind != Hold || act.Pause != 0 {
		t.Errorf("got %+v", act)
	}
}
