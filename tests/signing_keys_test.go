package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

const tokenIssuer = "https://api.example.com/auth/v1"

// anotherKey is that of a rotation.
const anotherKey = "YW5vdGhlciBlbmNyeXB0aW9uIGtleSBvZiB0ZXN0cyE="

// newSigner signs as a process does that follows no stream.
func newSigner(t *testing.T, db *dbtest.DB) *token.Signer {
	t.Helper()
	keys, err := seal.New(seal.Config{EncryptionKey: encryptionKey})
	if err != nil {
		t.Fatal(err)
	}
	service := openPG(t, db.URL(sql.Service), func(c *pg.Config) { c.MaxConnections = 4 })
	s, err := token.NewSigner(service, keys, tokenIssuer, token.Config{Secret: jwtSecret})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// accessToken is one of a user's session.
func accessToken(t *testing.T, s *token.Signer, session string) string {
	t.Helper()
	text, err := s.Sign(t.Context(), fmt.Appendf(nil, `{"sub":%q,"role":"authenticated","aud":"authenticated","session_id":%q,"exp":%d}`,
		session, session, time.Now().Add(time.Hour).Unix()))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// operate runs a command of operators and gives what it printed.
func operate(t *testing.T, db *dbtest.DB, status int, args ...string) string {
	t.Helper()
	o := runFluxbase(t, []string{"DATABASE_URL=" + db.AdminURL(), "FLUXBASE_ENCRYPTION_KEY=" + encryptionKey}, args...)
	if o.status != status {
		t.Fatalf("%v: %s", args, o)
	}
	return o.out + o.errOut
}

func sessionOf(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// While keys are added, promoted and revoked, everybody who has a token of a key that
// holds gets in everywhere, and nobody who has another.
func TestSigningKeysRotateWithoutDowntime(t *testing.T) {
	t.Parallel()
	db := keysDB(t)
	conn := db.Conn(t)
	signer := newSigner(t, db)
	public := "FLUXBASE_PUBLIC_URL=" + strings.TrimSuffix(tokenIssuer, "/auth/v1")
	// One follows the changes, one asks the database, and one has no secret of its own.
	follows, asks := startRealtime(t, db, "one", public), startServer(t, db, public)
	alone := startServer(t, db, public, "FLUXBASE_JWT_SECRET=")
	all := []*server{follows, asks, alone}
	every := func(want, text string) {
		t.Helper()
		for _, s := range all {
			s.code(t, want, "GET", "/rest/v1/things", "", "Authorization: Bearer "+text)
		}
	}
	first := accessToken(t, signer, sessionOf(1)) // makes the first key
	every("200", first)
	every("401 PGRST301", first[:len(first)-4]+"AAAA")

	// Users come all the while, with new tokens and old ones.
	var stop atomic.Bool
	var users sync.WaitGroup
	for i := range 3 {
		users.Go(func() {
			for n := 0; !stop.Load(); n++ {
				text, err := signer.Sign(t.Context(), fmt.Appendf(nil, `{"role":"authenticated","session_id":%q}`, sessionOf(100*i+n)))
				if err != nil {
					t.Error(err)
					return
				}
				if a, err := all[n%3].try("GET", "/rest/v1/things", "", "Authorization: Bearer "+text); err != nil || a.Status != 200 {
					t.Errorf("a new token while keys rotate: %v %d %s", err, a.Status, a.Body)
					return
				}
			}
		})
	}
	kid := func(state string) (kid string) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), `select l.kid from auth.list_signing_keys() as l where l.state = $1`, state).Scan(&kid); err != nil {
			t.Fatalf("the %s key: %v", state, err)
		}
		return kid
	}
	old := kid("current")
	operate(t, db, 1, "signing-keys", "rotate") // there is no next one
	operate(t, db, 0, "signing-keys", "add", "--algorithm", "EdDSA")
	next := kid("next")
	if out := operate(t, db, 1, "signing-keys", "rotate"); !strings.Contains(out, "less than ten minutes ago") {
		t.Errorf("a key that nobody may have yet: %s", out)
	}
	if out := operate(t, db, 0, "signing-keys", "rotate", "--now"); !strings.Contains(out, next+" is the current key") || kid("retired") != old {
		t.Errorf("got %s", out)
	}
	second := accessToken(t, signer, sessionOf(2))
	every("200", first)
	every("200", second)
	stop.Store(true)
	users.Wait()

	// After a leak: what the key signed is dead everywhere when revoke returns.
	third := func() string { return accessToken(t, signer, sessionOf(3)) }
	if out := operate(t, db, 0, "signing-keys", "revoke", next, "--reason", "leaked"); !strings.Contains(out, next+" is revoked") || strings.Contains(out, "confirmed") {
		t.Errorf("got %s", out)
	}
	every("401 PGRST301", second)
	every("200", first)
	every("200", third())
	if names := callAndWait(t, conn, `call auth.revoke_signing_key('`+old+`', 'leaked too')`); names != nil {
		t.Errorf("%v have not confirmed", names)
	}
	every("401 PGRST301", first)
	every("200", third())

	if out := operate(t, db, 0, "signing-keys", "list"); strings.Count(out, "\n") != 4 || strings.Count(out, "revoked") != 2 || !strings.Contains(out, kid("current")+"  ES256") {
		t.Errorf("the list is\n%s", out)
	}
	// Tokens of the secret hold beside, as long as there is one.
	follows.code(t, "200", "GET", "/rest/v1/things", "", "Authorization: Bearer "+userToken(t, "ada"))
	alone.code(t, "401 PGRST301", "GET", "/rest/v1/things", "", "Authorization: Bearer "+userToken(t, "ada"))
}

