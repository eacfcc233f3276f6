package tests

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

const (
	minimal = "Prefer: return=minimal"
	full    = "Prefer: return=representation"
	jsonIn  = "Content-Type: application/json"
)

func TestRestInserts(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	s.run(t, []restCase{
		{
			name: "one", method: "POST", path: "/clients", body: `{"id":10,"name":"Ten"}`, header: []string{jsonIn}, status: 201,
			wantHeader: []string{"Content-Range: */*", "Location:", "Content-Length: 0", "Content-Type:"},
		},
		{
			name: "one with representation", method: "POST", path: "/clients", body: `{"id":11,"name":"Eleven"}`, header: []string{full}, status: 201,
			wantText: `[{"id":11,"name":"Eleven"}]`, wantHeader: []string{"Preference-Applied: return=representation"},
		},
		{
			name: "headers only", method: "POST", path: "/composite", body: `{"b":"x y","a":1}`, header: []string{"Prefer: return=headers-only"}, status: 201,
			wantHeader: []string{"Location: /rest/v1/composite?a=eq.1&b=eq.x%20y", "Preference-Applied: return=headers-only"},
		},
		{
			name: "many", method: "POST", path: "/clients?select=id", body: ` [{"id":12,"name":"a"}, {"name":"b","id":13}] `, header: []string{full + ",count=exact"}, status: 201,
			want: `[{"id":12},{"id":13}]`, wantHeader: []string{"Content-Range: */2"},
		},
		{name: "empty array", method: "POST", path: "/clients", body: `[]`, header: []string{full}, status: 201, wantText: `[]`},
		{name: "single", method: "POST", path: "/clients", body: `[{"id":14,"name":"x"}]`, header: []string{full, "Accept: application/vnd.pgrst.object+json"}, status: 201, wantText: `{"id":14,"name":"x"}`},
		{
			name: "single of two is undone", method: "POST", path: "/clients", body: `[{"id":15,"name":"x"},{"id":16,"name":"x"}]`, header: []string{full, "Accept: application/vnd.pgrst.object+json"}, status: 406,
			want: `{"code":"PGRST116","details":"The result contains 2 rows"}`,
		},
		{name: "and left nothing", path: "/clients?id=in.(15,16)", status: 200, wantText: `[]`},
		{name: "ragged", method: "POST", path: "/clients", body: `[{"id":17,"name":"x"},{"id":18}]`, status: 400, want: `{"code":"PGRST102","message":"All object keys must match"}`},
		{
			name: "columns", method: "POST", path: `/defaults?columns="id","label"`, body: `[{"id":1,"label":"a","extra":true},{"id":2}]`, header: []string{full}, status: 201,
			want: `[{"id":1,"label":"a","n":7},{"id":2,"label":null,"n":7}]`,
		},
		{
			name: "missing default", method: "POST", path: `/defaults?columns=id,label,n`, body: `[{"id":3,"label":"a"},{"id":4,"n":5},{"n":6}]`, header: []string{full, "Prefer: missing=default"}, status: 201,
			want: `[{"id":3,"label":"a","n":7},{"id":4,"label":"none","n":5},{"id":102,"label":"none","n":6}]`, wantHeader: []string{"Preference-Applied: missing=default, return=representation"},
		},
		{name: "columns are for json", method: "POST", path: "/clients?columns=id", body: "id,name\n70,csv", header: []string{full, "Content-Type: text/csv"}, status: 201, want: `[{"id":70,"name":"csv"}]`},
		{name: "no row beside columns", method: "POST", path: "/clients?columns=id", body: `5`, status: 400, want: `{"code":"22023"}`},
		{name: "no json beside columns", method: "POST", path: "/clients?columns=id", body: `}{`, status: 400, want: `{"code":"22P02","message":"invalid input syntax for type json"}`},
		{name: "no body beside columns", method: "PATCH", path: "/clients?columns=id", status: 400, want: `{"code":"22P02"}`},
		{name: "unknown column", method: "POST", path: "/clients?columns=id,nope", body: `{"id":1}`, status: 400, want: `{"code":"PGRST204","message":"Could not find the 'nope' column of 'clients' in the schema cache"}`},
		{name: "unknown key", method: "POST", path: "/clients", body: `{"id":1,"nope":1}`, status: 400, want: `{"code":"PGRST204"}`},
		{name: "defaults only", method: "POST", path: "/defaults", body: `{}`, header: []string{full}, status: 201, want: `[{"id":103,"label":"none","n":7}]`},
		{name: "defaults only, twice", method: "POST", path: "/defaults", body: `[{},{}]`, header: []string{full}, status: 201, want: `[{"id":104,"label":"none","n":7},{"id":105,"label":"none","n":7}]`},
		{
			name: "csv", method: "POST", path: "/clients", body: "id,name\n20,twenty\n21,\"a, b\"", header: []string{full, "Content-Type: text/csv"}, status: 201,
			want: `[{"id":20,"name":"twenty"},{"id":21,"name":"a, b"}]`,
		},
		{name: "form", method: "POST", path: "/clients", body: "id=22&name=a+b%26c", header: []string{full, "Content-Type: application/x-www-form-urlencoded"}, status: 201, want: `[{"id":22,"name":"a b&c"}]`},
		{name: "other content", method: "POST", path: "/clients", body: "x", header: []string{"Content-Type: image/png"}, status: 400, want: `{"code":"PGRST102","message":"Content-Type not acceptable: image/png"}`},
		{
			name: "embeds what it refers to", method: "POST", path: "/projects?select=name,clients(name)", body: `{"id":30,"name":"P","client_id":1}`, header: []string{full}, status: 201,
			want: `[{"name":"P","clients":{"name":"Microsoft"}}]`,
		},
		{
			name: "conflict", method: "POST", path: "/clients", body: `{"id":1,"name":"x"}`, status: 409,
			want: `{"code":"23505","message":"duplicate key value violates unique constraint \"clients_pkey\"","details":"Key (id)=(1) already exists."}`,
		},
		{name: "foreign key", method: "POST", path: "/projects", body: `{"id":31,"name":"x","client_id":99}`, status: 409, want: `{"code":"23503"}`},
		{name: "wrong type", method: "POST", path: "/clients", body: `{"id":"abc","name":"x"}`, status: 400, want: `{"code":"22P02"}`},
		{name: "too long", method: "POST", path: "/defaults", body: `{"label":"more than ten characters"}`, status: 400, want: `{"code":"22001"}`},
		{name: "huge number", method: "POST", path: "/clients", body: `{"id":1` + strings.Repeat("0", 400) + `,"name":"x"}`, status: 400},
		{name: "not json", method: "POST", path: "/clients", body: `{"id":`, status: 400, want: `{"code":"PGRST102","message":"Empty or invalid json"}`},
		{name: "nothing", method: "POST", path: "/clients", body: ``, status: 400, want: `{"code":"PGRST102","message":"Empty or invalid json"}`},
		{
			name: "upsert", method: "POST", path: "/clients", body: `[{"id":1,"name":"MS"},{"id":40,"name":"new"}]`, header: []string{full, "Prefer: resolution=merge-duplicates"}, status: 201,
			want: `[{"id":1,"name":"MS"},{"id":40,"name":"new"}]`, wantHeader: []string{"Preference-Applied: resolution=merge-duplicates, return=representation"},
		},
		{name: "upsert of what was there", method: "POST", path: "/clients", body: `[{"id":1,"name":"Microsoft"},{"id":2,"name":"Apple"}]`, header: []string{"Prefer: resolution=merge-duplicates"}, status: 200},
		{name: "ignore", method: "POST", path: "/clients", body: `[{"id":1,"name":"no"},{"id":41,"name":"yes"}]`, header: []string{full, "Prefer: resolution=ignore-duplicates"}, status: 201, want: `[{"id":41,"name":"yes"}]`},
		{name: "on conflict", method: "POST", path: "/composite?on_conflict=a,b&columns=a,b,v", body: `{"a":1,"b":"x y","v":"up"}`, header: []string{full, "Prefer: resolution=merge-duplicates"}, status: 200, want: `[{"a":1,"b":"x y","v":"up"}]`},
		{name: "put", method: "PUT", path: "/clients?id=eq.50", body: `{"id":50,"name":"put"}`, header: []string{full}, status: 201, want: `[{"id":50,"name":"put"}]`},
		{name: "put again", method: "PUT", path: "/clients?id=eq.50", body: `{"id":50,"name":"put 2"}`, header: []string{full}, status: 200, want: `[{"id":50,"name":"put 2"}]`},
		{name: "put silently", method: "PUT", path: "/clients?id=eq.50", body: `{"id":50,"name":"put 3"}`, status: 204},
		{name: "put elsewhere", method: "PUT", path: "/clients?id=eq.51", body: `{"id":50,"name":"put"}`, status: 400, want: `{"code":"PGRST115","message":"Payload values do not match URL in primary key column(s)"}`},
		{name: "put without key", method: "PUT", path: "/clients?name=eq.x", body: `{"id":50,"name":"put"}`, status: 405, want: `{"code":"PGRST105"}`},
		{name: "put with limit", method: "PUT", path: "/clients?id=eq.50&limit=1", body: `{"id":50,"name":"put"}`, status: 400, want: `{"code":"PGRST114"}`},
		{name: "rollback is not for everyone", method: "POST", path: "/clients", body: `{"id":60,"name":"x"}`, header: []string{"Prefer: tx=rollback"}, status: 201, wantHeader: []string{"Preference-Applied:"}},
		{name: "and did not happen", path: "/clients?id=eq.60&select=id", status: 200, want: `[{"id":60}]`},
	})
}

