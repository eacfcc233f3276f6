package tests

import (
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
)

func TestAnAddressLeadsToItsOwnerAlone(t *testing.T) {
	t.Parallel()
	p, db := startOpenID(t), providersDB(t)
	s := startServer(t, db, providersEnv()...)
	p.offer(t, s, "google", `"preset":"oidc"`)
	p.offer(t, s, "github", `"preset":"oidc"`)
	v := newVisitor(t, s)

	t.Run("an attacker who signed up first", func(t *testing.T) {
		p.person("victim", "victim@example.com", true)
		exec(t, db, `select auth.make_user('victim@example.com', null, 'the attacker''s hash', '{"evil":1}')`)
		id := in(t, v.comes(t, "google", "victim"))
		var hash *string
		scan(t, db, &hash, `select encrypted_password from auth.users where id = $1`, id)
		if hash != nil {
			t.Error("the attacker's password is still good")
		}
	})
	t.Run("an attacker at a careless provider", func(t *testing.T) {
		p.person("owner", "owner@example.com", true)
		p.person("thief", "owner@example.com", false)
		id := in(t, v.comes(t, "google", "owner"))
		out(t, "provider_email_needs_verification", v.comes(t, "github", "thief"))
		p.offer(t, s, "github", `"preset":"oidc","email_optional":true`)
		if thief := in(t, v.comes(t, "github", "thief")); thief == id {
			t.Error("the attacker is the owner")
		}
		// The other way round: whoever comes first with it unverified keeps nobody out.
		p.person("early", "late@example.com", false)
		p.person("late", "late@example.com", true)
		early := in(t, v.comes(t, "github", "early"))
		if in(t, v.comes(t, "google", "late")) == early {
			t.Error("the owner of an address becomes who came with it first")
		}
	})
	t.Run("two providers that have both verified it", func(t *testing.T) {
		p.person("both", "both@example.com", true)
		if in(t, v.comes(t, "google", "both")) != in(t, v.comes(t, "github", "both")) {
			t.Error("they lead to two users")
		}
	})
	t.Run("the same at once", func(t *testing.T) {
		p.person("rush", "rush@example.com", true)
		var callbacks []*url.URL
		for i := range 10 {
			callbacks = append(callbacks, v.leaves(t, []string{"google", "github"}[i%2], "rush"))
		}
		var all sync.WaitGroup
		for _, callback := range callbacks {
			all.Go(func() { in(t, v.arrives(t, callback)) })
		}
		all.Wait()
		var users, identities int
		scan(t, db, &users, `select count(*) from auth.users where email = 'rush@example.com'`)
		scan(t, db, &identities, `select count(*) from auth.identities where provider_id = 'rush'`)
		if users != 1 || identities != 2 {
			t.Errorf("%d users with %d identities", users, identities)
		}
	})
	t.Run("who is banned, and who is new where nobody may be", func(t *testing.T) {
		p.person("bad", "bad@example.com", true)
		id := in(t, v.comes(t, "google", "bad"))
		exec(t, db, `update auth.users set banned_until = now() + interval '1 hour' where id = '`+id+`'`)
		out(t, "user_banned", v.comes(t, "google", "bad"))
		set(t, db, "disable_signup", "true")
		p.person("late comer", "comer@example.com", true)
		out(t, "signup_disabled", v.comes(t, "google", "late comer"))
		set(t, db, "disable_signup", "false")
	})
}

