package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"github.com/fluxbase/fluxbase/proxy/auth/oidc"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
)

// authorize answers GET /authorize, where a browser is on its way to a provider.
func authorize(h *Handler, c *call) error {
	browser := h.browser(c)
	to, err := h.leave(c, departure{browser: browser})
	if err != nil {
		return err
	}
	h.keepBrowser(c, browser)
	c.w.Header().Set("Referrer-Policy", "no-referrer")
	c.w.Header().Set("Location", to)
	c.w.WriteHeader(http.StatusFound)
	return nil
}

// authorizeLink answers GET /user/identities/authorize: where a user goes to add an
// account. What comes with the token is a fetch, so there is no cookie to know its browser
// by; it is the verifier of the PKCE flow that shows who ends it.
func authorizeLink(h *Handler, c *call) error {
	b, err := h.signedIn(c)
	if err != nil {
		return err
	}
	to, err := h.leave(c, departure{User: b.Subject, Session: b.Session})
	if err != nil {
		return err
	}
	if c.r.URL.Query().Get("skip_http_redirect") == "true" {
		return c.answer(http.StatusOK, encode(map[string]string{"url": to}))
	}
	c.w.Header().Set("Location", to)
	c.w.WriteHeader(http.StatusFound)
	return nil
}

// departure is what auth.create_oauth_state remembers.
type departure struct {
	RedirectTo string `json:"redirect_to"`
	Verifier   string `json:"verifier_sealed"`
	Nonce      string `json:"nonce"`
	Browser    string `json:"browser_hash,omitempty"`
	Challenge  string `json:"code_challenge,omitempty"`
	Method     string `json:"code_challenge_method,omitempty"`
	User       string `json:"link_user_id,omitempty"`
	Session    string `json:"link_session_id,omitempty"`

	browser string
}

// departureFields are the parameters that are for us; the provider gets the others.
var departureFields = []string{
	"apikey", "code_challenge", "code_challenge_method", "invite_token", "provider", "redirect_to", "scopes", "skip_http_redirect",
}

// leave gives where to send somebody, and has it remembered that they come back.
func (h *Handler) leave(c *call, d departure) (string, error) {
	query := c.r.URL.Query()
	flow, err := pkceFields{query.Get("code_challenge"), query.Get("code_challenge_method")}.flow()
	if err != nil {
		return "", err
	}
	sites, err := h.redirects(c)
	if err != nil {
		return "", err
	}
	d.RedirectTo, d.Challenge, d.Method = sites.target(query.Get("redirect_to")), flow.Challenge, flow.Method
	state, verifier := secretText(), oauth2.GenerateVerifier()
	hash := sha256.Sum256([]byte(state))
	d.Nonce, d.Verifier = secretText(), h.Seals.Seal([]byte(verifier), verifierPlace(hash[:]))
	if d.browser != "" {
		sum := sha256.Sum256([]byte(d.browser))
		d.Browser = hex.EncodeToString(sum[:])
	}
	doc, err := h.ask(c, pg.ReadWrite, `select auth.create_oauth_state($1::text, $2::bytea, $3::jsonb)::text`,
		text(query.Get("provider")), bytea(hash[:]), encode(d))
	if err != nil {
		return "", err
	}
	p, err := h.provider(doc)
	if err != nil {
		return "", err
	}
	more := url.Values{}
	for name, values := range query {
		if !slices.Contains(departureFields, name) {
			more[name] = values
		}
	}
	to, err := h.Providers.AuthURL(c.r.Context(), p, oidc.Start{
		State: state, Nonce: d.Nonce, Verifier: verifier, RedirectURL: h.callbackURL(), Scopes: strings.Fields(query.Get("scopes")), More: more,
	})
	if err != nil {
		return "", ofProvider(err)
	}
	return to, nil
}

// callbackURL is where all providers send people back to.
func (h *Handler) callbackURL() string { return h.URL + Prefix + "/callback" }

// provider reads a row of auth.oauth_providers, and opens its secret.
func (h *Handler) provider(doc []byte) (*oidc.Provider, error) {
	if err := refusal(doc); err != nil {
		return nil, err
	}
	p := new(oidc.Provider)
	if err := json.Unmarshal(doc, p); err != nil {
		return nil, err
	}
	if p.Sealed != "" {
		secret, err := h.Seals.Open(p.Sealed, SecretPlace(p.Name))
		if err != nil {
			return nil, err
		}
		p.Secret = string(secret)
	}
	return p, nil
}

// SecretPlace is where the sealed secret of a provider belongs.
func SecretPlace(provider string) seal.Place {
	return seal.Place{Table: "auth.oauth_providers", Column: "client_secret_sealed", ID: provider}
}

func verifierPlace(stateHash []byte) seal.Place {
	return seal.Place{Table: "auth.oauth_states", Column: "verifier_sealed", ID: string(bytea(stateHash))}
}

// secretText is a text of 256 random bits.
func secretText() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ofProvider says what a client is told of trouble with a provider.
func ofProvider(err error) error {
	switch {
	case errors.Is(err, oidc.ErrAudience):
		return refuse("unexpected_audience", "Unacceptable audience in id_token").Because(err)
	case errors.Is(err, oidc.ErrNonce):
		return refuse("bad_id_token", "Nonces mismatch").Because(err)
	case errors.Is(err, oidc.ErrToken):
		return refuse("bad_id_token", "Bad ID token").Because(err)
	case errors.Is(err, oidc.ErrIssuer):
		return refuse("bad_oauth_callback", "OAuth callback of another provider than was asked").Because(err)
	case errors.Is(err, oidc.ErrRefused):
		return refuse("bad_oauth_callback", "Unable to exchange external code").Because(err)
	case errors.Is(err, oidc.ErrSetUp):
		return refuse("provider_misconfigured", "The provider is not set up right").Because(err)
	case errors.Is(err, oidc.ErrAway):
		return refuse("provider_unavailable", "The provider does not answer as it should").Because(err)
	}
	return err
}

// Whoever follows a link of another's, who has already said at the provider who they are,
// would be signed in as that other: so a browser gets a cookie when it leaves and shows it
// when it comes back (RFC 9700, section 4.7.1). A browser has one for all its windows.
const browserLife = 60 * 60 // seconds

// browserCookie is its name. The prefix keeps other hosts of the domain from setting it
// (RFC 6265bis, section 4.1.3.2).
func (h *Handler) browserCookie() string {
	if strings.HasPrefix(h.URL, "https://") {
		return "__Host-fluxbase-oauth"
	}
	return "fluxbase-oauth"
}

// browser is what the cookie holds; a new text where there is none.
func (h *Handler) browser(c *call) string {
	if known, err := c.r.Cookie(h.browserCookie()); err == nil && len(known.Value) == 43 && isVerifier(known.Value) {
		return known.Value
	}
	return secretText()
}

func (h *Handler) keepBrowser(c *call, value string) {
	http.SetCookie(c.w, &http.Cookie{
		Name: h.browserCookie(), Value: value, Path: "/", MaxAge: browserLife, HttpOnly: true,
		Secure: strings.HasPrefix(h.URL, "https://"), SameSite: http.SameSiteLaxMode,
	})
}
