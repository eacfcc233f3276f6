package mail

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Config is the mail server.
type Config struct {
	Host     string        `envconfig:"FLUXBASE_SMTP_HOST" desc:"The mail server that takes the mails of auth. Without it none are sent: what needs one answers with an error, and fluxbase dev prints them to its log."`
	Port     int           `envconfig:"FLUXBASE_SMTP_PORT" default:"0" desc:"Its port. 0 is 587, or 465 with FLUXBASE_SMTP_TLS=implicit, or 25 without TLS."`
	User     string        `envconfig:"FLUXBASE_SMTP_USER" desc:"The name that it knows us by. Empty does not log in."`
	Password string        `envconfig:"FLUXBASE_SMTP_PASSWORD" secret:"true" desc:"The password of that name."`
	From     string        `envconfig:"FLUXBASE_SMTP_FROM" desc:"The address that mails come from, no-reply@example.com: of a domain that lets this server send for it (SPF, DKIM). Required with FLUXBASE_SMTP_HOST."`
	FromName string        `envconfig:"FLUXBASE_SMTP_FROM_NAME" desc:"The name beside that address, as readers show it."`
	TLS      string        `envconfig:"FLUXBASE_SMTP_TLS" default:"starttls" desc:"starttls begins in plain and refuses to go on without TLS; implicit is TLS from the start; none, without TLS, is for a server on this host alone."`
	Timeout  time.Duration `envconfig:"FLUXBASE_SMTP_TIMEOUT" default:"10s" desc:"How long connecting may take, and handing over one mail; at most 30s."`
}

const (
	starttls = "starttls"
	implicit = "implicit"
	noTLS    = "none"

	maxTimeout = 30 * time.Second
)

// Check applies the defaults and reports what can't be.
func (c *Config) Check() error {
	if c.TLS = strings.ToLower(c.TLS); c.TLS == "" {
		c.TLS = starttls
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	c.Timeout = min(c.Timeout, maxTimeout)
	ports := map[string]int{starttls: 587, implicit: 465, noTLS: 25}
	var errs []error
	switch port, known := ports[c.TLS]; {
	case !known:
		errs = append(errs, fmt.Errorf("FLUXBASE_SMTP_TLS is %q: give starttls, implicit or none", c.TLS))
	case c.Port == 0:
		c.Port = port
	case c.Port < 0 || c.Port > 65535:
		errs = append(errs, fmt.Errorf("FLUXBASE_SMTP_PORT is %d: give a port from 1 to 65535, or 0 for the usual one", c.Port))
	}
	if c.Host == "" {
		return errors.Join(errs...)
	}
	if c.TLS == noTLS && !web.IsLoopback(c.Host) {
		errs = append(errs, fmt.Errorf("FLUXBASE_SMTP_TLS is none, and FLUXBASE_SMTP_HOST is %q: without TLS mails go to this host alone (localhost)", c.Host))
	}
	if c.From == "" {
		errs = append(errs, errors.New("FLUXBASE_SMTP_FROM is not set: give the address that mails come from, no-reply@example.com"))
	} else if _, err := parseAddress(c.From); err != nil {
		errs = append(errs, fmt.Errorf("FLUXBASE_SMTP_FROM is %q: give one address alone, no-reply@example.com", c.From))
	}
	if strings.ContainsFunc(c.FromName, unicode.IsControl) {
		errs = append(errs, errors.New("FLUXBASE_SMTP_FROM_NAME has a line break or another control character in it"))
	}
	if (c.User == "") != (c.Password == "") {
		errs = append(errs, errors.New("FLUXBASE_SMTP_USER and FLUXBASE_SMTP_PASSWORD go together: set both, or neither"))
	}
	return errors.Join(errs...)
}

// errAddress tells nothing of the address, which may be anything.
var errAddress = errors.New("it is not one address without a name")

// parseAddress takes one address and nothing beside it, so that what a header holds is
// what was parsed.
func parseAddress(text string) (*mail.Address, error) {
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Name != "" || parsed.Address != text || strings.ContainsFunc(text, unicode.IsControl) {
		return nil, errAddress
	}
	return parsed, nil
}

// domainOf is what stands behind the @.
func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
