package realtime

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// channel is one topic that one client has joined.
type channel struct {
	room
	client *client
	// id tells its messages from those of all other channels of all processes.
	id      string
	wire    string // the topic with its prefix
	joinRef json.RawMessage
	// ack answers each broadcast; self brings it back to its sender.
	ack, self bool

	// who changes with a new token.
	who atomic.Pointer[identity]
	// party is that identity among those who listen to tables; nil while it doesn't.
	party atomic.Pointer[party]
	// access is for the client's reading goroutine.
	access access
	// tracker is its own presence; hears says that it asked for that of others.
	tracker *tracker
	hears   bool
	// bindings are what it hears of tables; fixed.
	bindings []*binding
	// changes and broadcasts come from two readers of the stream.
	changes, broadcasts flow
	// since is after what the client has heard of its tables already; zero is now.
	since place
	// from is where the stream was when it was joined; what came before is not missed.
	from place
	stay *stay // nil if it hears nothing of tables
	// snapshots says that bindings ask for one. What comes up to quiet is told without a
	// position: the snapshots may hold some of what stands after it.
	snapshots bool
	quiet     changes.LSN
	// replay is which earlier broadcasts it asks for; nil is none.
	replay *replayOption

	expiry *time.Timer // guarded by client.mu; nil for a token that never expires
}

// joinPayload is what of a join is read.
type joinPayload struct {
	Config struct {
		Private   bool
		Broadcast struct {
			Ack, Self bool
			Replay    json.RawMessage
		}
		Presence *struct {
			Key     string
			Enabled *bool // clients from before it was there always listen
		}
		// Changes are told apart by whether there are any.
		Changes []json.RawMessage      `json:"postgres_changes"`
		Options struct{ Since string } `json:"postgres_changes_options"`
	}
	Token     string `json:"access_token"`
	UserToken string `json:"user_token"` // of very old clients
}

const joinTimeout = 10 * time.Second

// join has the client listen to a channel, or says why not.
func (c *client) join(ctx context.Context, m *message) {
	soon, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	ch, err := c.newChannel(soon, m)
	if err != nil {
		c.hub.metrics.refused.Inc()
		c.refuse(m, err.Error())
		return
	}
	c.mu.Lock()
	old := c.channels[m.topic]
	c.mu.Unlock()
	if old != nil && c.drop(old) {
		// A second join takes the place of the first, as in Phoenix.
		c.send(old.joinRef, old.joinRef, old.wire, eventClose, emptyObject)
	}
	c.hub.add(ch, func() {
		// Here, so that the end of its token can't remove what is not there yet.
		c.mu.Lock()
		defer c.mu.Unlock()
		c.channels[m.topic] = ch
		c.expire(ch)
		if r := ch.replay; r != nil {
			r.to = ch.broadcasts.hold(&c.hub.sent, r.after)
		}
		c.reply(m, statusOK, ch.bound())
	})
	// New keys may have come while it was not among the channels that they are held against,
	// and its session may have ended.
	c.recheck(ch, c.hub.keys.Load())
	c.unlessEnded(ch)
	c.attend(ch)
	if len(ch.bindings) > 0 {
		c.system(ch, extensionChanges, statusOK, "Subscribed to PostgreSQL")
	}
	c.catchUp(ch)
}

// bound is the answer to a join: its bindings with their ids.
func (ch *channel) bound() []byte {
	specs := make([]bindingSpec, len(ch.bindings))
	for i, b := range ch.bindings {
		specs[i] = b.bindingSpec
	}
	text, _ := json.Marshal(map[string][]bindingSpec{"postgres_changes": specs}) // texts never fail
	return text
}

// newChannel checks a join. Its error is for the client.
func (c *client) newChannel(ctx context.Context, m *message) (*channel, error) {
	topic, ok := strings.CutPrefix(m.topic, topicPrefix)
	if !ok || topic == "" {
		return nil, errors.New("TopicNameRequired: You must provide a topic name")
	}
	var p joinPayload
	if len(m.payload) > 0 && json.Unmarshal(m.payload, &p) != nil {
		return nil, errors.New("InvalidJoinConfiguration: The join payload is not well formed")
	}
	if c.hub.cfg.PrivateOnly && !p.Config.Private {
		return nil, errors.New("PrivateOnly: This project only allows private channels")
	}
	c.mu.Lock()
	joined, again := len(c.channels), c.channels[m.topic] != nil
	c.mu.Unlock()
	if joined >= c.hub.cfg.MaxChannels && !again {
		return nil, errors.New("ChannelRateLimitReached: Too many channels")
	}
	ch := &channel{
		room: room{topic, p.Config.Private}, client: c, id: newID(), wire: m.topic, joinRef: m.joinRef,
		ack: p.Config.Broadcast.Ack, self: p.Config.Broadcast.Self,
	}
	key := newID()
	if p := p.Config.Presence; p != nil {
		if !isName(p.Key) {
			return nil, errors.New("InvalidJoinConfiguration: The presence key is longer than 255 bytes or has a zero character")
		}
		key, ch.hears = cmp.Or(p.Key, key), p.Enabled == nil || *p.Enabled
	}
	ch.tracker = &tracker{ch: ch, key: key, writes: newBucket(c.hub.cfg.TracksPerSecond, time.Now())}
	who := c.key
	if text := cmp.Or(p.Token, p.UserToken); isToken(text) {
		var err error
		if who, err = c.hub.identify(ctx, text, c.address); err != nil {
			return nil, err
		}
	} else if c.key.mayEnd() {
		var err error
		if who, err = c.hub.identify(ctx, c.key.token, c.address); err != nil {
			return nil, err
		}
	} else if err := c.key.expired(time.Now()); err != nil {
		return nil, err
	}
	ch.who.Store(&who)
	err := c.hub.admissions.enter(ctx, c.ticket, &who)
	if !c.admitted(err) {
		return nil, err
	}
	ch.access, err = c.hub.access(ctx, ch)
	switch {
	case err != nil:
		return nil, err
	case !ch.access.reads():
		return nil, errors.New("Unauthorized: You do not have permissions to read from this Channel topic: " + topic)
	}
	if ch.replay, err = parseReplay(p.Config.Broadcast.Replay, ch.private); err != nil {
		return nil, err
	}
	if err := c.hub.bind(ctx, ch, p.Config.Changes); err != nil {
		return nil, err
	}
	if text := p.Config.Options.Since; text != "" {
		if ch.since, err = parsePlace(text); err != nil || len(ch.bindings) == 0 {
			return nil, errors.New("RealtimeDisabledForConfiguration: since is not a position that a message gave")
		}
	}
	switch {
	case ch.snapshots && ch.since != (place{}):
		return nil, errors.New("RealtimeDisabledForConfiguration: since and snapshot exclude each other")
	case ch.snapshots:
		ch.from = c.hub.told.read()
		err = c.hub.takeSnapshots(ctx, ch)
	case len(ch.bindings) > 0:
		c.remember(ch, p.Config.Changes)
	}
	if err != nil {
		return nil, err
	}
	if ch.since != (place{}) {
		ch.changes.state = lost
	}
	if r := ch.replay; r != nil && r.after == (place{}) {
		r.after = place{c.hub.marks.before(r.since), whole}
	}
	return ch, nil
}

// remember has a channel go on where the same client stood, which may be after what it
// says itself: a client of Supabase joins again with the words of its first join.
func (c *client) remember(ch *channel, raw []json.RawMessage) {
	ch.from = c.hub.told.read()
	ref, _ := strconv.Atoi(strings.Trim(string(ch.joinRef), `"`)) // without one it is not recognized
	ch.stay = &stay{habit: habitOf(ch, raw), ch: ch, ref: ref}
	if at := c.hub.memory.sit(ch.stay, time.Now()); at.LSN != 0 && (ch.since == (place{}) || at.isAhead(ch.since)) {
		ch.since = at
	}
	if ch.since != (place{}) {
		ch.from = ch.since
	}
}

// isToken tells whether a client means a JWT. The newer API keys say nothing about
// a user, and the connection has shown its key already.
func isToken(s string) bool { return s != "" && !strings.HasPrefix(s, "sb_") }

