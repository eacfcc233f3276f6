package tests

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/sql"
)

// guard sets a guard and has the server know of it.
func (s *restServer) guard(t *testing.T, arguments string) {
	t.Helper()
	exec(t, s.db, `select fluxbase.set_guard(`+arguments+`)`)
	if err := s.store.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestGuardsOfFilters(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture+`
create view public.seen_items as select id, label from public.items;
create function public.items_of(lowest int) returns setof public.items language sql stable as 'select * from public.items where qty >= lowest';
grant select on public.seen_items to anon;
`, nil)
	s.guard(t, `'anon', 'public.items', operators => '{eq,in,is}', filterable => '{id,label}', orderable => '{id}'`)
	const filter, operator, order = `{"code":"guard_filter"}`, `{"code":"guard_operator"}`, `{"code":"guard_order"}`
	s.run(t, []restCase{
		{name: "what is allowed", path: "/items?select=id&id=in.(1,2)&label=eq.one&order=id.desc", status: 200, want: `[{"id":1}]`},
		{name: "a column", path: "/items?qty=eq.10", status: 403, want: `{"code":"guard_filter","message":"rows of 'items' can't be filtered by 'qty' here","details":null,"hint":"Columns to filter by: id, label"}`},
		{name: "an operator", path: "/items?id=gt.1", status: 403, want: `{"code":"guard_operator","message":"rows of 'items' can't be filtered with the operator 'gt' here","details":null,"hint":"Operators allowed: eq, in, is"}`},
		{name: "an order", path: "/items?order=id,label", status: 403, want: `{"code":"guard_order","message":"rows of 'items' can't be ordered by 'label' here","details":null,"hint":"Columns to order by: id"}`},
		{name: "not", path: "/items?id=not.gt.1", status: 403, want: operator},
		{name: "any", path: "/items?label=like(any).{o*}", status: 403, want: operator},
		{name: "within or", path: "/items?or=(id.eq.1,and(label.eq.one,qty.eq.1))", status: 403, want: filter},
		{name: "an operator within or", path: "/items?or=(id.eq.1,not.and(id.gte.1))", status: 403, want: operator},
		{name: "a path of JSON", path: "/items?data->>k=eq.x", status: 403, want: filter},
		{name: "a computed column", path: "/items?label_length=eq.3", status: 403, want: filter},
		{name: "an alias is no other name", path: "/items?select=id:qty&id=eq.1", status: 200, want: `[{"id":10}]`},
		{name: "a cast is none either", path: "/items?select=id::text,q:qty&q=eq.1", status: 403, want: filter},
		{name: "order by a path", path: "/items?order=data->k", status: 403, want: order},
		{name: "rows of a function", path: "/rpc/items_of?lowest=1&qty=gt.1", status: 403, want: filter},
		{name: "its arguments are none", path: "/rpc/items_of?lowest=20&select=id&order=id", status: 200, want: `[{"id":2},{"id":4}]`},
		{name: "a change", method: "PATCH", path: "/items?qty=eq.10", body: `{"label":"x"}`, status: 403, want: filter},
		{name: "a removal", method: "DELETE", path: "/items?id=lt.10", status: 403, want: operator},
		{name: "HEAD", method: "HEAD", path: "/items?qty=eq.10", status: 403},
		{name: "a view is a relation of its own", path: "/seen_items?label=like.o*&select=id", status: 200, want: `[{"id":1}]`},
		{name: "another role", path: "/items?qty=eq.10&select=id", header: []string{"Authorization: Bearer " + restToken(t, ada)}, status: 200, want: `[{"id":1}]`},
		{name: "another relation", path: "/clients?name=like.A*&select=id", status: 200, want: `[{"id":2}]`},
	})

	s.guard(t, `null, 'public.tasks', filterable => '{id}', orderable => '{}', operators => '{eq}'`)
	s.guard(t, `null, 'public.projects', orderable => '{id}'`)
	s.run(t, []restCase{
		{name: "in an embed", path: "/projects?select=id,tasks(id)&tasks.name=eq.x", status: 403, want: filter},
		{name: "in an embed with an alias", path: "/projects?select=id,t:tasks(id)&t.id=gt.1", status: 403, want: operator},
		{name: "through a junction", path: "/users?select=id,tasks(id)&tasks.or=(id.eq.1,name.eq.x)", status: 403, want: filter},
		{name: "order of an embed", path: "/projects?select=id,tasks(id)&tasks.order=id", status: 403, want: `{"code":"guard_order","hint":"Columns to order by: none"}`},
		{name: "order by an embed", path: "/tasks?select=id,projects(name)&order=projects(name)", status: 403, want: `{"code":"guard_order","message":"rows of 'projects' can't be ordered by 'name' here"}`},
		{name: "by one that is allowed", path: "/tasks?select=id,p:projects(id)&order=p(id)&id=eq.1", status: 200, want: `[{"id":1,"p":{"id":1}}]`},
		{name: "by another under its name", path: "/tasks?select=id,p:projects(id:name)&order=p(id)", status: 403, want: order},
		{name: "by another relation's", path: "/tasks?select=id,p:projects(...clients(id:name))&order=p(id)", status: 403, want: order},
		{name: "computed rows", path: "/projects?select=id,newest_task(id)&newest_task.name=eq.x", status: 403, want: filter},
		{name: "whether an embed has rows", path: "/projects?select=id,tasks()&tasks=not.is.null&id=eq.1", status: 200, want: `[{"id":1}]`},
		{name: "after a write", method: "PATCH", path: "/projects?id=eq.1&select=id,tasks(id)&tasks.name=eq.x", body: `{"name":"y"}`, header: []string{full}, status: 403, want: filter},
	})
}

