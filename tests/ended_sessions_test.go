package tests

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// endSession is what every way to sign out comes to.
func endSession(session string) string {
	return fmt.Sprintf(`insert into auth.ended_sessions (session_id, forget_at) values ('%s', now() + interval '1 h')`, session)
}

// A user who has signed out is refused by each process on the first request after it was
// confirmed, at every part of the API; also while many use the token.
func TestAnEndedSessionIsDeadEverywhereAtOnce(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	signer := newSigner(t, db)
	one, two, asks := startRealtime(t, db, "one"), startRealtime(t, db, "two"), startServer(t, db)
	all := []*server{one, two, asks}
	rounds := 2
	if *soak > 0 {
		rounds = 300
	}
	for round := range rounds {
		session, stays := sessionOf(2*round), accessToken(t, signer, sessionOf(2*round+1))
		ours := accessToken(t, signer, session)
		old := signToken(t, map[string]any{"role": "authenticated", "session_id": session, "exp": time.Now().Add(time.Hour).Unix()})
		for _, s := range all {
			s.code(t, "200", "GET", "/rest/v1/things", "", "Authorization: Bearer "+ours)
			s.code(t, "200", "GET", "/rest/v1/things", "", "Authorization: Bearer "+old)
		}
		var dead atomic.Bool
		var users sync.WaitGroup
		var late atomic.Int64
		for i := range 9 {
			s := all[i%3]
			users.Go(func() {
				for after := 0; after < 3; {
					was := dead.Load() // before the request begins
					a, err := s.try("GET", "/rest/v1/things", "", "Authorization: Bearer "+ours)
					if was {
						after++
						if err != nil || a.Status != 401 {
							late.Add(1)
						}
					}
				}
			})
		}
		exec(t, db, endSession(session))
		if names := callAndWait(t, conn, `call fluxbase.settle()`); names != nil {
			t.Errorf("%v have not confirmed", names)
		}
		dead.Store(true)
		for _, s := range all {
			for _, text := range []string{ours, old} {
				s.code(t, "401 PGRST303", "GET", "/rest/v1/things", "", "Authorization: Bearer "+text)
				s.code(t, "401 PGRST303", "GET", "/api/v1/admin/service-keys", "", "Authorization: Bearer "+text)
				if s != asks {
					s.code(t, "401 PGRST303", "POST", "/realtime/v1/api/broadcast", `{"messages":[]}`, "Authorization: Bearer "+text)
				}
			}
			s.code(t, "200", "GET", "/rest/v1/things", "", "Authorization: Bearer "+stays)
		}
		users.Wait()
		if n := late.Load(); n > 0 {
			t.Errorf("%d requests after the sign-out were not refused", n)
		}
	}
	// Who starts later knows of all who have signed out before.
	three := startRealtime(t, db, "three")
	three.code(t, "401 PGRST303", "GET", "/rest/v1/things", "", "Authorization: Bearer "+accessToken(t, signer, sessionOf(0)))
}

