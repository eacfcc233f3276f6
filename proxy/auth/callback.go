package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/auth/oidc"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// callbackForm answers POST /callback, as Apple has browsers come back. They come once
// more, by GET: to a POST from elsewhere they add no cookie.
func callbackForm(h *Handler, c *call) error {
	if err := c.r.ParseForm(); err != nil {
		return refuse("bad_oauth_callback", "the form is not well formed").Because(err)
	}
	query := url.Values{}
	for _, name := range []string{"state", "code", "iss", "user", "error", "error_description"} {
		if c.r.PostForm.Has(name) {
			query.Set(name, c.r.PostForm.Get(name))
		}
	}
	return c.seeOther(h.callbackURL() + "?" + query.Encode())
}

// arrival is what auth.take_oauth_state gives.
type arrival struct {
	RedirectTo  string          `json:"redirect_to"`
	Verifier    string          `json:"verifier_sealed"`
	Nonce       string          `json:"nonce"`
	Browser     string          `json:"browser_hash"`
	BindBrowser bool            `json:"bind_browser"`
	Challenge   string          `json:"code_challenge"`
	Method      string          `json:"code_challenge_method"`
	User        string          `json:"link_user_id"`
	Provider    json.RawMessage `json:"provider"`

	hash []byte
}

// callback answers GET /callback: a browser that comes back from a provider. It is sent on
// to the application, with a session, a code for one, or the reason why not.
func callback(h *Handler, c *call) error {
	sites, err := h.redirects(c)
	if err != nil {
		return err // nothing is used up
	}
	query := c.r.URL.Query()
	state := query.Get("state")
	if state == "" {
		return c.failed(sites.Site, refuse("bad_oauth_callback", "OAuth state parameter missing"))
	}
	hash := sha256.Sum256([]byte(state))
	doc, err := h.ask(c, pg.ReadWrite, `select auth.take_oauth_state($1::bytea)::text`, bytea(hash[:]))
	if err != nil {
		if web.AsError(err).Code != "bad_oauth_state" {
			return err
		}
		return c.failed(sites.Site, err)
	}
	a := arrival{hash: hash[:]}
	if err := json.Unmarshal(doc, &a); err != nil {
		return err
	}
	to := sites.target(a.RedirectTo) // the list may be another by now
	if err := h.arrive(c, &a, to); err != nil {
		return c.failed(to, err)
	}
	return nil
}

func (h *Handler) arrive(c *call, a *arrival, to string) error {
	query := c.r.URL.Query()
	if a.Browser != "" && a.BindBrowser {
		sum := sha256.Sum256([]byte(h.browser(c)))
		if hex.EncodeToString(sum[:]) != a.Browser {
			return refuse("bad_oauth_state", "OAuth callback in another browser, or at another host, than it began in")
		}
	}
	p, err := h.provider(a.Provider)
	if err != nil {
		return err
	}
	if said := query.Get("error"); said != "" {
		return &providerError{said, query.Get("error_description")}
	}
	if query.Get("code") == "" {
		return refuse("bad_oauth_callback", "OAuth callback with missing authorization code missing")
	}
	verifier, err := h.Seals.Open(a.Verifier, verifierPlace(a.hash))
	if err != nil {
		return err
	}
	person, tokens, err := h.Providers.Exchange(c.r.Context(), p, oidc.Return{
		Code: query.Get("code"), Issuer: query.Get("iss"), Nonce: a.Nonce, Verifier: string(verifier), RedirectURL: h.callbackURL(),
		Name: oidc.AppleName(query.Get("user")),
	})
	if err != nil {
		return ofProvider(err)
	}
	if a.Challenge == "" {
		doc, err := h.identity(c, p.Name, person, a.User, nil)
		if err != nil {
			return err
		}
		s, err := h.session(c, doc)
		if err != nil {
			return err
		}
		s.ProviderToken, s.ProviderRefreshToken = tokens.Access, tokens.Refresh
		return c.redirect(to, false, s.values())
	}
	code := h.derivedUUID("oauth code", query.Get("state"))
	if _, err := h.identity(c, p.Name, person, a.User, h.newFlow(a, code, tokens)); err != nil {
		return err
	}
	return c.seeOther(withQuery(to, url.Values{"code": {code}}))
}

