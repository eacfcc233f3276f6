package oidc

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/fluxbase/fluxbase/proxy/wait"
)

const (
	// maxKnown bounds the issuers that are remembered.
	maxKnown = 64
	// keepMetadata is how long a document holds, keepFailure how long it is not asked for
	// again after a failure.
	keepMetadata, keepFailure = 10 * time.Minute, 5 * time.Second
	// keysEvery keeps tokens of unknown keys from hammering the provider.
	keysEvery = time.Second
)

// metadata is what a provider publishes of itself (OpenID Connect Discovery, 3), or what
// is known of one that does not.
type metadata struct {
	Issuer           string   `json:"issuer"`
	AuthorizationURL string   `json:"authorization_endpoint"`
	TokenURL         string   `json:"token_endpoint"`
	UserinfoURL      string   `json:"userinfo_endpoint"`
	KeysURL          string   `json:"jwks_uri"`
	Methods          []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms       []string `json:"id_token_signing_alg_values_supported"`
	SaysIssuer       bool     `json:"authorization_response_iss_parameter_supported"`

	keys gooidc.KeySet
}

// oidc tells whether there are ID tokens.
func (m *metadata) oidc() bool { return m.keys != nil }

func (m *metadata) endpoint(set *preset) oauth2.Endpoint {
	style := oauth2.AuthStyleInHeader
	if set.post || len(m.Methods) > 0 && !slices.Contains(m.Methods, "client_secret_basic") {
		style = oauth2.AuthStyleInParams
	}
	return oauth2.Endpoint{AuthURL: m.AuthorizationURL, TokenURL: m.TokenURL, AuthStyle: style}
}

// published is a document with the time until which it holds.
type published struct {
	mu    sync.Mutex // held while it is fetched
	until time.Time
	doc   *metadata
	err   error
}

// metadata gives that of a provider, with what its row says in place of it.
func (c *Client) metadata(ctx context.Context, p *Provider, set *preset) (*metadata, error) {
	if set == nil {
		return nil, fmt.Errorf("%w: preset %q", ErrSetUp, p.Preset)
	}
	m := set.fixed
	if issuer := strings.TrimSuffix(cmp.Or(p.Issuer, set.issuer), "/"); set.fixed.TokenURL == "" && p.Preset != "oauth2" {
		found, err := c.discover(ctx, cmp.Or(p.Issuer, set.issuer), issuer)
		if err != nil {
			return nil, err
		}
		m = *found
	}
	m.AuthorizationURL = cmp.Or(p.AuthorizationURL, m.AuthorizationURL)
	m.TokenURL = cmp.Or(p.TokenURL, m.TokenURL)
	m.UserinfoURL = cmp.Or(p.UserinfoURL, m.UserinfoURL)
	return &m, nil
}

// discover gives the document of an issuer, which must say that it is its own.
func (c *Client) discover(ctx context.Context, issuer, base string) (*metadata, error) {
	c.mu.Lock()
	e := c.known[issuer]
	if e == nil {
		if len(c.known) >= maxKnown {
			clear(c.known)
		}
		e = new(published)
		c.known[issuer] = e
	}
	c.mu.Unlock()

	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Now().Before(e.until) {
		return e.doc, e.err
	}
	// Who waits for it may outlive who asked first.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.http.Timeout)
	defer cancel()
	doc := new(metadata)
	err := c.get(ctx, base+"/.well-known/openid-configuration", "", doc)
	if err == nil {
		err = doc.check(issuer)
	}
	if err != nil {
		if e.doc == nil || e.err != nil { // else what was known holds a little longer
			e.doc, e.err = nil, err
		}
		e.until = time.Now().Add(keepFailure)
		return e.doc, e.err
	}
	if e.doc != nil && e.doc.KeysURL == doc.KeysURL {
		doc.keys = e.doc.keys
	} else {
		client := &http.Client{Timeout: c.http.Timeout, CheckRedirect: c.http.CheckRedirect, Transport: &paced{next: c.http.Transport}}
		doc.keys = gooidc.NewRemoteKeySet(gooidc.ClientContext(context.WithoutCancel(ctx), client), doc.KeysURL)
	}
	e.doc, e.err, e.until = doc, nil, time.Now().Add(keepMetadata)
	return doc, nil
}

// check wants what is needed. An issuer is compared to the letter: a document that names
// another one is how a provider would speak for it (OpenID Connect Discovery, 4.3).
func (m *metadata) check(issuer string) error {
	if !m.isIssuer(issuer, nil) && m.Issuer != issuer {
		return fmt.Errorf("%w: the document of %s says it is of %q", ErrSetUp, issuer, m.Issuer)
	}
	for _, text := range []string{m.AuthorizationURL, m.TokenURL, m.KeysURL} {
		if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return fmt.Errorf("%w: the document of %s has a URL that is none", ErrAway, issuer)
		}
	}
	return nil
}

// Microsoft's document for accounts of all tenants has a place for the tenant in its
// issuer; each token has its own.
const azureHost, tenant = "https://login.microsoftonline.com/", "{tenantid}"

// isIssuer compares a name with the issuer's. claims are those of a token that has it,
// nil for a name that stands alone.
func (m *metadata) isIssuer(name string, claims map[string]any) bool {
	if m.Issuer == azureHost+tenant+"/v2.0" {
		id, found := strings.CutPrefix(name, azureHost)
		id, ended := strings.CutSuffix(id, "/v2.0")
		tid := claims["tid"]
		return found && ended && id != "" && !strings.Contains(id, "/") && (claims == nil || tid == id)
	}
	// Google's tokens may leave the scheme out, as its documentation says.
	return name == m.Issuer || m.Issuer == "https://accounts.google.com" && name == "accounts.google.com"
}

// get fetches JSON; access is a token to show, or empty.
func (c *Client) get(ctx context.Context, address, access string, out any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSetUp, err)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "fluxbase")
	if access != "" {
		r.Header.Set("Authorization", "Bearer "+access)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrAway, err)
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("%w: status %d of %s", ErrAway, res.StatusCode, address)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%w: %s gives no JSON of the form that it should", ErrAway, address)
	}
	return nil
}

// paced makes a request every keysEvery at most. Who comes earlier waits: what was answered
// before may lack the key of a token that was signed since.
type paced struct {
	next http.RoundTripper

	mu   sync.Mutex
	free time.Time
}

// RoundTrip is part of http.RoundTripper.
func (t *paced) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !wait.For(r.Context(), time.Until(t.free)) {
		return nil, context.Cause(r.Context())
	}
	t.free = time.Now().Add(keysEvery)
	return t.next.RoundTrip(r)
}
