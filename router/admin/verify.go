package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/router/edge"
	"github.com/cellway/cellway/router/verify"
)

const (
	maxHoldings    = 64 << 20         // bytes of one cell's answer
	verifyRounds   = 15               // the most looks of one verification
	verifyPatience = 15 * time.Second // for all of them: less than clients of this listener wait
	verifyPause    = 200 * time.Millisecond
	verifyPauseMax = 3 * time.Second
)

// verifyReply is the answer of GET /admin/verify.
type verifyReply struct {
	Epoch placement.Epoch `json:"epoch"`
	verify.Report
}

// verify looks until every partition is settled, or wrong for sure, or the time is over. Nothing is changed.
func (a *api) verify(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), verifyPatience)
	defer cancel()
	var v *verify.Verification
	answers := map[string]protocol.Holdings{}
	var ask []string
	var epoch placement.Epoch
	for round := range verifyRounds {
		if round > 0 && !rest(ctx, round) {
			break
		}
		w, err := a.look(ctx)
		if err != nil && v == nil {
			a.fail(c, err)
			return
		}
		if err != nil {
			break // what was seen so far is told
		}
		if w.m == nil {
			refuseNoMap(c)
			return
		}
		if v == nil {
			v, ask = verify.New(w.m.Partitions()), w.holders()
		}
		look := verify.Look{Map: w.m, Open: map[string]bool{}, Silent: a.holdings(ctx, w, ask, answers), Answers: answers}
		for _, mv := range w.open {
			look.Open[mv.ID] = true
		}
		v.Take(look)
		epoch = w.epoch()
		if ask = v.Ask(); len(ask) == 0 {
			break
		}
	}
	edge.WriteJSON(c, http.StatusOK, verifyReply{epoch, v.Report()})
}

// rest pauses before the round, longer each time; false when the time is over.
func rest(ctx context.Context, round int) bool {
	pause := min(verifyPause<<min(round-1, 8), verifyPauseMax)
	timer := time.NewTimer(pause/2 + rand.N(pause/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// holders are the cells that may hold rows: all that are known and not forgotten, and every owner.
func (w world) holders() []string {
	owned := w.m.Counts()
	var cells []string
	for _, c := range w.cells {
		if !c.Removed || owned[c.Name] > 0 {
			cells = append(cells, c.Name)
			delete(owned, c.Name)
		}
	}
	for cell := range owned {
		cells = append(cells, cell)
	}
	return cells
}

// holdings asks the cells, puts what they say into answers, and returns who did not say, and why.
func (a *api) holdings(ctx context.Context, w world, cells []string, answers map[string]protocol.Holdings) map[string]string {
	silent := map[string]string{}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(countersAtOnce)
	for _, cell := range cells {
		g.Go(func() error {
			held, err := a.holdingsOf(ctx, w, cell)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				silent[cell] = err.Error()
			} else {
				answers[cell] = held
			}
			return nil
		})
	}
	_ = g.Wait() // nobody returns an error
	return silent
}

// holdingsOf asks one instance after the other.
func (a *api) holdingsOf(ctx context.Context, w world, cell string) (protocol.Holdings, error) {
	errs := []error{errors.New("no instance is registered")}
	for i, in := range w.instancesOf(cell) {
		if i == 0 {
			errs = nil
		}
		var held protocol.Holdings
		raw, err := a.cfg.Fetch(ctx, in.Address, protocol.PathHoldings, maxHoldings)
		if err == nil {
			err = json.Unmarshal(raw, &held)
		}
		if err == nil && held.Cell != cell {
			err = fmt.Errorf("%s answers for %q", in.Address, held.Cell)
		}
		if err == nil {
			return held, nil
		}
		errs = append(errs, err)
	}
	return protocol.Holdings{}, errors.Join(errs...)
}
