package tests

import (
	"strings"
	"testing"
)

// rowsFixture is for the rows of the contract that say what is not so.
const rowsFixture = specFixture + `
create procedure public.no_function() language sql as 'select 1';
create sequence public.sneaky_seq;
create function public.sneaky() returns int language sql stable as $$ select nextval('public.sneaky_seq')::int $$;
grant usage on sequence public.sneaky_seq to anon;
create function public.bad_status() returns void language plpgsql stable as $$
begin perform set_config('response.status', 'teapot', true); end $$;
create function public.own_vary() returns void language plpgsql stable as $$
begin perform set_config('response.headers', '[{"Vary": "Accept"}]', true); end $$;
create function public.bit_param(b bit(4)) returns text language sql immutable as 'select $1::text';
create table public.flags (id int primary key, f boolean);
insert into public.flags values (1, true), (2, false), (3, null);
create function public.clients(t public.tasks) returns setof public.clients rows 1 language sql stable
  as $$ select c.* from public.clients as c where c.name = 'Apple' $$;
create function public.clients(p public.projects) returns setof public.clients rows 1 language sql stable
  as $$ select c.* from public.clients as c where c.name = 'Apple' $$;
create table public.deferred (id int primary key, other int references public.deferred (id) deferrable initially deferred);
grant all on all tables in schema public to anon;
`

func TestRestRowsOfTheContract(t *testing.T) {
	t.Parallel()
	s := newRest(t, rowsFixture, func(c *restConfig) { c.AggregatesEnabled = true })
	s.run(t, []restCase{
		{name: "a verb for no relation", method: "TRACE", path: "/clients", status: 405, want: `{"code":"PGRST117","message":"Unsupported HTTP method: TRACE"}`},
		{name: "a procedure is no function", method: "POST", path: "/rpc/no_function", status: 404, want: `{"code":"PGRST202"}`},
		{name: "what says it is stable may not write by post", method: "POST", path: "/rpc/sneaky", status: 405, want: `{"code":"25006"}`},
		{name: "a status that is no number", path: "/rpc/bad_status", status: 500, want: `{"code":"PGRST112"}`},
		{name: "its own Vary", path: "/rpc/own_vary", status: 204, wantHeader: []string{"Vary: Accept"}},
		{name: "bits keep their number", path: "/rpc/bit_param?b=101011", status: 200, wantText: `"101011"`},
		{name: "is true", path: "/flags?select=id&f=is.true", status: 200, want: `[{"id":1}]`},
		{name: "is not false", path: "/flags?select=id&f=not.is.FALSE&order=id", status: 200, want: `[{"id":1},{"id":3}]`},
		{name: "is unknown", path: "/flags?select=id&f=is.unknown", status: 200, want: `[{"id":3}]`},
		{name: "a computed relationship before a key", path: "/projects?select=id,clients(name)&id=eq.1", status: 200, want: `[{"id":1,"clients":{"name":"Apple"}}]`},
		{name: "of another table's rows", path: "/tasks?select=id,clients(name)&id=eq.1", status: 200, want: `[{"id":1,"clients":{"name":"Apple"}}]`},
		{name: "average and least", path: "/items?select=qty.avg(),least:qty.min()", status: 200, want: `[{"avg":23.3333333333333333,"least":10}]`},
		{name: "a deferred key", method: "POST", path: "/deferred", body: `{"id":1,"other":9}`, status: 409, want: `{"code":"23503"}`},
		{name: "the first of a preference counts", path: "/clients?select=id&limit=1", header: []string{"Prefer: count=exact", "Prefer: count=none, handling=lenient"}, status: 206, wantHeader: []string{"Content-Range: 0-0/2", "Preference-Applied: count=exact, handling=lenient"}},
	})
	plain := serveRest(t, s.db, func(c *restConfig) { c.LegacyTargetNames, c.TxEnd = false, "rollback" })
	plain.run(t, []restCase{
		{name: "count without aggregates", path: "/projects?select=count", status: 200, want: `[{"count":5}]`},
		{name: "an alias is the only name", path: "/tasks?select=id,p:projects(name)&projects.name=eq.OSX", status: 400, want: `{"code":"PGRST108"}`},
		{name: "a deferred key in what is rolled back", method: "POST", path: "/deferred", body: `{"id":1,"other":9}`, status: 409, want: `{"code":"23503"}`},
	})
}

// From 500 tables on, nobody looks for a near name.
func TestRestHintsEndAtFiveHundredTables(t *testing.T) {
	t.Parallel()
	s := newRest(t, `create table public.films (id int); grant all on public.films to anon`, nil)
	s.check(t, restCase{path: "/film", status: 404, want: `{"hint":"Perhaps you meant the table 'public.films'"}`})
	createTables(t, s.db, 500)
	if err := s.store.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := s.send(t, "GET", "/film", ""); w.Code != 404 || !strings.Contains(w.Body.String(), `"hint":null`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
