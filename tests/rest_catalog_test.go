package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

var updateCatalog = flag.Bool("update-catalog", false, "write proxy/rest/testdata/catalog.json anew, from restFixture")

var publicOnly = catalog.Config{Schemas: []string{"public"}, ExtraSearchPath: []string{"public", "extensions"}}

// The unit tests of proxy/rest plan against a stored catalogue; it must be the
// one that Postgres gives for the fixture.
func TestStoredCatalogIsThatOfTheFixture(t *testing.T) {
	t.Parallel()
	const path = "../proxy/rest/testdata/catalog.json"
	db := dbtest.New(t)
	exec(t, db, restFixture)
	document, err := catalog.Document(t.Context(), openPG(t, db.URL(sql.Authenticator), nil), publicOnly)
	if err != nil {
		t.Fatal(err)
	}
	if *updateCatalog {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, document, "", " "); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := describe(t, document), describe(t, stored); got != want {
		t.Errorf("%s is out of date: run go test ./tests -run StoredCatalog -update-catalog\n%s", path, firstDifference(got, want))
	}
}

// Only inserts that fire nothing of the application's go along with others.
func TestCatalogTellsWhatInsertsFire(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `create function public.nothing() returns trigger language plpgsql as 'begin return new; end';
		create table public.parent (id int primary key);
		create table public.silent (id int references public.parent on delete cascade);
		create trigger t after update or delete on public.silent for each row execute function public.nothing();
		create table public.before (id int);
		create trigger t before insert on public.before for each row execute function public.nothing();
		create table public.after (id int);
		create trigger t after insert on public.after for each statement execute function public.nothing();
		create table public.deferred (id int);
		create constraint trigger t after insert or update on public.deferred deferrable initially deferred
		  for each row execute function public.nothing()`)
	document, err := catalog.Document(t.Context(), openPG(t, db.URL(sql.Authenticator), nil), publicOnly)
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ plain, untriggered bool }{
		"silent": {true, true}, "before": {false, false}, "after": {true, false}, "deferred": {true, false},
	} {
		if r := c.Relation("public", name); r.Plain != want.plain || r.Untriggered != want.untriggered {
			t.Errorf("%s: plain %t, untriggered %t; want %v", name, r.Plain, r.Untriggered, want)
		}
	}
}

// describe writes all that a catalogue says of schema public.
func describe(t *testing.T, document []byte) string {
	t.Helper()
	c, err := catalog.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Schema("public")
	var b strings.Builder
	for _, name := range s.RelationNames() {
		r := c.Relation("public", name)
		fmt.Fprintf(&b, "%s %c insert=%t update=%t delete=%t key=%v plain=%t untriggered=%t inert=%t\n",
			r.Name, r.Kind, r.Insertable, r.Updatable, r.Deletable, r.PrimaryKey, r.Plain, r.Untriggered, r.Inert)
		for _, col := range r.Columns {
			fmt.Fprintf(&b, "  %d %s %s %s null=%t default=%q identity=%s max=%d enum=%v\n",
				col.Position, col.Name, col.Type, col.Base, col.Nullable, col.Default, col.Identity, col.MaxLength, col.Enum)
		}
		for _, l := range r.Links {
			fmt.Fprintf(&b, "  -> %s %s %s %v", l.Target.Name, l.Cardinality, l.Constraint, l.Pairs)
			if j := l.Junction; j != nil {
				fmt.Fprintf(&b, " by %s %s%v %s%v", j.Relation.Name, j.OriginConstraint, j.OriginPairs, j.TargetConstraint, j.TargetPairs)
			}
			if l.Function != nil {
				fmt.Fprintf(&b, " computed by %+v", *l.Function)
			}
			b.WriteByte('\n')
		}
	}
	for _, name := range s.FunctionNames() {
		for _, f := range c.Functions("public", name) {
			fmt.Fprintf(&b, "%s %+v %c %+v\n", f.Name, f.Params, f.Volatility, f.Returns)
		}
	}
	return b.String()
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

func TestCatalogFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	s.check(t, restCase{path: "/fresh", status: 404, want: `{"code":"PGRST205"}`})

	// A new table is there at once: nobody waits for the background check.
	exec(t, s.db, `create table public.fresh (id int primary key); grant all on public.fresh to anon`)
	s.check(t, restCase{path: "/fresh", status: 200, wantText: "[]"})
	exec(t, s.db, `create function public.brand_new() returns int language sql return 1`)
	s.check(t, restCase{path: "/rpc/brand_new", status: 200, wantText: "1"})
	exec(t, s.db, `alter table public.fresh add column v text`)
	s.check(t, restCase{method: "POST", path: "/fresh", body: `{"id":1,"v":"x"}`, status: 201})

	// What changes under a name that stays is seen by the background check.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.store.Run(ctx) }()
	defer func() { cancel(); <-done }()
	for _, change := range []struct{ ddl, probe, want string }{
		{`alter table public.fresh alter column v type int using 7`, "/fresh?select=v&v=eq.7", `[{"v":7}]`},
		{`alter table public.fresh rename column v to w`, "/fresh?select=w", `[{"w":7}]`},
		{`alter table public.fresh drop column w`, "/fresh", `[{"id":1}]`},
		{`drop table public.fresh; create view public.fresh as select 2 as id; grant all on public.fresh to anon`, "/fresh", `[{"id":2}]`},
	} {
		version := s.store.Current().Version
		exec(t, s.db, change.ddl)
		eventually(t, "a new catalogue after "+change.ddl, func() bool { return s.store.Current().Version > version })
		s.check(t, restCase{path: change.probe, status: 200, want: change.want})
	}
}

