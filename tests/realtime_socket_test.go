package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// socket is a WebSocket of realtime, spoken by hand in version 2.0.0.
type socket struct {
	*websocket.Conn
	t *testing.T
}

// dialRealtime opens a WebSocket; header holds "Name: value" lines.
func dialRealtime(t *testing.T, s *server, query string, header ...string) (*websocket.Conn, *http.Response) {
	t.Helper()
	h := http.Header{}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		h.Set(name, value)
	}
	url := "ws" + strings.TrimPrefix(s.URL, "http") + "/realtime/v1/websocket?" + query
	conn, resp, err := websocket.DefaultDialer.Dial(url, h)
	if err != nil && resp == nil {
		t.Fatal(err)
	}
	if conn != nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, resp
}

func anonToken(t *testing.T) string {
	return signToken(t, map[string]any{"role": "anon", "exp": time.Now().Add(time.Hour).Unix()})
}

func openSocket(t *testing.T, s *server) *socket {
	t.Helper()
	conn, resp := dialRealtime(t, s, "vsn=2.0.0&apikey="+anonToken(t))
	if conn == nil {
		t.Fatalf("the handshake was answered with %d", resp.StatusCode)
	}
	return &socket{conn, t}
}

func (s *socket) write(text string) {
	s.t.Helper()
	if err := s.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// next returns event and payload of the next message.
func (s *socket) next() (event, payload string) {
	s.t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(time.Minute))
	_, data, err := s.ReadMessage()
	if err != nil {
		s.t.Fatal(err)
	}
	var m []json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil || len(m) != 5 {
		s.t.Fatalf("%s: %v", data, err)
	}
	return strings.Trim(string(m[3]), `"`), string(m[4])
}

// expect checks the next message.
func (s *socket) expect(event, part string) {
	s.t.Helper()
	if e, payload := s.next(); e != event || !strings.Contains(payload, part) {
		s.t.Fatalf("got %s %s, want %s with %s", e, payload, event, part)
	}
}

// closed reads until the connection ends, and returns the code.
func (s *socket) closed() int {
	s.t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		_, _, err := s.ReadMessage()
		var end *websocket.CloseError
		switch {
		case errors.As(err, &end):
			return end.Code
		case err != nil:
			s.t.Fatalf("the connection ended with %v", err)
		}
	}
}

func joinTopic(topic string) string {
	return fmt.Sprintf(`["1","1","realtime:%s","phx_join",{}]`, topic)
}

