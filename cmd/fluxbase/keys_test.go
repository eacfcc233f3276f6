package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
)

// What keys prints is what serve takes.
func TestKeysAreTaken(t *testing.T) {
	setenv(t, nil)
	var out bytes.Buffer
	if status := run(t.Context(), []string{"keys"}, &out, &out); status != exitOK {
		t.Fatal(&out)
	}
	env := map[string]string{}
	for line := range strings.Lines(out.String()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	setenv(t, env)
	var user bytes.Buffer
	if status := run(t.Context(), []string{"keys", "--user", "ada"}, &user, &user); status != exitOK {
		t.Fatal(&user)
	}
	verifier, err := token.New(token.Config{Secret: env["FLUXBASE_JWT_SECRET"], AnonRole: "anon"})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]pg.Caller{
		env["FLUXBASE_ANON_KEY"]:         {Role: "anon"},
		env["FLUXBASE_SERVICE_ROLE_KEY"]: {Role: "service_role"},
		strings.TrimSpace(user.String()): {Role: "authenticated", Claims: `"sub":"ada"`},
	} {
		got, err := verifier.Caller(t.Context(), http.Header{"Authorization": {"Bearer " + key}}, token.From{})
		if err != nil || got.Role != want.Role || !strings.Contains(got.Claims, want.Claims) {
			t.Errorf("got %+v (%v), want %+v", got, err, want)
		}
	}
	if len(env["FLUXBASE_ENCRYPTION_KEY"]) != 44 {
		t.Errorf("the encryption key is not 32 bytes of base64: %d characters", len(env["FLUXBASE_ENCRYPTION_KEY"]))
	}
}
