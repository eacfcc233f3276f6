package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/rest"
)

const rowwiseFixture = `
create type public.mood as enum ('glad', 'so "so"');
create type public.pair as (a int, b text);
create domain public.short as varchar(5);
create function public.json(public.mood) returns json language sql immutable as $$ select json_build_object('mood', $1::text) $$;
create cast (public.mood as json) with function public.json(public.mood);
-- None of these is meant.
create function public.to_json(timestamptz) returns json language sql immutable as $$ select '"ours"'::json $$;
create function public.to_json(text[]) returns json language sql immutable as $$ select '"ours"'::json $$;
create table public.owners (id int primary key, name text);
create table public.things (
  id int primary key, "a ""name"", \é" text, flag boolean, n numeric, f double precision, u uuid,
  at timestamptz, day date, words text[], mood public.mood, pair public.pair, pairs public.pair[],
  short public.short, j json, jb jsonb, b bytea, r int4range, bits bit(3), m money, owner int references public.owners);
insert into public.owners values (1, 'Ada'), (2, null);
insert into public.things values
  (1, E'quote " slash \\ line\n\u0001', true, 'NaN', 'Infinity', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2026-01-02 03:04:05.678+09', '0044-03-15 BC',
   '{a,"b c",null}', 'so "so"', (1, 'x"y'), array[(2, null)::public.pair], 'abc', '{"a" : 1}', '{"a" : 1}', '\x00ff', '[1,5)', '101', 12.5, 1),
  (2, null, null, null, null, null, 'infinity', 'infinity', null, null, null, null, null, null, null, null, null, null, null, null);
create function public.shout(public.things) returns text language sql stable as $$ select upper($1.short) $$;
create function public.some(first int, last int default 9) returns setof public.things language sql stable
  as $$ select * from public.things where id between first and last order by id desc $$;
create function public.counted() returns setof public.owners language sql volatile
  as $$ insert into public.owners select max(id) + 1, 'new' from public.owners returning * $$;
grant all on all tables in schema public to anon;
`

// Rows that the proxy makes JSON of are, to the byte, what the database makes of them:
// what a function gives back is made there.
func TestRestRowsAreTheJSONOfPostgres(t *testing.T) {
	t.Parallel()
	s := newRest(t, rowwiseFixture, func(c *rest.Config) { c.AggregatesEnabled = true })
	conn := s.db.Conn(t)
	ask := func(sql string) (text string) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), sql).Scan(&text); err != nil {
			t.Fatal(sql, err)
		}
		return text
	}
	for _, c := range []struct{ query, sql string }{
		{"", `select * from public.things`},
		{"?order=id.desc", `select * from public.things order by id desc`},
		{"?id=eq.1", `select * from public.things where id = 1`},
		{"?id=eq.9", `select * from public.things where id = 9`},
		{"?select=b,id,shout,short,mood&order=id&limit=1", `select b, id, public.shout(t), short, mood from public.things as t order by id limit 1`},
		{"?select=x:id,x:short&order=id", `select id as x, short as x from public.things order by 1`},
		{"?select=id,jb->a,day::text,at&order=id", `select id, jb->'a' as a, day::text, at from public.things order by id`},
		{"?select=n.max(),count()", `select max(n), count(*) from public.things`},
		{"?select=id,owners(*)&order=id", `select id, (select row_to_json(o) from public.owners as o where o.id = t.owner) as owners from public.things as t order by id`},
		{"?select=id,...owners(name)&order=id", `select t.id, o.name from public.things as t left join public.owners as o on o.id = t.owner order by 1`},
	} {
		want := ask(`select coalesce(json_agg(t), '[]')::text from (` + c.sql + `) as t`)
		s.check(t, restCase{name: c.query, path: "/things" + c.query, status: 200, wantText: want})
	}
	s.check(t, restCase{
		path: "/things?id=eq.1", header: []string{"Accept: application/vnd.pgrst.object+json"}, status: 200,
		wantText: ask(`select row_to_json(t)::text from public.things as t where id = 1`),
	})
	s.check(t, restCase{path: "/things", header: []string{"Accept: application/vnd.pgrst.object+json"}, status: 406, want: `{"code":"PGRST116","details":"The result contains 2 rows"}`})
}