// The channels of a session end with it, and those of others do not.
func TestSocketsOfAnEndedSessionAreClosed(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	signer := newSigner(t, db)
	s := startRealtime(t, db, "one")
	join := func(text string) *socket {
		w := openSocket(t, s)
		w.write(fmt.Sprintf(`["1","1","realtime:all","phx_join",{"access_token":%q}]`, text))
		w.expect("phx_reply", `"ok"`)
		return w
	}
	goes, stays := join(accessToken(t, signer, sessionOf(1))), join(accessToken(t, signer, sessionOf(2)))
	renewed := join(accessToken(t, signer, sessionOf(3)))
	renewed.write(fmt.Sprintf(`["1","2","realtime:all","access_token",{"access_token":%q}]`, accessToken(t, signer, sessionOf(1))))
	renewed.write(`[null,"3","phoenix","heartbeat",{}]`)
	renewed.expect("phx_reply", `"ok"`) // what was before is done
	exec(t, db, endSession(sessionOf(3)))
	exec(t, db, endSession(sessionOf(1)))
	for _, w := range []*socket{goes, renewed} {
		w.expect("system", "Unauthorized: JWT session has ended")
		w.expect("phx_close", "")
	}
	goes.write(fmt.Sprintf(`["2","2","realtime:all","phx_join",{"access_token":%q}]`, accessToken(t, signer, sessionOf(1))))
	goes.expect("phx_reply", "InvalidJWTToken: JWT session has ended")

	// A truncate and a transaction too large to be told row by row are looked up as a whole.
	exec(t, db, `truncate auth.ended_sessions; insert into auth.ended_sessions (session_id, forget_at)
		select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, now() + interval '1 h' from generate_series(2, 25000) as n`)
	stays.expect("system", "Unauthorized: JWT session has ended")
	stays.expect("phx_close", "")
	if names := callAndWait(t, conn, `call fluxbase.settle()`); names != nil {
		t.Errorf("%v have not confirmed", names)
	}
	s.code(t, "401 PGRST303", "GET", "/rest/v1/things", "", "Authorization: Bearer "+accessToken(t, signer, sessionOf(24_999)))
	s.code(t, "200", "GET", "/rest/v1/things", "", "Authorization: Bearer "+accessToken(t, signer, sessionOf(25_001)))

	// So do those of a key that is revoked.
	last := join(accessToken(t, signer, sessionOf(25_001)))
	operate(t, db, 0, "signing-keys", "add")
	exec(t, db, `select auth.end_signing_key(l.kid, 'leaked') from auth.list_signing_keys() as l where l.state = 'current'`)
	last.expect("system", "Unauthorized: No suitable key")
	last.expect("phx_close", "")
}

// A process that stands still while a user signs out, and whose stream stands still for
// longer, lets nobody in by what it remembers.
func TestAProcessThatStandsStillTakesNoEndedSession(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	text := accessToken(t, newSigner(t, db), sessionOf(1))
	s := startRealtime(t, db, "one")
	s.code(t, "200", "GET", "/rest/v1/things", "", "Authorization: Bearer "+text)
	var sender int
	if err := conn.QueryRow(t.Context(), `
		select s.active_pid
		from pg_replication_slots as s
		where s.slot_name = $1`, "fluxbase_"+db.Name+"_one").Scan(&sender); err != nil {
		t.Fatal(err)
	}
	s.pause(t)
	if err := syscall.Kill(sender, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(sender, syscall.SIGCONT) })
	exec(t, db, endSession(sessionOf(1)))
	callAndWait(t, conn, `call fluxbase.settle()`) // for as long as its lease
	s.resume()
	for range 20 {
		s.code(t, "401 PGRST303", "GET", "/rest/v1/things", "", "Authorization: Bearer "+text)
		time.Sleep(50 * time.Millisecond)
	}
	// While the database can't be asked either, nobody with a session gets in.
	exec(t, db, `revoke execute on function auth.check_sessions(uuid[]) from fluxbase_replication`)
	s.code(t, "503 token_check_unavailable", "GET", "/rest/v1/things", "", "Authorization: Bearer "+text)
	s.code(t, "200", "GET", "/rest/v1/things", "", "Authorization: Bearer "+userToken(t, "ada"))
}

// A server for REST alone, on a database that has nothing of ours, takes tokens with any
// session and asks nobody about them.
func TestSessionsCostNothingWhereThereAreNone(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	exec(t, db, `drop function auth.check_sessions(uuid[])`)
	s := startServer(t, db, "FLUXBASE_MODULES=rest")
	text := signToken(t, map[string]any{"role": "authenticated", "session_id": sessionOf(1), "exp": time.Now().Add(time.Hour).Unix()})
	s.code(t, "200", "GET", "/rest/v1/things", "", "Authorization: Bearer "+text)
}
