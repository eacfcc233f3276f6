package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// replayOption is which broadcasts to replay: those after a place, or the last limit ones
// of those since a time.
type replayOption struct {
	after place
	since time.Time
	limit int
	// to is where the channel stood when the join was answered: what comes after it is live.
	to place
}

// maxLimit is that of Supabase.
const maxLimit = 25

var errReplay = errors.New("UnableToReplayMessages: Replay params are not valid")

// parseReplay reads config.broadcast.replay: {since: MILLISECONDS, limit: N} as in
// Supabase, or {since: ID} with the id of a broadcast. Its error is for the client.
func parseReplay(data json.RawMessage, private bool) (*replayOption, error) {
	if len(data) == 0 || string(data) == "null" {
		return nil, nil
	}
	var p struct {
		Since json.RawMessage
		Limit *int
	}
	if json.Unmarshal(data, &p) != nil || len(p.Since) == 0 {
		return nil, errReplay
	}
	r := &replayOption{limit: maxLimit}
	var text string
	var ms float64
	switch {
	case json.Unmarshal(p.Since, &text) == nil:
		var err error
		if r.after, err = parsePlace(text); err != nil || p.Limit != nil {
			return nil, errReplay
		}
		return r, nil
	case !private:
		return nil, errors.New("UnableToReplayMessages: Replay is not allowed for public channels")
	case json.Unmarshal(p.Since, &ms) != nil || ms < 0 || ms > 1e15:
		return nil, errReplay
	}
	if p.Limit != nil {
		r.limit = *p.Limit
	}
	if r.limit < 1 || r.limit > maxLimit {
		return nil, errReplay
	}
	r.since = time.UnixMilli(int64(ms))
	return r, nil
}

// catchUp tells a channel that has just been joined of what it asks for from before.
func (c *client) catchUp(ch *channel) {
	if r := ch.replay; r != nil {
		c.replay(func(ctx context.Context) { c.replayBroadcasts(ctx, ch, r) })
	}
	if ch.since != (place{}) {
		c.replay(func(ctx context.Context) {
			if c.sendSnapshots(ctx, ch) {
				c.replayChanges(ctx, ch, ch.since)
			}
		})
	}
}

// putChange sends to a channel a change that came live. A client that does not read fast
// enough is told from the ring, at its own pace.
func (ch *channel) putChange(f frame, at place) {
	c := ch.client
	if ch.changes.put(c, []waiting{{f, at}}) == 1 {
		return
	}
	c.hub.metrics.lagged.Inc()
	c.replay(func(ctx context.Context) {
		if c.out.wait(ctx) {
			c.put(ch.system(extensionChanges, statusOK, "You read more slowly than changes come", map[string]string{"lagged": at.before().String()}))
			c.replayChanges(ctx, ch, at.before())
		}
	})
}

// putBroadcasts sends broadcasts that came live. A client that can't take them is closed.
func (ch *channel) putBroadcasts(list []waiting) {
	if ch.broadcasts.put(ch.client, list) < len(list) {
		ch.client.giveUp()
	}
}

// replayChanges tells a channel of the changes after a place, and has it go on live.
func (c *client) replayChanges(ctx context.Context, ch *channel, since place) {
	for c.channel(ch.wire) == ch {
		to := ch.changes.hold(&c.hub.reached, since)
		if gap := c.readChanges(ctx, ch, since, to); gap != nil {
			c.put(ch.resync(missing(gap), anyTable, to))
		}
		if !c.out.wait(ctx) || ch.changes.release(c) {
			return
		}
		since = to
	}
}

// readChanges tells of the changes between two places. It returns why it can't tell of
// all.
func (c *client) readChanges(ctx context.Context, ch *channel, since, to place) *changes.Gap {
	tables := ch.tables()
	for {
		r := &reader{ch: ch, tables: tables, since: since, to: to, done: make(chan struct{})}
		if !c.hub.replays.read(ctx, r) || r.gap != nil {
			return r.gap
		}
		if !c.tellAll(ctx, &ch.changes, r.told) || r.end {
			return nil
		}
		since = r.since
	}
}

// waiting is a frame on its way to a client.
type waiting struct {
	frame
	at place
}

// alone is a list of a frame that has no place.
func alone(f frame) []waiting { return []waiting{{frame: f}} }

// tellAll queues frames as the client reads.
func (c *client) tellAll(ctx context.Context, f *flow, list []waiting) bool {
	for len(list) > 0 {
		if !c.out.wait(ctx) {
			return false
		}
		list = list[f.tell(c, list):]
	}
	return true
}

// replayBroadcasts tells a channel of the broadcasts that r asks for, and of what was too
// much to wait meanwhile, and has it go on live.
func (c *client) replayBroadcasts(ctx context.Context, ch *channel, r *replayOption) {
	since, to := r.after, r.to
	for c.channel(ch.wire) == ch {
		if gap := c.readBroadcasts(ctx, ch, since, to, r); gap != nil {
			c.put(ch.resyncBroadcasts(gap, to))
		}
		if !c.out.wait(ctx) || ch.broadcasts.release(c) {
			return
		}
		since, r = to, nil
		to = ch.broadcasts.hold(&c.hub.sent, since)
	}
}

// broadcastPrefix is that of the messages that Broadcasts gets.
const broadcastPrefix = "fluxbase.broadcast"

// readBroadcasts is readChanges for broadcasts. r is what asks for them; nil for what came
// while that was told.
func (c *client) readBroadcasts(ctx context.Context, ch *channel, since, to place, r *replayOption) *changes.Gap {
	sub := c.hub.Source.Subscribe(changes.Options{Want: changes.Want{Prefixes: []string{broadcastPrefix}}, From: since.from()})
	defer sub.Close()
	now, cancel := context.WithCancel(ctx)
	cancel()
	byTime := r != nil && !r.since.IsZero()
	var latest []waiting // of those since a time
	for {
		tx, err := sub.Next(now)
		var gap *changes.Gap
		switch {
		case errors.As(err, &gap) && byTime:
			continue // as far as the ring goes
		case errors.As(err, &gap):
			return gap
		}
		if err != nil || tx.End > to.LSN {
			break
		}
		var told []waiting
		c.hub.openAll(tx, func(b *broadcast, at place) {
			if (room{b.Topic, b.Private}) != ch.room || !at.isAfter(since) || at.isAfter(to) || b.Bytes && c.v != v2 ||
				b.From == ch.id && !ch.self {
				return
			}
			told = append(told, waiting{frame{data: b.frame(c.v, at, r != nil)}, at})
		})
		switch {
		case !byTime:
			if !c.tellAll(ctx, &ch.broadcasts, told) {
				return nil
			}
		case !tx.Time.Before(r.since):
			latest = append(latest, told...)
			latest = latest[max(0, len(latest)-r.limit):]
		}
	}
	c.tellAll(ctx, &ch.broadcasts, latest)
	return nil
}

// openAll yields the broadcasts of a transaction, counted as Broadcasts counts them.
func (h *Hub) openAll(tx *changes.Transaction, yield func(*broadcast, place)) {
	var at place
	for i := range tx.Events {
		e := &tx.Events[i]
		if e.Prefix != broadcastPrefix {
			continue
		}
		data, err := h.Open(tx, e)
		if err != nil {
			continue // as the bus did
		}
		var list []broadcast
		if json.Unmarshal(data, &list) != nil {
			continue
		}
		for j := range list {
			at = next(at, tx)
			yield(&list[j], at)
		}
	}
}
