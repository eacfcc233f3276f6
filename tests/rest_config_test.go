package tests

import "testing"

func TestRestSchemas(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture+`
create schema other;
create table other.things (id int primary key, name text);
create table other.parts (id int primary key, thing_id int references other.things (id));
insert into other.things values (1, 'one');
insert into other.parts values (7, 1);
create function other.where_am_i() returns text language sql stable return current_schema();
create schema hidden;
create table hidden.secret (id int);
grant usage on schema other, hidden to anon;
grant all on all tables in schema other, hidden to anon;
`, func(c *restConfig) { c.Schemas = []string{"public", "other"} })
	s.run(t, []restCase{
		{name: "first is the default", path: "/clients?select=id&id=eq.1", status: 200, want: `[{"id":1}]`, wantHeader: []string{"Content-Profile: public"}},
		{name: "accept profile", path: "/things?select=id,parts(id)", header: []string{"Accept-Profile: other"}, status: 200, want: `[{"id":1,"parts":[{"id":7}]}]`, wantHeader: []string{"Content-Profile: other"}},
		{name: "content profile", method: "POST", path: "/things", body: `{"id":2}`, header: []string{"Content-Profile: other", full}, status: 201, want: `[{"id":2,"name":null}]`, wantHeader: []string{"Content-Profile: other"}},
		{name: "the other header says nothing", method: "POST", path: "/things", body: `{"id":3}`, header: []string{"Accept-Profile: other"}, status: 404, want: `{"code":"PGRST205"}`},
		{name: "function", method: "POST", path: "/rpc/where_am_i", header: []string{"Content-Profile: other"}, status: 200, wantText: `"other"`},
		{name: "not exposed", path: "/secret", header: []string{"Accept-Profile: hidden"}, status: 406, want: `{"code":"PGRST106","hint":"Only the following schemas are exposed: public, other"}`},
	})
}

func TestRestMaxRows(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, func(c *restConfig) { c.MaxRows = new(int64(2)) })
	s.run(t, []restCase{
		{name: "bounds a read", path: "/items?select=id&order=id", status: 200, want: `[{"id":1},{"id":2}]`, wantHeader: []string{"Content-Range: 0-1/*"}},
		{name: "bounds a larger limit", path: "/items?select=id&order=id&limit=3", status: 200, want: `[{"id":1},{"id":2}]`},
		{name: "bounds an embed", path: "/users?select=id,users_tasks(task_id)&id=eq.1&users_tasks.limit=9", status: 200, want: `[{"id":1,"users_tasks":[{"task_id":1},{"task_id":2}]}]`},
		{name: "not a write", method: "PATCH", path: "/items?id=gt.0&select=id&order=id", body: `{"qty":1}`, header: []string{full}, status: 200, want: `[{"id":1},{"id":2},{"id":3},{"id":4}]`},
		{name: "exact count", path: "/items", header: []string{"Prefer: count=exact"}, status: 206, wantHeader: []string{"Content-Range: 0-1/4"}},
	})
	exec(t, s.db, `insert into public.clients select i, 'c' || i from generate_series(100, 1099) as i; analyze public.clients`)
	s.run(t, []restCase{
		{name: "estimated from the planner", path: "/clients", header: []string{"Prefer: count=estimated"}, status: 206, wantHeader: []string{"Content-Range: 0-1/1002"}},
		{name: "estimated exactly where few", path: "/clients?id=lt.3&limit=1", header: []string{"Prefer: count=estimated"}, status: 206, wantHeader: []string{"Content-Range: 0-0/2"}},
		{name: "planned", path: "/clients", header: []string{"Prefer: count=planned"}, status: 206, wantHeader: []string{"Content-Range: 0-1/1002", "Preference-Applied: count=planned"}},
	})
}

// A bound of no rows lets writes and counts through, but no row of a read.
func TestRestMaxRowsOfNone(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, func(c *restConfig) { c.MaxRows = new(int64(0)) })
	s.run(t, []restCase{
		{name: "a read", path: "/items", status: 200, want: `[]`, wantHeader: []string{"Content-Range: */*"}},
		{name: "a limit", path: "/items?limit=3", status: 200, want: `[]`},
		{name: "a function", path: "/rpc/all_items", status: 200, want: `[]`},
		{name: "a count", path: "/items", header: []string{"Prefer: count=exact"}, status: 206, want: `[]`, wantHeader: []string{"Content-Range: */4"}},
		{name: "an embed of a write", method: "PATCH", path: "/users?id=eq.1&select=id,users_tasks(task_id)", body: `{"name":"x"}`, header: []string{full}, status: 200, want: `[{"id":1,"users_tasks":[{"task_id":1},{"task_id":2}]}]`},
	})
}

