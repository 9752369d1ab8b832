package admin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/edge"
)

const (
	defaultMoves = 100
	maxMoves     = 10000
)

// moves lists those under way, then those that have ended, the newest first; only those in the state, if one is named.
func (a *api) moves(c *gin.Context) {
	limit, err := strconv.Atoi(c.DefaultQuery("limit", strconv.Itoa(defaultMoves)))
	if err != nil || limit < 1 || limit > maxMoves {
		edge.Refuse(c, edge.Problem{
			Status: http.StatusBadRequest, Error: "Invalid limit", Details: "a number from 1 to " + strconv.Itoa(maxMoves), Code: codeInvalid, Field: "limit",
		})
		return
	}
	state := registry.MoveState(c.Query("state"))
	if state != "" && !state.Open() && !state.Ended() {
		edge.Refuse(c, edge.Problem{
			Status: http.StatusBadRequest, Error: "Invalid state", Details: "one of open, undoing, flipped, done and undone", Code: codeInvalid, Field: "state",
		})
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), a.cfg.Patience)
	defer cancel()
	moves, err := a.listMoves(ctx, state, limit)
	if err != nil {
		a.fail(c, err)
		return
	}
	edge.WriteJSON(c, http.StatusOK, gin.H{"moves": moves})
}

// listMoves asks for no more of the history than is needed.
func (a *api) listMoves(ctx context.Context, state registry.MoveState, limit int) ([]registry.Move, error) {
	open, err := a.cfg.Registry.OpenMoves(ctx)
	if err != nil {
		return nil, err
	}
	moves := append([]registry.Move{}, open...)
	room := limit - len(moves)
	if state != "" {
		room = maxMoves
	}
	if room > 0 && !state.Open() {
		ended, err := a.cfg.Registry.History(ctx, room)
		if err != nil {
			return nil, err
		}
		moves = append(moves, ended...)
	}
	if state != "" {
		moves = slices.DeleteFunc(moves, func(mv registry.Move) bool { return mv.State != state })
	}
	return moves[:min(limit, len(moves))], nil
}

// move shows one.
func (a *api) move(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), 2*a.cfg.Patience)
	defer cancel()
	open, err := a.cfg.Registry.OpenMoves(ctx)
	if err != nil {
		a.fail(c, err)
		return
	}
	mv, err := a.findMove(ctx, open, c.Param("move"))
	if err != nil {
		a.fail(c, err)
		return
	}
	edge.WriteJSON(c, http.StatusOK, mv)
}

// findMove looks for a move by its ID, or by the beginning of one that no other move has.
func (a *api) findMove(ctx context.Context, open []registry.Move, id string) (registry.Move, error) {
	const shortest = 4
	for _, mv := range open {
		if mv.ID == id {
			return mv, nil // and the history need not be read
		}
	}
	history, err := a.cfg.Registry.History(ctx, maxMoves)
	if err != nil {
		return registry.Move{}, fmt.Errorf("read the history: %w", err)
	}
	var found []registry.Move
	for _, mv := range slices.Concat(open, history) {
		if mv.ID == id {
			return mv, nil
		}
		if len(id) >= shortest && strings.HasPrefix(mv.ID, id) {
			found = append(found, mv)
		}
	}
	switch len(found) {
	case 0:
		return registry.Move{}, noMove(id)
	case 1:
		return found[0], nil
	}
	return registry.Move{}, refusal{edge.Problem{
		Status: http.StatusBadRequest, Error: "Ambiguous ID", Details: fmt.Sprintf("%d moves have IDs that begin with %s", len(found), id), Code: codeInvalid, Field: "move",
	}}
}
