package tests

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/auth/hook"
	"github.com/fluxbase/fluxbase/proxy/auth/mail"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/webhook"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// hookStatus is that of a hook's refusal, with its code and message.
func hookStatus(err error) (text string) {
	e := new(hook.Error)
	if !errors.As(err, &e) {
		return "no refusal"
	}
	return http.StatusText(e.Status) + " " + e.Code + " " + e.Message
}

func TestHooksThatAreFunctions(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `
		create schema hooks;
		create table hooks.banned (domain text);
		insert into hooks.banned values ('example.org');
		create function hooks.decide(event jsonb) returns jsonb language plpgsql as $$
		begin
			if event #>> '{user,email}' = 'slow@example.com' then perform pg_sleep(60); end if;
			if event #>> '{user,email}' = 'odd@example.com' then perform 1 / 0; end if;
			if exists (select from hooks.banned as b where event #>> '{user,email}' like '%@' || b.domain) then
				return '{"error": {"http_code": 403, "message": "not from there"}}';
			end if;
			return jsonb_build_object('as', current_user, 'for', event #>> '{metadata,ip_address}');
		end $$;
		create function hooks.steal(event jsonb) returns jsonb language plpgsql as $$
		begin
			execute 'set local role service_role';
			return '{}';
		end $$;
		grant usage on schema hooks to supabase_auth_admin;
		grant select on hooks.banned to supabase_auth_admin;
		grant execute on all functions in schema hooks to supabase_auth_admin`)
	set(t, db, "hook_before_user_created_uri", `"pg-functions://postgres/hooks/decide"`)
	set(t, db, "hook_send_sms_uri", `"pg-functions://postgres/hooks/steal"`)
	service := openPG(t, db.URL("fluxbase_service"), nil)
	hooks := hook.New(service, testKeys(t), false, slog.New(slog.DiscardHandler))
	run := func(name, email string) string {
		answer, err := hooks.Run(t.Context(), netip.MustParseAddr("192.0.2.7"), name, map[string]any{"user": map[string]any{"email": email}})
		if err != nil {
			return hookStatus(err)
		}
		return string(answer)
	}
	for _, tt := range []struct{ name, email, want string }{
		{"before_user_created", "ada@example.com", `{"as": "supabase_auth_admin", "for": "192.0.2.7"}`},
		{"before_user_created", "eve@example.org", "Forbidden unknown not from there"},
		{"before_user_created", "odd@example.com", "Internal Server Error unexpected_failure Error running hook before_user_created"},
		{"before_user_created", "slow@example.com", "Internal Server Error hook_timeout The hook took too long"},
		{"send_sms", "ada@example.com", "Internal Server Error unexpected_failure Error running hook send_sms"},
		{"custom_access_token", "ada@example.com", ""},
	} {
		if got := run(tt.name, tt.email); got != strings.Replace(tt.want, "Internal Server Error hook", "Unprocessable Entity hook", 1) {
			t.Errorf("%s of %s: got %s, want %s", tt.name, tt.email, got, tt.want)
		}
	}
	exec(t, db, `revoke execute on function hooks.decide(jsonb) from supabase_auth_admin, public`)
	if got := run("before_user_created", "ada@example.com"); !strings.HasPrefix(got, "Internal Server Error") {
		t.Errorf("a hook that may not be called says %s", got)
	}
}

