package localserver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// Loopback is the only address that servers of this package listen on.
const Loopback = "127.0.0.1"

// Ports are picked below the range that systems take the ports of outgoing connections from (Linux 32768, macOS
// 49152): a connection could otherwise take one between its being picked and its being listened on.
const (
	firstPort = 20000
	lastPort  = 32000
)

// portTries is how often a start is repeated when a port that was picked was taken before it was listened on.
const portTries = 3

// ErrPortInUse is returned, wrapped with the address, when another process listens there.
var ErrPortInUse = errors.New("address already in use")

// FreePort picks a TCP port on 127.0.0.1 that is free now. Another process may take it before it is used: who
// needs certainty tries again.
func FreePort() (int, error) {
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if CheckFree(loopbackAddr(port)) == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("pick a free port between %d and %d: %w", firstPort, lastPort, ErrPortInUse)
}

// FreePorts picks n different ports, none of those that are meant for others, who may not listen there yet.
func FreePorts(n int, others ...int) ([]int, error) {
	ports := make([]int, 0, n)
	taken := map[int]bool{}
	for _, port := range others {
		taken[port] = true
	}
	for len(ports) < n {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		if !taken[port] {
			taken[port] = true
			ports = append(ports, port)
		}
	}
	return ports, nil
}

// CheckFree returns nil if addr (host:port) can be listened on, [ErrPortInUse] naming it if another process does.
func CheckFree(addr string) error {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %w", addr, ErrPortInUse)
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l.Close()
}

func loopbackAddr(port int) string { return net.JoinHostPort(Loopback, strconv.Itoa(port)) }
