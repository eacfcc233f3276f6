package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
)

// asAdmin is what an administrator's requests bring.
func asAdmin(t *testing.T) []string {
	t.Helper()
	return []string{apiVersion, "Authorization: Bearer " + signToken(t, map[string]any{"role": "service_role"})}
}

// administer makes a call of an administrator below /auth/v1/admin, and reads its answer.
func (s *server) administer(t *testing.T, want, method, path, body string, out any) answer {
	t.Helper()
	a := s.code(t, want, method, "/auth/v1/admin"+path, body, asAdmin(t)...)
	if out != nil {
		if err := json.Unmarshal([]byte(a.Body), out); err != nil {
			t.Fatalf("%s %s: %v\n%s", method, path, err, a.Body)
		}
	}
	return a
}

// person is a user as clients get one.
type person struct {
	ID, Email, Phone, Role string
	Banned                 string         `json:"banned_until"`
	Confirmed              string         `json:"email_confirmed_at"`
	Said                   map[string]any `json:"user_metadata"`
	Known                  map[string]any `json:"app_metadata"`
	Identities             []struct{ Provider string }
}

func (s *server) signsIn(t *testing.T, want, email, password string) answer {
	t.Helper()
	return s.code(t, want, "POST", "/auth/v1/token?grant_type=password", `{"email":"`+email+`","password":"`+password+`"}`, apiVersion)
}

func TestAdministratorsMakeAndChangeUsers(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	var made person
	s.administer(t, "200", "POST", "/users", `{"email":"Ada@Example.com","password":"the tests' password","email_confirm":true,
		"user_metadata":{"name":"Ada"},"app_metadata":{"plan":"gold"},"phone":null,"nonce":""}`, &made)
	if made.Email != "ada@example.com" || made.Confirmed == "" || made.Said["name"] != "Ada" || made.Known["plan"] != "gold" || made.Known["provider"] != "email" || len(made.Identities) != 1 {
		t.Errorf("got %+v", made)
	}
	s.signsIn(t, "200", "ada@example.com", "the tests' password")
	var hashed person
	s.administer(t, "200", "POST", "/users", `{"email":"bob@example.com","email_confirm":true,"password_hash":"$2a$10$4RVoE6GsBEf3AKxerhfg.u.yk3.JzG97UdsSdF6ovAaDkbcO4yjKW"}`, &hashed)
	s.signsIn(t, "200", "bob@example.com", "the tests' password")

	for want, bodies := range map[string][]string{
		"422 email_exists": {`{"email":"ADA@example.com"}`},
		"409 conflict":     {`{"email":"x@example.com","id":"` + made.ID + `"}`},
		"400 bad_json":     {`[]`, `{"email":7}`},
		"400 validation_failed": {
			`{}`, `{"email":"x"}`, `{"phone":"x"}`, `{"email":"x@example.com","id":"7"}`, `{"email":"x@example.com","ban_duration":"soon"}`,
			`{"email":"x@example.com","password_hash":"plain"}`, `{"email":"x@example.com","role":"service_role"}`,
			`{"email":"x@example.com","role":"fluxbase_admin"}`, `{"email":"x@example.com","user_metadata":[]}`,
			`{"email":"x@example.com","password":"the tests' password","password_hash":"$2a$10$4RVoE6GsBEf3AKxerhfg.u.yk3.JzG97UdsSdF6ovAaDkbcO4yjKW"}`,
		},
	} {
		for _, body := range bodies {
			s.administer(t, want, "POST", "/users", body, nil)
		}
	}

	var read person
	path := "/users/" + made.ID
	s.administer(t, "200", "PUT", path, `{"user_metadata":{"name":null,"age":36},"email":"ada2@example.com"}`, nil)
	s.administer(t, "200", "GET", path, "", &read)
	if read.Email != "ada2@example.com" || !maps.Equal(read.Said, map[string]any{"age": 36.0}) || read.Confirmed == "" {
		t.Errorf("got %+v", read)
	}
	s.administer(t, "422 email_exists", "PUT", path, `{"email":"bob@example.com"}`, nil)
	s.administer(t, "404 user_not_found", "PUT", "/users/"+strings.Repeat("0", 8)+made.ID[8:], `{}`, nil)
	s.administer(t, "404 user_not_found", "GET", "/users/"+strings.Repeat("0", 8)+made.ID[8:], "", nil)
	s.administer(t, "404 validation_failed", "GET", "/users/7", "", nil)

	s.code(t, "401 no_authorization", "GET", "/auth/v1/admin/users", "", apiVersion)
	s.code(t, "403 not_admin", "GET", "/auth/v1/admin/users", "", apiVersion, "Authorization: Bearer "+userToken(t, made.ID))
	s.code(t, "403 not_admin", "POST", "/auth/v1/admin/users", `{}`, apiVersion, "Apikey: "+signToken(t, map[string]any{"role": "anon"}))
	s.code(t, "403 bad_jwt", "GET", "/auth/v1/admin/users", "", apiVersion, "Authorization: Bearer x.y.z")
	_, readOnly := issued(t, db.Conn(t), `read_only => true`)
	s.code(t, "200", "GET", "/auth/v1/admin/users", "", apiVersion, "Apikey: "+readOnly)
	s.code(t, "403 key_read_only", "DELETE", "/auth/v1/admin"+path, "", apiVersion, "Apikey: "+readOnly)
}