func TestRealtimeHandshakes(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	s := startRealtime(t, db, "one", "FLUXBASE_SERVER_CORS_ORIGINS=https://app.example.com")
	key := anonToken(t)
	for _, tt := range []struct {
		name, query string
		header      []string
		status      int
		says        string
	}{
		{"no key", "", nil, 401, "API key is missing"},
		{"a key that is none", "apikey=abc", nil, 401, "Expected 3 parts in JWT"},
		{"a key of the newer kind", "apikey=sb_publishable_abc", nil, 401, "the API key is not valid"},
		{"an old key", "apikey=" + signToken(t, map[string]any{"role": "anon", "exp": 1}), nil, 401, "JWT expired"},
		{"a page of elsewhere", "apikey=" + key, []string{"Origin: https://evil.example.com"}, 403, "origin"},
		{"a page of the app", "apikey=" + key, []string{"Origin: https://app.example.com"}, 101, ""},
		{"the key as a header", "vsn=1.0.0", []string{"Apikey: " + key}, 101, ""},
	} {
		_, resp := dialRealtime(t, s, tt.query, tt.header...)
		body := make([]byte, 1000)
		n, _ := resp.Body.Read(body)
		if resp.StatusCode != tt.status || !strings.Contains(string(body[:n]), tt.says) {
			t.Errorf("%s: got %d %s, want %d with %q", tt.name, resp.StatusCode, body[:n], tt.status, tt.says)
		}
	}
	apikey := "Apikey: " + key
	for _, tt := range []struct {
		method, path, body string
		header             []string
		status             int
	}{
		{"GET", "/realtime/v1/websocket", "", []string{apikey}, 400},
		{"POST", "/realtime/v1/websocket", "", []string{apikey}, 405},
		{"GET", "/realtime/v1/nothing", "", []string{apikey}, 404},
		{"GET", "/realtime/v1/api/broadcast", "", []string{apikey}, 405},
		{"POST", "/realtime/v1/api/broadcast", `{"messages":[]}`, nil, 401},
		{"POST", "/realtime/v1/api/broadcast", `{"messages":[]}`, []string{"Apikey: abc.d.e"}, 401},
		{"POST", "/realtime/v1/api/broadcast", `{"messages":[]}`, []string{apikey}, 202},
		{"POST", "/realtime/v1/api/broadcast", `{`, []string{apikey}, 422},
		{"POST", "/realtime/v1/api/broadcast", `{"messages":[{"topic":"a"}]}`, []string{apikey}, 422},
		{"POST", "/realtime/v1/api/broadcast", `{"messages":[{"topic":"a\u0000","event":"e","payload":{}}]}`, []string{apikey}, 422},
		{"POST", "/realtime/v1/api/broadcast", `{"messages":[` + strings.Repeat(`{},`, 100) + `{}]}`, []string{apikey}, 429},
		{"POST", "/realtime/v1/api/broadcast/a/events/e", `{}`, []string{apikey, "Content-Type: application/json"}, 202},
		{"POST", "/realtime/v1/api/broadcast/a/events/e", `{`, []string{apikey, "Content-Type: application/json"}, 422},
		{"POST", "/realtime/v1/api/broadcast/a/events/e", `x`, []string{apikey, "Content-Type: text/plain"}, 415},
		{"POST", "/realtime/v1/api/broadcast/a/events/e?private=true", `{}`, []string{apikey, "Content-Type: application/json"}, 403},
		{"POST", "/realtime/v1/api/broadcast/a%00/events/e", `{}`, []string{apikey, "Content-Type: application/json"}, 422},
		{"POST", "/realtime/v1/api/broadcast/a", `{}`, []string{apikey}, 404},
	} {
		if a := s.call(t, tt.method, tt.path, tt.body, tt.header...); a.Status != tt.status {
			t.Errorf("%s %s %.60s: got %d %s, want %d", tt.method, tt.path, tt.body, a.Status, a.Body, tt.status)
		}
	}
	noServerErrors(t, s)
}

func TestHostileFramesEndTheirConnectionOnly(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	s := startRealtime(t, db, "one", "FLUXBASE_REALTIME_MAX_MESSAGE_BYTES=4096", "FLUXBASE_REALTIME_MAX_CHANNELS=2",
		"FLUXBASE_REALTIME_JOINS_PER_SECOND=20", "FLUXBASE_REALTIME_MESSAGES_PER_SECOND=5")
	witness := openSocket(t, s)
	witness.write(joinTopic("witness"))
	witness.expect("phx_reply", `"ok"`)

	for _, tt := range []struct {
		kind int
		data string
		code int
	}{
		{websocket.TextMessage, "", 1007},
		{websocket.TextMessage, "{", 1007},
		{websocket.TextMessage, "[]", 1007},
		{websocket.TextMessage, `[null,null,"a","b"]`, 1007},
		{websocket.TextMessage, "\xff", 1007},
		{websocket.TextMessage, strings.Repeat("[", 4000), 1007},
		{websocket.BinaryMessage, "", 1007},
		{websocket.BinaryMessage, "\x03\xff\xff\xff\xff\xff\x00", 1007},
		{websocket.TextMessage, strings.Repeat(" ", 4097), 1009},
	} {
		c := openSocket(t, s)
		if err := c.WriteMessage(tt.kind, []byte(tt.data)); err != nil {
			t.Fatal(err)
		}
		if code := c.closed(); code != tt.code {
			t.Errorf("%.20q ended the connection with %d, want %d", tt.data, code, tt.code)
		}
	}

	// What is well formed but can't be is answered.
	c := openSocket(t, s)
	for _, tt := range []struct{ data, says string }{
		{`[null,"1","phoenix","heartbeat",{}]`, `"ok"`},
		{`[null,"1","nothing","phx_join",{}]`, "TopicNameRequired"},
		{`["1","1","realtime:","phx_join",{}]`, "TopicNameRequired"},
		{`["1","1","realtime:a","phx_join",7]`, "InvalidJoinConfiguration"},
		{`["1","1","realtime:a","phx_join",{"config":[]}]`, "InvalidJoinConfiguration"},
		{`["1","1","realtime:a","phx_join",{"access_token":"a.b.c"}]`, "MalformedJWT"},
		{`["1","1","realtime:a","broadcast",{"event":"e"}]`, "unmatched topic"},
		{joinTopic("a"), `"ok"`},
		{`["1","2","realtime:a","broadcast",7]`, "InvalidBroadcast"},
		{`["1","2","realtime:a","broadcast",{"event":"a\u0000"}]`, "InvalidBroadcast"},
		{`["1","2","realtime:a","other",{}]`, "UnknownEvent"},
		{`["9","2","realtime:a","broadcast",{"event":"e"}]`, "unmatched topic"},
		{joinTopic("b"), `"ok"`},
		{joinTopic("c"), "ChannelRateLimitReached"},
	} {
		c.write(tt.data)
		c.expect("phx_reply", tt.says)
	}

	// Too many messages close the channel, too many requests the connection.
	for range 6 {
		c.write(`["1","2","realtime:a","broadcast",{"event":"e"}]`)
	}
	c.expect("system", "Too many messages per second")
	c.expect("phx_close", "{}")
	for range 40 {
		c.write(`[null,"1","phoenix","heartbeat",{}]`)
	}
	if code := c.closed(); code != 1008 {
		t.Errorf("too many requests ended the connection with %d, want 1008", code)
	}

	// Nobody else noticed.
	witness.write(`["1","2","realtime:witness","phx_leave",{}]`)
	witness.expect("phx_reply", `"ok"`)
	witness.expect("phx_close", "{}")
	noServerErrors(t, s)
}

