package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// keysDB is a database with tables in two schemas, and functions.
func keysDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	exec(t, db, `
		create schema other;
		grant usage on schema other to anon, service_role;
		create table public.things (id integer primary key, name text);
		create table other.things (id integer primary key);
		grant all on other.things to service_role;
		insert into public.things values (1, 'one');
		select realtime.enable('public.things');
		create function public.reads() returns integer language sql stable return 1;
		create function public.writes() returns integer language sql volatile return 1;
		create function public.whoami() returns json language sql stable return auth.jwt()::json;`)
	return db
}

// issued makes a key; more are arguments as name => value.
func issued(t *testing.T, conn *pgx.Conn, more ...string) (id, key string) {
	t.Helper()
	ask := `select i.id, i.key from auth.issue_service_key(` + strings.Join(append([]string{`'a key'`}, more...), ", ") + `) as i`
	if err := conn.QueryRow(t.Context(), ask).Scan(&id, &key); err != nil {
		t.Fatalf("%s: %v", ask, err)
	}
	return id, key
}

// codeOf is the status of an answer and, of an error, its code.
func codeOf(a answer) string {
	var e struct{ Code string }
	_ = json.Unmarshal([]byte(a.Body), &e) // what is no object has none
	return strings.TrimSpace(fmt.Sprint(a.Status, " ", e.Code))
}

// code asks for a path with a key and compares the answer's status and code.
func (s *server) code(t *testing.T, want, method, path, body string, header ...string) answer {
	t.Helper()
	a := s.call(t, method, path, body, header...)
	if got := codeOf(a); got != want {
		t.Errorf("%s %s: got %s, want %s\n%s", method, path, got, want, a.Body)
	}
	if (a.Status == 401 || a.Status == 403) && strings.Contains(a.Body, `"key_`) && a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s: a cache may keep %s", method, path, a.Body)
	}
	return a
}

// callAndWait calls a procedure that waits, and gives the names that it returns.
func callAndWait(t *testing.T, conn *pgx.Conn, call string) (unconfirmed []string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), call).Scan(&unconfirmed); err != nil {
		t.Fatalf("%s: %v", call, err)
	}
	return unconfirmed
}

func TestServiceKeysInEachHeaderAtBothProcesses(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	// One follows the changes and one does not: it asks the database each time.
	follows, asks := startRealtime(t, db, "one"), startServer(t, db)
	_, secret := issued(t, conn)
	id, public := issued(t, conn, `kind => 'publishable'`)
	for name, s := range map[string]*server{"follows": follows, "asks": asks} {
		t.Run(name, func(t *testing.T) {
			eventually(t, "the new keys are known", func() bool {
				a, err := s.try("GET", "/rest/v1/rpc/reads", "", "apikey: "+public)
				return err == nil && a.Status == 200
			})
			for _, header := range []string{"apikey: ", "Authorization: Bearer ", "X-Service-Key: "} {
				a := s.code(t, "200", "GET", "/rest/v1/rpc/whoami", "", header+secret)
				if !strings.Contains(a.Body, `"service_role"`) {
					t.Errorf("with %s it is %s", header, a.Body)
				}
			}
			a := s.code(t, "200", "GET", "/rest/v1/rpc/whoami", "", "apikey: "+public, "Authorization: Bearer "+public)
			if a.Body != `{"role": "anon", "service_key": "`+id+`"}` {
				t.Errorf("as supabase-js signed out it is %s", a.Body)
			}
			a = s.code(t, "200", "GET", "/rest/v1/rpc/whoami", "", "apikey: "+secret, "Authorization: Bearer "+userToken(t, "ada"))
			if !strings.Contains(a.Body, `"ada"`) || strings.Contains(a.Body, "service") {
				t.Errorf("a user with a key is %s", a.Body)
			}
			s.code(t, "401 key_invalid", "GET", "/rest/v1/things", "", "apikey: "+secret[:len(secret)-1])
			s.code(t, "401 key_invalid", "GET", "/rest/v1/things", "", "apikey: sb_secret_zzzzzzzzzzzz_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz")
			s.code(t, "200", "GET", "/rest/v1/things", "")
		})
	}
}

