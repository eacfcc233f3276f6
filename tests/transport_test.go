package tests

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// certificateFiles makes a certificate of localhost and its key.
func certificateFiles(t *testing.T, dir string) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
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
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, text := range map[string][]byte{certFile: text, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return certFile, keyFile, pool
}

// One process with TLS of its own: requests by HTTP/2, realtime by WebSocket, the health
// check, and the address that it tells of itself.
func TestServesByTLS(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, slowSchema)
	cert, key, pool := certificateFiles(t, t.TempDir())
	port := freePort(t)
	env := []string{"FLUXBASE_SERVER_TLS_CERT_FILE=" + cert, "FLUXBASE_SERVER_TLS_KEY_FILE=" + key, "FLUXBASE_SERVER_PORT=" + port}
	s := runServer(t, command(t, append([]string{
		"FLUXBASE_DATABASE_URL=" + d.URL(sql.Authenticator), "FLUXBASE_REPLICATION_DATABASE_URL=" + d.URL(sql.Replication),
		"FLUXBASE_REALTIME_INSTANCE=tls", "FLUXBASE_JWT_SECRET=" + jwtSecret, "FLUXBASE_SERVER_METRICS_ADDRESS=127.0.0.1:0",
	}, env...), "serve"))
	if want := "https://127.0.0.1:" + port; s.URL != want {
		t.Errorf("it says that it serves at %s, want %s", s.URL, want)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	get := func(path string) (resp *http.Response, body string) {
		t.Helper()
		resp, err := client.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(text)
	}
	if status, out := runs(t, command(t, env, "ready")); status != 0 {
		t.Errorf("fluxbase ready: %d %s", status, out)
	}
	resp, body := get("/rest/v1/log")
	if resp.Proto != "HTTP/2.0" || resp.StatusCode != 200 || body != "[]" || resp.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Errorf("got %s %d %s %v", resp.Proto, resp.StatusCode, body, resp.Header)
	}
	// Many over one connection, each a transaction of its own.
	var many sync.WaitGroup
	for range 60 {
		many.Go(func() {
			resp, err := client.Post(s.URL+"/rest/v1/log", "application/json", strings.NewReader(`{}`))
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
			if resp.StatusCode != 201 || resp.ProtoMajor != 2 {
				t.Errorf("got %s %d", resp.Proto, resp.StatusCode)
			}
		})
	}
	many.Wait()
	if resp, _ := get("/rest/v1/log?limit=1"); resp.Header.Get("Content-Range") != "0-0/*" {
		t.Errorf("what was written: %v", resp.Header)
	}
	if _, body := get("/openapi.json"); !strings.Contains(body, `"url":"`+s.URL+`"`) {
		t.Errorf("the description leads elsewhere: %.300s", body)
	}
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: pool}}
	conn, _, err := dialer.Dial("wss"+strings.TrimPrefix(s.URL, "https")+"/realtime/v1/websocket?vsn=2.0.0&apikey="+anonToken(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`[null,"1","phoenix","heartbeat",{}]`)); err != nil {
		t.Fatal(err)
	}
	if _, text, err := conn.ReadMessage(); err != nil || !strings.Contains(string(text), `"ok"`) {
		t.Errorf("a heartbeat: %s %v", text, err)
	}
	metrics, err := http.Get(s.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer metrics.Body.Close()
	page, err := io.ReadAll(metrics.Body)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("../docs/operations/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`fluxbase_[a-z_]+`).FindAllString(string(rules), -1) {
		if strings.HasPrefix(name, "fluxbase_job") || strings.HasPrefix(name, "fluxbase_functions") {
			continue // what never happened is not measured; TestJobsOfTwoProcesses looks
		}
		if !strings.Contains(string(page), "\n"+name+"{") && !strings.Contains(string(page), "\n"+name+" ") {
			t.Errorf("an alert is about %s, which nothing measures", name)
		}
	}
	noServerErrors(t, s)
}

// Pages of previews may call and connect where their pattern is listed.
func TestListedPagesMayCallAndConnect(t *testing.T) {
	t.Parallel()
	s := startRealtime(t, dbtest.New(t), "one", "FLUXBASE_SERVER_CORS_ORIGINS=https://app.example.com,https://pr-*.example.com",
		"FLUXBASE_PUBLIC_URL=https://api.example.com")
	for origin, want := range map[string]bool{"https://pr-7.example.com": true, "https://app.example.com": true, "https://evil.example.com": false, "null": false} {
		a := s.call(t, "GET", "/rest/v1/nothing", "", "Origin: "+origin)
		if got := a.Header.Get("Access-Control-Allow-Origin") == origin; got != want {
			t.Errorf("%s reads: %v", origin, a.Header)
		}
		conn, resp := dialRealtime(t, s, "vsn=2.0.0&apikey="+anonToken(t), "Origin: "+origin)
		if (conn != nil) != want {
			t.Errorf("%s connects: %v", origin, resp.Status)
		}
	}
	if a := s.call(t, "GET", "/openapi.json", ""); !strings.Contains(a.Body, `"url":"https://api.example.com"`) {
		t.Errorf("the description leads elsewhere: %.300s", a.Body)
	}
	page := s.call(t, "GET", "/realtime/v1/inspect", "")
	if got := page.Header["Content-Security-Policy"]; page.Status != 200 || len(got) != 1 || !strings.Contains(got[0], "script-src 'self'") {
		t.Errorf("the live page's own policy: %d %q", page.Status, got)
	}
}
