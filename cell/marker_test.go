package cell

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
)

// Those who come later share the row with those who hold it, and overtake a fence that waits: the marker stops them.
func TestFence_commits_its_marker_before_it_waits(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	m := newMove(t, a, b, 0, 2)
	m.record()
	m.do(a, protocol.VerbClose, nil)
	conn, err := pgx.Connect(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM cell_a.cellway_partitions WHERE partition = 0 FOR SHARE`); err != nil {
		t.Fatal(err)
	}
	seen := make(chan bool, 1)
	ended := make(chan struct{})
	go func() { seen <- markerSeen(t, s.url, ended) }()
	_, err = m.try(a, protocol.VerbFence, nil)
	close(ended)
	if protocol.CodeOf(err) != protocol.CodeLocked {
		t.Errorf("error %v", err)
	}
	if !<-seen {
		t.Error("the fence waited for the row without a marker")
	}
}

// markerSeen looks for the committed marker, again and again, until the fence has ended.
func markerSeen(t *testing.T, url string, ended <-chan struct{}) bool {
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Error(err)
		return false
	}
	defer conn.Close(t.Context())
	for {
		var n int
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM cell_a.cellway_closing`).Scan(&n); err != nil {
			t.Error(err)
			return false
		}
		if n > 0 {
			return true
		}
		select {
		case <-ended:
			return false
		default:
		}
	}
}
