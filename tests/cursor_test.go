package tests

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/rest"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// cursorFixture is a table with columns of all types that sort in a way of their own,
// with few values, many nulls, and values that are easily lost on the way.
const cursorFixture = `
create type public.mood as enum ('sad', 'ok', 'happy');
create domain public.score as numeric(6, 2);
create table public.clients (id int primary key, name text not null);
insert into public.clients select n, 'client ' || n % 4 from generate_series(1, 9) as n;
create table public.things (
  id int primary key,
  client_id int references public.clients (id),
  title text,
  byte_order text collate "C",
  fixed character(4),
  amount numeric,
  score public.score,
  at timestamptz,
  day date,
  took interval,
  key uuid,
  raw bytea,
  mood public.mood,
  ratio double precision,
  small real,
  data jsonb,
  list int[],
  flag boolean not null
);
insert into public.things
select n, 1 + (n * 7) % 9,
  (array['a', 'B', 'b', 'ä', 'a b', 'A', '"', '\', ',', 'z', '', null])[1 + n * 5 % 12],
  (array['a', 'B', 'ä', 'A', '(,)', null])[1 + n * 5 % 6],
  (array['a', 'a b', 'B', null])[1 + n % 4],
  (array['1', '1.0', '1.00000000000000000000001', '-7', 'NaN', '1e30', null])[1 + n % 7]::numeric,
  (array[1.5, 2, null])[1 + n % 3],
  timestamptz '2024-03-31 01:59:59.999999+01' + (n % 5) * interval '1 microsecond' * (1 - 2 * (n % 2)),
  case n % 9 when 0 then 'infinity' when 1 then null else date '2024-02-28' + n % 4 end,
  (array['1 mon -1 day', '-1 mon +1 day 00:00:00.000001', '-02:03:00', '29 days 24:00', '1 mon', null])[1 + n % 6]::interval,
  md5((n % 11)::text)::uuid,
  decode(md5((n % 6)::text), 'hex'),
  (array['sad', 'ok', 'happy', null])[1 + n * 3 % 4]::public.mood,
  (array['NaN', '-0', '0', '0.1', '0.30000000000000004', '-Infinity', 'Infinity', null])[1 + n % 8]::double precision,
  (array['0.1', '1.1754944e-38', '16777217', null])[1 + n % 4]::real,
  (array['{"a": 1}', '{"a": "x"}', '"text"', '[1, 2]', '7', 'null', null])[1 + n % 7]::jsonb,
  (array['{1,2}', '{}', '{null,1}', null])[1 + n % 4]::int[],
  n % 3 = 0
from generate_series(1, 300) as n;

create view public.titles as select t.id, t.title from public.things as t;
create view public.repeated as
  select t.id, t.title from public.things as t cross join generate_series(1, 2);
create table public.nokey (v int);
create function public.some_things(below int) returns setof public.things language sql stable
  as 'select * from public.things where id < below';
create function public.cursor_is(cursor text, cursor_column text) returns text
  language sql immutable return cursor || '+' || cursor_column;
create table public.odd (id int primary key, cursor int, cursor_column int);
insert into public.odd values (1, 5, 6), (2, 7, 8);

create table public.mine (id int generated always as identity primary key, owner uuid);
alter table public.mine enable row level security;
create policy mine on public.mine using (owner = auth.uid());
insert into public.mine (owner)
select case n % 3 when 0 then '00000000-0000-0000-0000-00000000000a' else '00000000-0000-0000-0000-00000000000b' end::uuid
from generate_series(1, 30) as n;

grant usage on schema public to anon, authenticated, service_role;
grant all on all tables in schema public to anon, authenticated, service_role;
-- Whoever reads with these settings must not lose what another reads.
do $$ begin
  execute format('alter role authenticated in database %I set datestyle = ''SQL, DMY''', current_database());
  execute format('alter role authenticated in database %I set intervalstyle = ''sql_standard''', current_database());
  execute format('alter role authenticated in database %I set extra_float_digits = -3', current_database());
  execute format('alter role authenticated in database %I set bytea_output = ''escape''', current_database());
end $$;
`