func TestKeysDoNoMoreThanTheirScope(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	_, reader := issued(t, conn, `read_only => true`)
	_, public := issued(t, conn, `schemas => '{public}'`, `modules => '{rest}'`)
	_, operator := issued(t, conn, `modules => '{admin}'`)
	_, office := issued(t, conn, `addresses => '{192.0.2.0/24}'`)
	_, everywhere := issued(t, conn)
	s := startRealtime(t, db, "one", "FLUXBASE_REST_DB_SCHEMAS=public,other", "FLUXBASE_SERVER_TRUSTED_PROXIES=127.0.0.1")

	const batch = `{"operations":[{"method":"GET","path":"/things"},{"method":"POST","path":"/things","body":{"id":9}}]}`
	for _, tt := range []struct{ name, key, want, method, path, body, header string }{
		{"a read", reader, "200", "GET", "/rest/v1/things", "", ""},
		{"an insert", reader, "403 key_read_only", "POST", "/rest/v1/things", `{"id":9}`, ""},
		{"an update", reader, "403 key_read_only", "PATCH", "/rest/v1/things?id=eq.1", `{"name":"x"}`, ""},
		{"a delete", reader, "403 key_read_only", "DELETE", "/rest/v1/things?id=eq.1", ``, ""},
		{"an upsert", reader, "403 key_read_only", "PUT", "/rest/v1/things?id=eq.1", `{"id":1}`, ""},
		{"a stable function", reader, "200", "POST", "/rest/v1/rpc/reads", `{}`, ""},
		{"a volatile function", reader, "403 key_read_only", "POST", "/rest/v1/rpc/writes", `{}`, ""},
		{"a volatile function by GET", reader, "200", "GET", "/rest/v1/rpc/writes", ``, ""},
		{"a write in a batch", reader, "403 key_read_only", "POST", "/rest/v1/batch", batch, ""},
		{"an import", reader, "403 key_read_only", "POST", "/rest/v1/things", "{\"id\":9}\n", "Content-Type: application/x-ndjson"},
		{"an export", reader, "200", "GET", "/rest/v1/things", "", "Accept: application/x-ndjson"},
		{"the description", reader, "200", "GET", "/rest/v1/", "", ""},
		{"a broadcast", reader, "403 key_read_only", "POST", "/realtime/v1/api/broadcast", `{"messages":[]}`, ""},
		{"a new key", reader, "403 key_read_only", "POST", "/api/v1/admin/service-keys", `{"name":"x"}`, ""},
		{"the list of keys", reader, "200", "GET", "/api/v1/admin/service-keys", "", ""},

		{"its schema", public, "200", "GET", "/rest/v1/things", "", ""},
		{"another schema", public, "403 key_schema", "GET", "/rest/v1/things", "", "Accept-Profile: other"},
		{"a write there", public, "403 key_schema", "POST", "/rest/v1/things", `{"id":9}`, "Content-Profile: other"},
		{"its description", public, "403 key_schema", "GET", "/rest/v1/", "", "Accept-Profile: other"},
		{"that of all", public, "403 key_schema", "GET", "/openapi.json", "", "Accept-Profile: other"},
		{"in a batch", public, "403 key_schema", "POST", "/rest/v1/batch", `{"operations":[{"method":"GET","path":"/things","headers":{"Accept-Profile":"other"}}]}`, ""},
		{"realtime with a key for REST", public, "403 key_module", "POST", "/realtime/v1/api/broadcast", `{"messages":[]}`, ""},
		{"its socket", public, "403 key_module", "GET", "/realtime/v1/websocket?apikey=" + public, "", ""},
		{"admin with a key for REST", public, "403 key_module", "GET", "/api/v1/admin/service-keys", "", ""},
		{"REST with a key for admin", operator, "403 key_module", "GET", "/rest/v1/things", "", ""},
		{"admin with it", operator, "200", "GET", "/api/v1/admin/service-keys", "", ""},

		{"from elsewhere", office, "403 key_address", "GET", "/rest/v1/things", "", ""},
		{"from the office", office, "200", "GET", "/rest/v1/things", "", "X-Forwarded-For: 192.0.2.7"},
		{"from elsewhere, with the office's address made up", office, "403 key_address", "GET", "/rest/v1/things", "", "X-Forwarded-For: 192.0.2.7, 198.51.100.1"},
		{"the socket from elsewhere", office, "403 key_address", "GET", "/realtime/v1/websocket?apikey=" + office, "", ""},
		{"without bounds", everywhere, "200", "GET", "/rest/v1/things", "", "Accept-Profile: other"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := []string{"apikey: " + tt.key, "Content-Type: application/json"}
			if tt.header != "" {
				header = append(header, tt.header)
			}
			s.code(t, tt.want, tt.method, tt.path, tt.body, header...)
		})
	}
	// A server that trusts no proxy believes nobody's X-Forwarded-For.
	plain := startServer(t, db)
	plain.code(t, "403 key_address", "GET", "/rest/v1/things", "", "apikey: "+office, "X-Forwarded-For: 192.0.2.7")
	var rows int
	if err := conn.QueryRow(t.Context(), `select count(*) from public.things`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("there are %d rows (%v), want the one from before", rows, err)
	}
}