// Of many processes that start at once one makes the first key, and all sign with it.
func TestTheFirstKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	var starts sync.WaitGroup
	for range 6 {
		s := newSigner(t, db)
		starts.Go(func() {
			if err := s.Prepare(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	starts.Wait()
	var list string
	const ask = `select string_agg(l.alg || ' ' || l.state, ',') from auth.list_signing_keys() as l`
	if err := db.Conn(t).QueryRow(t.Context(), ask).Scan(&list); err != nil || list != "ES256 current" {
		t.Errorf("there are %q (%v)", list, err)
	}
}

// Two who rotate, add or revoke at once leave one key that signs, and at most one next.
func TestRotationsOfSigningKeysMeet(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conn, other := db.Conn(t), db.Conn(t)
	add := func(kid string) string {
		return fmt.Sprintf(`select auth.add_signing_key('%[1]s', 'ES256', '{"kid":"%[1]s","alg":"ES256"}', 'fbs1.k.AA')`, kid)
	}
	exec(t, db, add("a"))
	for round := range 12 {
		next := fmt.Sprintf("k%d", round)
		exec(t, db, add(next))
		calls := [][2]string{
			{`select auth.promote_signing_key(true)`, `select auth.promote_signing_key(true)`},
			{`select auth.promote_signing_key(true)`, `select auth.end_signing_key('` + next + `', 'leaked')`},
			{`select auth.promote_signing_key(true)`, add(next + "b")},
			{add(next + "a"), add(next + "b")},
		}[round%4]
		var errs [2]error
		var both sync.WaitGroup
		both.Go(func() { _, errs[0] = conn.Exec(t.Context(), calls[0]) })
		both.Go(func() { _, errs[1] = other.Exec(t.Context(), calls[1]) })
		both.Wait()
		for i, err := range errs {
			if err != nil && sqlState(err) != "55000" {
				t.Errorf("%s: %v", calls[i], err)
			}
		}
		if round%4 == 0 && (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("of two rotations not one succeeded: %v, %v", errs[0], errs[1])
		}
		var current, nexts int
		const ask = `select count(*) filter (where l.state = 'current'), count(*) filter (where l.state = 'next') from auth.list_signing_keys() as l`
		if err := conn.QueryRow(t.Context(), ask).Scan(&current, &nexts); err != nil || current != 1 || nexts > 1 {
			t.Fatalf("%v leave %d current and %d next keys (%v)", calls, current, nexts, err)
		}
		if nexts == 1 {
			exec(t, db, `select auth.promote_signing_key(true)`)
		}
	}
}

// The encryption key is changed while tokens are signed: what it sealed is sealed again.
func TestTheEncryptionKeyIsRotated(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	signer := newSigner(t, db)
	if err := signer.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	operate(t, db, 0, "signing-keys", "add")
	rotate := func(keys string) outcome {
		return runFluxbase(t, []string{"DATABASE_URL=" + db.AdminURL(), "FLUXBASE_ENCRYPTION_KEY=" + keys}, "keys", "rotate")
	}
	if o := rotate(anotherKey); o.status != 1 || strings.Count(o.errOut, "does not hold the key") != 2 {
		t.Errorf("without the old key: %s", o)
	}
	if o := rotate(""); o.status != 2 || !strings.Contains(o.errOut, "fluxbase keys prints one") {
		t.Errorf("without a key: %s", o)
	}
	both := "new:" + anotherKey + "," + encryptionKey
	if o := rotate(both); o.status != 0 || o.out != "auth.signing_keys.private_sealed: 2 sealed again under new, 2 in all\n" {
		t.Errorf("with both: %s", o)
	}
	if o := rotate("new:" + anotherKey); o.status != 0 || !strings.Contains(o.out, " 0 sealed again under new, 2 in all") {
		t.Errorf("with the new one alone: %s", o)
	}
	exec(t, db, `update auth.signing_keys set private_sealed = 'fbs1.new.AAAA' where state = 'next'`)
	if o := rotate(both); o.status != 1 || !strings.Contains(o.errOut, "it does not open") || !strings.Contains(o.out, "0 sealed again under new, 2 in all") {
		t.Errorf("with one that is broken: %s", o)
	}
	// A process that has the old key alone says so, and signs nothing.
	if text, err := newSigner(t, db).Sign(t.Context(), []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "does not hold the key that it was sealed with") {
		t.Errorf("with the old key: %q, %v", text, err)
	}
}

// What others verify with is public, and may be kept for as long as a next key waits.
func TestThePublishedKeysVerifyWithoutUs(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	signer := newSigner(t, db)
	text := accessToken(t, signer, sessionOf(1))
	var set string
	if err := db.Conn(t).QueryRow(t.Context(), `select auth.jwks()::text`).Scan(&set); err != nil {
		t.Fatal(err)
	}
	elsewhere, err := token.New(token.Config{Secret: set, AnonRole: "anon", Aud: "authenticated"})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := elsewhere.Verify(t.Context(), text)
	var claims struct{ Iss string }
	if err != nil || json.Unmarshal([]byte(caller.Claims), &claims) != nil || claims.Iss != tokenIssuer {
		t.Errorf("got %+v, %v", caller, err)
	}
}
