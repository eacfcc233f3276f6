package proxy

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Config is how the HTTP server listens, limits and stops.
type Config struct {
	Host                string        `envconfig:"FLUXBASE_SERVER_HOST" default:"127.0.0.1" pgrst:"server-host" dropin:"!4" desc:"Address to listen on. Loopback by default, so that nothing is public before you say so; 0.0.0.0 or :: in a container."`
	Port                int           `envconfig:"FLUXBASE_SERVER_PORT" default:"8080" pgrst:"server-port" dropin:"3000" desc:"Port to listen on; 0 takes a free one."`
	ReusePort           bool          `envconfig:"FLUXBASE_SERVER_REUSEPORT" default:"false" pgrst:"server-reuseport" desc:"Share the port with other processes of this user that ask for it too (SO_REUSEPORT), so that a new one serves before the old one stops. Off, so that a second one started by mistake says so."`
	UnixSocket          string        `envconfig:"FLUXBASE_SERVER_UNIX_SOCKET" pgrst:"server-unix-socket" desc:"Path of a Unix socket to listen on, in place of host and port."`
	UnixSocketMode      string        `envconfig:"FLUXBASE_SERVER_UNIX_SOCKET_MODE" default:"660" pgrst:"server-unix-socket-mode" desc:"Permissions of that socket, octal, 600 to 777: who may write to it may connect."`
	MetricsAddress      string        `envconfig:"FLUXBASE_SERVER_METRICS_ADDRESS" default:"127.0.0.1:9091" dropin:"off" desc:"HOST:PORT of the Prometheus metrics, apart from the public port because they tell of every route and pool. off switches them off."`
	RequestTimeout      time.Duration `envconfig:"FLUXBASE_SERVER_REQUEST_TIMEOUT" default:"30s" desc:"Deadline of one request, its wait for a connection included; its statement is cancelled then. Role settings (alter role anon set statement_timeout) give tighter ones."`
	HeaderTimeout       time.Duration `envconfig:"FLUXBASE_SERVER_HEADER_TIMEOUT" default:"10s" desc:"How long a client may take to send its headers; stops connections that are opened and fed slowly to use up descriptors."`
	IdleTimeout         time.Duration `envconfig:"FLUXBASE_SERVER_IDLE_TIMEOUT" default:"2m" desc:"How long an idle keep-alive connection stays open; longer than the balancer's in front, so that the balancer closes first."`
	MaxHeaderBytes      int           `envconfig:"FLUXBASE_SERVER_MAX_HEADER_BYTES" default:"65536" desc:"Bytes of all headers and the URL of a request; more is answered with 431."`
	MaxHeaders          int           `envconfig:"FLUXBASE_SERVER_MAX_HEADERS" default:"100" desc:"Header lines of a request; more are answered with 431."`
	BodyLimit           int64         `envconfig:"FLUXBASE_SERVER_BODY_LIMIT" default:"0" desc:"One limit in bytes for the bodies of all routes; more is answered with 413. 0 leaves the limits of the route classes: auth 64 KB, rest 1 MB, admin 5 MB, rpc and bulk (an array, text/csv, application/x-ndjson, a batch) and jobs 10 MB, storage 100 MB, others 1 MB; in PostgREST's place 10 MB for all. FLUXBASE_REST_IMPORT_BYTES is that of imports."`
	BodyLimits          []string      `envconfig:"FLUXBASE_SERVER_BODY_LIMITS" desc:"Limits for single paths, which come before all others, comma separated: [METHOD] /path=SIZE. * is one segment, ** any number of them, the first rule that matches counts; a size is 500000, 64KB, 1MB, 10MiB or 2GB, in units of 1024. Example: POST /rest/v1/documents=20MB,/rest/v1/rpc/*=2MB."`
	ResponseLimits      []string      `envconfig:"FLUXBASE_SERVER_RESPONSE_LIMITS" desc:"Limits for answers, in the form of FLUXBASE_SERVER_BODY_LIMITS: one over its limit is 413 in its place, and an export breaks off there. Without a rule there is none; FLUXBASE_REST_DB_MAX_ROWS and guards bound the rows before they are read."`
	WriteTimeout        time.Duration `envconfig:"FLUXBASE_SERVER_WRITE_TIMEOUT" default:"1m" desc:"How long a client may take nothing of a long answer until its connection is closed. Beyond this time, all of an answer has to be taken at 16 KB a second."`
	Compression         bool          `envconfig:"FLUXBASE_SERVER_COMPRESSION" default:"true" dropin:"false" desc:"Compress answers of text (JSON, CSV, NDJSON) with zstd or gzip for clients that ask for it by Accept-Encoding. Never those of auth and admin routes, of which the length could tell a secret, nor single rows with a strong ETag, which names their bytes."`
	CompressionMin      int           `envconfig:"FLUXBASE_SERVER_COMPRESSION_MIN_BYTES" default:"1024" desc:"Bytes from which on an answer is compressed; a shorter one is one packet either way."`
	CORSOrigins         []string      `envconfig:"FLUXBASE_SERVER_CORS_ORIGINS" default:"*" pgrst:"server-cors-allowed-origins" desc:"Origins whose pages may call the API, comma separated: https://app.example.com, https://*.example.com for each name of one more label, https://app-*.example.com, or null for pages in files and sandboxes. * is safe here: there are no cookies, a page needs a token of its own."`
	TrustedProxies      []string      `envconfig:"FLUXBASE_SERVER_TRUSTED_PROXIES" desc:"Addresses and networks of the balancers in front, comma separated (10.0.0.0/8): they tell from where a client comes. Others are not believed, because anybody can write such a header; behind a balancer that is not named here all clients have its address."`
	ForwardedHeader     string        `envconfig:"FLUXBASE_SERVER_FORWARDED_HEADER" default:"X-Forwarded-For" desc:"The header in which they do: X-Forwarded-For, with X-Forwarded-Proto, or Forwarded (RFC 7239). The other one is ignored: a proxy passes on what it does not write itself, as the client sent it."`
	TLSCertFile         string        `envconfig:"FLUXBASE_SERVER_TLS_CERT_FILE" desc:"PEM file of the certificate and those that lead to its root; makes the server speak TLS 1.2 or newer, and HTTP/2. Looked at again when it changes, so that a renewal needs no restart."`
	TLSKeyFile          string        `envconfig:"FLUXBASE_SERVER_TLS_KEY_FILE" desc:"PEM file of its private key."`
	H2C                 bool          `envconfig:"FLUXBASE_SERVER_H2C" default:"false" desc:"Take HTTP/2 without TLS from a balancer that speaks it so (Cloud Run end to end, Envoy). WebSockets need HTTP/1.1, which goes on beside it."`
	HSTS                string        `envconfig:"FLUXBASE_SERVER_HSTS" default:"max-age=31536000" desc:"Strict-Transport-Security of answers over TLS, own or a trusted proxy's: browsers then come by https alone, for as long. off sends none."`
	MaxConnections      int           `envconfig:"FLUXBASE_SERVER_MAX_CONNECTIONS" default:"10000" dropin:"1000000" desc:"Connections open at once; one more is closed at once. Bounds memory and descriptors."`
	MaxConnectionsPerIP int           `envconfig:"FLUXBASE_SERVER_MAX_CONNECTIONS_PER_IP" default:"1000" dropin:"1000000" desc:"Of these, how many may come from one address, or one /64 of IPv6. Trusted proxies, behind whom many are, have no such bound."`
	DrainDelay          time.Duration `envconfig:"FLUXBASE_SERVER_DRAIN_DELAY" default:"250ms" desc:"After SIGTERM /readyz says 503 and requests are still taken for this long, so that balancers look away first. Set it above your balancer's check interval."`
	StopTimeout         time.Duration `envconfig:"FLUXBASE_SERVER_STOP_TIMEOUT" default:"30s" desc:"How long requests under way may take to finish after the drain delay."`
}

