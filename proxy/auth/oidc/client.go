package oidc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/fluxbase/fluxbase/proxy/fetch"
)

// Errors of a provider, each wrapped with more for the log. None holds a secret, a code
// or a token.
var (
	// ErrAway is a provider that does not answer, or not as one does.
	ErrAway = errors.New("the provider does not answer as it should")
	// ErrRefused is a code that it does not take.
	ErrRefused = errors.New("the provider does not take the code")
	// ErrSetUp is a provider that is not set up right here.
	ErrSetUp = errors.New("the provider is not set up right")
	// ErrIssuer is an answer of another provider than the one that was asked.
	ErrIssuer = errors.New("another provider answers than was asked")
	// ErrToken is an ID token that is not good, ErrAudience one for somebody else,
	// ErrNonce one for another sign-in.
	ErrToken    = errors.New("the ID token is not good")
	ErrAudience = errors.New("the ID token is for another client")
	ErrNonce    = errors.New("the ID token has another nonce")
)

// Provider is a row of auth.oauth_providers.
type Provider struct {
	Name             string   `json:"name"`
	Preset           string   `json:"preset"`
	ClientID         string   `json:"client_id"`
	Sealed           string   `json:"client_secret_sealed"`
	ClientIDs        []string `json:"additional_client_ids"`
	Scopes           []string `json:"scopes"`
	Issuer           string   `json:"issuer"`
	AuthorizationURL string   `json:"authorization_url"`
	TokenURL         string   `json:"token_url"`
	UserinfoURL      string   `json:"userinfo_url"`
	TeamID           string   `json:"team_id"`
	KeyID            string   `json:"key_id"`
	SkipNonceCheck   bool     `json:"skip_nonce_check"`
	TrustEmail       bool     `json:"trust_email"`
	// Secret is what Sealed holds.
	Secret string `json:"-"`
}

// Client talks to all providers. It is safe for many goroutines at once.
type Client struct {
	http *http.Client

	mu    sync.Mutex
	known map[string]*published // by issuer
}

// New makes a Client; private lets providers be in the operator's own network.
func New(private bool) *Client {
	return &Client{http: fetch.Client(private), known: map[string]*published{}}
}

// Start is what somebody takes to a provider.
type Start struct {
	State, Nonce, Verifier string
	// RedirectURL is where they come back, Scopes what is asked for beyond what is
	// needed, More what the application adds.
	RedirectURL string
	Scopes      []string
	More        url.Values
}

// ours are the parameters that nobody may add: those that are set here, and those that
// take the place of others (RFC 9101).
var ours = []string{
	"client_id", "client_secret", "code_challenge", "code_challenge_method", "nonce", "redirect_uri", "request", "request_uri",
	"response_mode", "response_type", "scope", "state", "registration", "id_token_hint",
}

