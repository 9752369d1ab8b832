package chaos

import (
	"context"
	"fmt"
)

// movement is the n-th order of a phase, as the command line has it.
type movement func(n int) []string

// drainAndFill empties one cell after the other, and fills it again.
func (s *soak) drainAndFill(n int) []string {
	cell := []string{"cell-a", "cell-b", "cell-c"}[n/2%3]
	return []string{[]string{"drain", "undrain"}[n%2], cell}
}

// joinAndLeave lets a fourth cell come, and go again.
func (s *soak) joinAndLeave(n int) []string {
	return [][]string{{"add-cell", "cell-d"}, {"drain", "cell-d"}, {"remove-cell", "cell-d"}}[n%3]
}

// keepMoving gives one order after the other until it is enough; then it still finishes what it began, so that no cell stays
// drained. An order that met a fault is given again.
func (s *soak) keepMoving(ctx context.Context, next movement, enough <-chan struct{}) error {
	ended := false
	for n := 0; ; n++ {
		order := next(n)
		if ended && (order[0] == "drain" && order[1] != "cell-d" || order[0] == "add-cell") {
			return nil
		}
		failures := 0
		for {
			bounded, cancel := context.WithTimeout(ctx, patience)
			_, err := s.sys.Run(bounded, order...)
			cancel()
			if err == nil {
				s.report.Movements[order[0]]++ // read when this has ended
				break
			}
			if ended {
				failures++
			}
			if ctx.Err() != nil || failures > 2 {
				return fmt.Errorf("%v: %w", order, err)
			}
			s.say("%v is asked for again: %.200s", order, err)
			ended = ended || over(enough)
		}
		ended = ended || over(enough)
	}
}

func over(enough <-chan struct{}) bool {
	select {
	case <-enough:
		return true
	default:
		return false
	}
}
