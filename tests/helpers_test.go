package tests

import (
	"context"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// exec runs statements as the owner of db.
func exec(t testing.TB, db *dbtest.DB, statements string) {
	t.Helper()
	conn := db.Conn(t)
	defer conn.Close(context.Background()) // a soak has many thousands of these
	if _, err := conn.Exec(t.Context(), statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// relay stands between a client and Postgres and counts how often the client
// spoke after the server had: round trips.
type relay struct {
	url   string
	count atomic.Int64
	// mute drops all that either side says, as a network does that was cut.
	mute atomic.Bool
}

func (r *relay) trips() int64 { return r.count.Load() }

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	return relayAt(t, "127.0.0.1:0", target)
}

func relayAt(t *testing.T, address, target string) *relay {
	t.Helper()
	r := new(relay)
	r.url = between(t, address, target, func(client, server net.Conn) (up, down func()) {
		var serverSpoke atomic.Bool
		serverSpoke.Store(true)
		up = func() {
			r.pipe(server, client, func() {
				if serverSpoke.Swap(false) {
					r.count.Add(1)
				}
			})
		}
		return up, func() { r.pipe(client, server, func() { serverSpoke.Store(true) }) }
	})
	return r
}

// between listens at an address, in front of the server of the URL target, and returns the URL
// that leads there. For each connection pass gives what carries both directions until either end
// closes, and then closes both.
func between(t *testing.T, address, target string, pass func(client, server net.Conn) (up, down func())) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	u.Host = l.Addr().String()
	var group sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); group.Wait() })
	group.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			up, down := pass(client, upstream)
			group.Go(up)
			group.Go(down)
		}
	})
	return u.String()
}

// pipe copies until either side closes, then closes both.
func (r *relay) pipe(to, from net.Conn, spoke func()) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !r.mute.Load() {
			spoke()
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// queryText runs a query that gives one text.
func queryText(t testing.TB, db *dbtest.DB, query string) (text string) {
	t.Helper()
	conn := db.Conn(t)
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), query).Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

// scan asks for one value.
func scan(t testing.TB, db *dbtest.DB, to any, ask string, args ...any) {
	t.Helper()
	if err := db.Conn(t).QueryRow(t.Context(), ask, args...).Scan(to); err != nil {
		t.Fatalf("%s: %v", ask, err)
	}
}
