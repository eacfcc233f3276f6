package tests

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

const unchangedFixture = `
create table public.members (user_id uuid, room int, primary key (user_id, room));
create table public.posts (id int primary key, room int, body text);
create table public.tags (id int primary key, post_id int references public.posts (id));
create table public.apart (id int primary key);
create table public.settings (id int primary key, n int not null);
insert into public.members values ('00000000-0000-0000-0000-00000000000a', 1), ('00000000-0000-0000-0000-00000000000b', 1);
insert into public.posts select i, 1, 'post ' || i from generate_series(1, 5) as i;
insert into public.settings values (1, 0);
alter table public.posts enable row level security;
create policy members on public.posts using (exists (
  select from public.members as m where m.room = posts.room and m.user_id = (select auth.uid())));
create view public.titles with (security_invoker = true) as select p.id, upper(p.body) as title from public.posts as p;
create view public.fresh as select s.id from public.settings as s where now() > '2024-01-01';
grant all on all tables in schema public to anon, authenticated;
select realtime.enable('public.posts'), realtime.enable('public.tags'), realtime.enable('public.settings');
`

// toldAll waits until each process has dealt with all that was committed before.
func toldAll(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	if err := awaitAll(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
}

func awaitAll(ctx context.Context, conn *pgx.Conn) error {
	var mark string
	if err := conn.QueryRow(ctx, `select fluxbase.mark()::text`).Scan(&mark); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, `select fluxbase.await($1::text::pg_lsn)`, mark)
	return err
}

func startUnchanged(t *testing.T) (*dbtest.DB, *server, *pgx.Conn) {
	t.Helper()
	db := dbtest.New(t)
	exec(t, db, unchangedFixture)
	s := startServer(t, db, "FLUXBASE_REPLICATION_DATABASE_URL="+db.URL(sql.Replication), "FLUXBASE_REALTIME_INSTANCE="+db.Name)
	eventually(t, "the process is trusted", func() bool { return s.metric(t, "fluxbase_bus_trusted", nil) == 1 })
	return db, s, db.Conn(t)
}

