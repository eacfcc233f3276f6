package token

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// keyPrefix begins Supabase's newer API keys, which are opaque and not JWTs.
const keyPrefix = "sb_"

// From is where a request comes from, and what it is for.
type From struct {
	// Module is the capability that answers it, as the scope of a service key names it.
	Module string
	// Or is another whose keys may, too; empty for none.
	Or string
	// Address is that of the client; zero when nobody tells.
	Address netip.Addr
}

// Caller reads on whose behalf a request runs from its headers: the bearer token
// of Authorization (RFC 6750), which supabase-js fills with the session's token or
// else with its API key; when there is none, or it is an sb_ key, the service key of
// X-Service-Key, of apikey or of Authorization; when there is neither, a JWT in
// apikey; else the anonymous role. Another scheme, such as Basic, counts as none, and
// so does an apikey without a dot, as both do in PostgREST. Errors are those of Verify,
// and of service keys: 401, 403, or 503 while they can't be checked.
func (v *Verifier) Caller(ctx context.Context, h http.Header, from From) (pg.Caller, error) {
	token, ok := bearer(first(h["Authorization"]))
	if ok && !strings.HasPrefix(token, keyPrefix) {
		return v.Verify(ctx, token)
	}
	apikey := first(h["Apikey"])
	if v.source != nil {
		if key := first(h["X-Service-Key"]); key != "" {
			return v.serviceKey(ctx, key, from)
		}
	}
	switch {
	case strings.HasPrefix(apikey, keyPrefix):
		return v.serviceKey(ctx, apikey, from)
	case strings.Contains(apikey, "."):
		return v.Verify(ctx, apikey)
	case ok:
		return v.serviceKey(ctx, token, from)
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

// first is http.Header.Get of a name that is in its canonical form already.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
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