func withCursors(c *rest.Config) { c.Extensions, c.PlanEnabled, c.AggregatesEnabled = true, true, true }

// pages reads all pages of a path and gives the ids in the order that they came.
func (s *restServer) pages(t testing.TB, path string, header ...string) (ids []int, pages int) {
	t.Helper()
	cursor := ""
	for {
		w := s.send(t, http.MethodGet, path+"&cursor="+cursor, "", header...)
		if w.Code != http.StatusOK {
			t.Fatalf("page %d of %s: %d %s", pages, path, w.Code, w.Body)
		}
		ids = append(ids, idsOf(t, w.Body.Bytes())...)
		pages++
		next := w.Header().Get("X-Next-Cursor")
		if link := w.Header().Get("Link"); (link == "") != (next == "") || next != "" && !strings.Contains(link, "cursor="+next+`>; rel="next"`) {
			t.Fatalf("Link %q does not lead to %q", link, next)
		}
		if next == "" {
			return ids, pages
		}
		cursor = next
	}
}

func idsOf(t testing.TB, body []byte) (ids []int) {
	t.Helper()
	var rows []struct{ ID int }
	if err := json.Unmarshal(body, &rows); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return ids
}

// All pages one after the other are what one request for all gives, for any order of
// any types.
func TestPagesAreTheWhole(t *testing.T) {
	t.Parallel()
	s := newRest(t, cursorFixture, withCursors)
	columns := []string{
		"client_id", "title", "byte_order", "fixed", "amount", "score", "at", "day", "took", "key", "raw", "mood",
		"ratio", "small", "data", "list", "flag", "clients(name)", "data->a", "data->>a",
	}
	r := rand.New(rand.NewPCG(1, 2))
	headers := [][]string{nil, {"Authorization: Bearer " + restToken(t, ada)}}
	orders := slices.Clone(columns)
	for range 20 {
		var terms []string
		for _, c := range r.Perm(len(columns))[:1+r.IntN(3)] {
			terms = append(terms, columns[c]+[]string{"", ".asc", ".desc"}[r.IntN(3)]+[]string{"", ".nullsfirst", ".nullslast"}[r.IntN(3)])
		}
		if r.IntN(4) == 0 {
			terms = append(terms, "id.desc")
		}
		orders = append(orders, strings.Join(terms, ","))
	}
	for i, order := range orders {
		base := "/things?select=id,clients(name)&id=lt.200"
		header := headers[i%2]
		whole := order
		if !strings.Contains(order, "id.desc") {
			whole += ",id"
		}
		w := s.send(t, http.MethodGet, base+"&order="+whole, "", header...)
		want := idsOf(t, w.Body.Bytes())
		by := "order"
		if i%3 == 0 {
			by = "cursor_column"
		}
		path := fmt.Sprintf("%s&%s=%s&limit=%d", base, by, order, 20+r.IntN(30))
		if got, pages := s.pages(t, path, header...); !slices.Equal(got, want) || pages < 4 {
			t.Errorf("%s: %d pages of %d rows, want these %d:\n%v\n%v", path, pages, len(got), len(want), got, want)
		}
	}
}

