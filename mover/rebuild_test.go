package mover

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

func TestRebuild_reads_the_owner_out_of_the_rows(t *testing.T) {
	type rows = map[string]protocol.Row
	owned := func(epoch placement.Epoch) protocol.Row {
		return protocol.Row{State: protocol.StateOwned, Epoch: epoch}
	}
	moved := func(to string, epoch placement.Epoch, move string) protocol.Row {
		return protocol.Row{State: protocol.StateMoved, Epoch: epoch, Peer: to, Move: move}
	}
	ready := func(epoch placement.Epoch, move string) protocol.Row {
		return protocol.Row{State: protocol.StateReady, MoveEpoch: epoch, Move: move}
	}
	nobody := placement.Ownership{}
	for name, tc := range map[string]struct {
		rows      rows
		want      placement.Ownership
		missing   string
		contested int
	}{
		"one owns":                 {rows{"cell-a": owned(4), "cell-b": {State: protocol.StateAbsent}}, placement.Ownership{Cell: "cell-a", Epoch: 4}, "", 0},
		"fenced is owned":          {rows{"cell-a": {State: protocol.StateFenced, Epoch: 4, Move: "m", MoveEpoch: 9}, "cell-b": ready(9, "m")}, placement.Ownership{Cell: "cell-a", Epoch: 4}, "", 0},
		"recorded":                 {rows{"cell-a": {State: protocol.StateOwned, Epoch: 4, Move: "m", MoveEpoch: 9}, "cell-b": {State: protocol.StateImporting, Move: "m", MoveEpoch: 9}}, placement.Ownership{Cell: "cell-a", Epoch: 4}, "", 0},
		"between 8 and 9":          {rows{"cell-a": moved("cell-b", 9, "m"), "cell-b": ready(9, "m")}, placement.Ownership{Cell: "cell-b", Epoch: 9}, "", 0},
		"the same, target first":   {rows{"cell-b": moved("cell-a", 9, "m"), "cell-a": ready(9, "m")}, placement.Ownership{Cell: "cell-a", Epoch: 9}, "", 0},
		"ready for another move":   {rows{"cell-a": moved("cell-b", 9, "m"), "cell-b": ready(9, "n")}, nobody, "", 1},
		"after 9":                  {rows{"cell-a": moved("cell-b", 9, "m"), "cell-b": owned(9)}, placement.Ownership{Cell: "cell-b", Epoch: 9}, "", 0},
		"there and back":           {rows{"cell-a": owned(12), "cell-b": moved("cell-a", 12, "")}, placement.Ownership{Cell: "cell-a", Epoch: 12}, "", 0},
		"long ago, from cell-c":    {rows{"cell-a": moved("cell-b", 9, ""), "cell-b": owned(9), "cell-c": moved("cell-a", 3, "")}, placement.Ownership{Cell: "cell-b", Epoch: 9}, "", 0},
		"the target was not read":  {rows{"cell-a": moved("cell-b", 9, "m")}, nobody, "cell-b", 0},
		"nobody was it":            {rows{"cell-a": {State: protocol.StateAbsent}}, nobody, "", 0},
		"an import that is nobody": {rows{"cell-a": {State: protocol.StateImporting, Move: "m", MoveEpoch: 9}}, nobody, "", 0},
		"the target has lost it":   {rows{"cell-a": moved("cell-b", 9, "m"), "cell-b": {State: protocol.StateAbsent}}, nobody, "", 1},
		"an old copy beside it":    {rows{"cell-a": owned(4), "cell-b": owned(9)}, placement.Ownership{Cell: "cell-b", Epoch: 9}, "", 1},
		"an old copy before it":    {rows{"cell-a": owned(9), "cell-b": owned(4)}, placement.Ownership{Cell: "cell-a", Epoch: 9}, "", 1},
		"an old copy, owner away":  {rows{"cell-a": owned(4), "cell-b": moved("cell-c", 9, "")}, nobody, "cell-c", 0},
		"two at one epoch":         {rows{"cell-a": owned(9), "cell-b": owned(9)}, nobody, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			all := map[string][]protocol.Row{}
			for cell, row := range tc.rows {
				row.Partition, row.HighEpoch, row.Token = 1, max(row.Epoch, row.MoveEpoch), uint64(row.Epoch)*10
				all[cell] = []protocol.Row{row}
			}
			r := rebuild(2, all)
			if r.owners[1] != tc.want || r.owners[0] != nobody {
				t.Errorf("owner %+v, want %+v", r.owners[1], tc.want)
			}
			if lacks := slices.Contains(r.unclaimed, 1); lacks != (tc.want == nobody) || !slices.Contains(r.unclaimed, 0) {
				t.Errorf("unclaimed: %v", r.unclaimed)
			}
			if got := fmt.Sprint(r.missing); got != "["+tc.missing+"]" {
				t.Errorf("missing %s, want %s", got, tc.missing)
			}
			if len(r.contested) != tc.contested {
				t.Errorf("contested: %q", r.contested)
			}
			for cell, row := range tc.rows {
				if r.epoch <= max(row.Epoch, row.MoveEpoch) || r.token < uint64(row.Epoch)*10 {
					t.Errorf("epoch %d and token %d are not above those of %s: %+v", r.epoch, r.token, cell, row)
				}
				if !r.known && (row.Epoch > 0 || row.MoveEpoch > 0) {
					t.Error("the cluster is taken for a new one")
				}
			}
			if _, err := placement.MapOf(r.epoch, r.owners); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRebuild_knows_a_new_cluster(t *testing.T) {
	if r := rebuild(2, map[string][]protocol.Row{"cell-a": {{State: protocol.StateAbsent}, {Partition: 1, State: protocol.StateAbsent}}}); r.known {
		t.Error("a new cluster is taken for one that has lost its map")
	}
}

func TestLostCluster_is_the_one_that_all_instances_name(t *testing.T) {
	a, b := modelInstance("cell-a"), modelInstance("cell-b")
	c, err := lostCluster([]registry.Instance{a, b})
	if err != nil || c.ID != modelCluster || c.Partitions != modelPartitions || guard(c) != "" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := lostCluster(nil); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("of no instances: %v", err)
	}
	b.ClusterID = "another"
	if _, err := lostCluster([]registry.Instance{a, b}); !errors.Is(err, errTwoClusters) {
		t.Errorf("of two clusters: %v", err)
	}
}

func TestRanges(t *testing.T) {
	if got := ranges([]placement.Partition{3, 7, 8, 9, 11}); got != "3, 7-9, 11" {
		t.Error(got)
	}
}
