package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// tracker is what a channel says of its own presence. What it said last wins:
// whatever comes while an earlier one is on its way, or faster than the channel may,
// takes the place of what waits. tracks.mu guards it.
type tracker struct {
	ch  *channel
	key string
	// want is what the client said last, nil that it is not present; done is what is
	// known to stand in the database.
	want, done *tracked
	// sent is set while the database may have the member.
	sent bool
	// queued in the batcher, or held back by timer until the channel may write again.
	queued bool
	timer  *time.Timer
	writes bucket
	// waiting are the messages to answer when want has been written.
	waiting []*message
	gone    bool
}

type tracked struct{ ref, meta string }

// tracks are the members that have their connection here.
type tracks struct {
	hub    *Hub
	writer *batcher[*tracker]

	mu  sync.Mutex
	all map[*tracker]struct{} // that are sent, or want to be
}

func newTracks(h *Hub) *tracks {
	t := &tracks{hub: h, all: map[*tracker]struct{}{}}
	t.writer = newBatcher(t.write)
	return t
}

// presence obeys track and untrack.
func (c *client) presence(ch *channel, m *message) {
	var p struct {
		Event   string
		Payload json.RawMessage
	}
	if json.Unmarshal(m.payload, &p) != nil {
		c.refuse(m, "InvalidPresence: presence has an event, track or untrack, and a payload")
		return
	}
	switch strings.ToLower(p.Event) {
	case "track":
		if !ch.access.writePresence {
			c.refusePresence(ch, m, "Unauthorized: You do not have permissions to track presence in this Channel topic: "+ch.topic)
			return
		}
		meta, err := metaOf(p.Payload)
		if err != nil {
			c.refusePresence(ch, m, err.Error())
			return
		}
		if len(meta) > c.hub.cfg.MaxPresenceBytes {
			c.refusePresence(ch, m, "Track message size exceeded")
			return
		}
		c.hub.tracks.set(ch.tracker, &tracked{newID(), meta}, m)
	case "untrack":
		c.hub.tracks.set(ch.tracker, nil, m)
	default:
		c.refuse(m, "UnknownPresenceEvent: "+p.Event)
	}
}

// refusePresence answers a message with a reason. The client's track() says no more
// than "error", so the channel is told too.
func (c *client) refusePresence(ch *channel, m *message, reason string) {
	c.refuse(m, reason)
	c.system(ch, eventPresence, statusError, reason)
}

var errMeta = errors.New("InvalidPresence: the payload of track must be an object")

// metaOf is a payload as it is stored: an object without the names that are ours.
func metaOf(payload json.RawMessage) (string, error) {
	if payload == nil {
		return "{}", nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil || fields == nil {
		return "", errMeta
	}
	_, ref := fields["phx_ref"]
	_, prev := fields["phx_ref_prev"]
	if ref || prev {
		delete(fields, "phx_ref")
		delete(fields, "phx_ref_prev")
		return string(jsonOf(fields)), nil
	}
	var text bytes.Buffer
	_ = json.Compact(&text, payload) // it is JSON
	return text.String(), nil
}

// set says what a tracker wants; m, which may be nil, is answered when that is committed.
func (t *tracks) set(k *tracker, want *tracked, m *message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k.gone {
		return
	}
	for _, same := range []*tracked{k.want, k.done} {
		// The member stays who it is.
		if want != nil && same != nil && same.meta == want.meta {
			want = same
		}
	}
	k.want = want
	if m != nil {
		k.waiting = append(k.waiting, m)
	}
	if k.want != nil {
		t.all[k] = struct{}{}
	}
	if k.queued || k.timer != nil {
		return
	}
	if wait := k.writes.wait(time.Now()); wait > 0 {
		k.timer = time.AfterFunc(wait, func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			if k.timer != nil {
				k.timer = nil
				k.writes.take(time.Now())
				t.queue(k)
			}
		})
		return
	}
	t.queue(k)
}

// end removes the member of a channel that is closed, at once.
func (t *tracks) end(k *tracker) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k.gone, k.want, k.waiting = true, nil, nil
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
	if k.sent {
		t.queue(k)
	} else if !k.queued {
		delete(t.all, k)
	}
}

// again enters all anew, because the database may have lost them.
func (t *tracks) again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k := range t.all {
		t.queue(k)
	}
}

func (t *tracks) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all)
}

// queue has a tracker written. The caller holds the lock.
func (t *tracks) queue(k *tracker) {
	if !k.queued {
		k.queued = true
		t.writer.add(k)
	}
}

// presenceChange is a member as realtime.change_presences takes it.
type presenceChange struct {
	Channel string  `json:"channel"`
	Topic   string  `json:"topic"`
	Private bool    `json:"private"`
	Key     string  `json:"key"`
	Ref     string  `json:"ref,omitempty"`
	Meta    *string `json:"meta,omitempty"`
}

const changePresencesSQL = `select json_build_object('kept', c.kept, 'refused', c.refused)::text` +
	` from realtime.change_presences($1, $2, $3, $4, $5) as c`

// writing is a tracker on its way to the database.
type writing struct {
	*tracker
	want    *tracked
	waiting []*message
}

// write is the work of a batch.
func (t *tracks) write(ctx context.Context, batch []*tracker) (again []*tracker) {
	list := make([]writing, 0, len(batch))
	t.mu.Lock()
	for _, k := range batch {
		k.queued = false
		list = append(list, writing{k, k.want, k.waiting})
		k.waiting = nil
		k.sent = k.sent || k.want != nil
	}
	t.mu.Unlock()
	return t.enter(ctx, list)
}

func (t *tracks) enter(ctx context.Context, list []writing) (again []*tracker) {
	changes := make([]presenceChange, len(list))
	for i, w := range list {
		changes[i] = presenceChange{Channel: w.ch.id, Topic: w.ch.topic, Private: w.ch.private, Key: w.key}
		if w.want != nil {
			changes[i].Ref, changes[i].Meta = w.want.ref, &w.want.meta
		}
	}
	var answer struct {
		Kept    bool
		Refused []string
	}
	h := t.hub
	err := h.askJSON(ctx, &answer, changePresencesSQL,
		append(h.lease(), jsonOf(h.cfg.MaxPresences), jsonOf(changes))...)
	var fault *pgconn.PgError
	switch {
	case err == nil:
	case errors.As(err, &fault) && len(list) > 1:
		// One that can't be written must not keep the others out.
		for i := range list {
			again = append(again, t.enter(ctx, list[i:i+1])...)
		}
		return again
	case errors.As(err, &fault) && isData(fault.Code):
		h.Log.Error("a presence can't be stored", "topic", list[0].ch.topic, "error", err)
		t.settle(&list[0], "InvalidPresence: it can't be stored")
		return nil
	default:
		h.Log.Warn("who is present could not be written; it is tried again", "error", err)
		return t.unsettle(list)
	}
	refused := map[string]bool{}
	for _, id := range answer.Refused {
		refused[id] = true
	}
	for i := range list {
		why := ""
		if refused[list[i].ch.id] {
			why = "ClientPresenceLimitReached: Too many members are present in this Channel topic: " + list[i].ch.topic
		}
		t.settle(&list[i], why)
	}
	if !answer.Kept {
		h.restore()
	}
	return nil
}

// isData tells whether a value was refused: data exceptions, constraints and limits.
func isData(code string) bool {
	return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "23") || strings.HasPrefix(code, "54")
}

// settle notes that one has been written, or why it was refused.
func (t *tracks) settle(w *writing, refused string) {
	t.mu.Lock()
	k := w.tracker
	k.done = w.want
	if refused != "" {
		k.done = nil
		if k.want == w.want && !k.queued && k.timer == nil {
			k.want = nil // else it was asked for again
		}
	}
	k.sent = k.done != nil
	if !k.sent && k.want == nil && !k.queued {
		delete(t.all, k)
	}
	gone := k.gone
	t.mu.Unlock()
	if gone {
		return
	}
	c := k.ch.client
	for _, m := range w.waiting {
		if refused != "" {
			c.refuse(m, refused)
		} else {
			c.reply(m, statusOK, emptyObject)
		}
	}
	if refused != "" {
		c.system(k.ch, eventPresence, statusError, refused)
	}
}

// unsettle takes back what could not be written, for another try.
func (t *tracks) unsettle(list []writing) (again []*tracker) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range list {
		k := w.tracker
		if !k.gone {
			k.waiting = append(w.waiting, k.waiting...)
		}
		if !k.queued {
			k.queued = true
			again = append(again, k)
		}
	}
	return again
}