// Grace and expiry are times, which each use is held against: the row's time is
// changed here in place of waiting.
func TestGraceAndExpiryEndOnTime(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	follows, asks := startRealtime(t, db, "one"), startServer(t, db)
	both := func(want, key string) {
		t.Helper()
		if names := callAndWait(t, conn, `call fluxbase.settle()`); names != nil {
			t.Errorf("%v have not confirmed", names)
		}
		for _, s := range []*server{follows, asks} {
			s.code(t, want, "GET", "/rest/v1/things", "", "apikey: "+key)
		}
	}
	id, old := issued(t, conn)
	var next string
	if err := conn.QueryRow(t.Context(), `select r.key from auth.rotate_service_key($1) as r`, id).Scan(&next); err != nil {
		t.Fatal(err)
	}
	both("200", old)
	both("200", next)
	exec(t, db, `update auth.service_keys set deprecated_at = now() - interval '25 h', grace_ends_at = now() - interval '1 h' where id = '`+id+`'`)
	both("401 key_expired", old)
	both("200", next)

	id, key := issued(t, conn, `expires_at => now() + interval '1 h'`)
	both("200", key)
	exec(t, db, `update auth.service_keys set expires_at = now() where id = '`+id+`'`)
	both("401 key_expired", key)

	// What is remembered ends by itself, without a word from the database.
	id, key = issued(t, conn)
	exec(t, db, `select auth.deprecate_service_key('`+id+`', '700 ms')`)
	eventually(t, "the key that is in memory has expired", func() bool {
		a, err := follows.try("GET", "/rest/v1/things", "", "apikey: "+key)
		return err == nil && codeOf(a) == "401 key_expired"
	})
}

// A key that was revoked through one process is refused by the other on the first
// request after the answer; also while many use it.
func TestARevokedKeyIsDeadEverywhereAtOnce(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	one, two, asks := startRealtime(t, db, "one"), startRealtime(t, db, "two"), startServer(t, db)
	_, operator := issued(t, conn)
	rounds := 4
	if *soak > 0 {
		rounds = 500
	}
	for round := range rounds {
		id, key := issued(t, conn)
		callAndWait(t, conn, `call fluxbase.settle()`)
		for _, s := range []*server{one, two, asks} {
			s.code(t, "200", "GET", "/rest/v1/things", "", "apikey: "+key)
		}
		var dead atomic.Bool
		var users sync.WaitGroup
		var late atomic.Int64
		for i := range 12 {
			s := []*server{one, two, asks}[i%3]
			users.Go(func() {
				for after := 0; after < 3; {
					was := dead.Load() // before the request begins
					a, err := s.try("GET", "/rest/v1/things", "", "apikey: "+key)
					if was {
						after++
						if err != nil || a.Status != 401 {
							late.Add(1)
						}
					}
				}
			})
		}
		if round%2 == 0 {
			a := one.code(t, "200", "POST", "/api/v1/admin/service-keys/"+id+"/revoke", `{"reason":"leaked"}`, "apikey: "+operator)
			if !strings.Contains(a.Body, `"unconfirmed":[]`) {
				t.Errorf("got %s", a.Body)
			}
		} else if names := callAndWait(t, conn, `call auth.revoke_service_key('`+id+`', 'leaked')`); names != nil {
			t.Errorf("%v have not confirmed", names)
		}
		dead.Store(true)
		for _, s := range []*server{two, one, asks} {
			s.code(t, "401 key_revoked", "GET", "/rest/v1/things", "", "apikey: "+key)
		}
		users.Wait()
		if n := late.Load(); n > 0 {
			t.Errorf("%d requests after the revocation were not refused", n)
		}
	}
}