func TestNothingIsAskedWhereNothingHasChanged(t *testing.T) {
	t.Parallel()
	db, s, waiter := startUnchanged(t)
	asAda, asBob := "Authorization: Bearer "+restToken(t, ada), "Authorization: Bearer "+restToken(t, bob)
	saved := func() float64 {
		return s.metric(t, "fluxbase_rest_not_modified_total", map[string]string{"kind": "stream"})
	}
	read := func(path string, header ...string) answer {
		t.Helper()
		return s.call(t, http.MethodGet, "/rest/v1"+path, "", header...)
	}
	// remembered reads until the database is not asked any more, and gives the ETag.
	remembered := func(path, as string) string {
		t.Helper()
		tag := read(path, as).Header.Get("Etag")
		eventually(t, path+" is remembered", func() bool {
			before := saved()
			if a := read(path, as, "If-None-Match: "+tag); a.Status != http.StatusNotModified || a.Header.Get("Etag") != tag {
				t.Fatalf("%s: %d %v %s", path, a.Status, a.Header, a.Body)
			}
			return saved() > before
		})
		return tag
	}
	const list, titles = "/posts?select=id,body,tags(id)&order=id", "/titles?id=lt.3"
	tag, viewTag := remembered(list, asAda), remembered(titles, asAda)

	// With the tables locked, nobody can ask them.
	locker := db.Conn(t)
	exec := func(statement string) {
		t.Helper()
		if _, err := locker.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`begin; lock table public.posts, public.members, public.tags in access exclusive mode`)
	a := read(list, asAda, "If-None-Match: "+tag)
	if a.Status != http.StatusNotModified || a.Header.Get("Content-Location") == "" || a.Header.Get("Vary") == "" || a.Body != "" {
		t.Errorf("got %d %v %q", a.Status, a.Header, a.Body)
	}
	exec(`rollback`)

	// changed tells that the same request gets another answer as soon as a change is told.
	changed := func(statement, path, as, tag string, status int) answer {
		t.Helper()
		exec(statement)
		toldAll(t, waiter)
		a := read(path, as, "If-None-Match: "+tag)
		if a.Status != status {
			t.Fatalf("after %s: %d %s", statement, a.Status, a.Body)
		}
		return a
	}
	changed(`insert into public.tags values (1, 1)`, list, asAda, tag, 200)
	tag = remembered(list, asAda)
	changed(`insert into public.apart values (1)`, list, asAda, tag, 304)
	changed(`update public.posts set body = 'new' where id = 1`, titles, asAda, viewTag, 200)
	remembered(titles, asAda)

	// What another may see, and what is not a table's alone, is asked each time.
	tag = read(list, asAda).Header.Get("Etag")
	if a := read(list, asBob, "If-None-Match: "+tag); a.Status != 304 {
		t.Errorf("Bob sees the same: %d", a.Status)
	}
	for _, path := range []string{
		"/apart", "/fresh", "/settings?select=id,n::text", "/rpc/nothing_like_it", "/posts?body=neq.now",
	} {
		tag, before := read(path, asAda).Header.Get("Etag"), saved()
		for range 3 {
			read(path, asAda, "If-None-Match: "+tag)
		}
		if saved() != before {
			t.Errorf("%s was not asked", path)
		}
	}

	// Who writes reads what was written, at once.
	for range 2 {
		remembered(list, asAda)
		tag := read(list, asAda).Header.Get("Etag")
		if a := s.call(t, http.MethodPatch, "/rest/v1/posts?id=eq.2", `{"body":"`+tag[3:9]+`"}`, asAda, "Content-Type: application/json"); a.Status != 204 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if a := read(list, asAda, "If-None-Match: "+tag); a.Status != 200 {
			t.Errorf("the answer from before a write of one's own: %d", a.Status)
		}
	}

	// Whoever lost a right is told so, however it was lost.
	toldAll(t, waiter)
	tag = remembered(list, asAda)
	if a := changed(`delete from public.members where user_id = '`+ada+`'`, list, asAda, tag, 200); a.Body != "[]" {
		t.Errorf("who is no member sees %s", a.Body)
	}
	tag = remembered(list, asBob)
	if a := changed(`drop policy members on public.posts`, list, asBob, tag, 200); a.Body != "[]" {
		t.Errorf("without a policy Bob sees %s", a.Body)
	}
	tag = remembered(list, asBob)
	changed(`revoke select on public.posts from authenticated`, list, asBob, tag, 403)
	viewTag = remembered("/settings", asBob)
	changed(`alter publication supabase_realtime drop table public.settings`, "/settings", asBob, viewTag, 304)
	changed(`update public.settings set n = 1`, "/settings", asBob, viewTag, 200)
}

// While a table changes all the time, nobody is told that it is as it was after it
// was known everywhere that it is not.
func TestNoReaderIsLeftWithAnOldAnswer(t *testing.T) {
	t.Parallel()
	db, s, waiter := startUnchanged(t)
	writer := db.Conn(t)
	var confirmed atomic.Int64
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			tag, have := "", int64(-1)
			for !done.Load() {
				least := confirmed.Load()
				a, err := s.try(http.MethodGet, "/rest/v1/settings?select=n&id=eq.1", "", "If-None-Match: "+tag)
				switch {
				case err != nil:
					t.Error(err)
					return
				case a.Status == http.StatusOK:
					var rows []struct{ N int64 }
					if err := json.Unmarshal([]byte(a.Body), &rows); err != nil || len(rows) != 1 {
						t.Errorf("%v %s", err, a.Body)
						return
					}
					tag, have = a.Header.Get("Etag"), rows[0].N
				case a.Status != http.StatusNotModified:
					t.Errorf("%d %s", a.Status, a.Body)
					return
				}
				if have < least {
					t.Errorf("told %d, although %d was known everywhere before", have, least)
					return
				}
			}
		})
	}
	rounds := int64(60)
	if *soak > 0 {
		rounds *= 50
	}
	for n := int64(1); n <= rounds; n++ {
		_, err := writer.Exec(t.Context(), `update public.settings set n = $1`, n)
		if err == nil {
			err = awaitAll(t.Context(), waiter)
		}
		if err != nil {
			t.Error(err)
			break
		}
		confirmed.Store(n)
	}
	done.Store(true)
	readers.Wait()
}