// values are the session as a fragment tells it.
func (s *session) values() url.Values {
	v := url.Values{
		"access_token": {s.AccessToken}, "refresh_token": {s.RefreshToken}, "token_type": {s.TokenType},
		"expires_in": {strconv.FormatInt(s.ExpiresIn, 10)}, "expires_at": {strconv.FormatInt(s.ExpiresAt, 10)},
	}
	if s.ProviderToken != "" {
		v.Set("provider_token", s.ProviderToken)
	}
	if s.ProviderRefreshToken != "" {
		v.Set("provider_refresh_token", s.ProviderRefreshToken)
	}
	return v
}

// flow is the PKCE flow that auth.sign_in_with_identity begins.
type flow struct {
	ID           string `json:"id"`
	CodeHash     string `json:"code_hash"`
	Challenge    string `json:"code_challenge"`
	Method       string `json:"code_challenge_method"`
	AccessToken  string `json:"provider_access_token,omitempty"`
	RefreshToken string `json:"provider_refresh_token,omitempty"`
}

func (h *Handler) newFlow(a *arrival, code string, tokens *oidc.Tokens) *flow {
	f := &flow{ID: h.derivedUUID("oauth flow", code), Challenge: a.Challenge, Method: a.Method}
	sum := sha256.Sum256([]byte(code))
	f.CodeHash = hex.EncodeToString(sum[:])
	if tokens.Access != "" {
		f.AccessToken = h.Seals.Seal([]byte(tokens.Access), flowPlace(f.ID, "provider_access_token"))
	}
	if tokens.Refresh != "" {
		f.RefreshToken = h.Seals.Seal([]byte(tokens.Refresh), flowPlace(f.ID, "provider_refresh_token"))
	}
	return f
}

// openToken opens a token of a provider that a flow has kept.
func (h *Handler) openToken(flow, column, sealed string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	token, err := h.Seals.Open(sealed, flowPlace(flow, column))
	return string(token), err
}

func flowPlace(id, column string) seal.Place {
	return seal.Place{Table: "auth.flow_state", Column: column, ID: id}
}

// identity signs in who a provider says to have come, or adds the account to a user.
func (h *Handler) identity(c *call, provider string, p *oidc.Person, linkTo string, f *flow) ([]byte, error) {
	said, _ := p.Data["email"].(string)
	email, err := emailAddress(said)
	if err != nil {
		delete(p.Data, "email")
		p.Data["email_verified"] = false
	} else {
		p.Data["email"] = email
	}
	var begun []byte
	if f != nil {
		begun = encode(f)
	}
	return h.ask(c, pg.ReadWrite, `select auth.sign_in_with_identity($1::text, $2::text, $3::jsonb, $4::uuid, $5::jsonb, $6::text, $7::inet)::text`,
		[]byte(provider), []byte(p.ID), encode(p.Data), text(linkTo), begun, c.agent(), c.address())
}

// providerError is one that the provider has sent the browser back with (RFC 6749,
// section 4.1.2.1).
type providerError struct{ code, description string }

func (e *providerError) Error() string { return "the provider says " + strconv.Quote(e.code) }

// failed sends a browser to the application with the reason, in the query and in the
// fragment, as clients look in either.
func (c *call) failed(to string, err error) error {
	c.w.Err = err
	say := url.Values{}
	if e, ok := err.(*providerError); ok {
		code := clip(e.code, 64)
		say.Set("error", code)
		say.Set("error_code", code)
		say.Set("error_description", clip(e.description, 500))
		return c.redirect(to, true, say)
	}
	e := web.AsError(err)
	code, kind := e.Code, "invalid_request"
	switch {
	case e.Status >= 500:
		code, kind = "unexpected_failure", "server_error"
	case e.Status == http.StatusForbidden, e.Status == http.StatusUnprocessableEntity:
		kind = "access_denied"
	}
	say.Set("error", kind)
	say.Set("error_code", code)
	say.Set("error_description", e.Message)
	return c.redirect(to, true, say)
}

// clip keeps what somebody else says short and printable.
func clip(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}
