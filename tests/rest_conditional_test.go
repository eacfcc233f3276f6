package tests

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

const conditionalFixture = restFixture + `
create table public.pages (id int primary key, title text, body text, stamp timestamptz, updated_at timestamptz not null default '2024-05-06 07:08:09.9+00');
insert into public.pages (id, title, body, stamp) select i, 'page ' || i, 'text', '2024-01-01' from generate_series(1, 9) as i;
create table public.lines (id int primary key, page_id int references public.pages (id));
insert into public.lines values (1, 1);
create view public.page_titles as select id, title from public.pages;
create table public.halves (id int primary key, shown text, hidden text);
insert into public.halves values (1, 'a', 'b');
create table public.dated (id int primary key, name text, changed timestamptz);
insert into public.dated values (1, 'x', '2024-05-06 07:08:09.9+00'), (2, 'y', now() + interval '1 hour');
comment on table public.dated is E'What is dated.\n@last_modified changed\n@cache_control public, max-age=60';
create function public.tagged() returns text language plpgsql stable as $$
begin perform set_config('response.headers', '[{"ETag": "\"own\""}]', true); return 'x'; end $$;
grant all on public.pages, public.lines, public.page_titles, public.dated to anon;
grant select (id, shown), update (shown) on public.halves to anon;
grant all on public.halves to authenticated;
`

const object = "Accept: application/vnd.pgrst.object+json"

func withETags(c *restConfig) { c.Extensions, c.ETags = true, true }

// etag reads and gives the ETag.
func (s *restServer) etag(t testing.TB, path string, header ...string) string {
	t.Helper()
	w := s.send(t, http.MethodGet, path, "", header...)
	if w.Code/100 != 2 || w.Header().Get("Etag") == "" {
		t.Fatalf("GET %s: %d with ETag %q\n%s", path, w.Code, w.Header().Get("Etag"), w.Body)
	}
	return w.Header().Get("Etag")
}

func TestReadsAreNotSentTwice(t *testing.T) {
	t.Parallel()
	s := newRest(t, conditionalFixture, func(c *restConfig) { withETags(c); c.ETagsSkip = []string{"/rest/v1/rpc/*", "/rest/v1/cli*"} })
	const list = "/pages?select=id,title&order=id&limit=2"
	tag := s.etag(t, list)
	if !strings.HasPrefix(tag, `W/"`) || len(tag) != len(`W/""`)+16 {
		t.Errorf("the ETag of a list is %s", tag)
	}
	counted := s.etag(t, list, "Prefer: count=exact")
	sent := func(tag string) string { return "If-None-Match: " + tag }
	s.run(t, []restCase{
		{name: "the same", path: list, header: []string{sent(tag)}, status: 304, wantHeader: []string{
			"ETag: " + tag, "Vary: Accept, Prefer, Range", "Content-Location: /rest/v1/pages?limit=2&order=id&select=id%2Ctitle",
			"Content-Type:", "Content-Range:", "Content-Length:",
		}},
		{name: "without its W/", path: list, header: []string{sent(strings.TrimPrefix(tag, "W/"))}, status: 304},
		{name: "in a list", path: list, header: []string{sent(`"a,b", W/"c",` + tag + `, "d"`)}, status: 304},
		{name: "in several headers", path: list, header: []string{sent(`"a"`), sent(tag)}, status: 304},
		{name: "any", path: list, header: []string{sent("*")}, status: 304},
		{name: "others", path: list, header: []string{sent(`"a", W/"b"`)}, status: 200, want: `[{"id":1,"title":"page 1"},{"id":2,"title":"page 2"}]`},
		{name: "malformed", path: list, header: []string{sent(tag[3:len(tag)-1] + `, "` + tag)}, status: 200},
		{name: "head", method: "HEAD", path: list, status: 200, wantHeader: []string{"ETag: " + tag, "Content-Type: application/json; charset=utf-8"}},
		{name: "head, the same", method: "HEAD", path: list, header: []string{sent(tag)}, status: 304},
		{name: "head that counts", method: "HEAD", path: list, header: []string{"Prefer: count=exact"}, status: 206, wantHeader: []string{"ETag:"}},
		{name: "an error has none", path: "/pages?select=nothing", header: []string{sent("*")}, status: 400, wantHeader: []string{"ETag:"}},
		{name: "a path without", path: "/clients?id=eq.1", header: []string{sent("*")}, status: 200, wantHeader: []string{"ETag:"}},
		{name: "a folder without", path: "/rpc/greet", header: []string{sent("*")}, status: 200, wantHeader: []string{"ETag:"}},
		{name: "a write has none", method: "POST", path: "/pages", body: `{"id":20}`, header: []string{sent("*")}, status: 201, wantHeader: []string{"ETag:"}},
		{name: "If-Match of a read", path: "/pages?id=eq.1", header: []string{`If-Match: "a"`}, status: 412, want: `{"code":"precondition_failed"}`, wantHeader: []string{"Content-Range:", "ETag:"}},
		{name: "any is there", path: "/pages?id=eq.1", header: []string{`If-Match: *`}, status: 200},
		{name: "weak tags match no If-Match", path: list, header: []string{"If-Match: " + tag}, status: 412},
	})
	exec(t, s.db, `update public.pages set title = 'new' where id = 2`)
	s.check(t, restCase{path: list, header: []string{sent(tag)}, status: 200, want: `[{"id":1,"title":"page 1"},{"id":2,"title":"new"}]`})
	if counted == tag {
		t.Error("an answer with another Content-Range has the same ETag")
	}
}

