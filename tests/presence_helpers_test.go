package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"
)

// attendee is one WebSocket in one channel that hears who is present. It puts the
// state together as clients do, but forgives nothing: who comes must not be there
// already, and who goes must be.
type attendee struct {
	*websocket.Conn
	t     *testing.T
	topic string
	ended chan struct{}

	mu      sync.Mutex
	refs    int // of messages; that of the join is joinRef
	joinRef int
	known   bool
	members map[string]string // key and payload, by ref
	told    int               // joins and leaves
	answers map[int]string    // status, by ref
	closed  map[int]bool      // channels that are left, by their joinRef
}

func attend(t *testing.T, s *server, topic, key string) *attendee {
	t.Helper()
	conn, resp := dialRealtime(t, s, "vsn=2.0.0&apikey="+anonToken(t))
	if conn == nil {
		t.Fatalf("the handshake was answered with %d", resp.StatusCode)
	}
	a := &attendee{Conn: conn, t: t, ended: make(chan struct{}), answers: map[int]string{}, closed: map[int]bool{}}
	go a.read()
	a.join(topic, key)
	return a
}

// push sends a message and returns its ref.
func (a *attendee) push(event, payload string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refs++
	if event == "phx_join" {
		a.joinRef = a.refs
	}
	text := fmt.Sprintf(`["%d","%d","realtime:%s",%q,%s]`, a.joinRef, a.refs, a.topic, event, payload)
	if err := a.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		a.t.Error(err)
	}
	return a.refs
}

// join waits until the state has come.
func (a *attendee) join(topic, key string) {
	a.t.Helper()
	a.mu.Lock()
	a.topic, a.known, a.members = topic, false, nil
	a.mu.Unlock()
	a.push("phx_join", fmt.Sprintf(`{"config":{"presence":{"key":%q,"enabled":true}}}`, key))
	eventually(a.t, "the state of "+topic, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.known
	})
}

func (a *attendee) leave() {
	a.t.Helper()
	a.push("phx_leave", `{}`)
	a.mu.Lock()
	joinRef := a.joinRef
	a.mu.Unlock()
	eventually(a.t, "the channel is left", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.closed[joinRef]
	})
}

func (a *attendee) track(payload string) int {
	return a.push("presence", `{"type":"presence","event":"track","payload":`+payload+`}`)
}

func (a *attendee) untrack() int { return a.push("presence", `{"type":"presence","event":"untrack"}`) }

// wait returns the answer to a message.
func (a *attendee) wait(ref int) (status string) {
	a.t.Helper()
	eventually(a.t, "an answer", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		status = a.answers[ref]
		return status != ""
	})
	return status
}

func (a *attendee) read() {
	defer close(a.ended)
	for {
		_, data, err := a.ReadMessage()
		if err != nil {
			return
		}
		var m [5]json.RawMessage
		if err := json.Unmarshal(data, &m); err != nil {
			a.t.Errorf("%s: %v", data, err)
			return
		}
		a.hear(strings.Trim(string(m[1]), `"`), strings.Trim(string(m[2]), `"`), strings.Trim(string(m[3]), `"`), m[4])
	}
}

type presenceMetas map[string]struct{ Metas []map[string]any }

// each calls back with ref, and key and payload.
func (p presenceMetas) each(see func(ref, member string)) {
	for key, list := range p {
		for _, meta := range list.Metas {
			ref, _ := meta["phx_ref"].(string)
			delete(meta, "phx_ref")
			text, _ := json.Marshal(meta)
			see(ref, key+" "+string(text))
		}
	}
}

func (a *attendee) hear(ref, topic, event string, payload json.RawMessage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	number := 0
	_, _ = fmt.Sscan(ref, &number) // null is none
	switch event {
	case "phx_reply":
		var p struct{ Status string }
		_ = json.Unmarshal(payload, &p)
		a.answers[number] = p.Status
		return
	case "phx_close":
		a.closed[number] = true
		return
	}
	if topic != "realtime:"+a.topic || a.members == nil && event != "presence_state" {
		return // of the channel before
	}
	switch event {
	case "presence_state":
		var state presenceMetas
		if err := json.Unmarshal(payload, &state); err != nil || a.known {
			a.t.Errorf("a state %s, %v", payload, err)
		}
		a.known, a.members = true, map[string]string{}
		state.each(func(ref, member string) { a.members[ref] = member })
	case "presence_diff":
		var diff struct{ Joins, Leaves presenceMetas }
		if err := json.Unmarshal(payload, &diff); err != nil {
			a.t.Errorf("a diff %s: %v", payload, err)
		}
		diff.Joins.each(func(ref, member string) {
			if a.members[ref] != "" {
				a.t.Errorf("%s comes, and is there already", member)
			}
			a.members[ref] = member
			a.told++
		})
		diff.Leaves.each(func(ref, member string) {
			if a.members[ref] != member {
				a.t.Errorf("%s goes, and was not there", member)
			}
			delete(a.members, ref)
			a.told++
		})
	}
}

// present lists key and payload of all members.
func (a *attendee) present() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Values(a.members))
}

// sees waits until those and no others are present.
func (a *attendee) sees(members ...string) {
	a.t.Helper()
	defer func() {
		if a.t.Failed() {
			a.t.Logf("present in %s are %q, want %q", a.topic, a.present(), members)
		}
	}()
	eventually(a.t, fmt.Sprintf("%d are present in %s", len(members), a.topic), func() bool {
		return slices.Equal(a.present(), members)
	})
}

// listed is what the table says of a channel.
func listed(t *testing.T, conn *pgx.Conn, topic string) (members []string) {
	t.Helper()
	const ask = `select coalesce(array_agg(p.key || ' ' || p.meta order by p.key || ' ' || p.meta collate "C"), '{}') from realtime.presence($1) as p`
	if err := conn.QueryRow(t.Context(), ask, topic).Scan(&members); err != nil {
		t.Fatal(err)
	}
	return members
}