func TestCursorRequests(t *testing.T) {
	t.Parallel()
	s := newRest(t, cursorFixture, withCursors)
	token := func(id string) string { return "Authorization: Bearer " + restToken(t, id) }

	t.Run("pages end where the rows do", func(t *testing.T) {
		for path, want := range map[string]int{
			"/clients?limit=3": 3, "/clients?limit=4": 3, "/clients?limit=9": 1, "/clients?limit=10": 1,
			"/clients?limit=2000": 1, "/clients?id=gt.99&limit=3": 1, "/clients?select=id": 1, "/clients?id=lt.4&select=id,name,name&limit=2": 2,
			"/titles?limit=50": 6, "/rpc/some_things?below=100&limit=40": 3, "/rpc/some_things?below=100&id=gt.90&order=title.desc&limit=4": 3,
			"/clients?select=id,things(id)&limit=3&things.limit=1": 3, "/things?select=id,...clients(name)&order=clients(name).desc&limit=100": 3,
		} {
			if ids, pages := s.pages(t, path); pages != want {
				t.Errorf("%s: %d pages with %v, want %d", path, pages, ids, want)
			}
		}
	})
	t.Run("policies decide about each page", func(t *testing.T) {
		for id, want := range map[string]int{ada: 10, bob: 20} {
			if ids, _ := s.pages(t, "/mine?limit=4", token(id)); len(ids) != want {
				t.Errorf("%s sees %d rows, want %d", id, len(ids), want)
			}
		}
		// Another user of the same role may go on from there, and sees rows of their own.
		next := s.send(t, "GET", "/mine?cursor=&limit=4", "", token(ada)).Header().Get("X-Next-Cursor")
		w := s.send(t, "GET", "/mine?select=owner&limit=4&cursor="+next, "", token(bob))
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), ada) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("other media types", func(t *testing.T) {
		first := s.send(t, "GET", "/clients?select=id&cursor=&limit=2", "", "Accept: text/csv")
		if first.Body.String() != "id\n1\n2" {
			t.Errorf("CSV %q", first.Body)
		}
		w := s.send(t, "GET", "/clients?select=id&limit=2&cursor="+first.Header().Get("X-Next-Cursor"), "", "Accept: text/csv")
		if w.Body.String() != "id\n3\n4" {
			t.Errorf("CSV %q", w.Body)
		}
		w = s.send(t, "HEAD", "/clients?limit=2&cursor="+w.Header().Get("X-Next-Cursor"), "")
		w = s.send(t, "GET", "/clients?select=id&limit=1&cursor="+w.Header().Get("X-Next-Cursor"), "", "Accept: application/vnd.pgrst.object+json")
		sameJSON(t, w.Body.Bytes(), `{"id": 7}`, false)
	})
	t.Run("POST has the function's arguments in its body", func(t *testing.T) {
		w := s.send(t, "POST", "/rpc/some_things?select=id&limit=2&cursor=", `{"below": 4}`)
		next := w.Header().Get("X-Next-Cursor")
		if next == "" || w.Header().Get("Link") != "" {
			t.Fatalf("%v", w.Header())
		}
		w = s.send(t, "POST", "/rpc/some_things?select=id&limit=2&cursor="+next, `{"below": 4}`)
		sameJSON(t, w.Body.Bytes(), `[{"id": 3}]`, false)
		w = s.send(t, "POST", "/rpc/some_things?select=id&limit=2&cursor="+next, `{"below": 5}`)
		sameJSON(t, w.Body.Bytes(), `{"code": "invalid_cursor"}`, true)
	})
	s.run(t, []restCase{
		{
			name: "the answer", path: "/clients?name=like.*1&select=id&limit=1&cursor=", header: []string{"Prefer: count=exact", "Origin: https://example.com"},
			status: 206, want: `[{"id": 1}]`, wantHeader: []string{"Content-Range: */3"},
		},
		{name: "a filter on a column of that name", path: "/odd?cursor=eq.5&cursor_column=gt.5", status: 200, want: `[{"id": 1, "cursor": 5, "cursor_column": 6}]`},
		{name: "an argument of that name", path: "/rpc/cursor_is?cursor=abc&cursor_column=id.desc", status: 200, want: `"abc+id.desc"`},
		{name: "no key", path: "/nokey?cursor=&limit=1", status: 400, want: `{"code": "cursor_not_possible", "hint": "Give the table a primary key; a view has the key of its table if it shows all columns of it."}`},
		{name: "rows that are the same", path: "/repeated?cursor=&limit=3", status: 400, want: `{"code": "cursor_not_possible", "hint": "Page through a table, or a view that shows each key of a table once."}`},
		{name: "aggregates", path: "/clients?select=name,count()&cursor=&limit=1", status: 400, want: `{"code": "cursor_not_possible"}`},
		{name: "an offset", path: "/clients?offset=1&cursor=&limit=1", status: 400, want: `{"code": "cursor_not_possible"}`},
		{name: "no limit to speak of", path: "/clients?cursor=&limit=0", status: 400, want: `{"code": "cursor_not_possible"}`},
		{name: "an unknown column", path: "/clients?cursor_column=nope&limit=1", status: 400, want: `{"code": "cursor_not_possible"}`},
		{name: "no order", path: "/clients?cursor_column=a.b.c&limit=1", status: 400, want: `{"code": "PGRST100"}`},
		{name: "a write", method: "DELETE", path: "/clients?cursor=", status: 400, want: `{"code": "PGRST100"}`},
	})
}

