package proxy

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// writeCertificate makes a certificate of 127.0.0.1 with that number, and its key, and
// puts them into the files of dir.
func writeCertificate(t *testing.T, dir string, serial int64) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, text := range map[string][]byte{
		certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	} {
		// Put in place as renewing programs do.
		if err := os.WriteFile(name+".new", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}

// startTLS serves with a new certificate of the folder, until stop.
func startTLS(t *testing.T, dir string, handle web.Handler, change func(*Config)) (s *Server, address string, pool *x509.CertPool, stop func()) {
	t.Helper()
	cert, key, pool := writeCertificate(t, dir, 1)
	s, _ = setup(t, handle, func(c *Config) {
		c.TLSCertFile, c.TLSKeyFile = cert, key
		if change != nil {
			change(c)
		}
	})
	address, stop = start(t, s)
	return s, address, pool, stop
}

// start serves on a free port until stop, which waits for the end.
func start(t *testing.T, s *Server) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func protocols(set func(*http.Protocols)) *http.Protocols {
	p := new(http.Protocols)
	set(p)
	return p
}

func TestTLSSpeaksHTTP1AndHTTP2(t *testing.T) {
	t.Parallel()
	_, address, pool, _ := startTLS(t, t.TempDir(), ok, nil)
	for _, tt := range []struct {
		protocols *http.Protocols
		want      string
	}{
		{protocols(func(p *http.Protocols) { p.SetHTTP1(true) }), "HTTP/1.1"},
		{protocols(func(p *http.Protocols) { p.SetHTTP1(true); p.SetHTTP2(true) }), "HTTP/2.0"},
	} {
		client := &http.Client{Transport: &http.Transport{Protocols: tt.protocols, TLSClientConfig: &tls.Config{RootCAs: pool}}}
		resp, err := client.Get("https://" + address + "/rest/v1/x")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.Proto != tt.want || resp.StatusCode != 200 || resp.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("got %s %d %v, want %s", resp.Proto, resp.StatusCode, resp.Header, tt.want)
		}
		client.CloseIdleConnections()
	}
	for _, tt := range []struct {
		min, max uint16
		ok       bool
	}{
		{tls.VersionTLS10, tls.VersionTLS11, false},
		{tls.VersionTLS12, tls.VersionTLS12, true},
		{tls.VersionTLS13, tls.VersionTLS13, true},
	} {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool, MinVersion: tt.min, MaxVersion: tt.max})
		if (err == nil) != tt.ok {
			t.Errorf("TLS %x: %v", tt.max, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	if resp, err := http.Get("http://" + address + "/rest/v1/x"); err != nil {
		t.Error(err)
	} else if _ = resp.Body.Close(); resp.StatusCode != 400 {
		t.Errorf("HTTP where TLS is spoken: got %d", resp.StatusCode)
	}
}

// A renewed certificate is shown to the next connection, while all the time requests are
// answered; files that do not fit together change nothing.
func TestRenewedCertificateIsServedWithoutRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, address, _, _ := startTLS(t, dir, ok, nil)
	// serial is the number of the certificate that a new connection is shown.
	serial := func() int64 {
		t.Helper()
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	done := make(chan struct{})
	var load sync.WaitGroup
	answered := make([]atomic.Int64, 2)
	for i := range answered {
		load.Go(func() {
			transport := &http.Transport{DisableKeepAlives: i == 0, TLSClientConfig: &tls.Config{
				InsecureSkipVerify: true, // either certificate may come
			}}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			for {
				select {
				case <-done:
					return
				default:
				}
				resp, err := client.Get("https://" + address + "/rest/v1/x")
				if err != nil {
					t.Errorf("a request was lost: %v", err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				answered[i].Add(1)
			}
		})
	}
	if got := serial(); got != 1 {
		t.Errorf("the first certificate is number %d", got)
	}
	writeCertificate(t, dir, 2)
	for serial() != 2 {
		time.Sleep(10 * time.Millisecond)
	}
	if err := os.WriteFile(filepath.Join(dir, "key.pem"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for counterOf(t, s, "fluxbase_tls_reload_failures_total") == 0 {
		if got := serial(); got != 2 {
			t.Fatalf("files that can't be used: certificate %d is shown", got)
		}
		time.Sleep(10 * time.Millisecond)
	}
	writeCertificate(t, dir, 3)
	for serial() != 3 {
		time.Sleep(10 * time.Millisecond)
	}
	close(done)
	load.Wait()
	for i := range answered {
		if answered[i].Load() == 0 {
			t.Error("a client was never answered")
		}
	}
	if at := counterOf(t, s, "fluxbase_tls_certificate_expiry_timestamp_seconds"); at < float64(time.Now().Unix()) {
		t.Errorf("the certificate ends at %v", at)
	}
}

func counterOf(t *testing.T, s *Server, name string) (sum float64) {
	t.Helper()
	families, err := s.reg.(prometheus.Gatherer).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// When told to stop, clients of HTTP/2 are told too, and lose nothing: what is under way is
// answered, and what comes too late is told that it was not begun.
func TestStopAnswersEveryRequestOfHTTP2(t *testing.T) {
	t.Parallel()
	const inFlight = 80
	var begun sync.WaitGroup
	begun.Add(inFlight)
	release := make(chan struct{})
	var handled atomic.Int64
	_, address, pool, stop := startTLS(t, t.TempDir(), func(w *web.Response, r *http.Request) error {
		if r.URL.Path == "/rest/v1/slow" {
			begun.Done()
			<-release
		}
		handled.Add(1)
		return ok(w, r)
	}, func(c *Config) { c.DrainDelay = 50 * time.Millisecond })
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, Protocols: protocols(func(p *http.Protocols) { p.SetHTTP2(true) })}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	post := func(path string) error {
		resp, err := client.Post("https://"+address+path, "text/plain", bytes.NewReader([]byte("body")))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.ProtoMajor != 2 || resp.StatusCode != 200 {
			return fmt.Errorf("%s %s", resp.Proto, resp.Status)
		}
		return nil
	}
	var answered atomic.Int64
	var clients sync.WaitGroup
	for range inFlight {
		clients.Go(func() {
			if err := post("/rest/v1/slow"); err != nil {
				t.Errorf("a request under way: %v", err)
				return
			}
			answered.Add(1)
		})
	}
	begun.Wait()
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for {
				err := post("/rest/v1/x")
				if op := new(net.OpError); errors.As(err, &op) && op.Op == "dial" {
					return // there is nothing to connect to any more
				}
				if err != nil {
					t.Errorf("a request was taken and not answered: %v", err)
					return
				}
				answered.Add(1)
			}
		})
	}
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	load.Wait()
	close(release)
	clients.Wait()
	<-stopped
	if answered.Load() != handled.Load() {
		t.Errorf("%d requests were handled, %d answered", handled.Load(), answered.Load())
	}
}

// A body that comes drop by drop over HTTP/2 is given up like any other, and the other
// requests of its connection go on.
func TestSlowBodyOverHTTP2IsGivenUp(t *testing.T) {
	t.Parallel()
	_, address, pool, _ := startTLS(t, t.TempDir(), func(w *web.Response, r *http.Request) error {
		if _, err := io.ReadAll(r.Body); err != nil {
			return web.New("invalid_request", "the body ended too early").Because(err)
		}
		return ok(w, r)
	}, func(c *Config) { c.RequestTimeout = 100 * time.Millisecond })
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, Protocols: protocols(func(p *http.Protocols) { p.SetHTTP2(true) }),
	}}
	defer client.CloseIdleConnections()
	body, drops := io.Pipe()
	defer drops.Close()
	go func() { _, _ = drops.Write([]byte("a")) }()
	resp, err := client.Post("https://"+address+"/rest/v1/x", "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Errorf("got %d", resp.StatusCode)
	}
	for range 3 {
		resp, err := client.Post("https://"+address+"/rest/v1/x", "text/plain", strings.NewReader("whole"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("another on that connection: got %d", resp.StatusCode)
		}
	}
}

func TestWebSocketsOverTLS(t *testing.T) {
	t.Parallel()
	_, address, pool, _ := startTLS(t, t.TempDir(), func(w *web.Response, r *http.Request) error {
		conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			return nil
		}
		defer conn.Close()
		kind, text, err := conn.ReadMessage()
		if err == nil {
			_ = conn.WriteMessage(kind, text)
		}
		return nil
	}, nil)
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: pool, NextProtos: []string{"http/1.1"}}}
	conn, _, err := dialer.Dial("wss://"+address+"/rest/v1/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, text, err := conn.ReadMessage(); err != nil || string(text) != "hello" {
		t.Errorf("got %q %v", text, err)
	}
}

func TestHTTP2WithoutTLSOnlyWhereAskedFor(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{false, true} {
		s, _ := setup(t, ok, func(c *Config) { c.H2C = on })
		address, _ := start(t, s)
		transport := &http.Transport{Protocols: protocols(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })}
		resp, err := (&http.Client{Transport: transport}).Get("http://" + address + "/rest/v1/x")
		switch {
		case on && (err != nil || resp.ProtoMajor != 2 || resp.StatusCode != 200):
			t.Errorf("it is on: %v %v", resp, err)
		case !on && err == nil:
			t.Errorf("it is off: %v", resp)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
		transport.CloseIdleConnections()
	}
}
