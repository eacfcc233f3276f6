// Package captcha asks a service whether a client is a person: hCaptcha, Turnstile, or
// any other that verifies the tokens of its widget as they do.
package captcha

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/fetch"
)

// Config is what the database is not told.
type Config struct {
	Secret string `envconfig:"FLUXBASE_AUTH_CAPTCHA_SECRET" secret:"true" desc:"The secret by which the service of the setting captcha_provider knows us. Without it nobody passes while that is hcaptcha or turnstile."`
	URL    string `envconfig:"FLUXBASE_AUTH_CAPTCHA_URL" desc:"Where tokens are verified, in place of the service's own address: for another that takes secret, response and remoteip as a form, and answers success and error-codes."`
}

// Check reports a URL that is none.
func (c *Config) Check() error {
	if c.URL == "" {
		return nil
	}
	if u, err := url.Parse(c.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return fmt.Errorf("FLUXBASE_AUTH_CAPTCHA_URL is %q: give https://HOST/PATH", c.URL)
	}
	return nil
}

// services are those with an address of their own.
var services = map[string]string{
	"hcaptcha":  "https://api.hcaptcha.com/siteverify",
	"turnstile": "https://challenges.cloudflare.com/turnstile/v0/siteverify",
}

const (
	// timeout is for one call; people wait for it.
	timeout = 5 * time.Second
	// maxToken is more than any of the services gives out, in bytes.
	maxToken = 8 << 10
)

// ErrAway is a service that does not answer, or not as one does, or does not know us.
var ErrAway = errors.New("the CAPTCHA service does not answer as it should")

// Refusal is why a token is not taken: the codes of the service, with commas between them.
type Refusal string

func (r Refusal) Error() string { return "the CAPTCHA service refuses: " + string(r) }

// Client asks. It is safe for many goroutines at once.
type Client struct {
	cfg  Config
	http *http.Client
}

// New makes a Client; private lets the service be in the operator's own network.
func New(cfg Config, private bool) *Client {
	return &Client{cfg: cfg, http: fetch.Client(private)}
}

// Verify asks a service, hcaptcha or turnstile, about a token that a client at an address
// brings. It fails with a Refusal, or with ErrAway, wrapped with more for the log.
func (c *Client) Verify(ctx context.Context, service, token string, from netip.Addr) error {
	if len(token) > maxToken {
		return Refusal("invalid-input-response")
	}
	at := c.cfg.URL
	if at == "" {
		at = services[service]
	}
	if at == "" || c.cfg.Secret == "" {
		return fmt.Errorf("%w: FLUXBASE_AUTH_CAPTCHA_SECRET is not set, or there is no service %q", ErrAway, service)
	}
	form := url.Values{"secret": {c.cfg.Secret}, "response": {token}}
	if from.IsValid() {
		form.Set("remoteip", from.String())
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	defer func() { _ = res.Body.Close() }() // all that is wanted of it was read
	var says struct {
		Success bool     `json:"success"`
		Codes   []string `json:"error-codes"`
	}
	// Some say no with 400, so the body decides.
	if err := json.NewDecoder(res.Body).Decode(&says); err != nil {
		return fmt.Errorf("%w: status %d: %w", ErrAway, res.StatusCode, err)
	}
	switch {
	case says.Success && res.StatusCode == http.StatusOK:
		return nil
	case says.Success || len(says.Codes) == 0 || slices.ContainsFunc(says.Codes, ours):
		return fmt.Errorf("%w: status %d, %q", ErrAway, res.StatusCode, says.Codes)
	}
	return Refusal(strings.Join(says.Codes, ", "))
}

// ours tells the codes of what is wrong here, or there, and not with the token.
func ours(code string) bool {
	return strings.HasSuffix(code, "-secret") || code == "internal-error" || code == "bad-request" || code == "sitekey-secret-mismatch"
}