func TestRestUpdatesAndDeletes(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	s.run(t, []restCase{
		{name: "update", method: "PATCH", path: "/clients?id=eq.1", body: `{"name":"MS"}`, status: 204, wantHeader: []string{"Content-Range: 0-0/*", "Content-Type:"}},
		{name: "update with representation", method: "PATCH", path: "/clients?id=eq.1&select=name", body: `{"name":"Microsoft"}`, header: []string{full}, status: 200, wantText: `[{"name":"Microsoft"}]`},
		{
			name: "update many", method: "PATCH", path: "/items?id=lt.3&select=id,qty&order=id.desc", body: `{"qty":1}`, header: []string{full, "Prefer: count=exact"}, status: 200,
			want: `[{"id":2,"qty":1},{"id":1,"qty":1}]`, wantHeader: []string{"Content-Range: 0-1/2"},
		},
		{name: "update none", method: "PATCH", path: "/clients?id=eq.99", body: `{"name":"x"}`, status: 204, wantHeader: []string{"Content-Range: */*"}},
		{name: "update none, counted", method: "PATCH", path: "/clients?id=eq.99", body: `{"name":"x"}`, header: []string{full, "Prefer: count=exact"}, status: 200, wantText: `[]`, wantHeader: []string{"Content-Range: */0"}},
		{name: "update nothing", method: "PATCH", path: "/clients?id=eq.1", body: `{}`, header: []string{full}, status: 200, wantText: `[]`},
		{name: "array body", method: "PATCH", path: "/clients?id=eq.1&select=name", body: `[{"name":"first"},{"name":"second"}]`, header: []string{full}, status: 200, want: `[{"name":"first"}]`},
		{name: "columns", method: "PATCH", path: "/clients?id=eq.1&columns=name&select=id,name", body: `{"id":77,"name":"kept id"}`, header: []string{full}, status: 200, want: `[{"id":1,"name":"kept id"}]`},
		{name: "single", method: "PATCH", path: "/clients?id=gt.0", body: `{"name":"x"}`, header: []string{full, "Accept: application/vnd.pgrst.object+json"}, status: 406, want: `{"code":"PGRST116"}`},
		{name: "embeds", method: "PATCH", path: "/projects?id=eq.1&select=id,tasks(id),clients(id)&tasks.order=id", body: `{"client_id":2}`, header: []string{full}, status: 200, want: `[{"id":1,"tasks":[{"id":1},{"id":2}],"clients":{"id":2}}]`},
		{
			name: "no operator", method: "PATCH", path: "/clients?id=5", body: `{"name":"x"}`, status: 400,
			want: `{"code":"PGRST100","message":"\"failed to parse filter (5)\" (line 1, column 1)","details":"unexpected \"5\" expecting \"not\" or operator (eq, gt, ...)"}`,
		},
		{name: "not limited", method: "PATCH", path: "/items?id=gt.0", body: `{"qty":5}`, header: []string{"Prefer: handling=strict"}, status: 204},
		{
			name: "max affected", method: "PATCH", path: "/items?id=gt.0", body: `{"qty":5}`, header: []string{"Prefer: handling=strict, max-affected=2"}, status: 400,
			want: `{"code":"PGRST124","message":"Query result exceeds max-affected preference constraint","details":"The query affects 4 rows"}`,
		},
		{name: "max affected within", method: "PATCH", path: "/items?id=lt.3", body: `{"qty":5}`, header: []string{"Prefer: handling=strict, max-affected=2"}, status: 204, wantHeader: []string{"Preference-Applied: handling=strict, max-affected=2"}},
		{name: "strict", path: "/clients", header: []string{"Prefer: handling=strict, foo, bar=1"}, status: 400, want: `{"code":"PGRST122","details":"Invalid preferences: foo, bar=1"}`},
		{name: "delete", method: "DELETE", path: "/users_tasks?user_id=eq.3", status: 204, wantHeader: []string{"Content-Range: */*"}},
		{name: "delete with representation", method: "DELETE", path: "/users_tasks?user_id=eq.2", header: []string{full, "Prefer: count=exact"}, status: 200, want: `[{"user_id":2,"task_id":1}]`, wantHeader: []string{"Content-Range: */1"}},
		{name: "delete by or", method: "DELETE", path: "/users_tasks?or=(task_id.eq.1,task_id.eq.9)&select=task_id", header: []string{full}, status: 200, want: `[{"task_id":1}]`},
		{name: "delete none", method: "DELETE", path: "/users_tasks?user_id=eq.99", header: []string{full}, status: 200, wantText: `[]`},
		{name: "timezone", path: "/items?select=made&id=eq.1", header: []string{"Prefer: timezone=America/New_York"}, status: 200, want: `[{"made":"2024-01-01T22:04:05-05:00"}]`, wantHeader: []string{"Preference-Applied: timezone=America/New_York"}},
		{name: "no such timezone", path: "/items?select=made", header: []string{"Prefer: timezone=Mars/Olympus"}, status: 400, want: `{"code":"22023"}`},
	})
}