// With extensions off a cursor is what it is to PostgREST: a filter that does not parse.
func TestCursorsAreOffInDropIn(t *testing.T) {
	t.Parallel()
	s := newRest(t, cursorFixture, nil)
	s.run(t, []restCase{
		{name: "cursor", path: "/clients?cursor=", status: 400, want: `{"code": "PGRST100"}`},
		{name: "cursor_column", path: "/clients?cursor_column=id", status: 400, want: `{"code": "PGRST100"}`},
		{name: "filters", path: "/odd?cursor=eq.5&cursor_column=gt.5", status: 200, want: `[{"id": 1, "cursor": 5, "cursor_column": 6}]`},
		{name: "arguments", path: "/rpc/cursor_is?cursor=abc&cursor_column=id", status: 200, want: `"abc+id"`},
	})
}

// A cursor is good for what it was made for, and for nothing else; whatever is wrong
// with it, the answer is the same.
func TestBadCursors(t *testing.T) {
	t.Parallel()
	s := newRest(t, cursorFixture, withCursors)
	user := "Authorization: Bearer " + restToken(t, ada)
	first := func(path string) string {
		w := s.send(t, "GET", path+"&cursor=", "")
		if next := w.Header().Get("X-Next-Cursor"); next != "" {
			return next
		}
		t.Fatalf("no cursor: %d %s", w.Code, w.Body)
		return ""
	}
	refused := func(path, cursor string, header ...string) {
		t.Helper()
		w := s.send(t, "GET", path+"&cursor="+url.QueryEscape(cursor), "", header...)
		var e struct{ Code, Message string }
		_ = json.Unmarshal(w.Body.Bytes(), &e)
		if w.Code != 400 || e.Code != "invalid_cursor" || e.Message != "the cursor leads nowhere here" {
			t.Errorf("%s&cursor=%s: %d %s", path, cursor, w.Code, w.Body)
		}
	}
	const path = "/things?select=id&order=title&id=lt.100&limit=5"
	good := first(path)

	for name, other := range map[string]string{
		"another table": "/clients?select=id&limit=5", "another order": "/things?order=title.desc&id=lt.100&limit=5",
		"another filter": "/things?order=title&id=lt.101&limit=5", "no filter": "/things?order=title&limit=5",
		"one more filter": path + "&or=(id.eq.1,id.eq.2)", "a view": "/titles?order=title&id=lt.100&limit=5",
		"a function": "/rpc/some_things?below=100&order=title&id=lt.100&limit=5",
	} {
		t.Run(name, func(t *testing.T) { refused(other, good) })
	}
	refused(path, good, user)                                                                            // another role
	for _, same := range []string{"/things?limit=7&id=lt.100&order=title&select=*", path + "&limit=3"} { // what makes no difference
		if w := s.send(t, "GET", same+"&cursor="+good, ""); w.Code != 200 {
			t.Errorf("%s: %d %s", same, w.Code, w.Body)
		}
	}
	for i := range good {
		b := []byte(good)
		for b[i] == good[i] {
			b[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[rand.IntN(64)]
		}
		refused(path, string(b))
	}
	for _, bad := range []string{good[:len(good)-1], good + "A", good + "=", good + "\n", "x", "null", "-", "'", `{"a":1}`, strings.Repeat("A", 10_000)} {
		refused(path, bad)
	}

	// Forged ones that compare with no value: behind all rows, before all that are not
	// null, and where there are no rows.
	refused("/titles?order=title&limit=2", forged(`["1",null,null]`))
	refused("/titles?order=title.desc,id.desc.nullsfirst&limit=2", forged(`["1",null,null]`))
	refused("/things?order=title.desc&limit=2", forged(`["1",null,"1"]`))
	refused("/clients?id=gt.1000&limit=2", forged(`["1","1"]`))
	refused("/clients?limit=2", forged(`["1","x"]`))
	refused("/clients?limit=2", forged(`["99999999999999999999999","1"]`))
	refused("/clients?limit=2", forged(`["1"]`))

	conn := s.db.Conn(t)
	run := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("another key", func(t *testing.T) {
		run(`select pagination.rotate_key()`)
		if w := s.send(t, "GET", path+"&cursor="+good, ""); w.Code != 200 {
			t.Errorf("the key before is good for one more turn: %d %s", w.Code, w.Body)
		}
		run(`select pagination.rotate_key()`)
		refused(path, good)
	})
	t.Run("expired", func(t *testing.T) {
		fresh := first(path)
		run(`select fluxbase.set_setting('pagination.cursor_lifetime', '3600')`)
		if w := s.send(t, "GET", path+"&cursor="+fresh, ""); w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		var old string
		scope := `'rest "public"."clients", "clients"."id" integer 00'`
		// As of a second before the lifetime began.
		err := conn.QueryRow(t.Context(), `
			with payload as (select jsonb_build_array((extract(epoch from now())::bigint - 3601)::text, '1')::text as p)
			select rtrim(translate(encode(pagination.seal(k, `+scope+`, $1, p) || convert_to(p, 'UTF8'), 'base64'), E'+/\n', '-_'), '=')
			from payload, pagination.keys as k, set_config('role', 'anon', true) order by k.id desc limit 1`,
			[]byte("\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24")).Scan(&old)
		if err != nil {
			t.Fatal(err)
		}
		s.check(t, restCase{path: "/clients?limit=1&cursor=" + old, status: 400, want: `{"code": "expired_cursor"}`})
		run(`select fluxbase.set_setting('pagination.cursor_lifetime', null)`)
		s.check(t, restCase{path: "/clients?select=id&limit=1&cursor=" + old, status: 200, want: `[{"id": 2}]`})
	})
	t.Run("a role without the right", func(t *testing.T) {
		run(`revoke execute on function pagination.encode(text, bytea, text[], text[]) from authenticated`)
		s.check(t, restCase{path: "/clients?limit=1&cursor=", header: []string{user}, status: 403, want: `{"code": "42501"}`})
		run(`revoke usage on schema pagination from authenticated`)
		s.check(t, restCase{
			path: "/clients?limit=1&cursor=", header: []string{user}, status: 403,
			want: `{"code": "42501", "hint": "Grant the role usage on schema pagination, and execute on its functions encode, decode and text_of."}`,
		})
	})
	t.Run("a database without our functions", func(t *testing.T) {
		run(`drop schema pagination cascade`)
		s.check(t, restCase{
			path: "/clients?limit=1&cursor=", status: 501,
			want: `{"code": "cursors_not_installed", "hint": "Run fluxbase migrate up on it, or page by limit and offset."}`,
		})
		s.check(t, restCase{path: "/clients?select=id&limit=1", status: 200, want: `[{"id": 1}]`})
	})
}

// churn inserts and deletes rows of public.churned until stop, with ids above first.
func churn(t *testing.T, db *dbtest.DB, first int, stop <-chan struct{}) {
	conn := db.Conn(t)
	for n := first + 400; ; n += 20 {
		select {
		case <-stop:
			return
		default:
		}
		_, err := conn.Exec(t.Context(), `
			with gone as (delete from public.churned where id between $1 - 400 and $1 - 381)
			insert into public.churned (id, rank, name)
			select n, (random() * 20)::int, nullif(chr(96 + (random() * 12)::int), chr(96)) from generate_series($1::int, $1::int + 19) as n`, n)
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// Whoever pages while others write sees no row twice, and each that stood there
// throughout once; in a soak through 100,000 rows.
func TestPagesUnderConcurrentWrites(t *testing.T) {
	t.Parallel()
	standing, limit := 2000, 90
	if *soak > 0 {
		standing, limit = 100_000, 1000
	}
	s := newRest(t, fmt.Sprintf(`
		create table public.churned (id int primary key, rank int, name text);
		create index on public.churned (rank desc nulls last, name, id);
		insert into public.churned
		select n, nullif(n %% 20, 7), nullif(chr(97 + n %% 13), 'd') from generate_series(1, %d) as n;
		analyze public.churned;
		grant all on all tables in schema public to anon`, standing), withCursors)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() { churn(t, s.db, (w+1)*10_000_000, stop) })
	}
	defer writers.Wait()
	defer close(stop)
	for _, order := range []string{"rank.desc.nullslast,name", "name.desc,rank.nullsfirst", "id.desc"} {
		seen := map[int]bool{}
		ids, _ := s.pages(t, fmt.Sprintf("/churned?select=id&order=%s&limit=%d", order, limit))
		for _, id := range ids {
			if seen[id] {
				t.Errorf("order %s: row %d came twice", order, id)
			}
			seen[id] = true
		}
		missed := 0
		for id := 1; id <= standing; id++ {
			if !seen[id] {
				missed++
			}
		}
		if missed > 0 {
			t.Errorf("order %s: %d rows were missed", order, missed)
		}
	}
}

// A page costs the same wherever it is: what it reads is a range of an index, also
// where directions differ and values are null.
func TestPagesCostTheSame(t *testing.T) {
	t.Parallel()
	s := newRest(t, `
		create table public.many (id int primary key, rank int, name text, at timestamptz not null);
		insert into public.many
		select n, nullif(n % 4, 0), nullif(n % 1000, 0), now() + n * interval '1 second' from generate_series(1, 20000) as n;
		create index on public.many (rank, id desc);
		create index on public.many (name desc nulls last, rank, id);
		create index on public.many (at, id);
		analyze public.many;
		grant all on all tables in schema public to anon`, withCursors)
	// blocks counts what of the table and of indexes a request reads, of several on
	// whose first a connection reads the catalogue too.
	ask := func(path string) int {
		w := s.send(t, "GET", path, "", "Accept: application/vnd.pgrst.plan+json; options=analyze|buffers")
		var plans []struct {
			Plan struct {
				Hit  int `json:"Shared Hit Blocks"`
				Read int `json:"Shared Read Blocks"`
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &plans); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %v %s", path, w.Code, err, w.Body)
		}
		return plans[0].Plan.Hit + plans[0].Plan.Read
	}
	blocks := func(path string) int { return min(ask(path), ask(path), ask(path)) }
	for _, order := range []string{"id", "rank,id.desc", "rank.desc,id", "name.desc.nullslast,rank", "at.desc,id.desc"} {
		path := "/many?select=id,name&limit=200&order=" + order
		first, most, cursor := blocks(path+"&cursor="), 0, ""
		for page := 0; ; page++ {
			w := s.send(t, "GET", path+"&cursor="+cursor, "")
			if cursor = w.Header().Get("X-Next-Cursor"); cursor == "" {
				break
			}
			if page%20 == 0 || page > 97 {
				most = max(most, blocks(path+"&cursor="+cursor))
			}
		}
		byOffset := blocks(path + "&offset=19800")
		t.Logf("order=%s: blocks of the first page %d, of the dearest %d, by offset %d", order, first, most, byOffset)
		if most > 3*first+20 {
			t.Errorf("order=%s: a page reads %d blocks, the first %d", order, most, first)
		}
	}
}

// forged is a cursor of these values whose signature is none.
func forged(values string) string {
	return base64.RawURLEncoding.EncodeToString(append(make([]byte, 16), values...))
}