func TestUsersLinkAccountsAndTakeThemAway(t *testing.T) {
	t.Parallel()
	p, db := startOpenID(t), providersDB(t)
	set(t, db, "anonymous_users_enabled", "true")
	set(t, db, "mailer_autoconfirm", "true")
	s := startServer(t, db, providersEnv()...)
	p.offer(t, s, "keycloak")
	p.person("ada", "ada@example.com", true)
	p.person("victim", "victim@example.com", true)
	anyone := s.enters(t, "/signup", `{}`)
	v := newVisitor(t, s)

	link := func(t *testing.T, who session, person string, more ...string) *url.URL {
		t.Helper()
		query := url.Values{"provider": {"keycloak"}, "redirect_to": {appURL}, "login_hint": {person}, "skip_http_redirect": {"true"}}
		for i := 0; i+1 < len(more); i += 2 {
			query.Set(more[i], more[i+1])
		}
		a := s.code(t, "200", "GET", "/auth/v1/user/identities/authorize?"+query.Encode(), "", who.bearer(), apiVersion)
		var to struct{ URL string }
		if err := json.Unmarshal([]byte(a.Body), &to); err != nil {
			t.Fatal(err)
		}
		callback, _ := v.goes(t, to.URL)
		return callback
	}
	identities := func(user string) (n int) {
		scan(t, db, &n, `select count(*) from auth.identities where user_id = $1`, user)
		return n
	}

	s.code(t, "404 manual_linking_disabled", "GET", "/auth/v1/user/identities/authorize?provider=keycloak", "", anyone.bearer(), apiVersion)
	set(t, db, "manual_linking_enabled", "true")
	s.code(t, "401 no_authorization", "GET", "/auth/v1/user/identities/authorize?provider=keycloak", "", apiVersion)

	t.Run("who was anonymous is so no more", func(t *testing.T) {
		told := v.arrives(t, link(t, anyone, "ada"))
		claims := claimsOf(t, told.Get("access_token"))
		if claims["sub"] != anyone.User.ID || claims["is_anonymous"] != false || claims["email"] != "ada@example.com" {
			t.Errorf("got %v", claims)
		}
		if user := in(t, v.comes(t, "keycloak", "ada")); user != anyone.User.ID {
			t.Error("the account leads to another user")
		}
	})
	t.Run("an account of another", func(t *testing.T) {
		bob := s.signUp(t, "bob@example.com")
		out(t, "identity_already_exists", v.arrives(t, link(t, bob, "ada")))
		s.code(t, "422 identity_already_exists", "POST", "/auth/v1/token?grant_type=id_token",
			`{"provider":"keycloak","link_identity":true,"id_token":"`+p.idToken(t, "ada", nil)+`"}`, bob.bearer(), apiVersion)
	})
	t.Run("a victim who follows the link of an attacker", func(t *testing.T) {
		attacker := s.signUp(t, "attacker@example.com")
		told := v.arrives(t, link(t, attacker, "victim", "code_challenge", challenge(pkceVerifier), "code_challenge_method", "s256"))
		if identities(attacker.User.ID) != 1 {
			t.Error("the victim's account is the attacker's")
		}
		exchange := `{"auth_code":"` + told.Get("code") + `","code_verifier":"`
		s.code(t, "400 bad_code_verifier", "POST", "/auth/v1/token?grant_type=pkce", exchange+strings.Repeat("y", 43)+`"}`, apiVersion)
		if identities(attacker.User.ID) != 1 {
			t.Error("the victim's account is the attacker's without the verifier")
		}
		// With it, it is who began.
		got := s.enters(t, "/token?grant_type=pkce", exchange+pkceVerifier+`"}`)
		if got.User.ID != attacker.User.ID || identities(attacker.User.ID) != 2 {
			t.Error("who began does not get the account")
		}
	})
	t.Run("the last one stays, however many ask at once", func(t *testing.T) {
		carol := s.signUp(t, "carol@example.com")
		for _, name := range []string{"one", "two", "three"} {
			s.enters(t, "/token?grant_type=id_token", `{"provider":"keycloak","link_identity":true,"id_token":"`+p.idToken(t, "carol "+name, nil)+`"}`, carol.bearer())
		}
		var ids []string
		scan(t, db, &ids, `select array_agg(id::text) from auth.identities where user_id = $1`, carol.User.ID)
		if len(ids) != 4 {
			t.Fatalf("%d identities", len(ids))
		}
		s.code(t, "422 identity_not_found", "DELETE", "/auth/v1/user/identities/"+ids[0], "", s.signUp(t, "dan@example.com").bearer(), apiVersion)
		var all sync.WaitGroup
		for _, id := range ids {
			all.Go(func() { s.call(t, "DELETE", "/auth/v1/user/identities/"+id, "", carol.bearer()) })
		}
		all.Wait()
		if n := identities(carol.User.ID); n != 1 {
			t.Errorf("%d identities are left, want 1", n)
		}
		var last string
		scan(t, db, &last, `select id::text from auth.identities where user_id = $1`, carol.User.ID)
		s.code(t, "422 single_identity_not_deletable", "DELETE", "/auth/v1/user/identities/"+last, "", carol.bearer(), apiVersion)
	})
}
