package realtime

import (
	"encoding/json"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// memory is where channels stood whose connection broke. A client that knows nothing of
// positions, and joins again as it did before, goes on from there. It is that of this
// process alone.
type memory struct {
	mu sync.Mutex
	// by has the channels that listen to tables, those that live and those that are
	// remembered, in the order they were joined.
	by     map[habit][]*stay
	broken []*stay // in the order they broke
}

// habit is what a client does again when it comes back.
type habit struct{ who, room, bindings string }

// stay is a channel's place in the memory. The memory's lock guards it.
type stay struct {
	habit
	ch  *channel
	ref int // of the join: a client counts on when it comes back
	// broke is when the connection did, zero while it stands; at is where it stood then.
	broke time.Time
	at    place
	gone  bool
}

const (
	// memoryTime is no longer than the ring reaches by default.
	memoryTime = time.Minute
	maxBroken  = 10_000
	// pongPatience is how long an answer may take before a connection counts as broken
	// for one that seems to be its client.
	pongPatience = time.Second
)

// habitOf is how a channel is recognized. A user is one over new tokens and addresses;
// who has no name is told apart by where it comes from.
func habitOf(ch *channel, raw []json.RawMessage) habit {
	who := ch.who.Load()
	var user struct {
		Sub     string
		Session string `json:"session_id"`
	}
	_ = json.Unmarshal([]byte(who.Claims), &user) // verified before
	name := []string{who.Role, user.Sub, user.Session}
	if user.Sub == "" {
		host, _, _ := net.SplitHostPort(ch.client.conn.RemoteAddr().String())
		name = append(name, who.Claims, host, ch.client.agent)
	}
	h := habit{who: strings.Join(name, "\n"), room: strconv.FormatBool(ch.private) + ch.wire}
	for _, r := range raw {
		h.bindings += string(r) + "\n"
	}
	return h
}

// sit takes a seat for a channel that is being joined, and returns the place where the
// same client stood, if it was here a moment ago; else the zero place.
func (m *memory) sit(s *stay, now time.Time) (since place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now)
	for _, old := range m.by[s.habit] {
		stands := old.broke.IsZero()
		if old.ref >= s.ref || stands && !old.ch.client.silent(now) {
			continue
		}
		since = old.at
		if stands {
			since = old.ch.stood()
		}
		m.remove(old)
		break
	}
	m.by[s.habit] = append(m.by[s.habit], s)
	return since
}

// rise gives a seat up for good, or remembers where the channel stood.
func (m *memory) rise(s *stay, broken bool, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case s.gone || !s.broke.IsZero():
	case broken:
		s.at, s.broke, s.ch = s.ch.stood(), now, nil
		m.broken = append(m.broken, s)
		m.forget(now)
	default:
		m.remove(s)
	}
}

// forget drops what broke too long ago, or too much.
func (m *memory) forget(now time.Time) {
	for len(m.broken) > maxBroken || len(m.broken) > 0 && (m.broken[0].gone || now.Sub(m.broken[0].broke) > memoryTime) {
		m.remove(m.broken[0])
		m.broken[0] = nil
		m.broken = m.broken[1:]
	}
}

func (m *memory) remove(s *stay) {
	s.gone = true
	rest := slices.DeleteFunc(m.by[s.habit], func(other *stay) bool { return other == s })
	if len(rest) == 0 {
		delete(m.by, s.habit)
	} else {
		m.by[s.habit] = rest
	}
}

// stood is up to where the client is known to have heard of changes: what it has not
// confirmed counts as not heard.
func (ch *channel) stood() place {
	told := ch.client.hub.told.read() // before the channel is asked
	at := ch.from
	if acked := ch.client.confirmed(); acked.isAhead(at) {
		at = acked
	}
	if told.isAhead(at) && ch.changes.stands(told) && !ch.changes.isBeyond(at) {
		at = told // nothing came since
	}
	return at
}

// ask has a client confirm what it was told up to a place: its answer to a ping comes
// after it has read what was sent before.
func (c *client) ask(at place, now time.Time) {
	beyond := false
	for _, ch := range c.all() {
		if len(ch.bindings) == 0 {
			continue
		}
		if !ch.changes.stands(at) {
			return
		}
		beyond = beyond || ch.changes.isBeyond(c.confirmed())
	}
	c.mu.Lock()
	asks := beyond && c.asked.IsZero()
	if asks {
		c.asked = now
	}
	c.mu.Unlock()
	if asks {
		c.offer(alone(frame{data: frameControl(opPing, at.String())}))
	}
}

// answer takes the answer to a ping.
func (c *client) answer(text string) {
	at, err := parsePlace(text)
	if err != nil {
		return // to one that only asks for a sign of life
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked, c.asked = at, time.Time{}
}

func (c *client) confirmed() place {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acked
}

// silent tells whether an answer is overdue.
func (c *client) silent(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.asked.IsZero() && now.Sub(c.asked) > pongPatience
}