func TestGuardsOfEmbedsAndRows(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	s.guard(t, `'anon', 'public.clients', embed_depth => 1, embed_breadth => 1`)
	s.guard(t, `null, 'public.tasks', embed_depth => 0, max_rows => 1`)
	s.run(t, []restCase{
		{name: "depth", path: "/clients?select=id,projects(id,tasks(id))", status: 400, want: `{"code":"guard_embed_depth","message":"the embeds in 'clients' are 2 levels deep","hint":"Levels allowed: 1"}`},
		{name: "spread", path: "/clients?select=id,...projects(id,...project_details(budget))", status: 400, want: `{"code":"guard_embed_depth"}`},
		{name: "breadth", path: "/clients?select=id,projects(id),some_project(id)", status: 400, want: `{"code":"guard_embed_breadth","message":"there are 2 embeds side by side in 'clients'","hint":"Embeds allowed: 1"}`},
		{name: "twice the same", path: "/clients?select=id,a:projects(id),b:projects(id)", status: 400, want: `{"code":"guard_embed_breadth"}`},
		{name: "empty ones", path: "/clients?select=id,projects(),some_project()", status: 400, want: `{"code":"guard_embed_breadth"}`},
		{name: "as much as is allowed", path: "/clients?select=id,projects(id)&id=eq.2", status: 200, want: `[{"id":2,"projects":[{"id":3},{"id":4}]}]`},
		{name: "below another relation", path: "/projects?select=id,tasks(id,projects(id))", status: 400, want: `{"code":"guard_embed_depth","message":"the embeds in 'tasks' are 1 levels deep"}`},

		{name: "rows", path: "/tasks?select=id&order=id", status: 200, want: `[{"id":1}]`, wantHeader: []string{"Content-Range: 0-0/*"}},
		{name: "a limit above", path: "/tasks?select=id&order=id&limit=3", status: 200, want: `[{"id":1}]`},
		{name: "a limit that is a value", path: "/tasks?select=id&order=id&limit=2000", status: 200, want: `[{"id":1}]`},
		{name: "a limit below", path: "/tasks?select=id&limit=0", status: 200, want: `[]`},
		{name: "with a count", path: "/tasks?select=id&order=id", header: []string{"Prefer: count=exact"}, status: 206, want: `[{"id":1}]`, wantHeader: []string{"Content-Range: 0-0/5"}},
		{name: "the next page", path: "/tasks?select=id&order=id&offset=1", status: 200, want: `[{"id":2}]`},
		{name: "by Range", path: "/tasks?select=id&order=id", header: []string{"Range: 1-3"}, status: 200, want: `[{"id":2}]`},
		{name: "an embed", path: "/projects?select=id,tasks(id)&id=eq.1&tasks.order=id", status: 200, want: `[{"id":1,"tasks":[{"id":1}]}]`},
		{name: "an embed with a limit above", path: "/projects?select=id,tasks(id)&id=eq.1&tasks.order=id&tasks.limit=5000", status: 200, want: `[{"id":1,"tasks":[{"id":1}]}]`},
		{name: "CSV", path: "/tasks?select=id&order=id", header: []string{"Accept: text/csv"}, status: 200, wantText: "id\n1"},

		{name: "one row written", method: "PATCH", path: "/tasks?id=eq.1", body: `{"name":"x"}`, status: 204},
		{name: "two rows written", method: "PATCH", path: "/tasks?id=in.(1,2)", body: `{"name":"y"}`, status: 400, want: `{"code":"guard_rows","message":"the request would write more rows than it may here","hint":"Rows allowed: 1. Filter more narrowly, or send several requests."}`},
		{name: "which is undone", path: "/tasks?select=name&id=eq.1", status: 200, want: `[{"name":"x"}]`},
		{name: "two rows put in", method: "POST", path: "/tasks", body: `[{"id":8,"name":"a"},{"id":9,"name":"b"}]`, status: 400, want: `{"code":"guard_rows"}`},
		{name: "one put in", method: "POST", path: "/tasks", body: `{"id":8,"name":"a"}`, status: 201},
		{name: "all removed", method: "DELETE", path: "/tasks?id=gt.7&name=not.eq.q", status: 204},
	})
	s.guard(t, `'anon', 'public.tasks', max_rows => 0`)
	s.run(t, []restCase{
		{name: "the guard for both comes first", path: "/tasks", status: 200, want: `[]`},
		{name: "and the rest stays with the other", path: "/tasks?select=id,projects(id)", status: 400, want: `{"code":"guard_embed_depth"}`},
		{name: "nothing may be written", method: "POST", path: "/tasks", body: `{"id":9,"name":"b"}`, status: 400, want: `{"code":"guard_rows"}`},
	})
}