func TestFunctionsMayTagTheirAnswers(t *testing.T) {
	t.Parallel()
	s := newRest(t, conditionalFixture, withETags)
	s.run(t, []restCase{
		{name: "its own", path: "/rpc/tagged", status: 200, wantHeader: []string{`ETag: "own"`}},
		{name: "compared", path: "/rpc/tagged", header: []string{`If-None-Match: "own"`}, status: 304},
		{name: "by POST", method: "POST", path: "/rpc/tagged", header: []string{`If-None-Match: "own"`}, status: 200},
		{name: "of a function without", path: "/rpc/greet", header: []string{"If-None-Match: " + s.etag(t, "/rpc/greet")}, status: 304},
	})
}

func TestRowsSayWhenTheyWereChanged(t *testing.T) {
	t.Parallel()
	s := newRest(t, conditionalFixture, withETags)
	const at, before, after = "Mon, 06 May 2024 07:08:09 GMT", "Mon, 06 May 2024 07:08:08 GMT", "Mon, 06 May 2024 07:08:10 GMT"
	cache := "Cache-Control: public, max-age=60"
	s.run(t, []restCase{
		{name: "a row", path: "/dated?id=eq.1", status: 200, wantHeader: []string{"Last-Modified: " + at, cache, "Vary: Accept, Prefer, Range | Authorization, Apikey, X-Service-Key"}},
		{name: "some columns", path: "/dated?id=eq.1&select=name", status: 200, wantHeader: []string{"Last-Modified: " + at}},
		{name: "a list does not know what is gone", path: "/dated", status: 200, wantHeader: []string{"Last-Modified:", cache}},
		{name: "too new to tell", path: "/dated?id=eq.2", status: 200, wantHeader: []string{"Last-Modified:"}},
		{name: "not since", path: "/dated?id=eq.1", header: []string{"If-Modified-Since: " + at}, status: 304, wantHeader: []string{"Last-Modified: " + at, cache}},
		{name: "since", path: "/dated?id=eq.1", header: []string{"If-Modified-Since: " + before}, status: 200},
		{name: "a tag counts more", path: "/dated?id=eq.1", header: []string{"If-Modified-Since: " + after, `If-None-Match: "x"`}, status: 200},
		{name: "unmodified", path: "/dated?id=eq.1", header: []string{"If-Unmodified-Since: " + at}, status: 200},
		{name: "modified", path: "/dated?id=eq.1", header: []string{"If-Unmodified-Since: " + before}, status: 412},
	})
	exec(t, s.db, `comment on table public.pages is '@last_modified updated_at'`)
	if err := s.store.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.check(t, restCase{path: "/pages?id=eq.1", status: 200, wantHeader: []string{"Last-Modified: " + at, "Cache-Control: private, no-cache"}})
}

