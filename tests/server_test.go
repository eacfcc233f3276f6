package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

const jwtSecret = "a secret of the tests, of 32 bytes or more"

// server is a running `fluxbase serve`.
type server struct {
	URL     string
	Metrics string
	cmd     *osexec.Cmd
	done    chan struct{} // closed when the process has ended
	err     error         // of its end

	mu  sync.Mutex
	log bytes.Buffer
}

// startServer runs the product in front of db on free ports, with env on top of
// what that takes. When the test ends it is stopped, and must stop well.
func startServer(t *testing.T, db *dbtest.DB, env ...string) *server {
	t.Helper()
	cmd := command(t, append([]string{
		"FLUXBASE_DATABASE_URL=" + db.URL(sql.Authenticator),
		"FLUXBASE_SERVICE_DATABASE_URL=" + db.URL(sql.Service),
		"FLUXBASE_DATABASE_MAX_CONNECTIONS=12", "FLUXBASE_DATABASE_MIN_CONNECTIONS=2", "FLUXBASE_SERVICE_DATABASE_MAX_CONNECTIONS=2",
		"FLUXBASE_JWT_SECRET=" + jwtSecret,
		"FLUXBASE_SERVER_METRICS_ADDRESS=127.0.0.1:0",
	}, env...), "serve")
	s := runServer(t, cmd)
	eventually(t, "the server is ready", func() bool {
		a, err := s.try("GET", "/readyz", "")
		return err == nil && a.Status == http.StatusOK
	})
	return s
}

// runServer starts a serve command and waits until it takes requests, which it
// may do before it has a database.
func runServer(t *testing.T, cmd *osexec.Cmd) *server {
	t.Helper()
	s, ready := launch(t, cmd)
	select {
	case <-ready:
	case <-s.done:
		t.Fatalf("the server ended: %v\n%s", s.err, s.Log())
	case <-time.After(2 * time.Minute):
		t.Fatalf("the server was not ready within two minutes\n%s", s.Log())
	}
	return s
}

// launch starts a serve command; ready is closed when its log, of level info, says
// where it serves.
func launch(t *testing.T, cmd *osexec.Cmd) (s *server, ready chan struct{}) {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s = &server{cmd: cmd, done: make(chan struct{})}
	cmd.Stderr = lockedWriter{s}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready = make(chan struct{})
	go s.read(stdout, ready)
	t.Cleanup(func() { s.stop(t) })
	return s, ready
}

// read keeps the log, and finds the addresses in it.
func (s *server) read(stdout io.Reader, ready chan<- struct{}) {
	var partial []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := stdout.Read(buf)
		_, _ = lockedWriter{s}.Write(buf[:n])
		if s.URL == "" {
			partial = append(partial, buf[:n]...)
			for line := range bytes.Lines(partial) {
				var entry struct{ Msg, URL string }
				if json.Unmarshal(line, &entry) != nil {
					continue
				}
				switch entry.Msg {
				case "metrics":
					s.Metrics = entry.URL
				case "serving":
					s.URL = entry.URL
					close(ready)
				}
			}
		}
		if err != nil {
			break
		}
	}
	s.err = s.cmd.Wait()
	close(s.done)
}

type lockedWriter struct{ s *server }

func (w lockedWriter) Write(b []byte) (int, error) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.s.log.Write(b)
}

// Log is what the server has written so far.
func (s *server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// logs waits until the log holds a text: a request may be answered before its line is read.
func (s *server) logs(t *testing.T, text string) {
	t.Helper()
	eventually(t, "the log says "+text, func() bool { return strings.Contains(s.Log(), text) })
}

func (s *server) stop(t *testing.T) {
	select {
	case <-s.done: // the test has ended it
		return
	default:
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
		if s.err != nil {
			t.Errorf("the server stopped with %v\n%s", s.err, tail(s.Log()))
		}
	case <-time.After(40 * time.Second):
		_ = s.cmd.Process.Kill()
		t.Errorf("the server did not stop\n%s", tail(s.Log()))
	}
	if log := s.Log(); strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
		t.Errorf("the server panicked\n%s", tail(log))
	}
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// userToken is a JWT of a signed-in user.
func userToken(t *testing.T, sub string) string {
	return signToken(t, map[string]any{"role": "authenticated", "sub": sub, "exp": time.Now().Add(time.Hour).Unix()})
}

func signToken(t *testing.T, claims map[string]any) string {
	t.Helper()
	s, err := token.SignHS256([]byte(jwtSecret), claims)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is what a client got.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// call sends one request; header holds "Name: value" lines.
func (s *server) call(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	a, err := s.try(method, path, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// clientOf gives a client of what the log calls url, and the base of its paths.
func clientOf(url string) (*http.Client, string) {
	path, ok := strings.CutPrefix(url, "unix:")
	if !ok {
		return http.DefaultClient, url
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}, "http://localhost"
}

func (s *server) try(method, path, body string, header ...string) (answer, error) {
	client, base := clientOf(s.URL)
	req, err := http.NewRequest(method, base+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(out)}, err
}

// pause stops the process as it stands, until resume or the end of the test.
func (s *server) pause(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.resume)
	// The signal is on its way; meanwhile threads on other cores go on.
	eventually(t, "all threads stand still", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.cmd.Process.Pid))
		return err == nil && len(threads) > 0 && !slices.ContainsFunc(threads, func(thread string) bool {
			stat, err := os.ReadFile(thread)
			return err != nil || !bytes.Contains(stat, []byte(") T "))
		})
	})
}

func (s *server) resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }
