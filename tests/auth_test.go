package tests

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// encryptionKey is that of the tests.
const encryptionKey = "dGhlIGVuY3J5cHRpb24ga2V5IG9mIGFsbCB0ZXN0cyE="

// startAuth runs the product with auth in front of db.
func startAuth(t *testing.T, db *dbtest.DB, env ...string) *server {
	t.Helper()
	return startServer(t, db, append(authEnv(), env...)...)
}

// authEnv is what auth takes beside what startServer gives. The least that a hash may
// cost, because tests sign in all the time.
func authEnv() []string {
	return []string{
		"FLUXBASE_ENCRYPTION_KEY=" + encryptionKey, "FLUXBASE_PUBLIC_URL=http://auth.test",
		"FLUXBASE_AUTH_ARGON2_MEMORY=7168", "FLUXBASE_AUTH_ARGON2_ITERATIONS=5",
	}
}

// authDB is a database in which addresses need no mail.
func authDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	set(t, db, "mailer_autoconfirm", "true")
	set(t, db, "anonymous_users_enabled", "true")
	return db
}

// set changes a setting of auth.
func set(t *testing.T, db *dbtest.DB, name, value string) {
	t.Helper()
	exec(t, db, `select auth.set_setting('`+name+`', '`+value+`')`)
}

// session is what a client keeps of one.
type session struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
	User         struct {
		ID          string
		Email       string
		IsAnonymous bool `json:"is_anonymous"`
	}
}

func (s session) bearer() string { return "Authorization: Bearer " + s.AccessToken }

// apiVersion asks for errors in their newer shape.
const apiVersion = "X-Supabase-Api-Version: 2024-01-01"

// enters makes a call of auth that must give a session.
func (s *server) enters(t *testing.T, path, body string, header ...string) (got session) {
	t.Helper()
	a := s.code(t, "200", "POST", "/auth/v1"+path, body, append(header, apiVersion)...)
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil || got.AccessToken == "" || got.RefreshToken == "" || got.ExpiresIn < 1 {
		t.Fatalf("POST %s: got %s, want a session", path, a.Body)
	}
	return got
}

func (s *server) signUp(t *testing.T, email string) session {
	t.Helper()
	return s.enters(t, "/signup", `{"email":"`+email+`","password":"the tests' password"}`)
}

func (s *server) refreshes(t *testing.T, want, token string) answer {
	t.Helper()
	return s.code(t, want, "POST", "/auth/v1/token?grant_type=refresh_token", `{"refresh_token":"`+token+`"}`, apiVersion)
}