func TestWritesOfAVersion(t *testing.T) {
	t.Parallel()
	s := newRest(t, conditionalFixture, withETags)
	failed := `{"code":"precondition_failed","message":"the row is not as If-Match or If-None-Match says; nothing was changed","details":null,` +
		`"hint":"it was changed or deleted meanwhile, or you may not change it: read it again and send its new ETag, as it came, with the quotes and without W/"}`
	const row, change = "/pages?id=eq.1", `{"title":"changed"}`
	// However a row is read alone, its ETag is good for writing it.
	for _, read := range []restCase{
		{path: row},
		{path: "/pages?title=eq.page 2", header: []string{object}},
		{path: "/pages?id=eq.3&select=title", header: []string{object}},
		{path: "/pages?title=eq.page 4&select=id,lines(id)", header: []string{object}},
		{path: "/pages?id=eq.6", header: []string{"Prefer: count=exact"}},
		{path: "/page_titles?title=eq.page 7", header: []string{object}},
	} {
		tag := s.etag(t, read.path, read.header...)
		target, _, _ := strings.Cut(read.path, "&")
		as := []string{object, "If-Match: " + tag}
		s.check(t, restCase{method: "PATCH", path: target, body: `{"title":"first"}`, header: append(as, full), status: 200})
		target = strings.Replace(target, "=eq.page", "=not.eq.page", 1)
		s.check(t, restCase{method: "PATCH", path: target, body: `{"title":"second"}`, header: as, status: 412, want: failed})
	}
	tag := s.etag(t, row)
	other := s.etag(t, "/pages?id=eq.9")
	match := func(list string) []string { return []string{"If-Match: " + list} }
	s.run(t, []restCase{
		{name: "another's version", method: "PATCH", path: row, body: change, header: match(other), status: 412, want: failed},
		{name: "no version of ours", method: "PATCH", path: row, body: change, header: match(`"x", "', '{}"`), status: 412},
		{name: "that of some columns in a list", method: "PATCH", path: row, body: change, header: match(s.etag(t, row+"&select=title")), status: 412},
		{name: "a weak one", method: "PATCH", path: row, body: change, header: match("W/" + tag), status: 412},
		{name: "no such row", method: "DELETE", path: "/pages?id=eq.99", header: match(tag), status: 412},
		{name: "several rows", method: "PATCH", path: "/pages?id=in.(1,2)", body: change, header: match(tag), status: 400, want: `{"code":"precondition_needs_one_row"}`},
		{name: "an insert", method: "POST", path: "/pages", body: `{"id":50}`, header: match(tag), status: 400, want: `{"code":"precondition_needs_one_row"}`},
		{name: "delete of a row with another version", method: "DELETE", path: row, header: match(other), status: 412},
		{name: "put of one", method: "PUT", path: "/pages?id=eq.9", body: `{"id":9,"title":"x"}`, header: match(tag), status: 412, want: failed},
		{name: "put where none is", method: "PUT", path: "/pages?id=eq.60", body: `{"id":60}`, header: match("*"), status: 412, want: failed},
		{name: "nothing was changed", path: "/pages?or=(title.eq.changed,id.gt.9)", status: 200, wantText: `[]`},
		{name: "one of a list", method: "PATCH", path: row, body: change, header: match(other + ", " + tag), status: 204, wantHeader: []string{"X-Affected-Count: 1"}},
		{name: "any", method: "PATCH", path: row, body: `{"body":"any"}`, header: match("*"), status: 204},
		{name: "any of none", method: "PATCH", path: "/pages?id=eq.99", body: change, header: match("*"), status: 412},
		{name: "any of many", method: "PATCH", path: "/pages?id=in.(8,9)", body: `{"body":"any"}`, header: match("*"), status: 204, wantHeader: []string{"X-Affected-Count: 2"}},
		{name: "put of its version", method: "PUT", path: "/pages?id=eq.2", body: `{"id":2,"title":"put"}`, header: match(s.etag(t, "/pages?id=eq.2")), status: 204},
		{name: "put that only inserts", method: "PUT", path: "/pages?id=eq.70", body: `{"id":70,"updated_at":"2024-01-01"}`, header: []string{"If-None-Match: *"}, status: 204},
		{name: "and does not twice", method: "PUT", path: "/pages?id=eq.70", body: `{"id":70,"title":"x","updated_at":"2024-01-01"}`, header: []string{"If-None-Match: *"}, status: 412},
		{name: "a function reads the header itself", method: "POST", path: "/rpc/greet", header: match(`"x"`), status: 200},
	})
	s.check(t, restCase{method: "DELETE", path: "/pages?id=eq.9", header: match(s.etag(t, "/pages?id=eq.9")), status: 204})
	// What the role may not read is no part of what it is told.
	if tag := s.etag(t, "/halves?id=eq.1&select=shown"); !strings.HasPrefix(tag, "W/") {
		t.Errorf("the ETag %s is made of columns that the role may not read", tag)
	}
	user := "Authorization: Bearer " + restToken(t, ada)
	whole := s.etag(t, "/halves?id=eq.1", user)
	s.check(t, restCase{method: "PATCH", path: "/halves?id=eq.1", body: `{"shown":"c"}`, header: append(match(whole), user), status: 204})
}

