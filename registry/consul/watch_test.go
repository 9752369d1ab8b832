package consul

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/placement"
)

func TestNextIndex(t *testing.T) {
	for name, c := range map[string]struct {
		index   uint64
		last    uint64
		leader  bool
		empty   bool
		next    uint64
		trusted bool
	}{
		"first answer":                      {0, 7, true, false, 7, true},
		"nothing new":                       {7, 7, true, false, 7, true},
		"a change":                          {7, 9, true, false, 9, true},
		"an index of 0 would not block":     {0, 0, true, false, 1, true},
		"back in time":                      {7, 5, true, false, 0, false},
		"no leader, but the same state":     {7, 7, false, false, 7, true},
		"no leader, the first answer":       {0, 7, false, false, 7, true},
		"no leader and nothing":             {0, 1, false, true, 0, false},
		"nothing, says a leader":            {0, 3, true, true, 3, true},
		"nothing any more, without leader":  {7, 9, false, true, 0, false},
		"nothing any more, says the leader": {7, 9, true, true, 9, true},
	} {
		got := answer{meta: &api.QueryMeta{LastIndex: c.last, KnownLeader: c.leader}, empty: c.empty}
		if next, trusted := nextIndex(c.index, got); next != c.next || trusted != c.trusted {
			t.Errorf("%s: %d, %v; want %d, %v", name, next, trusted, c.next, c.trusted)
		}
	}
}

func TestBackoffGrowsToItsBoundAndStartsAnew(t *testing.T) {
	b := newBackoff()
	for range 3 {
		for bound := b.first; bound < b.most; bound *= 2 {
			if got := b.pause(); got < bound/2 || got > bound {
				t.Fatalf("pause %s, want %s to %s", got, bound/2, bound)
			}
		}
		for range 10 {
			if got := b.pause(); got < b.most/2 || got > b.most {
				t.Fatalf("pause %s, want %s to %s", got, b.most/2, b.most)
			}
		}
		b.reset()
	}
}

// answered is what a Consul of the test says to one query for the map's key.
type answered struct {
	index uint64
	epoch placement.Epoch // of the map; 0: there is none
}

// TestWatchAfterConsulWentBackInTime: an index that goes back is followed by a query from the start, and only
// what that one says is believed.
func TestWatchAfterConsulWentBackInTime(t *testing.T) {
	script := []answered{{50, 5}, {60, 6}, {10, 1}, {10, 2}, {11, 3}}
	asked := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Query().Get("index")
		if len(script) == 0 {
			<-r.Context().Done()
			return
		}
		say := script[0]
		script = script[1:]
		w.Header().Set("X-Consul-Index", fmt.Sprint(say.index))
		w.Header().Set("X-Consul-KnownLeader", "true")
		_ = json.NewEncoder(w).Encode([]api.KVPair{{Key: "cellway/map", Value: encodedMap(t, say.epoch), ModifyIndex: say.index}})
	}))
	defer server.Close()
	r, err := New(Config{Address: strings.TrimPrefix(server.URL, "http://")})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var seen []placement.Epoch
	failures := 0
	if err := r.WatchMap(ctx, func(m *placement.Map) {
		if seen = append(seen, m.Epoch()); m.Epoch() == 3 {
			cancel()
		}
	}, func(error) { failures++ }); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(seen), "[5 6 2 3]"; got != want {
		t.Errorf("epochs shown %s, want %s", got, want)
	}
	if failures != 1 {
		t.Errorf("%d failures were told, want 1", failures)
	}
	for i, want := range []string{"", "50", "60", "", "10"} {
		if got := <-asked; got != want {
			t.Errorf("query %d waits for index %q, want %q", i, got, want)
		}
	}
}

func encodedMap(t *testing.T, epoch placement.Epoch) []byte {
	t.Helper()
	m, err := placement.NewMap(2)
	if err == nil {
		m, err = m.WithOwner(0, "cell-a", epoch)
	}
	if err != nil {
		t.Error(err)
		return nil
	}
	encoded, err := m.MarshalBinary()
	if err != nil {
		t.Error(err)
	}
	return encoded
}
