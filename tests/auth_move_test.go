package tests

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// movedDB is a database into which a dump of Supabase's users went.
func movedDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := authDB(t)
	dump, err := os.ReadFile("testdata/supabase_auth.sql")
	if err != nil {
		t.Fatal(err)
	}
	runPsql(t, toolsFolder(t), db.AdminURL(), string(dump))
	return db
}

func TestWhoMovesFromSupabaseStaysSignedIn(t *testing.T) {
	t.Parallel()
	db := movedDB(t)
	servers := []*server{startAuth(t, db), startAuth(t, db)}
	s := servers[0]
	s.signsIn(t, "200", "ada@moved.test", "the tests' password")
	if got := queryText(t, db, `select left(encrypted_password, 9) from auth.users where email = 'ada@moved.test'`); got != "$argon2id" {
		t.Errorf("the hash begins with %s after a sign-in", got)
	}
	s.signsIn(t, "400 invalid_credentials", "ada@moved.test", "another")
	s.signsIn(t, "400 invalid_credentials", "bob@moved.test", "the tests' password")

	// All tabs come with the token that they had there.
	var mu sync.Mutex
	next := map[string]int{}
	var tabs sync.WaitGroup
	for i := range 20 {
		tabs.Go(func() {
			old := "adau8rbn3vch"
			if i%4 == 0 {
				old = "adaq29dxm5lt" // whose answer was lost on the way
			}
			got := servers[i%2].enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+old+`"}`)
			mu.Lock()
			next[got.RefreshToken]++
			mu.Unlock()
		})
	}
	tabs.Wait()
	if len(next) != 1 {
		t.Fatalf("20 tabs got %d tokens, want one for all", len(next))
	}
	for token := range next {
		got := s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+token+`"}`)
		s.refreshes(t, "400 refresh_token_already_used", "adau8rbn3vch")
		s.code(t, "403 session_not_found", "GET", "/auth/v1/user", "", apiVersion, got.bearer())
	}
	got := s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"eveu8rbn3vch"}`)
	if !got.User.IsAnonymous {
		t.Errorf("got %+v", got.User)
	}
	if amr := claimsOf(t, got.AccessToken)["amr"].([]any)[0].(map[string]any); amr["method"] != "anonymous" {
		t.Errorf("got %v", amr)
	}
	s.refreshes(t, "400 refresh_token_already_used", "bobzk4fq7wd1")
	s.refreshes(t, "400 refresh_token_not_found", "bobu8rbn3vch")
	s.refreshes(t, "400 refresh_token_not_found", "nobodyhasone")
}

func TestMoveFromSupabaseAuthPage(t *testing.T) {
	t.Parallel()
	db := demoDB(t)
	dump, err := filepath.Abs("testdata/supabase_auth.sql")
	if err != nil {
		t.Fatal(err)
	}
	runPage(t, "../docs/how-to/move-from-supabase-auth.md", append(append(serveEnv(db), authEnv()...),
		"PATH="+toolsFolder(t)+":"+os.Getenv("PATH"), "DATABASE_URL="+db.AdminURL(),
	), "-f supabase_auth.sql", "-f "+dump)
}

func TestTwoImportsOfOneFileMakeEachUserOnce(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	const users = `select auth.import_users((
		select jsonb_agg(jsonb_build_object('email', 'u' || n || '@example.com') order by n * $1) from generate_series(1, 100) as g (n)
	)) ->> 'made'`
	made := make([]int, 2)
	var imports sync.WaitGroup
	for i, order := range []int{1, -1} {
		conn := db.Conn(t)
		imports.Go(func() {
			var n string
			if err := conn.QueryRow(t.Context(), users, order).Scan(&n); err != nil {
				t.Error(err)
			}
			made[i], _ = strconv.Atoi(n) // compared below
		})
	}
	imports.Wait()
	if made[0]+made[1] != 100 {
		t.Errorf("two imports of 100 users made %v", made)
	}
}