func TestMailsThroughAHook(t *testing.T) {
	t.Parallel()
	db, box := dbtest.New(t), startSMTP(t)
	calls := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Webhook-Signature") == "" {
			t.Error("a hook is called without a signature")
		}
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(string(body), "refused@example.com") {
			_, _ = io.WriteString(w, `{"error":{"http_code":422,"message":"refused@example.com is none"}}`)
			return
		}
		_, _ = io.WriteString(w, `{}`)
		calls <- string(body)
	}))
	t.Cleanup(receiver.Close)
	keys := testKeys(t)
	const id = "5e0ec0de-0000-4000-8000-000000000002"
	_, sealed := webhook.Table("auth.hook_secrets").New(keys, id)
	exec(t, db, `insert into auth.users (id, email, email_change) values ('5e0ec0de-0000-4000-8000-00000000000a', 'ada@example.com', 'ada@example.org');
		select auth.add_hook_secret('send_email', '`+id+`', '`+sealed+`')`)
	set(t, db, "hook_send_email_uri", `"`+receiver.URL+`"`)
	// It sends also where there is no mail server.
	sender, _ := startSender(t, db, box, func(c *mail.Config, _ *mail.Deps) { c.Host = "" })
	if err := sender.Check(t.Context()); err != nil {
		t.Error(err)
	}
	link := mail.Seal(keys, mail.Link{Code: "123456", Hash: "of-the-link"})
	args, err := json.Marshal(link)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, `select auth.queue_mail('magic_link', '5e0ec0de-0000-4000-8000-00000000000a', 'ada@example.com', '{"redirect_to": "https://app.test"}', '`+string(args)+`')`)
	sender.Kick()
	var got struct {
		User struct{ ID, Email string }
		Data map[string]any        `json:"email_data"`
		Meta struct{ Name string } `json:"metadata"`
	}
	if err := json.Unmarshal([]byte(<-calls), &got); err != nil {
		t.Fatal(err)
	}
	if got.User.Email != "ada@example.com" || got.Data["token"] != "123456" || got.Data["token_hash"] != "of-the-link" ||
		got.Data["email_action_type"] != "magiclink" || got.Data["redirect_to"] != "https://app.test" || got.Meta.Name != "send-email" {
		t.Errorf("the hook is told %+v", got)
	}
	refused := queueMail(t, db, "invite", "refused@example.com", `{}`)
	sender.Kick()
	wantMailState(t, db, refused, "failed 1 the hook send_email: 422 unknown")
	if len(box.to("ada@example.com")) != 0 {
		t.Error("the mail server got it too")
	}
}

