package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// resumer is a client that knows of positions: it hears one channel, and can go on after the
// last position that it was given.
type resumer struct {
	t        *testing.T
	conn     *websocket.Conn
	key      string // its token
	position string
}

// heard is a message of a channel.
type heard struct {
	Event   string
	Payload struct {
		// Of a reply.
		Status   string
		Response json.RawMessage
		// Of changes and of system messages.
		Position, Resync, Message string
		Data                      struct {
			Table, Type string
			Record      json.RawMessage
			Old         json.RawMessage `json:"old_record"`
		}
		// Of a snapshot.
		Table string
		Rows  []json.RawMessage
		Last  bool
		// Of a broadcast, which names its own event.
		Event   string
		Meta    struct{ ID string }
		Payload json.RawMessage
	}
}

// open connects and joins the channel "tail", which must be answered.
func (c *resumer) open(s *server, config string) error {
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL, "http")+"/realtime/v1/websocket?vsn=2.0.0&apikey="+c.key, nil)
	if err != nil {
		return err
	}
	c.conn = conn
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`["1","1","realtime:tail","phx_join",{"config":`+config+`}]`)); err != nil {
		return err
	}
	m, err := c.next()
	switch {
	case err != nil:
		return err
	case m.Event != "phx_reply":
		return fmt.Errorf("%+v comes before the answer", m)
	case m.Payload.Status != "ok":
		return fmt.Errorf("the join was answered with %s", m.Payload.Response)
	}
	return nil
}

// next reads a message and keeps its position.
func (c *resumer) next() (m heard, err error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(time.Minute))
	_, data, err := c.conn.ReadMessage()
	if err != nil {
		return m, err
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil || len(parts) != 5 {
		return m, fmt.Errorf("%s: %v", data, err)
	}
	if err := json.Unmarshal(parts[3], &m.Event); err != nil {
		return m, err
	}
	if err := json.Unmarshal(parts[4], &m.Payload); err != nil {
		return m, fmt.Errorf("%s: %w", data, err)
	}
	if m.Payload.Position != "" {
		c.position = m.Payload.Position
	}
	return m, nil
}

// newResumer opens a client of the anonymous role.
func newResumer(t *testing.T, s *server, config string) *resumer {
	t.Helper()
	c := &resumer{t: t, key: anonToken(t)}
	if err := c.open(s, config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func (c *resumer) close() { _ = c.conn.Close() }

// changes returns the next n changes as "INSERT {...}", and fails where anything else but
// the word that all is well comes between.
func (c *resumer) changes(n int) (list []string) {
	c.t.Helper()
	for len(list) < n {
		m, err := c.next()
		switch {
		case err != nil:
			c.t.Fatalf("after %q: %v", list, err)
		case m.Event == "system" && m.Payload.Resync == "":
		case m.Event != "postgres_changes":
			c.t.Fatalf("after %q comes %+v", list, m)
		default:
			row := m.Payload.Data.Record
			if m.Payload.Data.Type == "DELETE" {
				row = m.Payload.Data.Old
			}
			list = append(list, m.Payload.Data.Type+" "+string(row))
		}
	}
	return list
}

// expect checks the next changes.
func (c *resumer) expect(want ...string) {
	c.t.Helper()
	if got := c.changes(len(want)); strings.Join(got, "\n") != strings.Join(want, "\n") {
		c.t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// skipTo reads on to a change: of what was committed a little before a join, some may come.
func (c *resumer) skipTo(want string) {
	c.t.Helper()
	for c.changes(1)[0] != want {
		continue
	}
}

// resync returns what is to be read again.
func (c *resumer) resync() string {
	c.t.Helper()
	for {
		m, err := c.next()
		switch {
		case err != nil:
			c.t.Fatal(err)
		case m.Event == "system" && m.Payload.Resync == "":
		case m.Event != "system":
			c.t.Fatalf("%+v comes before a resync", m)
		default:
			return m.Payload.Resync
		}
	}
}

// broadcasts returns the next n broadcasts by their events.
func (c *resumer) broadcasts(n int) (list []string, last string) {
	c.t.Helper()
	for len(list) < n {
		m, err := c.next()
		if err != nil || m.Event != "broadcast" {
			c.t.Fatalf("after %q: %+v, %v", list, m, err)
		}
		list, last = append(list, m.Payload.Event), m.Payload.Meta.ID
	}
	return list, last
}