// A database may load pg-safeupdate, which refuses these by this very message.
func TestRestWritesWholeTables(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture+`
create table public.whole (id int primary key, name text);
insert into public.whole values (1, 'a'), (2, 'b');
grant all on public.whole to anon;
create table public.careful (id int primary key);
create function public.refuse() returns trigger language plpgsql as $$
begin raise cardinality_violation using message = tg_op || ' requires a WHERE clause'; end $$;
create trigger refuse before update or delete on public.careful for each statement execute function public.refuse();
grant all on public.careful to anon;`, nil)
	s.run(t, []restCase{
		{name: "update", method: "PATCH", path: "/whole?select=id&order=id", body: `{"name":"c"}`, header: []string{full}, status: 200, want: `[{"id":1},{"id":2}]`},
		{name: "delete", method: "DELETE", path: "/whole", header: []string{"Prefer: count=exact"}, status: 204, wantHeader: []string{"Content-Range: */2"}},
		{name: "nothing is left", path: "/whole", status: 200, wantText: `[]`},
		{
			name: "update refused", method: "PATCH", path: "/careful", body: `{"id":1}`, header: []string{"Prefer: count=exact"}, status: 400,
			want: `{"code":"21000","message":"UPDATE requires a WHERE clause","details":null,"hint":null}`,
		},
		{name: "delete refused", method: "DELETE", path: "/careful", status: 400, want: `{"code":"21000","message":"DELETE requires a WHERE clause","details":null,"hint":null}`},
	})
}