// Two operators who replace a secret at once leave both.
func TestHookSecretsAreAddedAtOnce(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	service := openPG(t, db.URL("fluxbase_service"), func(c *pg.Config) { c.MaxConnections = 8 })
	tx := pg.Tx{Caller: pg.Caller{Role: "service_role", Claims: `{"role":"service_role"}`}}
	done := make(chan error)
	for range 8 {
		go func() {
			_, err := runTx(t.Context(), service, tx, `select auth.add_hook_secret('send_sms', gen_random_uuid(), 'fbs1.k.x')`)
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	const id = `select (secrets #>> '{0,id}') from auth.list_hooks() where name = 'send_sms'`
	first := mustRun(t, service, tx, id)[0]
	dropped := make(chan string)
	for range 8 {
		go func() {
			out, err := runTx(t.Context(), service, tx, `select auth.drop_hook_secret($1::uuid)::text`, first)
			if err != nil {
				out = []string{err.Error()}
			}
			dropped <- out[0]
		}()
	}
	hits := 0
	for range 8 {
		if <-dropped == "true" {
			hits++
		}
	}
	left := mustRun(t, service, tx, `select jsonb_array_length(secrets)::text from auth.list_hooks() where name = 'send_sms'`)[0]
	if hits != 1 || left != "7" {
		t.Errorf("%d dropped the one secret, and %s are left", hits, left)
	}
}

// Hooks in the flows: who may come, what tokens say, and which passwords are let in.
func TestHooksDecide(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	exec(t, db, `
		create schema hooks;
		create table hooks.tried (id bigint generated always as identity, valid boolean);
		create function hooks.colleagues(event jsonb) returns jsonb language sql return case
			when event #>> '{user,email}' like '%@example.com' then '{}'
			else '{"error": {"http_code": 403, "message": "Only colleagues"}}' end::jsonb;
		create function hooks.claims(event jsonb) returns jsonb language sql return
			jsonb_build_object('claims', event -> 'claims' || '{"plan": "gold"}');
		create function hooks.password(event jsonb) returns jsonb language plpgsql as $$
		begin
			insert into hooks.tried (valid) values ((event -> 'valid')::boolean);
			return '{"decision": "continue"}';
		end $$;
		create function hooks.reject(event jsonb) returns jsonb language sql
			return '{"decision": "reject", "message": "Not today", "should_logout_user": true}'::jsonb;
		grant usage on schema hooks to supabase_auth_admin;
		grant insert on hooks.tried to supabase_auth_admin;
		grant execute on all functions in schema hooks to supabase_auth_admin`)
	s := startAuth(t, db, "FLUXBASE_AUTH_PRIVATE_ADDRESSES=true")
	hooked := func(name, function string) {
		set(t, db, "hook_"+name+"_uri", `"pg-functions://postgres/hooks/`+function+`"`)
	}
	body := func(email string) string { return `{"email":"` + email + `","password":"the tests' password"}` }

	hooked("before_user_created", "colleagues")
	a := s.code(t, "403 hook_refused", "POST", "/auth/v1/signup", body("eve@example.org"), apiVersion)
	if !strings.Contains(a.Body, "Only colleagues") {
		t.Errorf("got %s", a.Body)
	}
	s.code(t, "403 hook_refused", "POST", "/auth/v1/signup", `{}`, apiVersion)
	s.signUp(t, "ada@example.com")
	if n := queryText(t, db, `select count(*)::text from auth.users`); n != "1" {
		t.Errorf("%s users", n)
	}
	operator := "apikey: " + signToken(t, map[string]any{"role": "service_role"})
	for _, kind := range []string{"signup", "invite", "magiclink"} {
		s.code(t, "403 hook_refused", "POST", "/auth/v1/admin/generate_link", `{"type":"`+kind+`","email":"eve@example.org","password":"the tests' password"}`, apiVersion, operator)
	}
	// Whom an administrator makes, it is not asked about.
	s.code(t, "200", "POST", "/auth/v1/admin/users", `{"email":"eve@example.org"}`, operator)

	hooked("custom_access_token", "claims")
	ada := s.enters(t, "/token?grant_type=password", body("ada@example.com"))
	again := s.enters(t, "/token?grant_type=refresh_token", `{"refresh_token":"`+ada.RefreshToken+`"}`)
	for _, got := range []session{ada, again} {
		if claims := claimsOf(t, got.AccessToken); claims["plan"] != "gold" || claims["email"] != "ada@example.com" {
			t.Errorf("got %v", claims)
		}
	}

	hooked("password_verification_attempt", "password")
	s.enters(t, "/token?grant_type=password", body("ada@example.com"))
	s.code(t, "400 invalid_credentials", "POST", "/auth/v1/token?grant_type=password", `{"email":"ada@example.com","password":"x"}`, apiVersion)
	eventually(t, "the hook hears of both", func() bool {
		return queryText(t, db, `select coalesce(string_agg(valid::text, ' ' order by id), '') from hooks.tried`) == "true false"
	})
	hooked("password_verification_attempt", "reject")
	a = s.code(t, "400 invalid_credentials", "POST", "/auth/v1/token?grant_type=password", body("ada@example.com"), apiVersion)
	if !strings.Contains(a.Body, "Not today") {
		t.Errorf("got %s", a.Body)
	}
	s.refreshes(t, "400 refresh_token_not_found", again.RefreshToken)

	// One over HTTP is called while nothing is held in the database.
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Webhook-Signature") != "" && strings.Contains(string(said), `"bob@example.com"`) {
			_, _ = w.Write([]byte(`{}`))
			return
		}
		_, _ = w.Write([]byte(`{"error":{"http_code":418,"message":"A teapot"}}`))
	}))
	defer receiver.Close()
	s.code(t, "201", "POST", "/api/v1/admin/hooks/before_user_created/secrets", "", operator)
	set(t, db, "hook_before_user_created_uri", `"`+receiver.URL+`"`)
	s.signUp(t, "bob@example.com")
	a = s.code(t, "418 hook_refused", "POST", "/auth/v1/signup", body("carl@example.com"), apiVersion)
	if !strings.Contains(a.Body, "A teapot") {
		t.Errorf("got %s", a.Body)
	}
}