// Of each limit the guard for both counts, then that for the relation, then that for
// the role, then that for all.
func TestGuardsByWhoAndWhat(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	as := "Authorization: Bearer " + restToken(t, ada)
	rows := func(path string, want int, header ...string) {
		t.Helper()
		w := s.send(t, "GET", path, "", header...)
		if got := strings.Count(w.Body.String(), "{"); w.Code != 200 || got != want {
			t.Errorf("%s: %d, %d rows, want %d\n%s", path, w.Code, got, want, w.Body)
		}
	}
	rows("/tasks", 5)
	s.guard(t, `null, null, max_rows => 4`)
	rows("/tasks", 4)
	rows("/tasks", 4, as)
	rows("/rpc/all_projects", 4)
	s.guard(t, `'anon', null, max_rows => 3`)
	rows("/tasks", 3)
	rows("/tasks", 4, as)
	s.guard(t, `null, 'public.tasks', max_rows => 2`)
	rows("/tasks", 2)
	rows("/tasks", 2, as)
	rows("/projects", 3)
	s.guard(t, `'anon', 'public.tasks', max_rows => 5`)
	rows("/tasks", 5)
	rows("/tasks", 2, as)
	exec(t, s.db, `alter table public.tasks rename to jobs; drop table public.users_tasks`)
	s.guard(t, `'anon', 'public.projects', max_rows => 1`)
	rows("/jobs", 5)
	rows("/jobs", 2, as)
	exec(t, s.db, `select fluxbase.drop_guard(g.role, g.relation) from fluxbase.guards as g`)
	if err := s.store.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows("/jobs", 5, as)
}

