package dev

import (
	"net"
	"os"
	"testing"

	"github.com/cellway/cellway/internal/localserver"
)

func TestStateKeepsAddressesUntilTheyAreTaken(t *testing.T) {
	cfg := Config{StateDir: t.TempDir()}.withDefaults()
	s, err := loadState(cfg)
	if err != nil {
		t.Fatal(err)
	}
	addr, port, err := s.addr("mover-1")
	if err != nil {
		t.Fatal(err)
	}
	if s, err = loadState(cfg); err != nil {
		t.Fatal(err)
	}
	if again, _, err := s.addr("mover-1"); err != nil || again != addr {
		t.Errorf("the next run has %s, %v; this one had %s", again, err, addr)
	}

	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if other, _, err := s.addr("mover-1"); err != nil || other == addr {
		t.Errorf("a taken address is used again: %s, %v", other, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	// The user wants the port for something else now.
	cfg.RouterAddr = loopback(s.Ports["mover-1"])
	chosen := s.Ports["mover-1"]
	if s, err = loadState(cfg); err != nil {
		t.Fatal(err)
	}
	if _, now, err := s.addr("mover-1"); err != nil || now == chosen {
		t.Errorf("the router's port %d goes to a mover (%v); port %d was first", now, err, port)
	}
}

func TestStateIsReadableByItsOwnerAlone(t *testing.T) {
	cfg := Config{StateDir: t.TempDir()}.withDefaults()
	s, err := loadState(cfg)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestConsulThatDoesNotStartIsAnErrorNotACrash(t *testing.T) {
	s, _ := quietSupervisor(t)
	port, err := localserver.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s.cfg.ConsulAddr, s.consulBin = loopback(port), "/nonexistent/consul"
	s.cfg.StateDir = t.TempDir()
	s.cfg = s.cfg.withDefaults()
	if s.state, err = loadState(s.cfg); err != nil {
		t.Fatal(err)
	}
	if err := s.start(t.Context(), s.consul()); err == nil {
		t.Error("no error")
	}
}