func TestCatalogSeesThroughViews(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture+`
create schema hidden;
create table hidden.authors (id int primary key, name text);
create table hidden.books (id int primary key, title text, author_id int references hidden.authors (id));
insert into hidden.authors values (1, 'Ursula');
insert into hidden.books values (5, 'Omelas', 1);
create view public.authors as select id, name from hidden.authors;
create view public.books as select id as book_id, title, author_id from hidden.books;
create view public.loud_books as select book_id, upper(title) as title, author_id from public.books where book_id in (select id from hidden.books);
create view public.book_union as select id, author_id from hidden.books union all select id, author_id from hidden.books;
create view public.book_expressions as select id + 0 as id, author_id + 0 as author_id from hidden.books;
create view public.joined as
  with b as (select * from hidden.books) select b.id, a.name, a.id as author_id from b join hidden.authors as a on a.id = b.author_id;
create materialized view public.frozen as select * from hidden.books;
grant usage on schema hidden to anon;
grant all on all tables in schema public to anon;
`, nil)
	s.run(t, []restCase{
		{name: "view to view", path: "/books?select=title,authors(name)", status: 200, want: `[{"title":"Omelas","authors":{"name":"Ursula"}}]`},
		{name: "and back", path: "/authors?select=name,books(book_id)", status: 200, want: `[{"name":"Ursula","books":[{"book_id":5}]}]`},
		{name: "view of a view", path: "/loud_books?select=title,authors(name)", status: 200, want: `[{"title":"OMELAS","authors":{"name":"Ursula"}}]`},
		{name: "materialized", path: "/frozen?select=id,authors(name)", status: 200, want: `[{"id":5,"authors":{"name":"Ursula"}}]`},
		{name: "join", path: "/joined?select=id,books(title)", status: 200, want: `[{"id":5,"books":[{"title":"Omelas"}]}]`},
		{name: "not through a union", path: "/book_union?select=id,authors(name)", status: 400, want: `{"code":"PGRST200"}`},
		{name: "not through expressions", path: "/book_expressions?select=id,authors(name)", status: 400, want: `{"code":"PGRST200"}`},
		{
			name: "put by the key of the table below", method: "PUT", path: "/books?book_id=eq.5", body: `{"book_id":5,"title":"T","author_id":1}`, header: []string{full}, status: 200,
			want: `[{"book_id":5,"title":"T","author_id":1}]`,
		},
	})
}

