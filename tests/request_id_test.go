package tests

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// A request's id is what Postgres knows it by: in SQL, and, where that is asked for, in
// the name of the session that log_line_prefix and pg_stat_activity show, for as long as
// the transaction lasts.
func TestPostgresKnowsTheRequestByItsID(t *testing.T) {
	t.Parallel()
	db := notesDB(t)
	exec(t, db, `create function public.known_as() returns text language sql volatile as
		$$ select current_setting('request.id') || ', ' || current_setting('application_name') $$`)
	s := startServer(t, db, "FLUXBASE_DATABASE_NAME_REQUESTS=true")
	plain := startServer(t, db)
	long := strings.Repeat("x", 128)
	for _, tt := range []struct {
		s        *server
		id, want string
	}{
		{s, "one", `"one, fluxbase one"`},
		{s, "two", `"two, fluxbase two"`},
		{s, long, `"` + long + `, fluxbase ` + long[:54] + `"`},
		{plain, "one", `"one, fluxbase"`},
	} {
		a := tt.s.call(t, "POST", "/rest/v1/rpc/known_as", "", "X-Request-Id: "+tt.id)
		if a.Body != tt.want {
			t.Errorf("%s: got %d %s, want %s", tt.id, a.Status, a.Body, tt.want)
		}
	}
	var left int
	err := db.Conn(t).QueryRow(t.Context(), `
		select count(*) from pg_stat_activity where datname = current_database() and application_name like 'fluxbase %'`).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("the name outlives the request in %d sessions (%v)", left, err)
	}
}

// The answer that opens a WebSocket has the id, too.
func (k *walk) socket(t *testing.T) {
	t.Helper()
	conn, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(k.s.URL, "http")+"/realtime/v1/websocket?apikey="+k.user,
		http.Header{"X-Request-Id": {"walk-socket"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := resp.Header.Values("X-Request-Id"); len(got) != 1 || got[0] != "walk-socket" {
		t.Errorf("the handshake's ids are %q", got)
	}
}