func TestAPersonSignsUpInAndOut(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	exec(t, db, `create table public.whoami (owner uuid default auth.uid()); alter table public.whoami enable row level security;
		create policy own on public.whoami using (owner = auth.uid())`)
	s := startAuth(t, db)
	first := s.enters(t, "/signup", `{"email":"Ada@Example.com","password":"the tests' password","data":{"name":"Ada","email_verified":false}}`)
	if first.User.Email != "ada@example.com" {
		t.Errorf("got %q", first.User.Email)
	}
	claims := claimsOf(t, first.AccessToken)
	want := map[string]any{
		"iss": "http://auth.test/auth/v1", "sub": first.User.ID, "aud": "authenticated", "role": "authenticated", "aal": "aal1",
		"email": "ada@example.com", "phone": "", "is_anonymous": false,
	}
	for name, value := range want {
		if claims[name] != value {
			t.Errorf("claim %s: got %v, want %v", name, claims[name], value)
		}
	}
	if md := claims["user_metadata"].(map[string]any); md["name"] != "Ada" || md["email_verified"] != true || md["sub"] != first.User.ID {
		t.Errorf("user_metadata: got %v", md)
	}
	if amr := claims["amr"].([]any)[0].(map[string]any); amr["method"] != "password" {
		t.Errorf("amr: got %v", claims["amr"])
	}

	s.code(t, "201", "POST", "/rest/v1/whoami", `{}`, first.bearer())
	if a := s.code(t, "200", "GET", "/rest/v1/whoami", "", first.bearer()); a.Body != `[{"owner":"`+first.User.ID+`"}]` {
		t.Errorf("got %s", a.Body)
	}

	s.code(t, "400 invalid_credentials", "POST", "/auth/v1/token?grant_type=password", `{"email":"ada@example.com","password":"another"}`, apiVersion)
	s.code(t, "400 invalid_credentials", "POST", "/auth/v1/token?grant_type=password", `{"email":"bob@example.com","password":"another"}`, apiVersion)
	s.code(t, "422 user_already_exists", "POST", "/auth/v1/signup", `{"email":"ada@example.com","password":"the tests' password"}`, apiVersion)
	second := s.enters(t, "/token?grant_type=password", `{"email":" ADA@example.com","password":"the tests' password"}`)

	var user struct {
		ID, Role   string
		Identities []struct{ Provider string }
		Metadata   map[string]any `json:"app_metadata"`
	}
	a := s.code(t, "200", "GET", "/auth/v1/user", "", second.bearer())
	if err := json.Unmarshal([]byte(a.Body), &user); err != nil || user.ID != first.User.ID || len(user.Identities) != 1 || user.Metadata["provider"] != "email" {
		t.Errorf("got %s", a.Body)
	}
	s.code(t, "401 no_authorization", "GET", "/auth/v1/user", "", apiVersion)
	s.code(t, "403 bad_jwt", "GET", "/auth/v1/user", "", apiVersion, "Authorization: Bearer "+signToken(t, map[string]any{"role": "anon"}))
	s.code(t, "403 bad_jwt", "GET", "/auth/v1/user", "", apiVersion, "Authorization: Bearer "+second.RefreshToken)

	s.code(t, "204", "POST", "/auth/v1/logout?scope=others", "", second.bearer())
	s.code(t, "403 session_not_found", "GET", "/auth/v1/user", "", apiVersion, first.bearer())
	s.refreshes(t, "400 refresh_token_not_found", first.RefreshToken)
	s.code(t, "200", "GET", "/auth/v1/user", "", second.bearer())
	s.code(t, "400 validation_failed", "POST", "/auth/v1/logout?scope=none", "", apiVersion, second.bearer())
	s.code(t, "204", "POST", "/auth/v1/logout", "", second.bearer())
	s.refreshes(t, "400 refresh_token_not_found", second.RefreshToken)
}

func TestAnAnonymousPersonIsASession(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	got := s.enters(t, "/signup", `{"data":{"theme":null}}`)
	if !got.User.IsAnonymous || got.User.Email != "" || claimsOf(t, got.AccessToken)["is_anonymous"] != true {
		t.Errorf("got %+v", got)
	}
	set(t, db, "anonymous_users_enabled", "false")
	s.code(t, "422 anonymous_provider_disabled", "POST", "/auth/v1/signup", `{}`, apiVersion)
}

// Tabs and servers of one app come with the same token at once, through several
// processes: each must get the same next one, and none may be signed out.
func TestTabsThatRefreshAtOnceStaySignedIn(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	servers := []*server{startAuth(t, db), startAuth(t, db)}
	got := servers[0].signUp(t, "tabs@example.com")
	for range 3 {
		var mu sync.Mutex
		next := map[string]int{}
		var tabs sync.WaitGroup
		for i := range 50 {
			tabs.Go(func() {
				s := servers[i%2].enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+got.RefreshToken+`"}`)
				mu.Lock()
				next[s.RefreshToken]++
				mu.Unlock()
			})
		}
		tabs.Wait()
		if len(next) != 1 {
			t.Fatalf("50 tabs got %d tokens, want one for all", len(next))
		}
		for token := range next {
			if token == got.RefreshToken {
				t.Fatal("the token was not replaced")
			}
			got.RefreshToken = token
		}
	}
}

func TestAStolenRefreshTokenEndsTheSession(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	stolen := s.signUp(t, "stolen@example.com")
	next := s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+stolen.RefreshToken+`"}`)
	last := s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+next.RefreshToken+`"}`)
	s.refreshes(t, "400 refresh_token_already_used", stolen.RefreshToken)
	s.refreshes(t, "400 refresh_token_not_found", last.RefreshToken)
	s.code(t, "403 session_not_found", "GET", "/auth/v1/user", "", apiVersion, last.bearer())
	if got := queryText(t, db, `select count(*)::text from audit.events where action = 'refresh_token.reused'`); got != "1" {
		t.Errorf("%s events tell of it, want 1", got)
	}
}

