package tests

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// limits of a server; "" is the default.
func limits(inAll, perUser, perIP int) []string {
	return []string{
		fmt.Sprintf("FLUXBASE_REALTIME_MAX_CONNECTIONS=%d", inAll), fmt.Sprintf("FLUXBASE_REALTIME_MAX_CONNECTIONS_PER_USER=%d", perUser),
		fmt.Sprintf("FLUXBASE_REALTIME_MAX_CONNECTIONS_PER_IP=%d", perIP), "FLUXBASE_SERVER_TRUSTED_PROXIES=127.0.0.0/8",
	}
}

// knock opens a WebSocket and asks for a sign of life. It returns the connection, or
// why it was closed.
func knock(t *testing.T, s *server, token, from string) (*websocket.Conn, string) {
	t.Helper()
	conn, resp := dialRealtime(t, s, "vsn=2.0.0&apikey="+token, "X-Forwarded-For: 6.6.6.6, "+from)
	if conn == nil {
		return nil, resp.Status
	}
	_ = conn.WriteMessage(websocket.TextMessage, []byte(`[null,"1","phoenix","heartbeat",{}]`))
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	_, data, err := conn.ReadMessage()
	var end *websocket.CloseError
	switch {
	case errors.As(err, &end):
		return nil, fmt.Sprint(end.Code, " ", end.Text)
	case err != nil || !strings.Contains(string(data), `"ok"`):
		return nil, fmt.Sprint(string(data), err)
	}
	return conn, ""
}

// counted is what the database says of users and addresses.
func counted(t *testing.T, conn *pgx.Conn) (counts string) {
	t.Helper()
	const ask = `select coalesce(string_agg(coalesce(c.user_id, nullif(c.role, 'anon'), c.ip) || ' ' || c.connections, ', ' order by coalesce(c.user_id, nullif(c.role, 'anon'), c.ip) collate "C"), '') from realtime.connection_counts() as c`
	if err := conn.QueryRow(t.Context(), ask).Scan(&counts); err != nil {
		t.Fatal(err)
	}
	return counts
}

func TestConnectionLimitsHoldOverAllProcesses(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := db.Conn(t)
	servers := []*server{startRealtime(t, db, "one", limits(9, 2, 3)...), startRealtime(t, db, "two", limits(9, 2, 3)...)}
	anon, ada, service := anonToken(t), userToken(t, "ada"), signToken(t, map[string]any{"role": "service_role", "exp": time.Now().Add(time.Hour).Unix()})

	const tooManyIP, tooManyUser, tooMany = "1008 too many connections from this address", "1008 too many connections of this user", "1008 too many connections"
	open := map[string]*websocket.Conn{}
	for i, tt := range []struct{ name, token, from, want string }{
		{"a1", anon, "1.1.1.1", ""},
		{"a2", anon, "1.1.1.1", ""},
		{"a3", anon, "1.1.1.1", ""},
		{"a4", anon, "1.1.1.1", tooManyIP},
		{"b1", anon, "2001:db8::1", ""},
		{"ada1", ada, "1.1.1.1", ""},
		{"ada2", ada, "3.3.3.3", ""},
		{"ada3", ada, "4.4.4.4", tooManyUser},
		{"s1", service, "1.1.1.1", ""},
		{"s2", service, "1.1.1.1", ""},
		{"c1", anon, "5.5.5.5", ""},
		{"c2", anon, "5.5.5.5", tooMany},
		{"s3", service, "1.1.1.1", tooMany},
	} {
		conn, got := knock(t, servers[i%2], tt.token, tt.from)
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		open[tt.name] = conn
	}
	if got := counted(t, admin); got != "1.1.1.1 3, 2001:db8::/64 1, 5.5.5.5 1, ada 2, service_role 2" {
		t.Errorf("counted %s", got)
	}
	refusals := 0.0
	for _, s := range servers {
		for _, limit := range []string{"max_connections", "max_connections_per_user", "max_connections_per_ip"} {
			refusals += s.metric(t, "fluxbase_realtime_connections_refused_total", map[string]string{"limit": limit})
		}
	}
	if refusals != 4 {
		t.Errorf("%g refusals are counted, want 4", refusals)
	}

	// The settings of the database come first, at once and without a restart.
	exec(t, db, `select fluxbase.set_setting('realtime.max_connections', '100'); select fluxbase.set_setting('realtime.max_connections_per_ip', '4')`)
	for i, want := range []string{"", tooManyIP} {
		if _, got := knock(t, servers[i], anon, "1.1.1.1"); got != want {
			t.Errorf("under new limits: got %q, want %q", got, want)
		}
	}

	// However a connection ends, its place is free.
	_ = open["ada1"].Close()
	_ = open["ada2"].WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
	_ = open["c1"].WriteMessage(websocket.TextMessage, []byte("{"))
	eventually(t, "the places are free", func() bool { return counted(t, admin) == "1.1.1.1 4, 2001:db8::/64 1, service_role 2" })

	// As with the client of Supabase: it connects with the key of the app and joins
	// with the user's token. From then on it counts for the user.
	for i, want := range []string{"phx_reply", "phx_reply", "close"} {
		conn, got := knock(t, servers[i%2], anon, "7.7.7.7")
		if got != "" {
			t.Fatal(got)
		}
		s := &socket{conn, t}
		s.write(`["1","1","realtime:a","phx_join",{"access_token":"` + ada + `"}]`)
		if want == "phx_reply" {
			s.expect(want, `"ok"`)
		} else if code := s.closed(); code != 1008 {
			t.Errorf("one more of a user ended with %d, want 1008", code)
		}
	}
	eventually(t, "they count for the user", func() bool {
		return counted(t, admin) == "1.1.1.1 4, 2001:db8::/64 1, ada 2, service_role 2"
	})

	// What a dead process held no longer counts.
	kill(t, servers[1])
	eventually(t, "they no longer count", func() bool {
		return !strings.Contains(counted(t, admin), "2001:db8") || !strings.Contains(counted(t, admin), "1.1.1.1 4")
	})
	for _, want := range []string{"", "", "", ""} {
		if _, got := knock(t, servers[0], anon, "8.8.8.8"); got != want {
			t.Errorf("after a process has died: got %q", got)
		}
	}
	noServerErrors(t, servers[0])
}

// Many at once over two processes: as many as may get in do, no more and no fewer.
func TestConnectionLimitsHoldInAStorm(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := db.Conn(t)
	const places, attempts = 15, 120
	servers := []*server{startRealtime(t, db, "one", limits(1000, 10, places)...), startRealtime(t, db, "two", limits(1000, 10, places)...)}
	anon := anonToken(t)
	var mu sync.Mutex
	got := map[string]int{}
	var knocking sync.WaitGroup
	for i := range attempts {
		knocking.Go(func() {
			_, why := knock(t, servers[i%2], anon, "1.1.1.1")
			mu.Lock()
			defer mu.Unlock()
			got[why]++
		})
	}
	knocking.Wait()
	if got[""] != places || got["1008 too many connections from this address"] != attempts-places {
		t.Errorf("got %v, want %d of %d let in", got, places, attempts)
	}
	if text := counted(t, admin); text != fmt.Sprintf("1.1.1.1 %d", places) {
		t.Errorf("counted %s", text)
	}
	for _, s := range servers {
		noServerErrors(t, s)
	}
}
