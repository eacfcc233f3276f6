package token

import (
	"encoding/json"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// published is how long the documents below may be kept: no longer than a next key is
// published before it signs (auth.promote_signing_key).
const published = "public, max-age=600"

// ServeJWKS answers with the public keys of what is signed here, as a JWK set (RFC 7517):
// /auth/v1/.well-known/jwks.json. Secrets (HS256) are never among them.
func (i *Issued) ServeJWKS(w *web.Response, r *http.Request) error {
	ring, err := i.Ring(r.Context())
	if err != nil {
		return web.FromPostgres(err, false)
	}
	return document(w, ring.set)
}

// ServeDiscovery answers with what OpenID Connect Discovery 1.0 and RFC 8414 want of an
// issuer, so that others find the keys: /auth/v1/.well-known/openid-configuration and
// oauth-authorization-server. issuer is the claim iss, and the URL of all endpoints.
func (i *Issued) ServeDiscovery(issuer string, w *web.Response, r *http.Request) error {
	ring, err := i.Ring(r.Context())
	if err != nil {
		return web.FromPostgres(err, false)
	}
	algorithms := []string{}
	for _, alg := range ring.algorithms() {
		algorithms = append(algorithms, string(alg))
	}
	body, err := json.Marshal(map[string]any{
		"issuer":                                issuer,
		"authorization_endpoint":                issuer + "/authorize",
		"token_endpoint":                        issuer + "/token",
		"userinfo_endpoint":                     issuer + "/user",
		"jwks_uri":                              issuer + "/.well-known/jwks.json",
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": algorithms,
		"code_challenge_methods_supported":      []string{"S256", "plain"},
	})
	if err != nil {
		return web.Internal.Because(err)
	}
	return document(w, body)
}

func document(w *web.Response, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", published)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // a client that is gone wants no other answer
	return nil
}