// A process that stands still while a key is revoked is named unless its lease has ended
// by the time of the answer; it trusts nothing it remembers when it goes on, until the
// stream has brought what was done since: also if it can renew its lease before.
func TestAProcessThatStandsStillTakesNoRevokedKey(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	one, two := startRealtime(t, db, "one"), startRealtime(t, db, "two")
	_, operator := issued(t, conn)
	id, key := issued(t, conn)
	callAndWait(t, conn, `call fluxbase.settle()`)
	two.code(t, "200", "GET", "/rest/v1/things", "", "apikey: "+key)
	var sender int
	if err := conn.QueryRow(t.Context(), `
		select s.active_pid
		from pg_replication_slots as s
		where s.slot_name = $1`, "fluxbase_"+db.Name+"_two").Scan(&sender); err != nil {
		t.Fatal(err)
	}
	// Its lease, renewed for settle, ends before the last proof of its stream is as old.
	time.Sleep(700 * time.Millisecond)
	two.pause(t)
	if err := syscall.Kill(sender, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(sender, syscall.SIGCONT) })
	a := one.code(t, "200", "POST", "/api/v1/admin/service-keys/"+id+"/revoke", `{"reason":"leaked"}`, "apikey: "+operator)
	var out struct{ Unconfirmed []string }
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || out.Unconfirmed == nil || len(out.Unconfirmed) > 1 {
		t.Errorf("got %s, want one name at most", a.Body)
	}
	two.resume()
	for range 20 {
		two.code(t, "401 key_revoked", "GET", "/rest/v1/things", "", "apikey: "+key)
		time.Sleep(50 * time.Millisecond)
	}
}

func TestLegacyKeysAreRevokedByIDTokenAndDate(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	follows, asks := startRealtime(t, db, "one"), startServer(t, db)
	sign := func(claims map[string]any) string {
		claims["role"], claims["exp"] = "service_role", time.Now().Add(time.Hour).Unix()
		return signToken(t, claims)
	}
	now := time.Now().Unix()
	named, plain := sign(map[string]any{"jti": "ci", "iat": now}), sign(map[string]any{"iat": now, "n": 1})
	old, fresh := sign(map[string]any{"iat": now - 3600}), sign(map[string]any{"iat": now})
	both := func(want, token string) {
		t.Helper()
		for _, s := range []*server{follows, asks} {
			s.code(t, want, "GET", "/rest/v1/things", "", "apikey: "+token, "Authorization: Bearer "+token)
		}
	}
	for _, token := range []string{named, plain, old, fresh} {
		both("200", token)
	}
	callAndWait(t, conn, `call auth.revoke_legacy_keys('left CI', jti => 'ci')`)
	both("401 key_revoked", named)
	both("200", plain)
	callAndWait(t, conn, `call auth.revoke_legacy_keys('leaked', token => '`+plain+`')`)
	both("401 key_revoked", plain)
	both("200", old)
	a := follows.code(t, "200", "POST", "/api/v1/admin/legacy-keys/revoke",
		`{"reason":"all old ones","issued_before":"`+time.Unix(now-60, 0).UTC().Format(time.RFC3339)+`"}`, "apikey: "+fresh)
	if !strings.Contains(a.Body, `"unconfirmed":[]`) {
		t.Errorf("got %s", a.Body)
	}
	both("401 key_revoked", old)
	both("200", fresh)
	follows.code(t, "200", "GET", "/rest/v1/things", "", "Authorization: Bearer "+userToken(t, "ada"))
}

// While the database is away nobody gets in by what was remembered, and while the
// stream is, the database is asked.
func TestKeysWhileTheDatabaseOrTheStreamIsAway(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	id, key := issued(t, conn)
	follows := startRealtime(t, db, "one", "FLUXBASE_DATABASE_ACQUIRE_TIMEOUT=1s")
	follows.code(t, "200", "GET", "/rest/v1/things", "", "apikey: "+key)
	// Its login may not ask any more, and its slot's reader is ended: no trust, no answer.
	exec(t, db, `alter function auth.read_service_keys() rename to hidden;
		revoke execute on function auth.hidden() from fluxbase_replication`)
	exec(t, db, `create function auth.read_service_keys() returns jsonb language plpgsql as $$ begin raise 'away'; end $$;
		grant execute on function auth.read_service_keys() to fluxbase_replication, authenticator`)
	exec(t, db, `update auth.service_keys set name = 'a change that cannot be read' where id = '`+id+`'`)
	eventually(t, "what is remembered is not trusted", func() bool {
		a, err := follows.try("GET", "/rest/v1/things", "", "apikey: "+key)
		return err == nil && codeOf(a) == "503 key_check_unavailable"
	})
	a := follows.call(t, "GET", "/rest/v1/things", "", "apikey: "+key)
	if a.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	follows.code(t, "200", "GET", "/rest/v1/things", "")
	exec(t, db, `drop function auth.read_service_keys(); alter function auth.hidden() rename to read_service_keys;
		grant execute on function auth.read_service_keys() to fluxbase_replication`)
	eventually(t, "it is trusted again", func() bool {
		a, err := follows.try("GET", "/rest/v1/things", "", "apikey: "+key)
		return err == nil && a.Status == http.StatusOK
	})
}