// What an administrator does to somebody holds at once, also for tokens that are out.
func TestWhoIsBannedOrDeletedIsOut(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	in := s.signUp(t, "ada@example.com")
	path := "/users/" + in.User.ID
	isOut := func(was session) {
		t.Helper()
		s.code(t, "403 session_not_found", "GET", "/auth/v1/user", "", apiVersion, was.bearer())
		s.refreshes(t, "400 refresh_token_not_found", was.RefreshToken)
	}
	var got person
	s.administer(t, "200", "PUT", path, `{"ban_duration":"24h"}`, &got)
	if got.Banned == "" {
		t.Errorf("got %+v", got)
	}
	isOut(in)
	s.signsIn(t, "400 user_banned", "ada@example.com", "the tests' password")
	s.administer(t, "200", "PUT", path, `{"ban_duration":"none"}`, nil)

	enter := func() session {
		t.Helper()
		return s.enters(t, "/token?grant_type=password", `{"email":"ada@example.com","password":"the tests' password"}`)
	}
	in = enter()
	s.administer(t, "200", "PUT", path, `{"password":"another of the tests"}`, nil)
	isOut(in)
	s.signsIn(t, "400 invalid_credentials", "ada@example.com", "the tests' password")
	s.administer(t, "200", "PUT", path, `{"password":"the tests' password"}`, nil)

	in = enter()
	other := enter()
	var sessions []struct{ ID string }
	s.administer(t, "200", "GET", path+"/sessions", "", &sessions)
	if len(sessions) != 2 {
		t.Errorf("got %v", sessions)
	}
	first := claimsOf(t, in.AccessToken)["session_id"].(string)
	s.administer(t, "200", "DELETE", path+"/sessions/"+first, "", nil)
	isOut(in)
	s.code(t, "200", "GET", "/auth/v1/user", "", other.bearer())
	s.administer(t, "200", "DELETE", path+"/sessions", "", nil)
	isOut(other)

	in = enter()
	s.administer(t, "200", "DELETE", path, `{"should_soft_delete":true}`, nil)
	s.code(t, "403 session_not_found", "GET", "/auth/v1/user", "", apiVersion, in.bearer())
	s.administer(t, "200", "GET", path, "", &got)
	if strings.Contains(got.Email, "@") {
		t.Errorf("got %+v", got)
	}
	in = s.signUp(t, "ada@example.com")
	if a := s.administer(t, "200", "DELETE", "/users/"+in.User.ID, `{"should_soft_delete":false}`, nil); a.Body != "{}" {
		t.Errorf("got %s", a.Body)
	}
	s.code(t, "403 session_not_found", "GET", "/auth/v1/user", "", apiVersion, in.bearer())
	s.administer(t, "404 user_not_found", "DELETE", "/users/"+in.User.ID, "", nil)
}

func TestUsersAreListedPageByPage(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	exec(t, db, `select auth.create_user(jsonb_build_object('email', 'u' || n || '@example.com', 'created_at', now() + n * interval '1 s'))
		from generate_series(1, 7) as g (n)`)
	type list struct {
		Users []person
		Aud   string
		Next  string `json:"next_cursor"`
	}
	emails := func(l list) (all string) {
		for _, u := range l.Users {
			all += strings.TrimSuffix(u.Email, "@example.com") + " "
		}
		return all
	}
	var got list
	a := s.administer(t, "200", "GET", "/users?page=2&per_page=3", "", &got)
	if emails(got) != "u4 u3 u2 " || got.Aud != "authenticated" || !strings.Contains(a.Body, `"identities": null`) && !strings.Contains(a.Body, `"identities":null`) {
		t.Errorf("got %s", a.Body)
	}
	if link, want := a.Header.Get("Link"), `</admin/users?page=3&per_page=3>; rel="next", </admin/users?page=3&per_page=3>; rel="last"`; link != want || a.Header.Get("X-Total-Count") != "7" {
		t.Errorf("got %s, want %s", link, want)
	}
	seen := ""
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		got = list{}
		s.administer(t, "200", "GET", "/users?per_page=3&cursor="+cursor, "", &got)
		seen, cursor = seen+emails(got), got.Next
	}
	if seen != "u7 u6 u5 u4 u3 u2 u1 " {
		t.Errorf("by cursor: %s", seen)
	}
	a = s.administer(t, "200", "GET", "/users?page=&per_page=&filter=U5", "", &got)
	if emails(got) != "u5 " || a.Header.Get("X-Total-Count") != "1" {
		t.Errorf("got %s", a.Body)
	}
	for _, query := range []string{"page=x", "per_page=0", "page=-1", "cursor=x", "cursor=2026-01-01T00:00:00Z_x"} {
		s.administer(t, "400 validation_failed", "GET", "/users?"+query, "", nil)
	}
	var events []struct{ Payload struct{ Action string } }
	s.administer(t, "200", "GET", "/audit?per_page=2", "", &events)
	if len(events) != 2 || events[0].Payload.Action != "user_signedup" {
		t.Errorf("got %+v", events)
	}
}

