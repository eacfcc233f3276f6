package tests

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// Two processes serve while the schema changes all the time: no request fails, and
// both know each new state.
func TestSchemaChangesUnderLoadOnTwoProcesses(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `
		create table public.notes (id integer primary key, body text);
		insert into public.notes select i, 'note ' || i from generate_series(1, 20) as i;
		create table public.other (id integer primary key);
		grant all on all tables in schema public to anon`)
	var servers []*server
	for i := range 2 {
		servers = append(servers, startServer(t, db,
			"FLUXBASE_REPLICATION_DATABASE_URL="+db.URL(sql.Replication), fmt.Sprintf("FLUXBASE_REALTIME_INSTANCE=%s_%d", db.Name, i)))
	}
	for _, s := range servers {
		eventually(t, "the process is trusted", func() bool { return s.metric(t, "fluxbase_bus_trusted", nil) == 1 })
		if a := s.call(t, "GET", "/readyz", ""); a.Status != 200 || a.Body != "ready\n" {
			t.Errorf("with all well, /readyz says %d %q", a.Status, a.Body)
		}
	}

	var load sync.WaitGroup
	var stop atomic.Bool
	var answered atomic.Int64
	for _, s := range servers {
		for range 2 {
			load.Go(func() {
				for !stop.Load() {
					a, err := s.try("GET", "/rest/v1/notes?select=id,body&id=lte.5&order=id", "")
					if err != nil || a.Status != http.StatusOK || strings.Count(a.Body, "note ") != 5 {
						t.Errorf("a request while the schema changes: %v %d %s", err, a.Status, a.Body)
						return
					}
					answered.Add(1)
				}
			})
		}
	}
	conn := db.Conn(t)
	for i := range 10 {
		before := answered.Load()
		for _, statement := range []string{
			fmt.Sprintf(`alter table public.notes add column extra%d integer default %[1]d`, i),
			fmt.Sprintf(`alter table public.other add column extra%d text`, i),
			fmt.Sprintf(`create index on public.notes (extra%d)`, i),
			fmt.Sprintf(`create or replace view public.seen as select id, body, extra%d from public.notes`, i),
			`grant select on public.seen to anon`,
			`drop view public.seen`,
		} {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range servers {
			path := fmt.Sprintf("/rest/v1/notes?select=extra%d&id=eq.1", i)
			if a := s.call(t, "GET", path, ""); a.Status != 200 || a.Body != fmt.Sprintf(`[{"extra%d":%[1]d}]`, i) {
				t.Errorf("the new column: %d %s", a.Status, a.Body)
			}
		}
		eventually(t, "requests go on", func() bool { return answered.Load() > before })
	}
	stop.Store(true)
	load.Wait()

	// A function that takes the place of another is only seen by looking at the
	// catalogue anew, for which here is no other reason than the announcement.
	exec(t, db, `create function public.what() returns integer language sql return 1; grant execute on function public.what to anon`)
	for _, s := range servers {
		if a := s.call(t, "POST", "/rest/v1/rpc/what", ""); a.Body != "1" {
			t.Errorf("the function: %d %s", a.Status, a.Body)
		}
	}
	exec(t, db, `drop function public.what; create function public.what() returns setof integer language sql as 'values (1), (2)'; grant execute on function public.what to anon`)
	for _, s := range servers {
		eventually(t, "the new function", func() bool { return s.call(t, "POST", "/rest/v1/rpc/what", "").Body == "[1, 2]" })
		if n := s.metric(t, "fluxbase_bus_messages_total", map[string]string{"kind": "ddl"}); n < 10*6 {
			t.Errorf("%g announcements, want one for each change", n)
		}
		if n := s.metric(t, "fluxbase_catalog_loads_total", map[string]string{"status": "failed"}); n != 0 {
			t.Errorf("%g loads of the catalogue failed", n)
		}
	}
}
