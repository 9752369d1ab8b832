package mover

import "context"

// wish is an operator's, that a move be taken back if it still can be. The loop utters it; the worker that has the
// move hears it between two steps, or while it copies. A nil wish is never uttered.
type wish struct {
	uttered chan struct{} // closed when why is set
	why     string
}

func newWish() *wish { return &wish{uttered: make(chan struct{})} }

// utter is the loop's alone. It says whether the wish is new.
func (w *wish) utter(why string) bool {
	if w == nil || w.heard() {
		return false
	}
	w.why = why
	close(w.uttered)
	return true
}

func (w *wish) heard() bool {
	if w == nil {
		return false
	}
	select {
	case <-w.uttered:
		return true
	default:
		return false
	}
}

// until returns a context that ends with ctx or with the wish, for work that takes long and is worth nothing to a
// move that is taken back.
func (w *wish) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if w == nil {
		return ctx, cancel
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-w.uttered:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); <-done }
}

// heed turns an operator's wish into the reason why the move shall be undone. Whether it still can be is seen from
// the rows.
func (j *job) heed() {
	if j.giveUp == "" && j.wish.heard() {
		j.giveUp = j.wish.why
	}
}
