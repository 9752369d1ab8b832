package localserver

import (
	"errors"
	"net"
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
