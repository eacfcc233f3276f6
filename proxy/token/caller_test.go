package token

import (
	"net/http"
	"testing"
	"time"
)

func TestCallerOfARequest(t *testing.T) {
	t.Parallel()
	user, anon := good(`{"role":"user"}`), good(`{"role":"visitor"}`)
	const unknown = "Unknown API key"
	for _, tt := range []struct{ name, authorization, apikey, role, code, message string }{
		{"nothing", "", "", "anon", "", ""},
		{"key in both, as without a session", "Bearer " + anon, anon, "visitor", "", ""},
		{"session and key", "Bearer " + user, anon, "user", "", ""},
		{"session and opaque key", "Bearer " + user, "sb_publishable_abc", "user", "", ""},
		{"session alone", "Bearer " + user, "", "user", "", ""},
		{"key alone", "", anon, "visitor", "", ""},
		{"opaque bearer, JWT key", "Bearer sb_secret_abc", anon, "visitor", "", ""},
		{"lower case", "bearer " + user, "", "user", "", ""},
		{"upper case, two spaces", "BEARER  " + user, "", "user", "", ""},
		{"tab", "Bearer\t" + user, "", "user", "", ""},
		{"basic", "Basic dTpw", "", "anon", "", ""},
		{"basic and key", "Basic dTpw", anon, "visitor", "", ""},
		{"token without scheme", user, "", "anon", "", ""},
		{"scheme that begins like ours", "BearerX " + user, "", "anon", "", ""},
		{"apikey that is no JWT", "", "whatever", "anon", "", ""},

		{"bad session is not made up for by a good key", "Bearer " + user + "x", anon, "", "PGRST301", msgNoKey},
		{"empty bearer", "Bearer", anon, "", "PGRST301", msgEmpty},
		{"empty bearer, space", "Bearer ", "", "", "PGRST301", msgEmpty},
		{"token and more", "Bearer " + user + " more", "", "", "PGRST301", msgBadCrypto},
		{"bad key", "", "a.b", "", "PGRST301", "Expected 3 parts in JWT; got 2"},
		{"opaque key in both", "Bearer sb_secret_abc", "sb_secret_abc", "", "PGRST301", unknown},
		{"opaque bearer alone", "Bearer sb_secret_abc", "", "", "PGRST301", unknown},
		{"opaque bearer, key that is no JWT", "Bearer sb_secret_abc", "whatever", "", "PGRST301", unknown},
		{"opaque key alone", "", "sb_publishable_abc", "", "PGRST301", unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, Config{Secret: secret, AnonRole: "anon"})
			h := http.Header{}
			if tt.authorization != "" {
				h.Set("Authorization", tt.authorization)
			}
			if tt.apikey != "" {
				h.Set("apikey", tt.apikey)
			}
			got, err := v.Caller(t.Context(), h, From{})
			if tt.code == "" {
				wantCaller(t, got, err, tt.role, `{"role":"`+tt.role+`"}`)
				return
			}
			if e := asError(t, got, err); e.Code != tt.code || e.Message != tt.message {
				t.Errorf("got %s %q, want %s %q", e.Code, e.Message, tt.code, tt.message)
			}
		})
	}
}

func TestCallerOfAKnownTokenAllocatesNothing(t *testing.T) {
	v := newVerifier(t, Config{Secret: secret, AnonRole: "anon"})
	v.now = time.Now
	token := good(`{"role":"user","exp":9999999999}`)
	for name, h := range map[string]http.Header{
		"session": {"Authorization": {"Bearer " + token}, "Apikey": {token}},
		"apikey":  {"Apikey": {token}},
		"none":    {},
	} {
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := v.Caller(t.Context(), h, From{}); err != nil {
				t.Error(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations, want none", name, allocs)
		}
	}
}