func TestRestRollsBackWhereItMay(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, func(c *restConfig) { c.TxEnd = "rollback-allow-override" })
	s.run(t, []restCase{
		{name: "by default", method: "POST", path: "/clients", body: `{"id":70,"name":"x"}`, header: []string{full}, status: 201, want: `[{"id":70,"name":"x"}]`},
		{name: "nothing stays", path: "/clients?id=eq.70", status: 200, wantText: `[]`},
		{name: "commit", method: "POST", path: "/clients", body: `{"id":71,"name":"x"}`, header: []string{"Prefer: tx=commit"}, status: 201, wantHeader: []string{"Preference-Applied: tx=commit"}},
		{name: "that stays", path: "/clients?id=eq.71&select=id", status: 200, want: `[{"id":71}]`},
	})
}

func TestRestRowLevelSecurity(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	as := func(id string) string { return "Authorization: Bearer " + restToken(t, id) }
	service := "Authorization: Bearer " + roleToken(t, map[string]any{"role": "service_role"})
	const path = "/notes?select=title&order=title"
	s.run(t, []restCase{
		{name: "anon", path: path, status: 200, want: `[{"title":"ada public"}]`},
		{name: "ada", path: path, header: []string{as(ada)}, status: 200, want: `[{"title":"ada private"},{"title":"ada public"}]`},
		{name: "bob", path: path, header: []string{as(bob)}, status: 200, want: `[{"title":"ada public"},{"title":"bob private"}]`},
		{name: "service", path: path, header: []string{service}, status: 200, want: `[{"title":"ada private"},{"title":"ada public"},{"title":"bob private"}]`},
		{name: "own insert", method: "POST", path: "/notes?select=title,owner", body: `{"title":"new"}`, header: []string{as(bob), full}, status: 201, want: `[{"title":"new","owner":"` + bob + `"}]`},
		{
			name: "insert for another", method: "POST", path: "/notes", body: `{"title":"x","owner":"` + ada + `"}`, header: []string{as(bob)}, status: 403,
			want: `{"code":"42501","message":"new row violates row-level security policy for table \"notes\"","details":null,"hint":null}`,
		},
		{name: "insert by anon", method: "POST", path: "/notes", body: `{"title":"x","owner":"` + ada + `"}`, status: 401, want: `{"code":"42501"}`, wantHeader: []string{"WWW-Authenticate: Bearer"}},
		{name: "another's row", method: "PATCH", path: "/notes?title=eq.ada public", body: `{"title":"stolen"}`, header: []string{as(bob), full}, status: 200, wantText: `[]`},
		{name: "no grant", path: "/secret", header: []string{as(bob)}, status: 403, want: `{"code":"42501","message":"permission denied for table secret"}`},
		{name: "unknown role", path: path, header: []string{"Authorization: Bearer " + roleToken(t, map[string]any{"role": "nobody_here"})}, status: 401, want: `{"code":"22023"}`},
		{name: "forged", path: path, header: []string{"Authorization: Bearer x.y.z"}, status: 401, want: `{"code":"PGRST301"}`},
	})
}