func TestOneAddressIsGivenToOneUser(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	made := make([]person, 10)
	for i := range made {
		s.administer(t, "200", "POST", "/users", fmt.Sprintf(`{"email":"old%d@example.com"}`, i), &made[i])
	}
	var mu sync.Mutex
	got := map[string]int{}
	var admins sync.WaitGroup
	header := asAdmin(t)
	for i := range 20 {
		admins.Go(func() {
			method, path := "POST", "/auth/v1/admin/users"
			if i%2 == 0 {
				method, path = "PUT", path+"/"+made[i/2].ID
			}
			a, err := s.try(method, path, `{"email":"one@example.com"}`, header...)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			got[codeOf(a)]++
		})
	}
	admins.Wait()
	if want := map[string]int{"200": 1, "422 email_exists": 19}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Sign-outs, bans, impersonations and deletions of one user at once end well, and nobody
// is in afterwards.
func TestEndingsOfOneUserDoNotMeet(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	servers := []*server{startAuth(t, db), startAuth(t, db)}
	header := asAdmin(t)
	for round := range 3 {
		in := servers[0].signUp(t, fmt.Sprintf("r%d@example.com", round))
		path := "/auth/v1/admin/users/" + in.User.ID
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				var a answer
				var err error
				s := servers[i%2]
				switch i % 5 {
				case 0:
					a, err = s.try("PUT", path, `{"ban_duration":"1h"}`, header...)
				case 1:
					a, err = s.try("POST", path+"/impersonate", `{"reason":"a test"}`, header...)
				case 2:
					a, err = s.try("DELETE", path+"/sessions", "", header...)
				case 3:
					a, err = s.try("POST", "/auth/v1/token?grant_type=password", `{"email":"`+in.User.Email+`","password":"the tests' password"}`)
				default:
					if i == 19 {
						a, err = s.try("DELETE", path, "", header...)
					}
				}
				if err != nil || a.Status >= 500 {
					t.Errorf("%d: %v %d %s", i, err, a.Status, a.Body)
				}
			})
		}
		all.Wait()
		if n := queryText(t, db, `select count(*)::text from auth.sessions`); n != "0" {
			t.Errorf("%s sessions are open after the ban", n)
		}
	}
}

func TestWhoActsInAUsersPlaceIsSeenAndBound(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	s := startAuth(t, db)
	in := s.signUp(t, "ada@example.com")
	path := "/users/" + in.User.ID + "/impersonate"
	var acting session
	s.administer(t, "200", "POST", path, `{"reason":"ticket 7","minutes":10}`, &acting)
	claims := claimsOf(t, acting.AccessToken)
	if acting.ExpiresIn > 601 || claims["sub"] != in.User.ID || claims["act"].(map[string]any)["sub"] != "role:service_role" {
		t.Errorf("got %v", claims)
	}
	again := s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+acting.RefreshToken+`"}`)
	if again.ExpiresIn > 601 {
		t.Errorf("a refresh makes it %d s", again.ExpiresIn)
	}
	s.code(t, "200", "GET", "/auth/v1/user", "", again.bearer())

	var sessions []struct {
		ID, Impersonator string
		Current          bool
	}
	a := s.code(t, "200", "GET", "/auth/v1/user/sessions", "", in.bearer())
	if err := json.Unmarshal([]byte(a.Body), &sessions); err != nil || len(sessions) != 2 || sessions[0].Impersonator != "role:service_role" || sessions[0].Current || !sessions[1].Current {
		t.Errorf("the user sees %s", a.Body)
	}
	own := sessions[1].ID
	s.code(t, "403 impersonated", "DELETE", "/auth/v1/user/sessions/"+own, "", apiVersion, again.bearer())
	if got := queryText(t, db, `select details ->> 'reason' from audit.events where action = 'user.impersonated'`); got != "ticket 7" {
		t.Errorf("the reason is %q", got)
	}

	// Clients sign out everywhere unless told otherwise: not here.
	s.code(t, "204", "POST", "/auth/v1/logout", "", again.bearer())
	s.code(t, "403 session_not_found", "GET", "/auth/v1/user", "", apiVersion, again.bearer())
	s.code(t, "200", "GET", "/auth/v1/user", "", in.bearer())

	s.administer(t, "200", "POST", path, `{"reason":"ticket 8"}`, &acting)
	s.code(t, "200", "DELETE", "/auth/v1/user/sessions/"+claimsOf(t, acting.AccessToken)["session_id"].(string), "", in.bearer())
	s.refreshes(t, "400 refresh_token_not_found", acting.RefreshToken)
	s.code(t, "404 validation_failed", "DELETE", "/auth/v1/user/sessions/7", "", apiVersion, in.bearer())
	for _, body := range []string{`{}`, `{"reason":" "}`, `{"reason":"x","minutes":0}`, `{"reason":"x","minutes":61}`} {
		s.administer(t, "400 validation_failed", "POST", path, body, nil)
	}
	s.code(t, "403 not_admin", "POST", "/auth/v1/admin"+path, `{"reason":"x"}`, apiVersion, in.bearer())
}