// What runs for a read may say something of the answer: a policy, a view, the function
// before all, a column of the application's, and what a role is set to.
func TestRestReadsHearWhatFunctionsSay(t *testing.T) {
	t.Parallel()
	s := newRest(t, `
		create function public.say(what text) returns boolean language sql stable
		  as $$ select set_config('response.headers', json_build_array(json_build_object('X-Said', what))::text, true) is not null $$;
		create function public.say_first() returns void language plpgsql as $$ begin
		  if current_setting('request.headers')::json ->> 'x-first' is not null then perform public.say('first'); end if; end $$;
		create table public.plain (id int primary key);
		create table public.secured (like public.plain including all);
		alter table public.secured enable row level security;
		create policy p on public.secured using (public.say('policy'));
		create view public.viewed as select id from public.plain where public.say('view');
		create function public.computed(public.plain) returns boolean language sql stable as $$ select public.say('computed') $$;
		insert into public.plain values (1);
		insert into public.secured values (1);
		grant all on all tables in schema public to anon`, nil)
	said := func(s *restServer, path, want string, header ...string) {
		t.Helper()
		w := s.send(t, "GET", path, "", header...)
		if w.Code != 200 || w.Header().Get("X-Said") != want {
			t.Errorf("%s: %d, %q said, want %q", path, w.Code, w.Header().Get("X-Said"), want)
		}
	}
	said(s, "/plain", "")
	said(s, "/secured", "policy")
	said(s, "/viewed", "view")
	said(s, "/plain?select=computed", "computed")
	first := serveRest(t, s.db, func(c *rest.Config) { c.PreRequest = "public.say_first" })
	said(first, "/plain", "first", "X-First: 1")
	said(first, "/plain", "")
	set := serveRest(t, s.db, func(c *rest.Config) {
		c.AppSettings = []pg.Setting{{Name: "response.headers", Value: `[{"X-Said": "setting"}]`}}
	})
	said(set, "/plain", "setting")
}

// Reads go on while columns come, go and change their type, although the catalogue knows
// nothing of it.
func TestRestReadsGoOnWhileColumnsChange(t *testing.T) {
	t.Parallel()
	s := newRest(t, `create table public.moving (id int primary key, a text, b int, c timestamptz);
		insert into public.moving select i, 'x', i, now() from generate_series(1, 10) as i;
		grant all on public.moving to anon`, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for worker := range 4 {
		path := []string{"/moving", "/moving?order=id&limit=5", "/moving?id=eq.3", "/moving?select=id"}[worker]
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					if n == 0 {
						t.Error(path, "was never read")
					}
					return
				case <-ctx.Done():
					t.Error("it takes too long")
					return
				default:
				}
				w := s.send(t, "GET", path, "")
				var rows []map[string]any
				if err := json.Unmarshal(w.Body.Bytes(), &rows); w.Code != 200 || err != nil || len(rows) == 0 || rows[0]["id"] == nil {
					t.Errorf("%s: %d %s", path, w.Code, w.Body)
					return
				}
			}
		})
	}
	for i := range 5 {
		for _, change := range []string{
			"alter table public.moving add column d%d int[]",
			"alter table public.moving alter column b type timestamptz using now()",
			"alter table public.moving drop column d%d",
			"alter table public.moving alter column b type int using 1",
			"alter table public.moving rename column a to a%d",
			"alter table public.moving rename column a%d to a",
		} {
			exec(t, s.db, strings.ReplaceAll(change, "%d", fmt.Sprint(i)))
		}
	}
	close(stop)
	wg.Wait()
	exec(t, s.db, `alter table public.moving drop column a, drop column c`)
	s.check(t, restCase{path: "/moving?id=eq.3", status: 200, wantText: `[{"id":3,"b":1}]`})
	s.check(t, restCase{path: "/moving?id=eq.3&select=id,a", status: 400, want: `{"code":"42703"}`})
}
