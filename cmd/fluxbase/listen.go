package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/fluxbase/fluxbase/proxy"
)

// endpoint is a place to listen at.
type endpoint struct {
	network, address string
	mode             fs.FileMode // of a Unix socket
	reusePort        bool
	variable         string // that says where
}

// public is where requests come.
func (s *settings) public() endpoint {
	c := &s.Server
	if c.UnixSocket != "" {
		mode, _ := proxy.SocketMode(c.UnixSocketMode) // Check has read it
		return endpoint{network: "unix", address: c.UnixSocket, mode: mode, variable: "FLUXBASE_SERVER_UNIX_SOCKET"}
	}
	return endpoint{network: "tcp", address: c.Address(), reusePort: c.ReusePort, variable: "FLUXBASE_SERVER_PORT"}
}

// admin is where probes and metrics are answered, if they are.
func (s *settings) admin() (at endpoint, on bool) {
	c := &s.DropIn
	if c.AdminUnixSocket != "" && os.Getenv(metricsVariable) == "" {
		mode, _ := proxy.SocketMode(c.AdminUnixSocketMode) // Check has read it
		return endpoint{network: "unix", address: c.AdminUnixSocket, mode: mode, variable: "FLUXBASE_REST_ADMIN_SERVER_UNIX_SOCKET"}, true
	}
	address, on := s.Server.Metrics()
	return endpoint{network: "tcp", address: address, variable: metricsVariable}, on
}

// listen takes the place, or says who to blame and what to do.
func (e endpoint) listen(ctx context.Context) (net.Listener, error) {
	var cfg net.ListenConfig
	if e.reusePort {
		cfg.Control = reusePort
	}
	if e.network == "unix" {
		e.clear()
	}
	l, err := cfg.Listen(ctx, e.network, e.address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another process: stop it, or set %s", e.address, e.variable)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", e.address, err)
	}
	if e.network == "unix" {
		if err := os.Chmod(e.address, e.mode); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// clear takes away a socket whose process is gone. One that still answers stays,
// and so does any other file.
func (e endpoint) clear() {
	info, err := os.Lstat(e.address)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return
	}
	conn, err := net.Dial(e.network, e.address)
	if errors.Is(err, syscall.ECONNREFUSED) {
		_ = os.Remove(e.address) // listening says what is wrong
	} else if err == nil {
		_ = conn.Close()
	}
}

// reusePort lets other processes that ask for it too listen at the same port.
func reusePort(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soReusePort, 1)
	})
	return errors.Join(err, failed)
}
