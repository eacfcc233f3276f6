package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// Who is present stands in the database; attendances is a copy of those rooms that
// somebody here listens to. A room is read when its first listener comes, under a
// lock that no writer outlives; from then on it follows the messages on the bus, of
// which those that the read has shown already are left out. So table, stream and
// clients agree, without a gap or anything told twice.
type attendances struct {
	hub  *Hub
	load *batcher[*attendance]

	mu    sync.Mutex
	rooms map[room]*attendance
}

// attendance is who is present in a room.
type attendance struct {
	room
	// listeners, and whether they have been told the state.
	listeners map[*channel]bool
	members   map[string]presence // by ref
	// shown is the snapshot that members began with; messages that it shows are old.
	shown snapshot
	// reads counts the readings asked for. Until the last has come, messages wait.
	reads   int
	loading bool
	pending []presenceMessage
}

// presence is a member, or that one leaves.
type presence struct {
	Topic   string `json:"topic"`
	Private bool   `json:"private"`
	Key     string `json:"key"`
	// Ref and Meta, a JSON object as text, are of who comes.
	Ref  string `json:"ref"`
	Meta string `json:"meta"`
	// Left is the ref of who goes.
	Left string `json:"left,omitempty"`
}

// presenceMessage is what one transaction has changed.
type presenceMessage struct {
	XID     uint64     `json:"xid,string"`
	Changes []presence `json:"changes"`
}

const (
	eventPresence      = "presence"
	eventPresenceState = "presence_state"
	eventPresenceDiff  = "presence_diff"
)

func newAttendances(h *Hub) *attendances {
	a := &attendances{hub: h, rooms: map[room]*attendance{}}
	a.load = newBatcher(a.read)
	return a
}

// listen has a channel hear who is present, first of all who is there now.
func (a *attendances) listen(ch *channel) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ch.client.channel(ch.wire) != ch {
		return // it is closed, and has left
	}
	r := a.rooms[ch.room]
	if r == nil {
		r = &attendance{room: ch.room, listeners: map[*channel]bool{}, members: map[string]presence{}}
		a.rooms[ch.room] = r
		a.ask(r)
	}
	if _, known := r.listeners[ch]; known {
		return
	}
	r.listeners[ch] = !r.loading
	if !r.loading {
		r.tellState(ch)
	}
}

// leave ends listen, if it ever began.
func (a *attendances) leave(ch *channel) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.rooms[ch.room]
	if r == nil {
		return
	}
	delete(r.listeners, ch)
	if len(r.listeners) == 0 {
		delete(a.rooms, ch.room)
	}
}

// ask reads a room, or reads it again. The caller holds the lock.
func (a *attendances) ask(r *attendance) {
	if !r.loading {
		r.pending = nil
	}
	r.loading = true
	r.reads++
	a.load.add(r)
}

// reload reads all rooms again, and tells what is different.
func (a *attendances) reload() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.rooms {
		a.ask(r)
	}
}

// Presences applies what the bus has brought: a presenceMessage.
func (h *Hub) Presences(data []byte) {
	var m presenceMessage
	if err := json.Unmarshal(data, &m); err != nil {
		h.Log.Error("a message about presence of another release is dropped", "error", err)
		return
	}
	a := h.attendances
	a.mu.Lock()
	defer a.mu.Unlock()
	byRoom := map[*attendance][]presence{}
	for _, p := range m.Changes {
		if r := a.rooms[room{p.Topic, p.Private}]; r != nil {
			byRoom[r] = append(byRoom[r], p)
		}
	}
	for r, changes := range byRoom {
		m := presenceMessage{m.XID, changes}
		if r.loading {
			r.pending = append(r.pending, m)
			continue
		}
		d := newPresenceDiff()
		r.apply(&m, d)
		r.tellDiff(d)
	}
}

// apply changes the members, and adds to d what is new in it.
func (r *attendance) apply(m *presenceMessage, d *presenceDiff) {
	if r.shown.sees(m.XID) {
		return
	}
	for _, p := range m.Changes {
		if old, there := r.members[p.Left]; there {
			delete(r.members, p.Left)
			d.leave(old)
		}
		if _, there := r.members[p.Ref]; p.Ref != "" && !there {
			r.members[p.Ref] = p
			d.join(p)
		}
	}
}

const readPresencesSQL = `select json_build_object('snapshot', p.snapshot::text, 'members', p.members)::text` +
	` from realtime.read_presences($1) as p`

