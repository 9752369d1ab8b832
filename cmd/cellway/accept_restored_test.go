package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/restored"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/memory"
)

func TestAcceptRestoredWantsTheDatabaseAndTheCredential(t *testing.T) {
	for want, args := range map[string][]string{
		"accepts 1 arg":         {"accept-restored"},
		"--platform-url-file":   {"accept-restored", "cell-a", "--state-dir", t.TempDir()},
		"--internal-token-file": {"accept-restored", "cell-a", "--state-dir", t.TempDir(), "--platform-url", "postgres://127.0.0.1:1/x"},
		"invalid cell name":     {"accept-restored", "Cell"},
	} {
		if out, err := call(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want it to say %q\n%s", args, err, want, out)
		}
	}
}

// TestDiscardDropsTheCompleteCopiesOfThisCellAlone: by the compare-and-set that names move, epoch, attempt and token.
func TestDiscardDropsTheCompleteCopiesOfThisCellAlone(t *testing.T) {
	var sent []string
	var got protocol.Command
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.URL.Path)
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusConflict) // it owns it by now: not an error here, the next look shows it
		_ = json.NewEncoder(w).Encode(protocol.Problem{Code: protocol.CodeConflict, Message: "owned"})
	}))
	defer peer.Close()
	addr := strings.TrimPrefix(peer.URL, "http://")
	reg := memory.NewStore().Client()
	go func() {
		_ = reg.Register(t.Context(), registry.Instance{
			ID: "b", Cell: "cell-b", Address: addr, Internal: addr, Weight: 1, Partitions: 4, Schema: "cell_b",
		}, func() registry.Health { return registry.Health{OK: true} })
	}()
	for list, err := reg.Instances(t.Context()); len(list) == 0; list, err = reg.Instances(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	row := func(p placement.Partition, state protocol.State, from string) protocol.Row {
		return protocol.Row{Partition: p, State: state, Peer: from, Move: "m", MoveEpoch: 9, Attempt: 2, Token: 70}
	}
	a := &acceptance{cell: "cell-a", reg: reg, peers: &protocol.Client{HTTP: peer.Client(), Token: "secret"}}
	var out bytes.Buffer
	err := a.discard(t.Context(), &out, restored.Facts{Peers: map[string][]protocol.Row{"cell-b": {
		row(0, protocol.StateReady, "cell-c"), row(1, protocol.StateReady, "cell-a"), row(2, protocol.StateImporting, "cell-a"), row(3, protocol.StateOwned, "cell-a"),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	want := protocol.Command{Cell: "cell-b", Move: "m", Epoch: 9, Token: 70, Attempt: 2}
	if len(sent) != 1 || sent[0] != protocol.PartitionPath(1)+"/clear" || got.Cell != want.Cell || got.Move != want.Move ||
		got.Epoch != want.Epoch || got.Token != want.Token || got.Attempt != want.Attempt {
		t.Errorf("sent %v, the last %+v", sent, got)
	}
	if !strings.Contains(out.String(), "partition 1") {
		t.Errorf("said: %s", out.String())
	}
}
