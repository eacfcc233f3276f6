package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
	"github.com/fluxbase/fluxbase/replication"
)

const testSecret = "a secret of the tests, 32 bytes or more"

// served is a hub that takes WebSockets. No database is there: its channels are public,
// and what is sent is handed to it as the bus would.
type served struct {
	*Hub
	t   *testing.T
	url string
}

func serve(t *testing.T, cfg Config, wrap func(net.Listener) net.Listener) *served {
	t.Helper()
	tokens, err := token.New(token.Config{Secret: testSecret, AnonRole: "anon"})
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	source, err := replication.New(replication.Config{Instance: "test"}, "", log, reg)
	if err != nil {
		t.Fatal(err)
	}
	h := New(cfg, Deps{Source: source, Tokens: tokens, Log: log, Reg: reg})
	// All may connect.
	h.admissions.ask = func(context.Context, []connectionChange) (map[string]string, error) { return nil, nil }
	ctx, cancel := context.WithCancel(context.Background())
	var admitting sync.WaitGroup
	admitting.Go(func() { h.admissions.writer.run(ctx) })
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h.Serve(&web.Response{ResponseWriter: w, ID: "test"}, r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}))
	if wrap != nil {
		server.Listener = wrap(server.Listener)
	}
	server.Start()
	t.Cleanup(func() {
		server.Close()
		h.mu.Lock()
		for c := range h.clients {
			_ = c.conn.Close()
		}
		h.mu.Unlock()
		h.running.Wait()
		cancel()
		admitting.Wait()
	})
	key, err := token.SignHS256([]byte(testSecret), map[string]any{"role": "anon"})
	if err != nil {
		t.Fatal(err)
	}
	return &served{h, t, "ws" + strings.TrimPrefix(server.URL, "http") + Prefix + "/websocket?vsn=2.0.0&apikey=" + key}
}

func (s *served) dial() *websocket.Conn {
	s.t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial(s.url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// joined is a socket that listens to a topic.
func (s *served) joined(topic string) *websocket.Conn {
	s.t.Helper()
	return s.joinedWith(topic, `{}`)
}

// joinedWith is joined with the payload of the join.
func (s *served) joinedWith(topic, payload string) *websocket.Conn {
	s.t.Helper()
	conn := s.dial()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`["1","1","realtime:`+topic+`","phx_join",`+payload+`]`)); err != nil {
		s.t.Fatal(err)
	}
	if _, reply, err := conn.ReadMessage(); err != nil || !strings.Contains(string(reply), `"ok"`) {
		s.t.Fatalf("the join was answered with %s, %v", reply, err)
	}
	return conn
}

// say delivers messages whose event is their number, with so many bytes each.
func (s *served) say(topic string, first, n, size int) {
	list := make([]broadcast, n)
	for i := range list {
		list[i] = broadcast{Topic: topic, Event: strconv.Itoa(first + i), Payload: `"` + strings.Repeat("x", size) + `"`}
	}
	data, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	s.Broadcasts(&changes.Transaction{End: 1}, data)
}

// hears checks that the messages with numbers first to end come next, in order.
func hears(t *testing.T, conn *websocket.Conn, first, end int) {
	t.Helper()
	for i := first; i < end; i++ {
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, data, err := conn.ReadMessage()
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		// Its parts; parsing much JSON would take most of the test's time.
		head, tail := `"broadcast",{"type":"broadcast","event":"`+strconv.Itoa(i)+`","payload":"`, `"}}]`
		if !bytes.Contains(data[:min(len(data), 200)], []byte(head)) || !bytes.HasSuffix(data, []byte(tail)) {
			t.Fatalf("got %.100s, want message %d", data, i)
		}
	}
}

// closeCode reads until the connection ends.
func closeCode(t *testing.T, conn *websocket.Conn) int {
	t.Helper()
	for {
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, _, err := conn.NextReader(); err != nil {
			var end *websocket.CloseError
			if !errors.As(err, &end) {
				t.Fatalf("the connection ended with %v", err)
			}
			return end.Code
		}
	}
}

// until waits for what must come to be.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 20 s until %s", what)
		}
	}
}

func (s *served) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}

func (s *served) slow() int { return int(testutil.ToFloat64(s.metrics.slow)) }

// wrapped is a connection that hides what it wraps, as that of TLS does.
type wrapped struct{ net.Listener }

func (w wrapped) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	return struct{ net.Conn }{conn}, err
}

func hide(l net.Listener) net.Listener { return wrapped{l} }