// read is the work of a batch: it reads rooms, each with its last ask.
func (a *attendances) read(ctx context.Context, batch []*attendance) (again []*attendance) {
	type key struct {
		Topic   string `json:"topic"`
		Private bool   `json:"private"`
	}
	var keys []key
	reads := map[*attendance]int{}
	a.mu.Lock()
	for _, r := range batch {
		if _, known := reads[r]; !known && a.rooms[r.room] == r {
			reads[r] = r.reads
			keys = append(keys, key{r.topic, r.private})
		}
	}
	a.mu.Unlock()
	if len(keys) == 0 {
		return nil
	}
	var answer struct {
		Snapshot snapshot
		Members  []presence
	}
	if err := a.hub.askJSON(ctx, &answer, readPresencesSQL, jsonOf(keys)); err != nil {
		a.hub.Log.Warn("who is present could not be read; it is tried again", "error", err)
		return batch
	}
	members := map[room]map[string]presence{}
	for _, p := range answer.Members {
		at := room{p.Topic, p.Private}
		if members[at] == nil {
			members[at] = map[string]presence{}
		}
		members[at][p.Ref] = p
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for r, n := range reads {
		// One that was asked for again waits for that.
		if a.rooms[r.room] == r && r.reads == n {
			r.install(answer.Snapshot, members[r.room])
		}
	}
	return nil
}

// install takes what was read, and then the messages that waited.
func (r *attendance) install(shown snapshot, members map[string]presence) {
	before := r.members
	if r.members = members; members == nil {
		r.members = map[string]presence{}
	}
	r.shown, r.loading = shown, false
	for i := range r.pending {
		r.apply(&r.pending[i], newPresenceDiff())
	}
	r.pending = nil
	d := newPresenceDiff()
	for ref, p := range before {
		if _, there := r.members[ref]; !there {
			d.leave(p)
		}
	}
	for ref, p := range r.members {
		if _, there := before[ref]; !there {
			d.join(p)
		}
	}
	r.tellDiff(d)
	for ch, told := range r.listeners {
		if !told {
			r.listeners[ch] = true
			r.tellState(ch)
		}
	}
}

// metas is a part of the messages to clients: the members by key.
type metas map[string]*struct {
	Metas []json.RawMessage `json:"metas"`
}

func (m metas) add(p presence) {
	if m[p.Key] == nil {
		m[p.Key] = &struct {
			Metas []json.RawMessage `json:"metas"`
		}{}
	}
	meta := `{"phx_ref":` + string(quote(p.Ref))
	if fields := strings.TrimPrefix(p.Meta, "{"); fields != "}" {
		meta += "," + fields
	} else {
		meta += fields
	}
	m[p.Key].Metas = append(m[p.Key].Metas, json.RawMessage(meta))
}

type presenceDiff struct {
	Joins  metas `json:"joins"`
	Leaves metas `json:"leaves"`
}

func newPresenceDiff() *presenceDiff { return &presenceDiff{metas{}, metas{}} }

func (d *presenceDiff) join(p presence)  { d.Joins.add(p) }
func (d *presenceDiff) leave(p presence) { d.Leaves.add(p) }

// tellDiff tells those who know what it is a difference to.
func (r *attendance) tellDiff(d *presenceDiff) {
	if len(d.Joins)+len(d.Leaves) == 0 {
		return
	}
	var payload []byte
	var frames [2][]byte
	for ch, told := range r.listeners {
		if !told {
			continue
		}
		v := ch.client.v
		if frames[v] == nil {
			if payload == nil {
				payload = jsonOf(d)
			}
			frames[v] = v.frameText(null, null, ch.wire, eventPresenceDiff, payload)
		}
		ch.client.put(frames[v])
	}
}

func (r *attendance) tellState(ch *channel) {
	state := metas{}
	for _, p := range r.members {
		state.add(p)
	}
	ch.client.send(null, null, ch.wire, eventPresenceState, jsonOf(state))
}

// jsonOf is for what json can't fail to write.
func jsonOf(v any) []byte {
	text, _ := json.Marshal(v)
	return text
}

// askJSON runs a statement that gives one JSON text, as who follows the changes.
func (h *Hub) askJSON(ctx context.Context, into any, sql string, args ...[]byte) error {
	res, err := h.Emit.Do(ctx, &pg.Tx{Isolation: "read committed", Main: pg.Statement{SQL: sql, Args: args}})
	if err != nil {
		return err
	}
	defer res.Free()
	if len(res.Values) != 1 {
		return errors.New("the database gave no row")
	}
	return json.Unmarshal(res.Values[0], into)
}

// snapshot is a pg_snapshot. The zero one shows nothing.
type snapshot struct {
	min, max uint64
	running  map[uint64]struct{}
}

var errSnapshot = errors.New("malformed snapshot")

// UnmarshalText reads it as Postgres prints it.
func (s *snapshot) UnmarshalText(text []byte) (err error) {
	parts := strings.Split(string(text), ":")
	if len(parts) != 3 {
		return errSnapshot
	}
	var errMax error
	s.min, err = strconv.ParseUint(parts[0], 10, 64)
	s.max, errMax = strconv.ParseUint(parts[1], 10, 64)
	err = errors.Join(err, errMax)
	s.running = map[uint64]struct{}{}
	for id := range strings.SplitSeq(parts[2], ",") {
		if id != "" {
			n, errID := strconv.ParseUint(id, 10, 64)
			s.running[n], err = struct{}{}, errors.Join(err, errID)
		}
	}
	return err
}

// sees tells whether it shows what a committed transaction has done.
func (s *snapshot) sees(xid uint64) bool {
	_, running := s.running[xid]
	return xid < s.max && !running
}