// Check applies defaults to zero or negative numbers and reports the rest.
func (c *Config) Check() error {
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{
		{&c.RequestTimeout, 30 * time.Second},
		{&c.HeaderTimeout, 10 * time.Second},
		{&c.IdleTimeout, 2 * time.Minute},
		{&c.WriteTimeout, time.Minute},
		{&c.StopTimeout, 30 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	if c.MaxHeaderBytes <= 0 {
		c.MaxHeaderBytes = 64 << 10
	}
	if c.MaxHeaders <= 0 {
		c.MaxHeaders = 100
	}
	if c.CompressionMin <= 0 {
		c.CompressionMin = 1 << 10
	}
	c.BodyLimit = max(c.BodyLimit, 0)
	if c.MaxConnections <= 0 {
		c.MaxConnections = 10000
	}
	if c.MaxConnectionsPerIP <= 0 {
		c.MaxConnectionsPerIP = 1000
	}
	c.DrainDelay = max(c.DrainDelay, 0)
	c.HSTS = cmp.Or(c.HSTS, "max-age=31536000")

	var errs []error
	if c.Port < 0 || c.Port > 65535 {
		errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_PORT is %d: give a port from 1 to 65535, or 0 for a free one", c.Port))
	}
	if _, err := SocketMode(c.UnixSocketMode); err != nil {
		errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_UNIX_SOCKET_MODE %w", err))
	}
	if _, err := web.ParseProxies(c.TrustedProxies, ""); err != nil {
		errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_TRUSTED_PROXIES: %w", err))
	}
	if _, err := parseRules(c.BodyLimits); err != nil {
		errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_BODY_LIMITS: %w", err))
	}
	if _, err := parseRules(c.ResponseLimits); err != nil {
		errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_RESPONSE_LIMITS: %w", err))
	}
	if _, err := web.ParseProxies(nil, c.ForwardedHeader); err != nil {
		errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_FORWARDED_HEADER: %w", err))
	}
	for _, origin := range c.CORSOrigins {
		if _, err := web.ParseOrigins([]string{origin}); err != nil {
			errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_CORS_ORIGINS holds %w", err))
		}
	}
	errs = append(errs, c.checkTLS()...)
	if c.MetricsAddress != off {
		if _, _, err := net.SplitHostPort(c.MetricsAddress); err != nil {
			errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_METRICS_ADDRESS is %q: give HOST:PORT, or off", c.MetricsAddress))
		}
	}
	return errors.Join(errs...)
}

// checkTLS reads certificate and key, so that a mistake ends the start.
func (c *Config) checkTLS() (errs []error) {
	switch {
	case c.TLSCertFile == "" && c.TLSKeyFile == "":
	case c.TLSCertFile == "":
		errs = append(errs, errors.New("FLUXBASE_SERVER_TLS_CERT_FILE is not set, but FLUXBASE_SERVER_TLS_KEY_FILE is: give both, or none"))
	case c.TLSKeyFile == "":
		errs = append(errs, errors.New("FLUXBASE_SERVER_TLS_KEY_FILE is not set, but FLUXBASE_SERVER_TLS_CERT_FILE is: give both, or none"))
	default:
		if _, err := tls.LoadX509KeyPair(c.TLSCertFile, c.TLSKeyFile); err != nil {
			errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_TLS_CERT_FILE and FLUXBASE_SERVER_TLS_KEY_FILE: %w", err))
		}
	}
	if strings.ContainsFunc(c.HSTS, func(r rune) bool { return r < ' ' || r > '~' }) || c.HSTS != off && !strings.Contains(c.HSTS, "max-age=") {
		errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_HSTS is %q: give max-age=SECONDS, with ; includeSubDomains if that is meant, or off", c.HSTS))
	}
	return errs
}

// Scheme is that of the server's own URL.
func (c *Config) Scheme() string {
	if c.TLSCertFile != "" {
		return "https"
	}
	return "http"
}

// off switches off what a setting names otherwise.
const off = "off"

// anyHost are PostgREST's words for all addresses of a machine.
var anyHost = map[string]string{"*": "::", "*4": "0.0.0.0", "!4": "0.0.0.0", "*6": "::", "!6": "::"}

// Address is where the server listens.
func (c *Config) Address() string {
	host := c.Host
	if any, ok := anyHost[host]; ok {
		host = any
	}
	return net.JoinHostPort(host, strconv.Itoa(c.Port))
}

// SocketMode reads the permissions of a Unix socket; none are 660.
func SocketMode(octal string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(cmp.Or(octal, "660"), 8, 32)
	if err != nil || n < 0o600 || n > 0o777 {
		return 0, fmt.Errorf("is %q: give octal permissions from 600 to 777", octal)
	}
	return fs.FileMode(n), nil
}

// Metrics is where metrics are served, and whether they are.
func (c *Config) Metrics() (address string, on bool) {
	return c.MetricsAddress, c.MetricsAddress != off
}
