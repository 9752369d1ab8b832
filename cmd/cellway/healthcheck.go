package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthTimeout is shorter than a container's health check may take.
const healthTimeout = 2500 * time.Millisecond

func newHealthcheck() *cobra.Command {
	var router, listen string
	cmd := &cobra.Command{
		Use: "healthcheck", Short: "Ask the role in this container whether it is healthy", GroupID: "role", Args: cobra.NoArgs,
		Long: `Asks /health of the listener that the role was started with, by the same variables: CELLWAY_ROUTER_ADDR of a
router, CELLWAY_LISTEN of a cell or a mover. Ends with 0 if the answer is 200; else it prints the answer and ends with 1.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			addr := router
			if addr == "" {
				addr = listen
			}
			if addr == "" {
				return fmt.Errorf("neither --router-addr (CELLWAY_ROUTER_ADDR) nor --listen (CELLWAY_LISTEN) says where to ask")
			}
			return askHealth(cmd.Context(), addr, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&router, "router-addr", "", "public listener of the router that runs here, host:port")
	cmd.Flags().StringVar(&listen, "listen", "", "listener of the cell or mover that runs here, host:port")
	return cmd
}

func askHealth(ctx context.Context, addr string, out io.Writer) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listener %q is not host:port: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it listens on every address, this one too
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/health", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	said := strings.TrimSpace(string(body))
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %s", resp.StatusCode, said)
	}
	fmt.Fprintln(out, said)
	return nil
}