// What says how to answer: a default of a plain table, and triggers that touch
// the row, leave it out, or are made while the server runs.
const saysFixture = `
create function public.say(header text, status text) returns int language plpgsql as $$
begin
  perform set_config('response.headers', '[{"X-Said": "' || header || '"}]', true), set_config('response.status', status, true);
  return 1;
end $$;
create table public.plain (id int primary key, said int default public.say('default', ''), name text);
create table public.kept (id int primary key, name text);
create table public.muted (id int primary key);
create function public.before_insert() returns trigger language plpgsql as $$
begin
  perform public.say('trigger', '202');
  if tg_table_name = 'muted' then
    return null;
  end if;
  return new;
end $$;
create trigger before_insert before insert or update on public.kept for each row execute function public.before_insert();
create trigger before_insert before insert on public.muted for each row execute function public.before_insert();
create table public.late (id int primary key);
create table public.refs (id int primary key, plain_id int references public.plain (id) deferrable initially deferred);
grant all on all tables in schema public to anon, authenticated, service_role;
grant execute on all functions in schema public to anon, authenticated, service_role;
`

func TestRestWritesAnswerAsTheDatabaseSays(t *testing.T) {
	t.Parallel()
	s := newRest(t, saysFixture, nil)
	single := "Accept: application/vnd.pgrst.object+json"
	s.run(t, []restCase{
		{name: "default of one row", method: "POST", path: "/plain", body: `{"id":1}`, header: []string{minimal}, status: 201, wantHeader: []string{"X-Said: default", "Content-Range: */*"}},
		{name: "counted", method: "POST", path: "/plain", body: `{"id":2}`, header: []string{"Prefer: count=exact"}, status: 201, wantHeader: []string{"Content-Range: */1"}},
		{name: "default of rows", method: "POST", path: "/plain", body: `[{"id":3},{"id":4}]`, header: []string{"Prefer: count=exact"}, status: 201, wantHeader: []string{"X-Said: default", "Content-Range: */2"}},
		{name: "the row", method: "POST", path: "/plain?select=id,n:name", body: `{"id":5,"name":"a"}`, header: []string{full}, status: 201, wantText: `[{"id":5,"n":"a"}]`, wantHeader: []string{"X-Said: default"}},
		{name: "the row alone", method: "POST", path: "/plain?select=name", body: `{"id":6,"name":"b"}`, header: []string{full, single}, status: 201, wantText: `{"name":"b"}`},
		{name: "as csv", method: "POST", path: "/plain?select=id,name", body: `{"id":7,"name":"c"}`, header: []string{full, "Accept: text/csv"}, status: 201, wantText: "id,name\n7,c"},
		{name: "its place", method: "POST", path: "/plain", body: `{"id":8}`, header: []string{"Prefer: return=headers-only"}, status: 201, wantHeader: []string{"Location: /rest/v1/plain?id=eq.8"}},
		{name: "trigger", method: "POST", path: "/kept", body: `{"id":1,"name":"a"}`, status: 202, wantHeader: []string{"X-Said: trigger"}},
		{name: "trigger with representation", method: "POST", path: "/kept", body: `{"id":2,"name":"a"}`, header: []string{full}, status: 202, wantText: `[{"id":2,"name":"a"}]`, wantHeader: []string{"X-Said: trigger"}},
		{name: "trigger of an update", method: "PATCH", path: "/kept?id=gt.0", body: `{"name":"b"}`, header: []string{"Prefer: count=exact"}, status: 202, wantHeader: []string{"X-Said: trigger", "Content-Range: 0-1/2"}},
		{name: "left out", method: "POST", path: "/muted", body: `{"id":1}`, header: []string{"Prefer: count=exact"}, status: 202, wantHeader: []string{"X-Said: trigger", "Content-Range: */0"}},
		{name: "left out and alone", method: "POST", path: "/muted", body: `{"id":1}`, header: []string{full, single}, status: 406, want: `{"code":"PGRST116","details":"The result contains 0 rows"}`},
		{name: "deferred constraint", method: "POST", path: "/refs", body: `{"id":1,"plain_id":99}`, status: 409, want: `{"code":"23503"}`},
		{name: "deferred constraint of rows", method: "POST", path: "/refs", body: `[{"id":1,"plain_id":1},{"id":2,"plain_id":99}]`, status: 409, want: `{"code":"23503"}`},
		{name: "left nothing", path: "/refs", status: 200, wantText: `[]`},
	})
	// The server does not know of the trigger yet: whatever it answers, it must
	// not be an internal error.
	s.run(t, []restCase{{name: "late, before", method: "POST", path: "/late", body: `{"id":1}`, header: []string{full}, status: 201, wantText: `[{"id":1}]`}})
	exec(t, s.db, `create function public.skip() returns trigger language plpgsql as 'begin return null; end';
		create trigger skip before insert on public.late for each row execute function public.skip()`)
	for _, prefer := range []string{minimal, full, "Prefer: return=headers-only"} {
		if got := s.send(t, "POST", "/late", `{"id":2}`, prefer); got.Code != 201 {
			t.Errorf("%s behind a new trigger: %d %s", prefer, got.Code, got.Body)
		}
	}
}