func TestRestSettings(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture+`
create function public.show(name text) returns text language sql stable return current_setting(name, true);
create function public.slow() returns text language sql volatile set statement_timeout to '77s' set default_transaction_isolation to 'serializable'
  as $$ select current_setting('statement_timeout') || ' ' || current_setting('transaction_isolation') $$;
create function public.guard() returns void language plpgsql as $$
begin
  if current_setting('request.headers', true)::json ->> 'x-refuse' is not null then
    raise sqlstate 'PGRST' using
      message = '{"code":"refused","message":"not today","details":null,"hint":"come back"}',
      detail = '{"status":451,"headers":{"X-Why":"law"}}';
  end if;
end $$;
`, func(c *restConfig) { c.PreRequest = "public.guard" })
	show := func(name, want string, header ...string) {
		t.Helper()
		s.check(t, restCase{path: "/rpc/show?name=" + name, header: header, status: 200, wantText: want})
	}
	show("request.method", `"GET"`)
	show("request.path", `"/rest/v1/rpc/show"`)
	show("role", `"anon"`)
	show("search_path", `"\"public\", \"public\", \"extensions\""`) // the schema, then the others
	show("request.cookies", `"{\"a\":\"1\",\"b\":\"x y\"}"`, `Cookie: a=1; b="x y"`)
	show("request.jwt.claims", `"{\"role\":\"anon\"}"`)
	show("request.headers", `"{\"x-odd\":\"q\\\"\\\\é\"}"`, `X-Odd: q"\é`)
	s.check(t, restCase{
		path: "/clients", header: []string{"X-Refuse: 1"}, status: 451, want: `{"code":"refused","message":"not today","details":null,"hint":"come back"}`,
		wantHeader: []string{"X-Why: law"},
	})
	s.check(t, restCase{method: "POST", path: "/rpc/slow", body: `{}`, status: 200, wantText: `"77s serializable"`})
}

// Settings of roles belong to the whole cluster, so this role is of this test.
func TestRestRoleSettings(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture+`
create function public.show(name text) returns text language sql stable return current_setting(name, true);
do $$ begin
  if not exists (select from pg_roles where rolname = 'rest_role_settings') then create role rest_role_settings; end if;
end $$;
grant rest_role_settings to authenticator;
grant usage on schema public to rest_role_settings;
alter role rest_role_settings set statement_timeout to '3s';
alter role rest_role_settings set log_min_duration_statement to '1s';
alter role rest_role_settings set log_min_duration_sample to '12345ms';
grant set on parameter log_min_duration_sample to authenticator;
alter role rest_role_settings set default_transaction_isolation to 'repeatable read';
`, nil)
	as := "Authorization: Bearer " + roleToken(t, map[string]any{"role": "rest_role_settings"})
	for name, want := range map[string]string{
		"statement_timeout": `"3s"`, "transaction_isolation": `"repeatable read"`, "role": `"rest_role_settings"`,
		// Only a superuser may set these; the login was given one.
		"log_min_duration_statement": `"-1"`, "log_min_duration_sample": `"12345ms"`,
	} {
		s.check(t, restCase{path: "/rpc/show?name=" + name, header: []string{as}, status: 200, wantText: want})
	}
	s.check(t, restCase{path: "/rpc/show?name=statement_timeout", status: 200, wantText: `"0"`})
}

// A domain with casts to json and from json and text looks outside as its casts
// say.
func TestRestDataRepresentations(t *testing.T) {
	t.Parallel()
	s := newRest(t, `
create domain public.color as int;
create function public.color_to_json(public.color) returns json language sql immutable
  return to_json('#' || lpad(to_hex($1), 6, '0'));
create function public.color_from_text(text) returns public.color language sql immutable
  return ('x' || lpad(ltrim($1, '#'), 8, '0'))::bit(32)::int;
create function public.color_from_json(json) returns public.color language sql immutable
  return public.color_from_text($1 #>> '{}');
create cast (public.color as json) with function public.color_to_json(public.color) as implicit;
create cast (json as public.color) with function public.color_from_json(json) as implicit;
create cast (text as public.color) with function public.color_from_text(text) as implicit;
create table public.paints (id int primary key, tint public.color, name text);
insert into public.paints values (1, 255, 'blue'), (2, 65280, 'green');
grant all on public.paints to anon;
`, nil)
	s.run(t, []restCase{
		{name: "star", path: "/paints?order=id", status: 200, want: `[{"id":1,"tint":"#0000ff","name":"blue"},{"id":2,"tint":"#00ff00","name":"green"}]`},
		{name: "column", path: "/paints?select=tint&id=eq.1", status: 200, want: `[{"tint":"#0000ff"}]`},
		{name: "alias", path: "/paints?select=c:tint&id=eq.1", status: 200, want: `[{"c":"#0000ff"}]`},
		{name: "filter", path: "/paints?select=id&tint=eq.%2300ff00", status: 200, want: `[{"id":2}]`},
		{name: "filter in", path: "/paints?select=id&tint=in.(%2300ff00,%230000ff)&order=id", status: 200, want: `[{"id":1},{"id":2}]`},
		{name: "insert", method: "POST", path: "/paints", body: `[{"id":3,"tint":"#ff0000","name":"red"}]`, header: []string{full}, status: 201, want: `[{"id":3,"tint":"#ff0000","name":"red"}]`},
		{name: "update", method: "PATCH", path: "/paints?tint=eq.%23ff0000&select=tint", body: `{"tint":"#010203"}`, header: []string{full}, status: 200, want: `[{"tint":"#010203"}]`},
	})
}