// Of those who write at once what they have read, one succeeds.
func TestOneOfTwoWritesOfAVersionWins(t *testing.T) {
	t.Parallel()
	s := newRest(t, conditionalFixture, withETags)
	pool := s.db.Pool(t)
	for _, write := range []struct{ method, body string }{
		{"PATCH", `{"title":"mine"}`}, {"PUT", `{"id":1,"title":"mine","updated_at":"2024-01-01"}`}, {"DELETE", ""},
	} {
		tag := s.etag(t, "/pages?id=eq.1")
		exec(t, s.db, `delete from public.lines`)
		holder, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := holder.Exec(t.Context(), `select from public.pages where id = 1 for update`); err != nil {
			t.Fatal(err)
		}
		answers := make([]*httptest.ResponseRecorder, 3)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				body := strings.ReplaceAll(write.body, "mine", "mine "+string(rune('a'+i)))
				answers[i] = s.send(t, write.method, "/pages?id=eq.1", body, "If-Match: "+tag)
			})
		}
		eventually(t, "all wait for the row", func() bool {
			var n int
			err := pool.QueryRow(t.Context(), `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).Scan(&n)
			return err == nil && n == len(answers)
		})
		if err := holder.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		won := 0
		for _, w := range answers {
			switch w.Code {
			case http.StatusNoContent:
				won++
			case http.StatusPreconditionFailed:
			default:
				t.Errorf("%s: %d %s", write.method, w.Code, w.Body)
			}
		}
		if won != 1 {
			t.Errorf("%s: %d of %d succeeded, want one", write.method, won, len(answers))
		}
	}
}

func TestDropInKnowsNoPreconditions(t *testing.T) {
	t.Parallel()
	s := newRest(t, conditionalFixture, func(c *restConfig) { c.ETags = true })
	s.run(t, []restCase{
		{name: "a read", path: "/dated?id=eq.1", header: []string{"If-None-Match: *", `If-Match: "x"`}, status: 200, wantHeader: []string{"ETag:", "Last-Modified:", "Cache-Control:", "Vary: Accept, Prefer, Range"}},
		{name: "a write", method: "PATCH", path: "/dated?id=eq.1", body: `{"name":"z"}`, header: []string{`If-Match: "x"`}, status: 204},
		{name: "a put", method: "PUT", path: "/dated?id=eq.1", body: `{"id":1,"name":"y"}`, header: []string{"If-None-Match: *"}, status: 204},
	})
}
