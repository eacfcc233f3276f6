package realtime

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// ticket is a connection's place among those of all processes, which the database
// counts. admissions.mu guards it.
type ticket struct {
	id, ip string
	// role and user of its latest token; user is empty while it is anonymous.
	role, user string
	// sent is set while the database may have it, admitted once it has let it in.
	sent, admitted, queued, gone bool
	// again says that the database may have lost it.
	again bool
	// answer gets the limit that it met, or nothing: the asking goroutine is one.
	answer chan string
}

// admissions asks the database who may connect, in batches. A connection waits for
// its answer, because else a storm of them would be in before anything counts.
type admissions struct {
	hub    *Hub
	writer *batcher[*ticket]
	// ask has the database decide; it gives the limits that connections have met.
	ask func(context.Context, []connectionChange) (refused map[string]string, err error)

	mu  sync.Mutex
	all map[*ticket]struct{}
}

const (
	// admitTimeout is how long a connection waits while the database is away.
	admitTimeout = 10 * time.Second
	// maxWaitingTickets bounds how many wait.
	maxWaitingTickets = 10_000
)

func newAdmissions(h *Hub) *admissions {
	a := &admissions{hub: h, all: map[*ticket]struct{}{}}
	a.writer, a.ask = newBatcher(a.write), a.change
	return a
}

// refusals are why a connection is closed, by the limit it has met, which is the name
// of a setting too.
var refusals = map[string]string{
	"max_connections":          "too many connections",
	"max_connections_per_user": "too many connections of this user",
	"max_connections_per_ip":   "too many connections from this address",
}

var errNotAdmitted = closeError{closeTryAgain, "the database can't be reached; try again"}

// enter has the database let a connection in, or take it for that of another user. It
// returns a closeError if it may not.
func (a *admissions) enter(ctx context.Context, t *ticket, who *identity) error {
	a.mu.Lock()
	if t.admitted && (who.user == "" || who.user == t.user) {
		a.mu.Unlock()
		return nil
	}
	t.role, t.user, t.admitted = who.Role, who.user, false
	t.answer = make(chan string, 1)
	answer := t.answer
	a.all[t] = struct{}{}
	a.queue(t)
	a.mu.Unlock()

	late := time.NewTimer(admitTimeout)
	defer late.Stop()
	select {
	case limit := <-answer:
		if limit == "" {
			return nil
		}
		a.hub.metrics.turnedAway.WithLabelValues(limit).Inc()
		return closeError{closePolicy, refusals[limit]}
	case <-ctx.Done():
		return errNotAdmitted // nobody is there to be told
	case <-late.C:
		a.hub.metrics.turnedAway.WithLabelValues("database").Inc()
		return errNotAdmitted
	}
}

// leave releases a connection that has ended.
func (a *admissions) leave(t *ticket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t.gone = true
	if t.sent {
		a.queue(t)
	} else {
		delete(a.all, t)
	}
}

// again enters all anew that were let in, because the database may have lost them.
func (a *admissions) again() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for t := range a.all {
		if t.admitted {
			t.again = true
			a.queue(t)
		}
	}
}

// queue has a ticket written. The caller holds the lock.
func (a *admissions) queue(t *ticket) {
	if !t.queued {
		t.queued = true
		a.writer.add(t)
	}
}

// connectionChange is a connection as realtime.change_connections takes it.
type connectionChange struct {
	ID       string  `json:"id"`
	Role     string  `json:"role,omitempty"`
	User     *string `json:"user_id,omitempty"`
	IP       *string `json:"ip,omitempty"`
	Closed   bool    `json:"closed,omitempty"`
	Admitted bool    `json:"admitted,omitempty"`
}

// write is the work of a batch.
func (a *admissions) write(ctx context.Context, batch []*ticket) (again []*ticket) {
	changes := make([]connectionChange, 0, len(batch))
	answers := make([]chan string, len(batch))
	textOf := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	a.mu.Lock()
	for i, t := range batch {
		c := connectionChange{ID: t.id, Closed: t.gone}
		if !t.gone {
			// No text that Postgres would refuse, and with it all others.
			c.Role = strings.ReplaceAll(t.role, "\x00", "")
			c.User, c.IP, c.Admitted = textOf(t.user), textOf(t.ip), t.again && t.admitted
			t.sent, answers[i] = true, t.answer
		}
		t.queued, t.again = false, false
		changes = append(changes, c)
	}
	a.mu.Unlock()

	refused, err := a.ask(ctx, changes)
	if err != nil {
		a.hub.Log.Warn("connections could not be admitted; it is tried again", "connections", len(batch), "error", err)
	}
	a.mu.Lock()
	for i, t := range batch {
		switch {
		case err != nil:
			t.again = t.again || changes[i].Admitted
			if !t.queued {
				t.queued = true
				again = append(again, t)
			}
		case changes[i].Closed:
			t.sent = false
			delete(a.all, t)
		case answers[i] != nil && answers[i] == t.answer:
			limit := refused[t.id]
			t.admitted = limit == ""
			t.answer <- limit
			t.answer = nil
		}
	}
	a.mu.Unlock()
	return again
}

const changeConnectionsSQL = `select json_build_object('kept', c.kept, 'refused', c.refused)::text` +
	` from realtime.change_connections($1, $2, $3, $4, $5, $6, $7) as c`

func (a *admissions) change(ctx context.Context, changes []connectionChange) (map[string]string, error) {
	var answer struct {
		Kept    bool
		Refused map[string]string
	}
	h := a.hub
	err := h.askJSON(ctx, &answer, changeConnectionsSQL, append(h.lease(),
		jsonOf(h.cfg.MaxConnections), jsonOf(h.cfg.MaxPerUser), jsonOf(h.cfg.MaxPerIP), jsonOf(changes))...)
	if err == nil && !answer.Kept {
		h.restore()
	}
	return answer.Refused, err
}

// waiting is how many have no answer yet.
func (a *admissions) waiting() (n int) {
	a.writer.mu.Lock()
	defer a.writer.mu.Unlock()
	return len(a.writer.items)
}

// admit has the connection of a client counted, before anything else it asks.
func (c *client) admit(ctx context.Context) bool {
	err := c.hub.admissions.enter(ctx, c.ticket, &c.key)
	return c.admitted(err)
}

// admitted closes the connection if it may not be.
func (c *client) admitted(err error) bool {
	var end closeError
	if errors.As(err, &end) {
		c.end(end.code, end.reason)
	}
	return err == nil
}
