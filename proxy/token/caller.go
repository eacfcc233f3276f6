package token

import (
	"net/http"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// keyPrefix begins Supabase's newer API keys, which are opaque and not JWTs.
const keyPrefix = "sb_"

// Caller reads on whose behalf a request runs from its headers: the bearer token
// of Authorization (RFC 6750), which supabase-js fills with the session's token or
// else with its API key; when there is none, or it is an sb_ key, the apikey
// header; when neither holds a JWT, the anonymous role. Another scheme, such as
// Basic, counts as none, and so does an apikey without a dot, as both do in
// PostgREST. Errors are those of Verify.
func (v *Verifier) Caller(h http.Header) (pg.Caller, error) {
	token, ok := bearer(h.Get("Authorization"))
	if ok && !strings.HasPrefix(token, keyPrefix) {
		return v.Verify(token)
	}
	apikey := h.Get("Apikey")
	switch {
	case strings.HasPrefix(apikey, keyPrefix):
		return v.apiKey(apikey)
	case strings.Contains(apikey, "."):
		return v.Verify(apikey)
	case ok:
		return v.apiKey(token)
	}
	return v.Anonymous()
}

// Anonymous is the caller of a request without a token, or PGRST302 when
// anonymous requests are disabled.
func (v *Verifier) Anonymous() (pg.Caller, error) {
	if v.anonRole == "" {
		return pg.Caller{}, errAnonymous()
	}
	return v.anonymous, nil
}

// apiKey answers an sb_ key. None are issued by this server, so each is unknown.
func (v *Verifier) apiKey(string) (pg.Caller, error) {
	return pg.Caller{}, errDecode("Unknown API key",
		"The key begins with sb_ but was not issued by this server; use the anon or service_role JWT")
}

// bearer takes the token off its scheme, whose case does not count. The token may
// be empty: the client meant to send one, and must be told.
func bearer(authorization string) (token string, ok bool) {
	scheme, rest := authorization, ""
	if i := strings.IndexAny(authorization, " \t"); i >= 0 {
		scheme, rest = authorization[:i], strings.TrimLeft(authorization[i:], " \t")
	}
	return rest, strings.EqualFold(scheme, "Bearer")
}