func TestGuardsOfTimeAndCost(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture+`
create function public.show(name text) returns text language sql stable return current_setting(name);
create function public.slow() returns setof public.clients language plpgsql stable as $$
begin perform pg_sleep(20); end $$;
create function public.fast() returns text language sql stable set statement_timeout to '500ms' return current_setting('statement_timeout');
create table public.big (id int primary key, n int);
insert into public.big select i, i from generate_series(1, 20000) as i;
analyze public.big;
grant all on public.big to anon, authenticated;
`, nil)
	s.guard(t, `'anon', null, statement_timeout => '700 ms'`)
	s.guard(t, `'anon', 'public.clients', statement_timeout => '30 ms'`)
	s.run(t, []restCase{
		{name: "it holds", path: "/rpc/show?name=statement_timeout", status: 200, wantText: `"700ms"`},
		{name: "no longer than what else is set", path: "/rpc/fast", status: 200, wantText: `"500ms"`},
		{name: "not for others", path: "/rpc/show?name=statement_timeout", header: []string{"Authorization: Bearer " + restToken(t, ada)}, status: 200, wantText: `"0"`},
		{name: "a statement over its time", path: "/rpc/slow", status: 504, want: `{"code":"guard_timeout","message":"the statement took longer than it may here","hint":"Time allowed: 30 ms. Filter by an indexed column, or ask for fewer rows, embeds and counts."}`},
	})

	s.guard(t, `null, 'public.big', max_cost => 50`)
	s.run(t, []restCase{
		{name: "cheap", path: "/big?id=eq.7", status: 200, want: `[{"id":7,"n":7}]`},
		{name: "a change", method: "PATCH", path: "/big?id=eq.7", body: `{"n":8}`, status: 204},
		{name: "a removal of all", method: "DELETE", path: "/big?n=gt.0", status: 400, want: `{"code":"guard_cost"}`},
		{name: "which did nothing", path: "/big?id=eq.7", status: 200, want: `[{"id":7,"n":8}]`},
		{name: "by another value of the same shape", path: "/big?select=n&id=lt.3&order=id", status: 200, want: `[{"n":1},{"n":2}]`},
		{name: "which most rows have", path: "/big?select=n&id=lt.30000&order=id", status: 400, want: `{"code":"guard_cost"}`},
		{name: "where something else is asked for", path: "/clients?select=id&id=eq.1", status: 200, want: `[{"id":1}]`},
	})
	w := s.send(t, "GET", "/big?n=eq.7", "")
	body := w.Body.String()
	if w.Code != http.StatusBadRequest || !strings.Contains(body, "and 50.00 is the most allowed") ||
		!strings.Contains(body, `"dearest":"Seq Scan on big"`) || !strings.Contains(body, `"max_cost":50`) {
		t.Errorf("it does not say what was too dear: %d %s", w.Code, body)
	}
}

// Operators are listed in the database and here; one that was forgotten there could
// not be allowed.
func TestGuardsKnowAllOperators(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	var names []string
	for op := query.Eq; op <= query.WebFTS; op++ {
		names = append(names, op.String())
	}
	s.guard(t, `null, null, operators => '{`+strings.Join(names, ",")+`}'`)
}

// Who may not read the guards must not serve as if there were none.
func TestGuardsThatCanNotBeReadAreNotIgnored(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	exec(t, s.db, `revoke select on fluxbase.guards from authenticator; select fluxbase.set_guard(null, null, max_rows => 1)`)
	err := s.store.Refresh(t.Context())
	if err == nil || !strings.Contains(err.Error(), "grant usage on schema fluxbase and select on fluxbase.guards") {
		t.Errorf("the catalogue was loaded without the guards: %v", err)
	}
}

