package tests

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// phoneDB is a database in which people come by phone, without a pause between messages.
func phoneDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	set(t, db, "phone_enabled", "true")
	set(t, db, "sms_max_frequency", "0")
	return db
}

// auth-js from npm by phone, with a hook over HTTP that sends the messages.
func TestAuthClientByPhone(t *testing.T) {
	t.Parallel()
	db := phoneDB(t)
	var mu sync.Mutex
	sent := map[string][]string{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hook", func(w http.ResponseWriter, r *http.Request) {
		var event struct {
			SMS  struct{ Phone, OTP string }
			User struct{ ID string }
			Meta struct {
				Name    string `json:"name"`
				Address string `json:"ip_address"`
			} `json:"metadata"`
		}
		err := json.NewDecoder(r.Body).Decode(&event)
		if err != nil || r.Header.Get("Webhook-Signature") == "" || event.User.ID == "" || event.Meta.Name != "send-sms" || event.Meta.Address != "127.0.0.1" {
			t.Errorf("the hook is called with %+v (%v)", event, err)
		}
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(event.SMS.Phone, "99") {
			_, _ = io.WriteString(w, `{"error":{"http_code":400,"message":"no such number"}}`)
			return
		}
		mu.Lock()
		sent[event.SMS.Phone] = append(sent[event.SMS.Phone], event.SMS.OTP)
		mu.Unlock()
		_, _ = io.WriteString(w, `{}`)
	})
	mux.HandleFunc("GET /test/sms", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		for range 600 {
			mu.Lock()
			list := sent[r.URL.Query().Get("to")]
			mu.Unlock()
			if n > 0 && len(list) >= n {
				_, _ = io.WriteString(w, list[n-1])
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		http.Error(w, "no such message", http.StatusNotFound)
	})
	provider := httptest.NewServer(mux)
	t.Cleanup(provider.Close)
	s := startAuth(t, db, "FLUXBASE_AUTH_PRIVATE_ADDRESSES=true")
	s.code(t, "201", "POST", "/api/v1/admin/hooks/send_sms/secrets", "", "apikey: "+signToken(t, map[string]any{"role": "service_role"}))
	set(t, db, "hook_send_sms_uri", `"`+provider.URL+`/hook"`)
	runNode(t, s, "phone.test.mjs", "FLUXBASE_TEST_SMS="+provider.URL+"/test/sms")
	noServerErrors(t, s)
	mu.Lock()
	defer mu.Unlock()
	for _, list := range sent {
		for _, code := range list {
			if strings.Contains(s.Log(), `"`+code+`"`) {
				t.Error("the log tells a code")
			}
		}
	}
}

// The same by a function of the database, which may also be none.
func TestPhonesByAFunction(t *testing.T) {
	t.Parallel()
	db := phoneDB(t)
	s := startAuth(t, db)
	const body = `{"phone":"15550002001","password":"the tests' password"}`
	s.code(t, "422 sms_send_failed", "POST", "/auth/v1/signup", body, apiVersion)
	exec(t, db, `create table public.sent (at serial, phone text, otp text);
		create function public.send(event jsonb) returns jsonb language sql security definer as
		$$ insert into public.sent (phone, otp) values (event #>> '{sms,phone}', event #>> '{sms,otp}'); select '{}'::jsonb $$;
		grant execute on function public.send(jsonb) to supabase_auth_admin`)
	set(t, db, "hook_send_sms_uri", `"pg-functions://postgres/public/send"`)
	s.code(t, "200", "POST", "/auth/v1/signup", body, apiVersion)
	code := func() string { return queryText(t, db, `select otp from public.sent order by at desc limit 1`) }
	first := s.enters(t, "/verify", `{"type":"sms","phone":"15550002001","token":"`+code()+`"}`)
	s.code(t, "200", "POST", "/auth/v1/otp", `{"phone":"15550002001"}`, apiVersion)
	second := s.enters(t, "/verify", `{"type":"sms","phone":"15550002001","token":"`+code()+`"}`)
	if first.User.ID == "" || first.User.ID != second.User.ID {
		t.Errorf("got %s and %s", first.User.ID, second.User.ID)
	}
	s.code(t, "200", "PUT", "/auth/v1/user", `{"phone":"15550002002"}`, apiVersion, second.bearer())
	changed := s.enters(t, "/verify", `{"type":"phone_change","phone":"15550002002","token":"`+code()+`"}`)
	if claimsOf(t, changed.AccessToken)["phone"] != "15550002002" {
		t.Error("the number was not changed")
	}
}

// A hook that hears of a wrong password must not be what the answer waits for: there would
// be a user.
func TestNoAnswerWaitsForTheHookOfWrongPasswords(t *testing.T) {
	t.Parallel()
	db := authDB(t)
	heard, answered, gaveUp := make(chan struct{}), make(chan struct{}), make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		close(heard)
		select {
		case <-answered:
		case <-r.Context().Done():
			close(gaveUp)
		}
		w.Header().Set("Content-Type", "application/json")
	}))
	t.Cleanup(receiver.Close)
	s := startAuth(t, db, "FLUXBASE_AUTH_PRIVATE_ADDRESSES=true")
	s.signUp(t, "ada@example.com")
	s.code(t, "201", "POST", "/api/v1/admin/hooks/password_verification_attempt/secrets", "", "apikey: "+signToken(t, map[string]any{"role": "service_role"}))
	set(t, db, "hook_password_verification_attempt_uri", `"`+receiver.URL+`"`)
	s.code(t, "400 invalid_credentials", "POST", "/auth/v1/token?grant_type=password", `{"email":"ada@example.com","password":"x"}`, apiVersion)
	<-heard
	select {
	case <-gaveUp:
		t.Error("the answer came when the hook's time was over")
	default:
	}
	close(answered)
}
