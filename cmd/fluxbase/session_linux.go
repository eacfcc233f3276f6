package main

import (
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// yieldSession gives the session of this process, if it is its own as that of a service is, a third
// of the weight it had, where Linux shares out cores by session (sched(7), the autogroup feature) and
// Postgres is on the same machine. Each of its backends is a session too, and one in a hundred waits
// for tens of milliseconds while ours runs (docs/how-to/size-the-pools.md).
func yieldSession(database string) {
	const file = "/proc/self/autogroup"
	now, err := os.ReadFile(file)
	if err != nil || !strings.HasSuffix(string(now), " nice 0\n") { // an operator has set it
		return
	}
	if session, err := unix.Getsid(0); err == nil && session == os.Getpid() && onThisMachine(database) {
		_ = os.WriteFile(file, []byte("5"), 0) // without it all is right, and slower
	}
}

// onThisMachine tells whether a connection string names a socket or a loopback address.
func onThisMachine(database string) bool {
	cfg, err := pgconn.ParseConfig(database)
	if err != nil {
		return false
	}
	return strings.HasPrefix(cfg.Host, "/") || web.IsLoopback(cfg.Host)
}