// Many who set guards at once wait for each other, and none is lost.
func TestGuardsAreSetByManyAtOnce(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	pool := s.db.Pool(t)
	relations := []string{"clients", "projects", "tasks", "users"}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			tx, err := pool.Begin(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer tx.Rollback(t.Context())
			for j := range relations { // each in another order
				name := relations[(i+j)%len(relations)]
				if _, err := tx.Exec(t.Context(), fmt.Sprintf(`select fluxbase.set_guard('anon', 'public.%s', max_rows => %d), fluxbase.drop_guard(null, null)`, name, i)); err != nil {
					t.Errorf("set by %d: %v", i, err)
					return
				}
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var guards, values int
	if err := pool.QueryRow(t.Context(), `select count(*), count(distinct g.max_rows) from fluxbase.guards as g`).Scan(&guards, &values); err != nil {
		t.Fatal(err)
	}
	if guards != len(relations) || values != 1 {
		t.Errorf("%d guards with %d values, want %d of one transaction", guards, values, len(relations))
	}
}

// A guard holds in every process without a restart, whether or not it follows the
// stream of changes.
func TestGuardsAreLive(t *testing.T) {
	t.Parallel()
	db := newRest(t, restFixture, nil).db
	servers := map[string]*server{
		"with a stream":    startServer(t, db, "FLUXBASE_REPLICATION_DATABASE_URL="+db.URL(sql.Replication)),
		"without a stream": startServer(t, db),
	}
	if a := servers["with a stream"].call(t, "GET", "/rest/v1/tasks?name=like.D*", ""); a.Status != http.StatusOK {
		t.Fatalf("before: %+v", a)
	}
	exec(t, db, `select fluxbase.set_guard(null, 'public.tasks', operators => '{eq}')`)
	for name, s := range servers {
		eventually(t, "the guard holds "+name, func() bool {
			return strings.Contains(s.call(t, "GET", "/rest/v1/tasks?name=like.D*", "").Body, "guard_operator")
		})
	}
	exec(t, db, `select fluxbase.drop_guard(null, 'public.tasks')`)
	for name, s := range servers {
		eventually(t, "it is gone "+name, func() bool {
			return s.call(t, "GET", "/rest/v1/tasks?name=like.D*", "").Status == http.StatusOK
		})
	}
}

func TestGuardsHoldForRequestsOfOtherForms(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, withExtensions)
	s.guard(t, `'anon', 'public.clients', filterable => '{id}', orderable => '{id}', max_rows => 1`)
	s.guard(t, `'anon', 'public.tasks', max_cost => 0.001`)
	ndjson := []string{"Accept: application/x-ndjson"}
	s.run(t, []restCase{
		{name: "a batch", method: "POST", path: "/batch", body: `{"operations":[{"method":"GET","path":"/projects?limit=1"},{"method":"GET","path":"/clients?name=eq.x"}]}`, status: 403, want: `{"code":"guard_filter","operation":{"index":1,"id":"1"}}`},
		{name: "rows of a batch", method: "POST", path: "/batch", body: `{"operations":[{"method":"PATCH","path":"/clients?id=gt.0","body":{"name":"x"}}]}`, status: 400, want: `{"code":"guard_rows"}`},
		{name: "the cost of a batch", method: "POST", path: "/batch", body: `{"operations":[{"method":"GET","path":"/tasks"}]}`, status: 400, want: `{"code":"batch_invalid"}`},
		{name: "a filter in a body", method: "POST", path: "/clients/query", body: `{"where":{"name":{"eq":"x"}}}`, status: 403, want: `{"code":"guard_filter"}`},
		{name: "an order of pages", path: "/clients?cursor=&cursor_column=name", status: 403, want: `{"code":"guard_order"}`},
		{name: "rows of an export", path: "/clients?select=id&order=id", header: ndjson, status: 200, wantText: "{\"id\":1}\n"},
		{name: "the cost of an export", path: "/tasks", header: ndjson, status: 400, want: `{"code":"guard_cost"}`},
		{name: "rows of an import", method: "POST", path: "/clients", header: []string{"Content-Type: application/x-ndjson"}, body: `{"id":7,"name":"a"}` + "\n" + `{"id":8,"name":"b"}`, status: 400, want: `{"code":"guard_rows"}`},
	})
}