// AuthURL gives where to send them.
func (c *Client) AuthURL(ctx context.Context, p *Provider, s Start) (string, error) {
	set := presets[p.Preset]
	m, err := c.metadata(ctx, p, set)
	if err != nil {
		return "", err
	}
	var options []oauth2.AuthCodeOption
	for name, values := range s.More {
		if !slices.Contains(ours, strings.ToLower(name)) && len(values) > 0 {
			options = append(options, oauth2.SetAuthURLParam(name, values[0]))
		}
	}
	for name, value := range set.params {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	options = append(options, oauth2.S256ChallengeOption(s.Verifier))
	if m.oidc() {
		options = append(options, gooidc.Nonce(s.Nonce))
	}
	scopes := slices.Concat(set.scopes, p.Scopes, s.Scopes)
	for i, scope := range scopes {
		if slices.Contains(scopes[:i], scope) {
			scopes[i] = ""
		}
	}
	scopes = slices.DeleteFunc(scopes, func(scope string) bool { return scope == "" })
	conf := oauth2.Config{ClientID: p.ClientID, Endpoint: m.endpoint(set), RedirectURL: s.RedirectURL, Scopes: scopes}
	return conf.AuthCodeURL(s.State, options...), nil
}

// Return is what somebody brings back from a provider, with what they took there.
type Return struct {
	Code, Issuer string // the parameters code and iss
	// Nonce, Verifier and RedirectURL are those of Start.
	Nonce, Verifier, RedirectURL string
	// Name is what the person says to be called, where the provider tells it in a
	// parameter of its own.
	Name string
}

// Tokens are those of the provider, for the application.
type Tokens struct{ Access, Refresh string }

// Exchange has the provider say who came.
func (c *Client) Exchange(ctx context.Context, p *Provider, r Return) (*Person, *Tokens, error) {
	set := presets[p.Preset]
	m, err := c.metadata(ctx, p, set)
	if err != nil {
		return nil, nil, err
	}
	// RFC 9207: before the code is shown to anybody.
	if r.Issuer != "" && m.Issuer != "" && !m.isIssuer(r.Issuer, nil) || r.Issuer == "" && m.SaysIssuer {
		return nil, nil, fmt.Errorf("%w: %q", ErrIssuer, r.Issuer)
	}
	secret := p.Secret
	if set.secret != nil {
		if secret, err = set.secret(p); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrSetUp, err)
		}
	}
	conf := oauth2.Config{ClientID: p.ClientID, ClientSecret: secret, Endpoint: m.endpoint(set), RedirectURL: r.RedirectURL}
	got, err := conf.Exchange(gooidc.ClientContext(ctx, c.http), r.Code, oauth2.VerifierOption(r.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < 500:
		return nil, nil, fmt.Errorf("%w: status %d, error %q", ErrRefused, refused.Response.StatusCode, refused.ErrorCode)
	case refused != nil:
		return nil, nil, fmt.Errorf("%w: status %d of its token endpoint", ErrAway, refused.Response.StatusCode)
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	tokens := &Tokens{Access: got.AccessToken, Refresh: got.RefreshToken}
	claims := map[string]any{}
	if m.oidc() {
		raw, _ := got.Extra("id_token").(string)
		token, err := c.verify(ctx, m, raw, []string{p.ClientID})
		if err != nil {
			return nil, nil, err
		}
		if token.nonce() != r.Nonce {
			return nil, nil, ErrNonce
		}
		if err := token.checkAccess(got.AccessToken); err != nil {
			return nil, nil, err
		}
		claims = token.claims
	}
	if err := c.complete(ctx, m, set, claims, got.AccessToken); err != nil {
		return nil, nil, err
	}
	if r.Name != "" {
		claims = maps.Clone(claims)
		claims["name"] = r.Name
	}
	person, err := set.person(p, m, claims)
	return person, tokens, err
}

// complete asks the provider for what its ID token does not say, or for all where there
// is none.
func (c *Client) complete(ctx context.Context, m *metadata, set *preset, claims map[string]any, access string) error {
	if m.UserinfoURL == "" || m.oidc() && claims["email"] != nil {
		return nil
	}
	var more map[string]any
	if err := c.get(ctx, m.UserinfoURL, access, &more); err != nil {
		return err
	}
	// OpenID Connect Core, 5.3.2: else it is of somebody else.
	if m.oidc() && more["sub"] != claims["sub"] {
		return fmt.Errorf("%w: the user info has another subject", ErrAway)
	}
	for name, value := range more {
		if _, told := claims[name]; !told {
			claims[name] = value
		}
	}
	if set.more != nil {
		return set.more(ctx, c, m, access, claims)
	}
	return nil
}

// Token is what an application got from a provider by itself.
type Token struct {
	ID, Access string
	// Nonce is what the application made up; the ID token has its SHA-256.
	Nonce string
}

// CheckIDToken tells whom an ID token is of that an application brings.
func (c *Client) CheckIDToken(ctx context.Context, p *Provider, t Token) (*Person, error) {
	set := presets[p.Preset]
	m, err := c.metadata(ctx, p, set)
	if err != nil {
		return nil, err
	}
	if !m.oidc() {
		return nil, fmt.Errorf("%w: it has no ID tokens", ErrSetUp)
	}
	token, err := c.verify(ctx, m, t.ID, append([]string{p.ClientID}, p.ClientIDs...))
	if err != nil {
		return nil, err
	}
	if !p.SkipNonceCheck && token.nonce() != hashedNonce(t.Nonce) {
		return nil, ErrNonce
	}
	if t.Access != "" {
		if err := token.checkAccess(t.Access); err != nil {
			return nil, err
		}
	}
	return set.person(p, m, token.claims)
}
