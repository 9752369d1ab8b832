package registry_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/registry"
)

func TestInstanceNamesTheFieldThatCannotBe(t *testing.T) {
	valid := registry.Instance{ID: "cell-a-1", Cell: "cell-a", Address: "[::1]:80", Internal: "cell-a_1.local:7001", Weight: 1, Partitions: 16}
	if err := valid.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		field string
		spoil func(*registry.Instance)
	}{
		{"instance id", func(in *registry.Instance) { in.ID = "" }},
		{"instance id", func(in *registry.Instance) { in.ID = ".." }},
		{"instance id", func(in *registry.Instance) { in.ID = "a/b" }},
		{"instance id", func(in *registry.Instance) { in.ID = strings.Repeat("a", 129) }},
		{"cell", func(in *registry.Instance) { in.Cell = "" }},
		{"address", func(in *registry.Instance) { in.Address = "10.0.0.1" }},
		{"address", func(in *registry.Instance) { in.Address = ":80" }},
		{"address", func(in *registry.Instance) { in.Address = "a b:80" }},
		{"address", func(in *registry.Instance) { in.Address = "user@host:80" }},
		{"address", func(in *registry.Instance) { in.Address = "host:http" }},
		{"internal address", func(in *registry.Instance) { in.Internal = "host:65536" }},
		{"weight", func(in *registry.Instance) { in.Weight = -1 }},
		{"partitions", func(in *registry.Instance) { in.Partitions = 17 }},
	} {
		in := valid
		c.spoil(&in)
		if err := in.Validate(); !errors.Is(err, registry.ErrInvalid) || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%+v: error %v, want one that names %s", in, err, c.field)
		}
	}
}

func TestMoveRecords(t *testing.T) {
	now := time.Unix(1, 0)
	fresh := registry.Move{Partition: 1, From: "cell-a", To: "cell-b"}
	opened, err := registry.NewMove(fresh, now)
	if err != nil || opened.ID == "" || opened.State != registry.MoveOpen || !opened.CreatedAt.Equal(now) {
		t.Fatalf("%+v, error %v", opened, err)
	}
	if err := registry.CheckUpdate(opened); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("update of a record that was never journalled: %v, want %v", err, registry.ErrInvalid)
	}
	opened.Epoch, opened.Version = 3, 4
	if err := registry.CheckUpdate(opened); err != nil {
		t.Error(err)
	}
	if _, err := registry.EndedMove(opened, now); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("end in state open: %v, want %v", err, registry.ErrInvalid)
	}
	opened.State = registry.MoveUndone
	if err := registry.CheckUpdate(opened); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("update to an ended state: %v, want %v", err, registry.ErrInvalid)
	}
	if ended, err := registry.EndedMove(opened, now); err != nil || !ended.EndedAt.Equal(now) {
		t.Errorf("%+v, error %v", ended, err)
	}
	if _, err := registry.NewMove(opened, now); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("opening in an ended state: %v, want %v", err, registry.ErrInvalid)
	}
}