// The answer to a refresh was lost, and the app comes again much later.
func TestALostRefreshIsMadeGood(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	set(t, db, "refresh_token_reuse_interval", "0")
	s := startAuth(t, db)
	got := s.signUp(t, "lost@example.com")
	lost := s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+got.RefreshToken+`"}`)
	again := s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+got.RefreshToken+`"}`)
	if again.RefreshToken == lost.RefreshToken {
		t.Error("the lost token was given out once more, long after")
	}
	again = s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+again.RefreshToken+`"}`)
	s.refreshes(t, "400 refresh_token_already_used", lost.RefreshToken)
	s.refreshes(t, "400 refresh_token_not_found", again.RefreshToken)
}

func TestRefreshTokensThatAreNone(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	good := s.signUp(t, "none@example.com").RefreshToken
	last := good[len(good)-5:]
	for want, tokens := range map[string][]string{
		"400 validation_failed":       {"", "x", "fbr1", "fbr1.k.", good[:len(good)-4], good + "AAAA", "null"},
		"400 refresh_token_not_found": {strings.Replace(good, last, "AAAAA", 1)},
	} {
		for _, token := range tokens {
			s.refreshes(t, want, token)
		}
	}
	s.code(t, "401 PGRST301", "GET", "/rest/v1/", "", "Authorization: Bearer "+good)
	s.code(t, "400 bad_json", "POST", "/auth/v1/token?grant_type=refresh_token", `{"refresh_token":1}`, apiVersion)
	s.code(t, "400 validation_failed", "POST", "/auth/v1/token?grant_type=magic", `{}`, apiVersion)
}

func TestOneAddressSignsUpOnce(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	servers := []*server{startAuth(t, db), startAuth(t, db)}
	var mu sync.Mutex
	got := map[string]int{}
	var people sync.WaitGroup
	for i := range 20 {
		people.Go(func() {
			a, err := servers[i%2].try("POST", "/auth/v1/signup", `{"email":"one@example.com","password":"the tests' password"}`, apiVersion)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			got[codeOf(a)]++
		})
	}
	people.Wait()
	if want := map[string]int{"200": 1, "422 user_already_exists": 19}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := queryText(t, db, `select count(*)::text from auth.users`); n != "1" {
		t.Errorf("%s users", n)
	}
}

// A ban and sign-ins at once: whoever came first, nobody is in afterwards.
func TestABanOutrunsSignInsAndRefreshes(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	for round := range 4 {
		email := string(rune('a'+round)) + "@example.com"
		got := s.signUp(t, email)
		var people sync.WaitGroup
		for i := range 10 {
			people.Go(func() {
				path, body := "/token?grant_type=password", `{"email":"`+email+`","password":"the tests' password"}`
				if i%2 == 0 {
					path, body = "/token?grant_type=refresh_token", `{"refresh_token":"`+got.RefreshToken+`"}`
				}
				if _, err := s.try("POST", "/auth/v1"+path, body, apiVersion); err != nil {
					t.Error(err)
				}
			})
		}
		exec(t, db, `update auth.users set banned_until = 'infinity' where id = '`+got.User.ID+`';
			delete from auth.sessions where user_id = '`+got.User.ID+`'`)
		people.Wait()
		if n := queryText(t, db, `select count(*)::text from auth.sessions where user_id = '`+got.User.ID+`'`); n != "0" {
			t.Errorf("%s sessions are open after the ban", n)
		}
		s.code(t, "400 user_banned", "POST", "/auth/v1/token?grant_type=password", `{"email":"`+email+`","password":"the tests' password"}`, apiVersion)
	}
}