// createTables makes t1 … tn of ten columns, each with a key to the one before,
// a hundred in a transaction: one takes only so many locks.
func createTables(t testing.TB, db *dbtest.DB, n int) {
	t.Helper()
	for first := 1; first <= n; first += 100 {
		exec(t, db, fmt.Sprintf(`do $$ begin
			for i in %d..%d loop
				execute format('create table public.t%%s (id bigint primary key, name text not null default ''x'', a int, b numeric(10,2), c timestamptz default now(), d jsonb, e uuid, f text[], g bool, parent bigint %%s)',
					i, case when i > 1 then format('references public.t%%s (id)', i - 1) end);
				execute format('insert into public.t%%s (id, parent) values (1, %%L)', i, case when i > 1 then 1 end);
				execute format('grant select on public.t%%s to anon', i);
			end loop;
		end $$`, first, min(first+99, n)))
	}
}

func TestCatalogOfFiveHundredTables(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	createTables(t, db, 500)
	requests := openPG(t, db.URL(sql.Authenticator), nil)
	c, err := catalog.Load(t.Context(), requests, publicOnly)
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Relation("public", "t500"); r == nil || len(r.Columns) != 10 || len(r.Links) != 1 {
		t.Fatalf("t500 is %+v", r)
	}
}

// countedQuerier counts the statements that loading a catalogue takes.
type countedQuerier struct {
	catalog.Querier
	statements atomic.Int64
}

func (q *countedQuerier) Do(ctx context.Context, tx *pg.Tx) (*pg.Result, error) {
	q.statements.Add(1 + int64(len(tx.Before)))
	return q.Querier.Do(ctx, tx)
}

// BenchmarkCatalogOfTwoThousandTables loads them, with one statement.
func BenchmarkCatalogOfTwoThousandTables(b *testing.B) {
	db := dbtest.New(b)
	createTables(b, db, 2000)
	q := &countedQuerier{Querier: openPG(b, db.URL(sql.Authenticator), nil)}
	loads := int64(0)
	for b.Loop() {
		c, err := catalog.Load(b.Context(), q, publicOnly)
		if err != nil {
			b.Fatal(err)
		}
		if r := c.Relation("public", "t2000"); r == nil || len(r.Columns) != 10 || len(r.Links) != 1 {
			b.Fatalf("t2000 is %+v", r)
		}
		if loads++; q.statements.Load() != loads {
			b.Fatalf("%d loads took %d statements", loads, q.statements.Load())
		}
	}
}

// The schema changes again and again while clients read, also the tables that
// they read: not one request fails.
func TestCatalogReloadsUnderLoad(t *testing.T) {
	t.Parallel()
	const tables, readers = 300, 8
	db := dbtest.New(t)
	createTables(t, db, tables)
	s := serveRest(t, db, nil)
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	var read atomic.Int64
	for r := range readers {
		group.Go(func() {
			for i := r; ctx.Err() == nil; i++ {
				table := 2 + i%(tables-1)
				path, want := fmt.Sprintf("/t%d?select=id,name,t%d(id)", table, table-1), fmt.Sprintf(`[{"id":1,"name":"x","t%d":{"id":1}}]`, table-1)
				if i%2 == 0 {
					path, want = fmt.Sprintf("/t%d?id=eq.1", table), `[{"id":1,`
				}
				w := s.send(t, "GET", path, "")
				if read.Add(1); w.Code != 200 || !strings.HasPrefix(w.Body.String(), want) {
					t.Errorf("%s: %d %s", path, w.Code, w.Body)
				}
			}
		})
	}
	conn := db.Conn(t)
	for i, change := range []string{
		"alter table public.t%d add column more int default 7", "create table public.other%d (id int primary key)",
		"alter table public.t%d alter column a type bigint", "create index on public.t%d (name); comment on table public.t3 is 'new'",
		"alter table public.t%d drop column c", "create view public.v%[1]d as select * from public.t%[1]d",
	} {
		ddl := fmt.Sprintf(change, 2+i)
		if _, err := conn.Exec(t.Context(), ddl); err != nil {
			t.Fatal(err)
		}
		// Clients read by the old catalogue, while the new one is loaded, and by it.
		readOn := func() {
			before := read.Load()
			eventually(t, "requests after "+ddl, func() bool { return read.Load() > before+readers })
		}
		version := s.store.Current().Version
		readOn()
		if err := s.store.Refresh(t.Context()); err != nil || s.store.Current().Version == version {
			t.Fatalf("%s made no new catalogue: %v", ddl, err)
		}
		readOn()
	}
}
