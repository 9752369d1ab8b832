package localserver

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckFreeNamesAnAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := CheckFree(addr); !errors.Is(err, ErrPortInUse) || !strings.Contains(err.Error(), addr) {
		t.Errorf("in use: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := CheckFree(addr); err != nil {
		t.Errorf("free: %v", err)
	}
}

func TestFreePortsAreDifferentAndBelowThoseOfConnections(t *testing.T) {
	ports, err := FreePorts(50)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		if seen[p] || p < firstPort || p >= 32768 {
			t.Errorf("port %d", p)
		}
		seen[p] = true
	}
}

func TestPortsMeantForOthersAreNotPickedNorKept(t *testing.T) {
	var others []int
	for port := firstPort; port < lastPort; port++ {
		if port%4 != 0 {
			others = append(others, port)
		}
	}
	ports, err := FreePorts(20, others...)
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range ports {
		if port%4 != 0 {
			t.Errorf("port %d was picked", port)
		}
	}
	file := filepath.Join(t.TempDir(), "ports.json")
	first, err := keptPorts(file, others)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := keptPorts(file, others); err != nil || again != first {
		t.Errorf("not kept: %+v, %v", again, err)
	}
	if other, err := keptPorts(file, append(others, first.Serf)); err != nil || other.Serf == first.Serf || other.Server == first.Serf {
		t.Errorf("kept although it is meant for another: %+v, %v", other, err)
	}
}
