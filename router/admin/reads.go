package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/cellway/cellway/internal/routekey"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/edge"
	"github.com/cellway/cellway/router/route"
)

const locatePrefix = "/admin/locate/"

func (a *api) cells(c *gin.Context) {
	w, err := a.look(c.Request.Context())
	if err != nil {
		a.fail(c, err)
		return
	}
	infos := w.cellInfos()
	a.countCustomers(c.Request.Context(), infos)
	edge.WriteJSON(c, http.StatusOK, gin.H{"epoch": w.epoch(), "cells": infos})
}

// showMap is the map that this router routes by.
func (a *api) showMap(c *gin.Context) {
	t := a.cfg.View.Table()
	m := t.Map()
	age, ok := a.cfg.View.Age()
	if m == nil || !ok {
		refuseNoMap(c)
		return
	}
	edge.WriteJSON(c, http.StatusOK, gin.H{
		"epoch": m.Epoch(), "partitions": m.Partitions(), "source": t.Source(), "age_seconds": seconds(age),
		"owners": m.Counts(), "pins": 0,
	})
}

func refuseNoMap(c *gin.Context) {
	r := route.NoMap()
	edge.Refuse(c, edge.Problem{Status: r.Status, RetryAfter: r.RetryAfter, Error: r.Error, Details: r.Details, Code: codeNoMap})
}

// locate says where this router sends a customer's requests. What the registry adds is left out while it is away.
func (a *api) locate(c *gin.Context) {
	id, err := routekey.FromPath(c.Request.URL.EscapedPath(), locatePrefix)
	if err != nil {
		edge.Refuse(c, edge.Problem{Status: http.StatusBadRequest, Error: "Invalid customer ID", Details: err.Error(), Code: "invalid_id", Field: "customer_id"})
		return
	}
	t := a.cfg.View.Table()
	p, ok := t.Partition(id)
	if !ok {
		refuseNoMap(c)
		return
	}
	owner := t.Owner(p)
	reply := gin.H{
		"customer_id": id, "partition": p, "cell_id": owner.Cell, "epoch": owner.Epoch, "pinned": false,
		"ring_cell_id": a.ring.owner(t.Map().Cells(), t.Map().Partitions(), p), "moving_to": nil,
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), a.cfg.Patience/4)
	defer cancel()
	if w, err := a.look(ctx); err == nil && w.m != nil {
		reply["ring_cell_id"] = a.ring.owner(active(w.members()), w.m.Partitions(), p)
		for _, mv := range w.open {
			if mv.Partition == p && mv.State == registry.MoveOpen && mv.To != owner.Cell {
				reply["moving_to"] = mv.To
			}
		}
	}
	edge.WriteJSON(c, http.StatusOK, reply)
}

func active(members []placement.Member) []string {
	var names []string
	for _, m := range members {
		if !m.Draining {
			names = append(names, m.Name)
		}
	}
	return names
}

func (a *api) rebalance(c *gin.Context) {
	w, err := a.look(c.Request.Context())
	if err != nil {
		a.fail(c, err)
		return
	}
	edge.WriteJSON(c, http.StatusOK, w.progress(time.Now()))
}

// health says whether the router is ready, and what is not as it should be.
func (a *api) health(c *gin.Context) {
	t := a.cfg.View.Table()
	age, ok := a.cfg.View.Age()
	reasons := []string{}
	status, word := http.StatusOK, "ready"
	if a.cfg.Stopping() {
		reasons, status, word = append(reasons, "the router is stopping"), http.StatusServiceUnavailable, "not ready"
	}
	if !ok {
		reasons, status, word = append(reasons, route.NoMap().Details), http.StatusServiceUnavailable, "not ready"
	}
	if t.Source() == route.SourceDisk {
		reasons = append(reasons, "the map is from disk: the registry has not been read yet")
	}
	if err := a.cfg.View.Problem(); err != nil {
		reasons = append(reasons, err.Error())
	}
	edge.WriteJSON(c, status, gin.H{"status": word, "reasons": reasons, "source": t.Source(), "age_seconds": seconds(age)})
}

func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }
