package realtime

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"hash/maphash"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Deps is what a Hub works with.
type Deps struct {
	// Anon asks for the rights of callers; Service for those of service_role. Without
	// it Anon does.
	Anon, Service *pg.DB
	// Emit is the database as fluxbase_replication, to send with.
	Emit *pg.DB
	// Source tells of changes of tables.
	Source changes.Source
	// Open verifies a message of the stream and gives what it says.
	Open func(tx *changes.Transaction, e *changes.Event) ([]byte, error)
	// Announced tells whether each change of the schema is certain to come in the
	// stream. Without it nothing is remembered of policies.
	Announced func() bool
	// Lease is the id of this process in fluxbase.proxies.
	Lease  string
	Tokens *token.Verifier
	// Limit, if not nil, may refuse a request, or a WebSocket, of a caller.
	Limit func(*web.Response, *http.Request, pg.Caller) error
	// Origins are those whose pages may connect.
	Origins web.Origins
	// Name of this process, for people.
	Name string
	Log  *slog.Logger
	Reg  prometheus.Registerer
	// Metrics are read back for the page that shows them.
	Metrics prometheus.Gatherer
}

// Hub knows the clients of this process and what they listen to.
type Hub struct {
	Deps
	cfg     Config
	metrics *metrics
	sender  *sender
	seed    maphash.Seed
	shards  [shards]shard
	limits  limits
	pens    pens
	writers []writer
	// unused is for the WebSocket library, which does not write.
	unused sync.Pool

	bindings bindings
	audience audience
	planner  planner
	// claims and decisions belong to the goroutine that follows the stream.
	claims     registry
	decisions  decisions
	doubts     []doubt
	visibility visibility
	sub        changes.Subscription // of follow
	// reached is how far changes of tables have been taken from the stream, told how far
	// they have been told; sent is the former of broadcasts.
	reached, told, sent cursor
	marks               marks
	memory              memory

	// id of this process among those that hold connections.
	id          string
	attendances *attendances
	tracks      *tracks
	admissions  *admissions
	restored    *time.Timer

	// keys are the service keys of the last Recheck; nil before the first.
	keys     atomic.Pointer[token.ServiceKeys]
	sessions sessions

	inspector inspector
	slots     atomic.Pointer[slotFigures] // as they were last

	mu      sync.Mutex
	clients map[*client]struct{}
	entered int
	closing bool
	running sync.WaitGroup // of all that are open

	replays replays
}

// shards keep joins of different channels from waiting for each other.
const shards = 32

// room is what a channel listens to: public and private ones of one name are two.
type room struct {
	topic   string
	private bool
}

type shard struct {
	mu    sync.RWMutex
	rooms map[room]map[*channel]struct{}
}

// New makes a Hub that takes clients at once and sends with Run. cfg must have
// passed Check.
func New(cfg Config, deps Deps) *Hub {
	h := &Hub{
		Deps: deps, cfg: cfg, seed: maphash.MakeSeed(), clients: map[*client]struct{}{}, id: newID(),
	}
	h.limits = limits{
		maxMessages: cfg.QueueMessages, maxBytes: cfg.QueueBytes,
		slowMessages: cfg.SlowThreshold, slowBytes: cfg.QueueBytes, slowTimeout: cfg.SlowTimeout,
	}
	h.writers = make([]writer, 2*runtime.GOMAXPROCS(0))
	for i := range h.writers {
		h.writers[i].pens = &h.pens
	}
	for i := range h.shards {
		h.shards[i].rooms = map[room]map[*channel]struct{}{}
	}
	h.sessions.by = map[pg.SessionID]map[*channel]struct{}{}
	h.memory.by = map[habit][]*stay{}
	h.bindings.by = map[changes.Table]*tableBindings{}
	h.attendances, h.tracks, h.admissions = newAttendances(h), newTracks(h), newAdmissions(h)
	h.restored = time.AfterFunc(attendLease, h.attendances.reload)
	h.audience.parties, h.audience.crowds = map[caller]*party{}, map[changes.Table]map[string]*crowd{}
	h.planner.plans, h.planner.unseen, h.planner.reads = map[planKey]*plan{}, map[uint32]struct{}{}, map[uint32][]*plan{}
	h.visibility = visibility{before: map[planKey]*plan{}, changed: map[*plan]map[string]struct{}{}}
	h.planner.demoted, h.planner.texts = map[planKey]struct{}{}, map[planKey][]byte{}
	h.metrics = newMetrics(h)
	h.replays.hub = h
	h.claims.reset()
	h.decisions = decisions{maxEntries: cfg.CacheEntries, maxBytes: cfg.CacheBytes, ttl: cfg.CacheTTL, metrics: h.metrics}
	h.sender = newSender(deps.Emit)
	// Before the stream begins: of what came between, a client that goes on after an earlier
	// place would not be told.
	h.sub = deps.Source.Subscribe(changes.Options{Want: changes.Want{AllTables: true, Prefixes: []string{ddlPrefix}}})
	h.inspector.collect, h.inspector.refresh = h.figures, h.keepSlots
	return h
}

// stopPatience is how long clients have to take what waits for them at the end.
const stopPatience = 5 * time.Second

const stopReason = "the server is stopping"

// Run sends until ctx ends. Then it takes no client any more and closes each with
// 1001, after what waits for it.
func (h *Hub) Run(ctx context.Context) {
	var following sync.WaitGroup
	following.Go(func() { h.follow(ctx) })
	following.Go(func() { h.beat(ctx) })
	defer following.Wait()
	attended := h.attended(ctx)
	defer attended()
	h.sender.run(ctx)
	h.inspector.close()
	h.mu.Lock()
	h.closing = true
	for c := range h.clients {
		c.end(closeGoingAway, stopReason)
	}
	h.mu.Unlock()
	late := time.AfterFunc(stopPatience, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for c := range h.clients {
			_ = c.conn.Close()
		}
	})
	defer late.Stop()
	h.running.Wait()
}

// reserve takes a client, unless too many wait to be admitted or the process stops.
func (h *Hub) reserve() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closing:
		return errStopping
	case h.admissions.waiting() >= maxWaitingTickets:
		return errTooManyClients
	}
	h.running.Add(1)
	return nil
}

// enter makes a client known whose connection stands.
func (h *Hub) enter(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entered++
	c.turn, c.writer, c.raw = h.entered%beats, &h.writers[h.entered%len(h.writers)], rawOf(c.conn.NetConn())
	h.clients[c] = struct{}{}
	if h.closing {
		c.end(closeGoingAway, stopReason)
	}
}

// exit ends what reserve began.
func (h *Hub) exit(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
	h.running.Done()
}

// beats are how many times clients are looked at between two pings of the same.
const beats = 16

// beat pings each client once in a ping interval, until ctx ends.
func (h *Hub) beat(ctx context.Context) {
	tick := time.NewTicker(max(h.cfg.PingInterval/beats, time.Millisecond))
	defer tick.Stop()
	for turn := 0; ; turn = (turn + 1) % beats {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			h.ping(turn, now)
		}
	}
}

// ping asks the clients whose turn it is for a sign of life, and ends those that have
// given none for three intervals.
func (h *Hub) ping(turn int, now time.Time) {
	dead := now.Add(-3 * h.cfg.PingInterval).UnixNano()
	for _, c := range h.atTurn(turn) {
		if c.seen.Load() < dead {
			c.end(websocket.CloseNormalClosure, "no sign of life")
		}
		c.offer(alone(pingFrame)) // who has no room for it has enough to answer
	}
}

var pingFrame = frame{data: frameControl(opPing, "")}

func (h *Hub) atTurn(turn int) (list []*client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		if c.turn == turn {
			list = append(list, c)
		}
	}
	return list
}

func (h *Hub) shard(r room) *shard {
	return &h.shards[maphash.Comparable(h.seed, r)%shards]
}

// add has a channel listen. confirm is called when nothing can be missed any more
// and nothing has been sent to it yet.
func (h *Hub) add(ch *channel, confirm func()) {
	s := h.shard(ch.room)
	s.mu.Lock()
	defer s.mu.Unlock()
	members := s.rooms[ch.room]
	if members == nil {
		members = map[*channel]struct{}{}
		s.rooms[ch.room] = members
	}
	members[ch] = struct{}{}
	h.sessions.add(ch.who.Load().Session, ch)
	h.bindings.add(ch.bindings)
	h.audience.admit(ch, ch.bindings)
	h.metrics.channels.Inc()
	confirm()
}

func (h *Hub) remove(ch *channel) {
	s := h.shard(ch.room)
	s.mu.Lock()
	defer s.mu.Unlock()
	h.bindings.remove(ch.bindings)
	h.audience.dismiss(ch, ch.bindings)
	members := s.rooms[ch.room]
	h.sessions.remove(ch.who.Load().Session, ch)
	delete(members, ch)
	if len(members) == 0 {
		delete(s.rooms, ch.room)
	}
	h.metrics.channels.Dec()
}

// rename gives a channel another identity.
func (h *Hub) rename(ch *channel, who *identity) {
	s := h.shard(ch.room)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.rooms[ch.room][ch]; there {
		h.sessions.remove(ch.who.Load().Session, ch)
		h.sessions.add(who.Session, ch)
	}
	h.audience.rename(ch, who)
}

