// Package fetch makes HTTP requests to addresses that somebody else names: in a row of
// the database, or in a document that was fetched. Such a request reaches no host of the
// network that we run in, unless the operator says so, follows no redirect, and ends soon
// and small.
package fetch

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/fluxbase/fluxbase/proxy/trace"
)

// Limits of a request.
const (
	timeout     = 10 * time.Second
	dialTimeout = 5 * time.Second
	// maxBody is more than any document of keys or claims has, in bytes.
	maxBody = 1 << 20
)

// Config is of the network that we run in, so it is no row of the database: whoever may
// write there could have requests made within it.
type Config struct {
	PrivateAddresses bool `envconfig:"FLUXBASE_AUTH_PRIVATE_ADDRESSES" default:"false" desc:"Whether hooks of auth, providers of sign-in and the CAPTCHA service may be at addresses of private networks, and without TLS. Whoever may set hooks and providers can then have requests made within yours."`
}

// Check is there for all Configs; nothing can be wrong with this one.
func (c *Config) Check() error { return nil }

// ErrPrivate is an address that is not of the public internet.
var ErrPrivate = errors.New("the address is of a private network")

// Client makes one. With private, which is Config's, any address and plain http are right.
func Client(private bool) *http.Client {
	d := &net.Dialer{Timeout: dialTimeout}
	if !private {
		d.Control = refusePrivate
	}
	return &http.Client{
		Timeout: timeout,
		Transport: &bounded{private: private, next: &http.Transport{
			// A proxy would connect for us, to where we can't see.
			Proxy: nil, DialContext: d.DialContext, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: dialTimeout, IdleConnTimeout: time.Minute, MaxIdleConns: 32,
			MaxResponseHeaderBytes: 64 << 10,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects") },
	}
}

// refusePrivate is asked when the name is resolved and the connection not yet made, so
// that no name can lead elsewhere than it was checked for.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !Public(at.Addr()) {
		return fmt.Errorf("%w: %s", ErrPrivate, at.Addr())
	}
	return nil
}

// special are the blocks that are not for the public internet (the IANA registries of
// special-purpose addresses) beyond those that package netip knows, and those in which
// an IPv4 address is embedded.
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/63", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// Public tells whether an address is of the public internet.
func Public(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// bounded refuses what is not https, and cuts what is too long.
type bounded struct {
	private bool
	next    http.RoundTripper
}

// RoundTrip is part of http.RoundTripper.
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !b.private {
		return nil, errors.New("it is not https")
	}
	res, err := traced(r, b.next)
	if err != nil {
		return nil, err
	}
	res.Body = &limited{res.Body, maxBody}
	return res, nil
}

// traced makes the request in a span that says whom it asked and what the status was: URLs
// may hold secrets. It does not tell the other side of the trace, which is none of a
// stranger's.
func traced(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	if !trace.Recording(r.Context()) {
		return next.RoundTrip(r)
	}
	_, span := trace.Client(r.Context(), r.Method, semconv.HTTPRequestMethodKey.String(r.Method), semconv.ServerAddress(r.URL.Hostname()))
	defer span.End()
	res, err := next.RoundTrip(r)
	if err != nil {
		span.SetStatus(codes.Error, "")
		return nil, err
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(res.StatusCode))
	if res.StatusCode >= http.StatusBadRequest { // for who asked 4xx is an error, too (semantic conventions for HTTP spans)
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(res.StatusCode)))
	}
	return res, nil
}

// limited fails where a body goes on after the limit; cutting it would change what it says.
type limited struct {
	io.ReadCloser
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("the answer has more than %d bytes", maxBody)
	}
	return n, err
}