func TestSettingsOfAuthAreChangedByHTTP(t *testing.T) {
	t.Parallel()
	s := startAuth(t, authDB(t))
	header := asAdmin(t)
	const path = "/api/v1/admin/auth/settings"
	if a := s.code(t, "200", "PUT", path, `{"jwt_exp":60,"disable_signup":true}`, header...); a.Body != `{ "disable_signup" : true, "jwt_exp" : 60 }` {
		t.Errorf("got %s", a.Body)
	}
	s.code(t, "422 signup_disabled", "POST", "/auth/v1/signup", `{"email":"a@b.de","password":"the tests' password"}`, apiVersion)
	var list []struct {
		Name, Kind, About string
		Value, Fallback   any
	}
	a := s.code(t, "200", "GET", path, "", header...)
	if err := json.Unmarshal([]byte(a.Body), &list); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, l := range list {
		found = found || l.Name == "jwt_exp" && l.Value == 60.0 && l.Fallback == 3600.0 && l.Kind == "positive" && l.About != ""
	}
	if !found {
		t.Errorf("got %s", a.Body)
	}
	s.code(t, "400 22023", "PUT", path, `{"disable_signup":false,"nothing":1}`, header...)
	s.code(t, "422 signup_disabled", "POST", "/auth/v1/signup", `{"email":"a@b.de","password":"the tests' password"}`, apiVersion)
	s.code(t, "400 invalid_request", "PUT", path, `[]`, header...)
	s.code(t, "200", "PUT", path, `{"disable_signup":null}`, header...)
	s.code(t, "200", "POST", "/auth/v1/signup", `{"email":"a@b.de","password":"the tests' password"}`, apiVersion)
	s.code(t, "403 forbidden", "PUT", path, `{}`, "Apikey: "+signToken(t, map[string]any{"role": "anon"}))
}

func TestTheAdminAPIOfSupabaseWorks(t *testing.T) {
	t.Parallel()
	db, box := authDB(t), startSMTP(t)
	s := startAuth(t, db, box.env()...)
	runNode(t, s, "auth_admin.test.mjs")
	eventually(t, "two invitations are there", func() bool { return len(box.to("invited@admin.test")) == 2 })
}

func TestManageUsersPage(t *testing.T) {
	t.Parallel()
	runDemoPage(t, "../docs/how-to/manage-users.md", authEnv()...)
}

func TestManyInvitationsOfOneAddressMakeOneUser(t *testing.T) {
	t.Parallel()
	db, box := authDB(t), startSMTP(t)
	s := startAuth(t, db, box.env()...)
	var mu sync.Mutex
	ids := map[string]int{}
	var admins sync.WaitGroup
	header := asAdmin(t)
	for range 20 {
		admins.Go(func() {
			a, err := s.try("POST", "/auth/v1/invite", `{"email":"one@example.com"}`, header...)
			var got person
			if err == nil {
				err = json.Unmarshal([]byte(a.Body), &got)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil || a.Status != 200 {
				t.Errorf("%v: %s", err, a.Body)
			}
			ids[got.ID]++
		})
	}
	admins.Wait()
	if len(ids) != 1 {
		t.Errorf("20 invitations made %v", ids)
	}
	if n := queryText(t, db, `select count(*)::text from auth.one_time_tokens where superseded_at is null`); n != "1" {
		t.Errorf("%s links are good, want the last", n)
	}
}
