package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
)

// strikeAll carries out a round's faults, one after the other.
func (s *soak) strikeAll(ctx context.Context, faults []Fault) error {
	for _, f := range faults {
		if err := rest(ctx, f.After); err != nil {
			return err
		}
		victims := s.victims(ctx, f)
		s.say("%s: %s, for %v", f.Kind, strings.Join(victims, ", "), f.Lasts.Round(time.Millisecond))
		s.record.Note(map[string]any{"fault": f.Kind, "victims": victims, "at": time.Now()})
		if err := s.blow(ctx, f, victims); err != nil {
			return fmt.Errorf("%s: %w", f.Kind, err)
		}
		s.report.Faults[f.Kind]++
	}
	return nil
}

// victims are the processes that a fault hits.
func (s *soak) victims(ctx context.Context, f Fault) []string {
	cells := []string{"cell-a", "cell-b", "cell-c"}
	switch f.Kind {
	case KillCell, FreezeCell:
		return cells[f.Cell%3:][:1]
	case KillTwoCells:
		return slices.Delete(cells, f.Cell%3, f.Cell%3+1)
	case KillRouter:
		return []string{"router"}
	case KillMovers:
		return []string{"mover-1", "mover-2"}
	case KillLeader, FreezeLeader:
		return []string{s.leader(ctx)}
	case FreezeConsul, KillConsul:
		return []string{"consul"}
	case KillPostgres:
		return []string{"postgres"}
	}
	return nil
}

// blow hits, and undoes it after the fault's time.
func (s *soak) blow(ctx context.Context, f Fault, victims []string) error {
	hit, freezes := syscall.SIGKILL, strings.HasPrefix(string(f.Kind), "freeze")
	if freezes {
		hit = syscall.SIGSTOP
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, name := range victims {
		if err := s.sys.Signal(ctx, name, hit); err != nil {
			return err
		}
	}
	waited := rest(ctx, f.Lasts)
	for _, name := range victims {
		if freezes {
			if err := s.sys.Signal(context.WithoutCancel(ctx), name, syscall.SIGCONT); err != nil {
				return err
			}
		} else if _, err := s.sys.Run(ctx, "restart", name); err != nil {
			return err
		}
	}
	return waited
}

// leader names the mover that leads; mover-1 if nobody knows.
func (s *soak) leader(ctx context.Context) string {
	const unknown = "mover-1"
	e, err := s.sys.Endpoints()
	if err != nil {
		return unknown
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Consul+"/v1/kv/cellway/leader", nil)
	if err != nil {
		return unknown
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return unknown
	}
	defer resp.Body.Close()
	var keys []struct{ Value []byte }
	if json.NewDecoder(resp.Body).Decode(&keys) == nil && len(keys) == 1 && strings.Contains(string(keys[0].Value), "mover-2") {
		return "mover-2"
	}
	return unknown
}