// renew has a channel go on under another token.
func (c *client) renew(ctx context.Context, ch *channel, m *message) {
	var p joinPayload
	if json.Unmarshal(m.payload, &p) != nil || !isToken(p.Token) || p.Token == ch.who.Load().token {
		return
	}
	who, err := c.hub.identify(ctx, p.Token, c.address)
	if err != nil {
		c.shut(ch, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if err := c.hub.admissions.enter(ctx, c.ticket, &who); !c.admitted(err) {
		return
	}
	access, err := access{}, c.hub.checkBindings(ctx, ch, &who)
	c.hub.rename(ch, &who)
	c.unlessEnded(ch) // as after a join
	if err == nil {
		access, err = c.hub.access(ctx, ch)
	}
	switch {
	case err != nil && !errors.As(err, new(denied)):
		c.shut(ch, err.Error()) // a rejoin tries again
		return
	case err != nil || !access.reads():
		c.shut(ch, "You no longer have permission to read from this Channel topic: "+ch.topic)
		return
	}
	c.mu.Lock()
	ch.access = access
	if c.channels[ch.wire] == ch {
		c.expire(ch)
	}
	c.mu.Unlock()
	c.attend(ch)
	if !access.writePresence {
		c.hub.tracks.set(ch.tracker, nil, nil)
	}
}

// attend has a channel hear who is present if it wants to and may.
func (c *client) attend(ch *channel) {
	if ch.hears && ch.access.readPresence {
		c.hub.attendances.listen(ch)
	} else {
		c.hub.attendances.leave(ch)
	}
}

// expire closes a channel when its token ends. The caller holds c.mu.
func (c *client) expire(ch *channel) {
	if ch.expiry != nil {
		ch.expiry.Stop()
		ch.expiry = nil
	}
	end := ch.who.Load().expires
	if end.IsZero() {
		return
	}
	ch.expiry = time.AfterFunc(time.Until(end), func() {
		c.shut(ch, fmt.Sprintf("Token has expired %.0f seconds ago", time.Since(end.Add(-tokenSkew)).Seconds()))
	})
}

// shut closes a channel and tells the client why.
func (c *client) shut(ch *channel, why string) {
	if !c.drop(ch) {
		return
	}
	c.system(ch, "system", statusError, why)
	c.send(ch.joinRef, ch.joinRef, ch.wire, eventClose, emptyObject)
}

// system tells the client how a channel is.
func (c *client) system(ch *channel, extension, status, text string) {
	c.put(ch.system(extension, status, text, nil))
}

// system is the frame of such a message, with fields of our own.
func (ch *channel) system(extension, status, text string, more map[string]string) []byte {
	fields := map[string]string{"extension": extension, "status": status, "message": text, "channel": ch.topic}
	maps.Copy(fields, more)
	payload, _ := json.Marshal(fields) // texts never fail
	return ch.client.v.frameText(ch.joinRef, null, ch.wire, eventSystem, payload)
}

// resync is the frame that asks to read a table again: who does so after this message
// has all up to the place. Clients that know nothing of it ignore it.
func (ch *channel) resync(text string, table changes.Table, at place) []byte {
	name := table.Schema
	if table != anyTable {
		name += "." + table.Name
	}
	more := map[string]string{"resync": name}
	if at.LSN > ch.quiet {
		more["position"] = at.String()
	}
	return ch.system(extensionChanges, statusError, text, more)
}

// resyncBroadcasts is the frame that says that broadcasts may be missing.
func (ch *channel) resyncBroadcasts(gap *changes.Gap, at place) []byte {
	text := "Broadcasts may be missing (" + string(gap.Reason) + ")"
	return ch.system(eventBroadcast, statusError, text, map[string]string{"resync": eventBroadcast, "position": at.String()})
}

// drop takes a channel out of the hub; false if that was done before.
func (c *client) drop(ch *channel) bool {
	c.mu.Lock()
	if c.channels[ch.wire] != ch {
		c.mu.Unlock()
		return false
	}
	delete(c.channels, ch.wire)
	if ch.expiry != nil {
		ch.expiry.Stop()
	}
	c.mu.Unlock()
	if ch.stay != nil {
		c.hub.memory.rise(ch.stay, false, time.Now())
	}
	c.hub.remove(ch)
	c.hub.attendances.leave(ch)
	c.hub.tracks.end(ch.tracker)
	return true
}

func (c *client) channel(wire string) *channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.channels[wire]
}

func (c *client) all() (list []*channel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ch := range c.channels {
		list = append(list, ch)
	}
	return list
}

// broadcast sends what a client says to its channel. Who may not write is not told,
// because clients of Supabase expect no answer.
func (c *client) broadcast(ch *channel, m *message) {
	b := broadcast{Topic: ch.topic, Private: ch.private, From: ch.id}
	switch {
	case m.push && m.isRaw:
		b.Event, b.Payload, b.Bytes = m.userEvent, base64.StdEncoding.EncodeToString(m.payload), true
	case m.push:
		b.Event, b.Payload = m.userEvent, string(m.payload)
	default:
		var p struct {
			Event   string
			Payload json.RawMessage
		}
		if json.Unmarshal(m.payload, &p) != nil || !isName(p.Event) {
			c.refuse(m, "InvalidBroadcast: a broadcast has an event and a payload")
			return
		}
		if p.Payload == nil {
			p.Payload = emptyObject
		}
		b.Event, b.Payload = p.Event, string(p.Payload)
	}
	if !ch.access.writeBroadcast {
		return
	}
	answer := func(err error) {
		switch {
		case err != nil:
			c.refuse(m, web.AsError(err).Message)
		case ch.ack:
			c.reply(m, statusOK, emptyObject)
		}
	}
	if err := c.hub.sender.send(&b, answer); err != nil {
		answer(err)
	}
}
