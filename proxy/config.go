package proxy

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Config is how the HTTP server listens, limits and stops.
type Config struct {
	Host           string        `envconfig:"FLUXBASE_SERVER_HOST" default:"127.0.0.1" pgrst:"server-host" dropin:"!4" desc:"Address to listen on. Loopback by default, so that nothing is public before you say so; 0.0.0.0 or :: in a container."`
	Port           int           `envconfig:"FLUXBASE_SERVER_PORT" default:"8080" pgrst:"server-port" dropin:"3000" desc:"Port to listen on; 0 takes a free one."`
	ReusePort      bool          `envconfig:"FLUXBASE_SERVER_REUSEPORT" default:"false" pgrst:"server-reuseport" desc:"Share the port with other processes of this user that ask for it too (SO_REUSEPORT), so that a new one serves before the old one stops. Off, so that a second one started by mistake says so."`
	UnixSocket     string        `envconfig:"FLUXBASE_SERVER_UNIX_SOCKET" pgrst:"server-unix-socket" desc:"Path of a Unix socket to listen on, in place of host and port."`
	UnixSocketMode string        `envconfig:"FLUXBASE_SERVER_UNIX_SOCKET_MODE" default:"660" pgrst:"server-unix-socket-mode" desc:"Permissions of that socket, octal, 600 to 777: who may write to it may connect."`
	MetricsAddress string        `envconfig:"FLUXBASE_SERVER_METRICS_ADDRESS" default:"127.0.0.1:9091" dropin:"off" desc:"HOST:PORT of the Prometheus metrics, apart from the public port because they tell of every route and pool. off switches them off."`
	RequestTimeout time.Duration `envconfig:"FLUXBASE_SERVER_REQUEST_TIMEOUT" default:"30s" desc:"Deadline of one request, its wait for a connection included; its statement is cancelled then. Role settings (alter role anon set statement_timeout) give tighter ones."`
	HeaderTimeout  time.Duration `envconfig:"FLUXBASE_SERVER_HEADER_TIMEOUT" default:"10s" desc:"How long a client may take to send its headers; stops connections that are opened and fed slowly to use up descriptors."`
	IdleTimeout    time.Duration `envconfig:"FLUXBASE_SERVER_IDLE_TIMEOUT" default:"2m" desc:"How long an idle keep-alive connection stays open; longer than the balancer's in front, so that the balancer closes first."`
	MaxHeaderBytes int           `envconfig:"FLUXBASE_SERVER_MAX_HEADER_BYTES" default:"65536" desc:"Bytes of all headers and the URL of a request; more is answered with 431."`
	BodyLimit      int64         `envconfig:"FLUXBASE_SERVER_BODY_LIMIT" default:"10485760" desc:"Bytes of a request body; more is answered with 413. Bounds the memory of one request."`
	CORSOrigins    []string      `envconfig:"FLUXBASE_SERVER_CORS_ORIGINS" default:"*" pgrst:"server-cors-allowed-origins" desc:"Origins whose pages may call the API, comma separated (https://app.example.com). * is safe here: there are no cookies, a page needs a token of its own."`
	TrustedProxies []string      `envconfig:"FLUXBASE_SERVER_TRUSTED_PROXIES" desc:"Addresses and networks of the balancers in front, comma separated (10.0.0.0/8): their X-Forwarded-For tells from where a client comes. Of others it is ignored, because anybody can write one; behind a balancer that is not named here all clients have its address."`
	DrainDelay     time.Duration `envconfig:"FLUXBASE_SERVER_DRAIN_DELAY" default:"250ms" desc:"After SIGTERM /readyz says 503 and requests are still taken for this long, so that balancers look away first. Set it above your balancer's check interval."`
	StopTimeout    time.Duration `envconfig:"FLUXBASE_SERVER_STOP_TIMEOUT" default:"30s" desc:"How long requests under way may take to finish after the drain delay."`
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
		{&c.StopTimeout, 30 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	if c.MaxHeaderBytes <= 0 {
		c.MaxHeaderBytes = 64 << 10
	}
	if c.BodyLimit <= 0 {
		c.BodyLimit = 10 << 20
	}
	c.DrainDelay = max(c.DrainDelay, 0)

	var errs []error
	if c.Port < 0 || c.Port > 65535 {
		errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_PORT is %d: give a port from 1 to 65535, or 0 for a free one", c.Port))
	}
	if _, err := SocketMode(c.UnixSocketMode); err != nil {
		errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_UNIX_SOCKET_MODE %w", err))
	}
	if _, err := web.ParseProxies(c.TrustedProxies); err != nil {
		errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_TRUSTED_PROXIES: %w", err))
	}
	if c.MetricsAddress != metricsOff {
		if _, _, err := net.SplitHostPort(c.MetricsAddress); err != nil {
			errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_METRICS_ADDRESS is %q: give HOST:PORT, or off", c.MetricsAddress))
		}
	}
	for _, o := range c.CORSOrigins {
		if u, err := url.Parse(o); o != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			errs = append(errs, fmt.Errorf("FLUXBASE_SERVER_CORS_ORIGINS holds %q: give scheme and host without a path, https://app.example.com, or *", o))
		}
	}
	return errors.Join(errs...)
}

const metricsOff = "off"

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
	return c.MetricsAddress, c.MetricsAddress != metricsOff
}