func TestSessionsEndWhenTheirTimeIsOver(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	got := s.signUp(t, "time@example.com")
	set(t, db, "sessions_single_per_user", "true")
	newer := s.enters(t, "/token?grant_type=password", `{"email":"time@example.com","password":"the tests' password"}`)
	s.refreshes(t, "400 refresh_token_not_found", got.RefreshToken)
	set(t, db, "sessions_timebox", "3600")
	exec(t, db, `update auth.sessions set created_at = created_at - interval '2 h'`)
	s.refreshes(t, "400 session_expired", newer.RefreshToken)
	set(t, db, "sessions_timebox", "0")
	set(t, db, "sessions_inactivity_timeout", "60")
	newer = s.enters(t, "/token?grant_type=password", `{"email":"time@example.com","password":"the tests' password"}`)
	exec(t, db, `update auth.sessions set created_at = created_at - interval '2 min'`)
	s.refreshes(t, "400 session_expired", newer.RefreshToken)
	set(t, db, "jwt_exp", "60")
	if got := s.signUp(t, "short@example.com"); got.ExpiresIn > 60 {
		t.Errorf("the token is good for %d s, want at most 60", got.ExpiresIn)
	}
}

func TestClientsOfAuthReadItsErrors(t *testing.T) {
	t.Parallel()
	s := startAuth(t, authDB(t))
	newer := s.call(t, "POST", "/auth/v1/token?grant_type=password", `{"email":"a@b.de","password":"x"}`, apiVersion, "X-Request-Id: abc")
	older := s.call(t, "POST", "/auth/v1/token?grant_type=password", `{"email":"a@b.de","password":"x"}`, "X-Request-Id: abc")
	if want := `{"code":"invalid_credentials","message":"Invalid login credentials","request_id":"abc"}`; newer.Body != want || newer.Status != 400 {
		t.Errorf("got %d %s, want %s", newer.Status, newer.Body, want)
	}
	if want := `{"code":400,"error_code":"invalid_credentials","msg":"Invalid login credentials","request_id":"abc"}`; older.Body != want {
		t.Errorf("got %s, want %s", older.Body, want)
	}
	for _, a := range []answer{newer, older} {
		if a.Header.Get("X-Sb-Error-Code") != "invalid_credentials" || a.Header.Get("X-Supabase-Api-Version") != "2024-01-01" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %v", a.Header)
		}
	}
	long := s.call(t, "POST", "/auth/v1/signup", `{"email":"`+strings.Repeat("a", 70<<10)+`"}`, apiVersion)
	if got := codeOf(long); got != "413 request_entity_too_large" {
		t.Errorf("got %s", got)
	}
	s.code(t, "404 not_found", "GET", "/auth/v1/nowhere", "", apiVersion)
	s.code(t, "405 method_not_allowed", "GET", "/auth/v1/token", "", apiVersion)
	for _, email := range []string{"a", "a@", "@b", "a b@c.de", "a@b.de\\r\\nBcc: x@y.de", "Ada <a@b.de>", "a@b.de,c@d.de", "a@b.de\\u0000"} {
		s.code(t, "400 validation_failed", "POST", "/auth/v1/signup", `{"email":"`+email+`","password":"the tests' password"}`, apiVersion)
	}
}

func TestSettingsOfAuthAreLive(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	var got struct {
		External map[string]bool
		Disable  bool `json:"disable_signup"`
	}
	read := func() {
		t.Helper()
		if err := json.Unmarshal([]byte(s.code(t, "200", "GET", "/auth/v1/settings", "").Body), &got); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if !got.External["email"] || got.External["phone"] || got.Disable {
		t.Errorf("got %+v", got)
	}
	set(t, db, "disable_signup", "true")
	read()
	if !got.Disable {
		t.Error("the change did not hold at once")
	}
	s.code(t, "422 signup_disabled", "POST", "/auth/v1/signup", `{"email":"a@b.de","password":"the tests' password"}`, apiVersion)
	s.code(t, "200", "GET", "/auth/v1/health", "")
}

// Without a key nothing that has to be kept is served, and the log says what to do.
func TestAuthWantsItsKeys(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startServer(t, db)
	s.code(t, "404 not_found", "GET", "/auth/v1/settings", "")
	s.logs(t, "auth is not served")
	s.logs(t, "fluxbase keys prints one")
}

func claimsOf(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}
