package proxy

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// certificate is the one of the two files, as they are now.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	failures          prometheus.Counter

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]os.FileInfo // the files that were read last
	looked  time.Time
}

// lookEvery is how often the files are looked at, while connections come.
const lookEvery = time.Second

// newCertificate reads the files of cfg.
func newCertificate(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*certificate, error) {
	c := &certificate{
		certFile: cfg.TLSCertFile, keyFile: cfg.TLSKeyFile, log: log,
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fluxbase_tls_reload_failures_total",
			Help: "Changes of the certificate's files that could not be read; what was read before them is still in use.",
		}),
	}
	c.seen, _ = c.look()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return nil, err
	}
	c.current = &pair
	reg.MustRegister(c.failures, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fluxbase_tls_certificate_expiry_timestamp_seconds",
		Help: "When the certificate in use ends, in seconds since 1970.",
	}, func() float64 {
		pair, _ := c.get(nil)
		return float64(pair.Leaf.NotAfter.Unix())
	}))
	return c, nil
}

func (c *certificate) look() (files [2]os.FileInfo, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if files[i], err = os.Stat(name); err != nil {
			return files, err
		}
	}
	return files, nil
}

// get is tls.Config's GetCertificate. Files that do not fit together, as while they are
// being replaced one after the other, change nothing until they do.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		c.reload()
	}
	return c.current, nil
}

func (c *certificate) reload() {
	files, err := c.look()
	if err == nil && same(files[0], c.seen[0]) && same(files[1], c.seen[1]) {
		return
	}
	if err == nil {
		c.seen = files
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.certFile, c.keyFile); err == nil {
			c.current = &pair
			c.log.Info("the certificate was renewed", "expires", pair.Leaf.NotAfter)
			return
		}
	}
	c.failures.Inc()
	c.log.Warn("the files of the certificate have changed and can't be used; the one before stays", "error", err)
}

func same(a, b os.FileInfo) bool {
	return b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