// broadcast is a message between processes.
type broadcast struct {
	Topic string `json:"topic"`
	Event string `json:"event"`
	// Payload is JSON, or base64 if Bytes is set.
	Payload string `json:"payload"`
	Bytes   bool   `json:"bytes,omitempty"`
	Private bool   `json:"private"`
	// From is the channel that sent it; empty if none did.
	From string `json:"from,omitempty"`
}

// Broadcasts delivers what the bus has brought with a transaction: a JSON array of
// broadcast. It waits for no client.
func (h *Hub) Broadcasts(tx *changes.Transaction, data []byte) {
	var list []broadcast
	if err := json.Unmarshal(data, &list); err != nil {
		h.Log.Error("a broadcast of another release is dropped", "error", err)
		return
	}
	if len(list) > 1 {
		defer h.hold()()
	}
	at := next(h.sent.read(), tx)
	for len(list) > 0 {
		r, n := list[0].room(), 1
		for n < len(list) && list[n].room() == r {
			n++
		}
		h.sent.reach(place{at.Position, at.n + n - 1})
		h.deliver(r, list[:n], at, tx.Time)
		list, at.n = list[n:], at.n+n
	}
}

func (b *broadcast) room() room { return room{b.Topic, b.Private} }

// hold has new writes wait until release is called: for when several things are told to
// the same clients at once.
func (h *Hub) hold() (release func()) {
	for i := range h.writers {
		h.writers[i].hold()
	}
	return func() {
		for i := range h.writers {
			h.writers[i].release()
		}
	}
}

// next is the place of the broadcast that comes in a transaction after the one at p.
func next(p place, tx *changes.Transaction) place {
	if p.Position == tx.Position() && p.n != whole {
		return place{p.Position, p.n + 1}
	}
	return place{tx.Position(), 0}
}

// Missed reads anew what messages on the bus may have changed, and tells all channels
// that broadcasts may be missing.
func (h *Hub) Missed(gap *changes.Gap) {
	h.attendances.reload()
	at := place{gap.From, whole}
	h.sent.reach(at)
	if gap.Reason == changes.Started {
		return
	}
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.RLock()
		for _, members := range s.rooms {
			for ch := range members {
				ch.putBroadcasts([]waiting{{frame{data: ch.resyncBroadcasts(gap, at)}, at}})
			}
		}
		s.mu.RUnlock()
	}
}

// deliver tells those in a room of some broadcasts, of which the first stands at a place.
func (h *Hub) deliver(r room, list []broadcast, at place, committed time.Time) {
	s := h.shard(r)
	s.mu.RLock()
	defer s.mu.RUnlock()
	// One list of frames for all who speak a version; others for those who have sent some.
	var told [2][]waiting
	clients := slices.ContainsFunc(list, func(b broadcast) bool { return b.From != "" })
	for ch := range s.rooms[r] {
		v := ch.client.v
		if told[v] == nil {
			told[v] = make([]waiting, 0, len(list))
			for i := range list {
				if at := (place{at.Position, at.n + i}); !list[i].Bytes || v == v2 { // else there is no way to say it
					told[v] = append(told[v], waiting{frame{list[i].frame(v, at, false), committed}, at})
				}
			}
		}
		tells := told[v]
		if clients && !ch.self {
			sent := func(w waiting) bool { return list[w.at.n-at.n].From == ch.id }
			if slices.ContainsFunc(tells, sent) {
				tells = slices.DeleteFunc(slices.Clone(tells), sent)
			}
		}
		ch.putBroadcasts(tells)
	}
}

// frame is what clients get. Its id is the place from which to replay.
func (b *broadcast) frame(v version, at place, replayed bool) []byte {
	topic := topicPrefix + b.Topic
	meta := `{"id":"` + at.String() + `"}`
	if replayed {
		meta = `{"replayed":true,"id":"` + at.String() + `"}`
	}
	if b.Bytes {
		payload, _ := base64.StdEncoding.DecodeString(b.Payload) // made by this product
		return frameBytes(topic, b.Event, meta, payload)
	}
	payload := make([]byte, 0, len(b.Payload)+len(b.Event)+len(meta)+60)
	payload = append(payload, `{"type":"broadcast","event":`...)
	payload = append(payload, quote(b.Event)...)
	payload = append(payload, `,"payload":`...)
	payload = append(payload, b.Payload...)
	payload = append(payload, `,"meta":`...)
	payload = append(payload, meta...)
	return v.frameText(null, null, topic, eventBroadcast, append(payload, '}'))
}