func TestASecondJoinTakesThePlaceOfTheFirst(t *testing.T) {
	t.Parallel()
	s := startRealtime(t, dbtest.New(t), "one")
	c := openSocket(t, s)
	c.write(joinTopic("a"))
	c.expect("phx_reply", `"ok"`)
	c.write(`["2","2","realtime:a","phx_join",{"config":{"broadcast":{"self":true}}}]`)
	c.expect("phx_close", "{}")
	c.expect("phx_reply", `"ok"`)
	c.write(`["2","3","realtime:a","broadcast",{"event":"once"}]`)
	c.expect("broadcast", `"once"`)
	c.write(`["2","4","realtime:a","phx_leave",{}]`)
	c.expect("phx_reply", `"ok"`) // and the message came once
}

func TestASlowClientIsClosedAndNobodyWaits(t *testing.T) {
	t.Parallel()
	s := startRealtime(t, dbtest.New(t), "one")
	slow, quick := openSocket(t, s), openSocket(t, s)
	for _, c := range []*socket{slow, quick} {
		c.write(joinTopic("a"))
		c.expect("phx_reply", `"ok"`)
	}
	if err := slow.NetConn().(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	body := `{"messages":[{"topic":"a","event":"big","payload":"` + strings.Repeat("x", 1<<20) + `"}]}`
	for s.metric(t, "fluxbase_realtime_slow_clients_total", nil) == 0 {
		if a := s.call(t, "POST", "/realtime/v1/api/broadcast", body, "Apikey: "+anonToken(t)); a.Status != 202 {
			t.Fatalf("got %d %s", a.Status, a.Body)
		}
		quick.expect("broadcast", `"big"`)
	}
	eventually(t, "the slow client is gone", func() bool { return s.metric(t, "fluxbase_realtime_connections", nil) == 1 })
	if n := s.metric(t, "fluxbase_realtime_channels", nil); n != 1 {
		t.Errorf("%v channels are left, want one", n)
	}
}

func TestAStoppingServerSaysSo(t *testing.T) {
	t.Parallel()
	s := startRealtime(t, dbtest.New(t), "one")
	c := openSocket(t, s)
	c.write(joinTopic("a"))
	c.expect("phx_reply", `"ok"`)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := c.closed(); code != 1001 {
		t.Errorf("the connection ended with %d, want 1001", code)
	}
	if <-s.done; s.err != nil {
		t.Errorf("the server stopped with %v", s.err)
	}
}
