package admin

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/gin-gonic/gin"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/edge"
)

// Orders about moves. Each looks, asks whether it may, and changes the book of orders, which the mover obeys.

// refusal is a no to an order, as it is answered.
type refusal struct{ problem edge.Problem }

func (r refusal) Error() string { return r.problem.Error + ": " + r.problem.Details }

// notNow refuses what the state of things does not allow.
func notNow(code, format string, args ...any) error {
	return refusal{edge.Problem{Status: http.StatusConflict, Error: "Not now", Details: fmt.Sprintf(format, args...), Code: code}}
}

// noMove refuses what concerns a move that nobody knows.
func noMove(id string) error {
	return refusal{edge.Problem{Status: http.StatusNotFound, Error: "No such move", Details: "neither open nor in the history: " + id, Code: codeNoMove}}
}

// edit is what becomes of the book.
type edit func(registry.OrderBook) registry.OrderBook

// command is one order: it looks at what there is, and says how to change the book and what to answer beside the epoch.
type command func(ctx context.Context, w world, by registry.Word) (edit, gin.H, error)

// control carries out one order about moves.
func (a *api) control(c *gin.Context, verb string, command command) {
	by := registry.Word{Who: operator(c), Since: time.Now().UTC()}
	reply := gin.H{}
	w, err := a.inTurn(c.Request.Context(), func(ctx context.Context, w world) error {
		edit, said, err := command(ctx, w, by)
		if err != nil {
			return err
		}
		maps.Copy(reply, said)
		return a.edit(ctx, edit)
	})
	if err != nil {
		a.fail(c, err)
		return
	}
	a.cfg.Logger.Info("operator asked", slog.String("verb", verb), slog.String("who", by.Who), slog.String("move", c.Param("move")),
		slog.String("client", client(c)), slog.String("request_id", edge.RequestID(c)))
	reply["epoch"] = w.epoch()
	edge.WriteJSON(c, http.StatusAccepted, reply)
}

// operator is who asks: as the request says, else by its address.
func operator(c *gin.Context) string {
	const longest = 100
	name := strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, c.GetHeader(protocol.HeaderOperator)))
	if runes := []rune(name); len(runes) > longest {
		name = string(runes[:longest])
	}
	if name == "" {
		return "an operator at " + client(c)
	}
	return name
}

func (a *api) edit(ctx context.Context, edit edit) error {
	_, err := a.cfg.Registry.ChangeOrders(ctx, func(b registry.OrderBook) (registry.OrderBook, error) { return edit(b), nil })
	return err
}

func (a *api) pause(c *gin.Context) {
	a.control(c, "pause", func(_ context.Context, _ world, by registry.Word) (edit, gin.H, error) {
		return func(b registry.OrderBook) registry.OrderBook {
			if b.Pause == nil { // else it stays with who was first
				b.Pause = &by
			}
			return b
		}, nil, nil
	})
}

func (a *api) resume(c *gin.Context) {
	a.control(c, "resume", func(context.Context, world, registry.Word) (edit, gin.H, error) {
		return func(b registry.OrderBook) registry.OrderBook {
			b.Pause = nil
			return b
		}, nil, nil
	})
}

func (a *api) cancelMove(c *gin.Context) {
	a.control(c, "cancel move", func(ctx context.Context, w world, by registry.Word) (edit, gin.H, error) {
		mv, err := a.findMove(ctx, w.open, c.Param("move"))
		switch {
		case err != nil:
			return nil, nil, err
		case mv.State.Ended():
			return nil, nil, notNow(codeEnded, "the move is %s already", mv.State)
		case mv.State == registry.MoveFlipped:
			return nil, nil, notNow(codeTooLate, "the move is past its point of no return and goes forward: %s owns partition %d", mv.To, mv.Partition)
		}
		return func(b registry.OrderBook) registry.OrderBook { return b.Cancelling(by, mv, w.cells) }, gin.H{"move": mv}, nil
	})
}

func (a *api) cancelRebalance(c *gin.Context) {
	a.control(c, "cancel rebalance", func(_ context.Context, w world, by registry.Word) (edit, gin.H, error) {
		if !w.progress(time.Now()).Running {
			return nil, nil, notNow(codeConflict, "no rebalance is running")
		}
		return func(b registry.OrderBook) registry.OrderBook { return b.Stopping(by, w.cells) }, gin.H{"open_moves": len(w.open)}, nil
	})
}

func (a *api) reverseRebalance(c *gin.Context) {
	a.control(c, "reverse rebalance", func(ctx context.Context, w world, by registry.Word) (edit, gin.H, error) {
		way, err := a.wayBack(ctx, w, c.Query("rebalance"))
		if err != nil {
			return nil, nil, err
		}
		reply := gin.H{"rebalance": way.rebalance, "moves": way.moves(), "left_alone": way.alone}
		return func(b registry.OrderBook) registry.OrderBook {
			return b.Reversing(by, way.rebalance, way.legs, w.cells)
		}, reply, nil
	})
}

// requestRebalance ends every hold, and asks the mover to look again.
func (a *api) requestRebalance(c *gin.Context) {
	a.control(c, "rebalance", func(ctx context.Context, _ world, by registry.Word) (edit, gin.H, error) {
		return registry.OrderBook.Released, nil, a.cfg.Registry.RequestRebalance(ctx, by.Who)
	})
}

// release ends every hold: what an operator asks of a cell is to be planned.
func (a *api) release(ctx context.Context) error {
	return a.edit(ctx, registry.OrderBook.Released)
}
