package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/tests/deno"
)

// bed is a pool behind a server, and the functions that it has.
type bed struct {
	*Pool
	*httptest.Server
	t     testing.TB
	mu    sync.Mutex
	specs map[string]*Spec
	lines []string
	seen  []Outcome
	log   buffer
}

// buffer is a log, which is shown where a test fails.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// newBed starts a pool with the functions that are given: name to source.
func newBed(t testing.TB, o Options, code map[string]string) *bed {
	t.Helper()
	dir, err := os.MkdirTemp("", "fb")
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, specs: map[string]*Spec{}}
	o.Deno, o.Dir, o.Log = deno.Bin(t), dir, slog.New(slog.NewTextHandler(&b.log, nil))
	o.Output = func(_ *Spec, _ time.Time, level, text string, _ bool) { b.line("-", level, text) }
	if b.Pool, err = New(o); err != nil {
		t.Fatal(err)
	}
	for name, source := range code {
		b.deploy(name, source, Limits{})
	}
	b.Server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(func() {
		b.Server.CloseClientConnections()
		b.Server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = b.Pool.Close(ctx)
		if t.Failed() {
			t.Log(b.said(), "\n", b.log.text.String())
		}
	})
	return b
}

func (b *bed) deploy(name, source string, l Limits) *Spec {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &Spec{
		Name: name, Version: 1, Key: fmt.Sprint(name, len(b.specs), time.Now().UnixNano()), Entry: "index.ts", Limits: l,
		Files: func(context.Context) (map[string][]byte, error) {
			return map[string][]byte{"index.ts": []byte(source)}, nil
		},
	}
	b.specs[name] = s
	return s
}

func (b *bed) serve(w http.ResponseWriter, r *http.Request) {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	b.mu.Lock()
	s := b.specs[name]
	id := fmt.Sprint("inv", len(b.seen), "-", time.Now().UnixNano())
	b.mu.Unlock()
	out := b.Serve(w, r, s, &Invocation{
		ID: id, RequestID: "req-1",
		Line:     func(_ time.Time, level, text string, cut bool) { b.line(id, level, text) },
		Progress: func(p json.RawMessage) { b.line(id, "progress", string(p)) },
	})
	b.mu.Lock()
	b.seen = append(b.seen, out)
	b.mu.Unlock()
	if out.Broken {
		panic(http.ErrAbortHandler)
	}
}

func (b *bed) line(id, level, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, level+" "+text)
}

// said returns the lines of all logs.
func (b *bed) said() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines, "\n")
}

// last is the last outcome.
func (b *bed) last() Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.seen) == 0 {
		return Outcome{}
	}
	return b.seen[len(b.seen)-1]
}

// get asks a function, and returns the status and what it answers.
func (b *bed) get(path string) (int, string) {
	b.t.Helper()
	res, err := http.Get(b.URL + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

// want asks a function until it answers so, at once where it does not.
func (b *bed) want(path string, status int, part string) {
	b.t.Helper()
	if got, body := b.get(path); got != status || !strings.Contains(body, part) {
		b.t.Errorf("%s: got %d %q, want %d with %q\n%s", path, got, body, status, part, b.said())
	}
}

// eventually waits for what must come true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("it never came true that %s", what)
}