// The values of one object reach Postgres as parameters, those of an array as JSON,
// and that must not be seen: whatever the value and the type, a row, an argument or
// an error is the same.
func TestOneObjectIsReadAsAnArrayIs(t *testing.T) {
	t.Parallel()
	types := []string{
		"smallint", "integer", "bigint", "numeric(6,2)", "real", "double precision", "boolean", "text", "varchar(5)", "char(5)",
		"bytea", "uuid", "date", "time", "timetz", "timestamp(3)", "timestamptz", "interval", "inet", "cidr", "json", "jsonb",
		"text[]", "integer[]", "varchar(5)[]", "boolean[]", "json[]", "xml", "bit(3)", "mood", "short", "pair", "short[]", "int4range", "oid",
	}
	values := []string{
		`null`, `true`, `0`, `-1`, `7`, `1.5`, `12345.678`, `1e3`, `99999999999999999999`, `""`, `"7"`, `"x"`, `"too long"`, `"long   "`, `"true"`, `"101"`,
		`"00000000-0000-4000-8000-00000000ada0"`, `"2024-02-29"`, `"12:30:00.5+02"`, `"2024-02-29T12:30:00.123456Z"`, `"1 day 02:00"`,
		`"127.0.0.1"`, `"\\xc0ffee"`, `"sad"`, `"a\"b\\c\n\u00e9 😀 \ud83d\ude00 \u0007"`, `"{1,2}"`, `"{\"a\":1}"`, `"(1,x)"`, `"[1,3)"`, `"NULL"`,
		`[]`, `[1,2]`, `[ "a" , null,"b,\"{}\\", "NULL", "" , true, 1.0 ]`, `[[1,2],[3,4]]`, `[[1],[2,3]]`, `[{"a":1}]`, `["too long"]`, `{"a":1, "b":[true]}`, `{"l":1,"r":"x"}`, `{}`,
	}
	schema := `create type public.mood as enum ('happy', 'sad');
create domain public.short as varchar(5) not null check (value <> 'x');
create type public.pair as (l integer, r text);
`
	for i, typ := range types {
		schema += fmt.Sprintf("create table public.t%d (v %s); grant select, insert on public.t%[1]d to anon;\n", i, strings.Replace(strings.Replace(typ, "mood", "public.mood", 1), "pair", "public.pair", 1))
		schema += fmt.Sprintf("create function public.f%d(v %s) returns json language sql as 'select to_json(v)'; grant execute on function public.f%[1]d to anon;\n", i, typ)
	}
	s := newRest(t, strings.NewReplacer(" short", " public.short").Replace(schema), nil)
	for i, typ := range types {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			stored := 0
			for _, v := range values {
				for _, path := range []string{fmt.Sprintf("/t%d", i), fmt.Sprintf("/rpc/f%d", i)} {
					one := s.send(t, "POST", path, `{"v":`+v+`}`, full)
					many := s.send(t, "POST", path, `[{"v":`+v+`}]`, full)
					if one.Code != many.Code || sameAnswer(one) != sameAnswer(many) {
						t.Errorf("%s of %s: one object gives %d %s, an array %d %s", path, v, one.Code, one.Body, many.Code, many.Body)
					}
					if one.Code == 201 {
						stored++
					}
				}
			}
			if stored < 2 {
				t.Errorf("%d values were stored, want some of each type", stored)
			}
		})
	}
}

// sameAnswer is the body of an answer without the id of its request.
func sameAnswer(r *httptest.ResponseRecorder) string {
	return requestID.ReplaceAllString(r.Body.String(), "")
}

var requestID = regexp.MustCompile(`"request_id":"[^"]*"`)
