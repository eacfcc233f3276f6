package realtime

import (
	"maps"
	"slices"
	"sync"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// sessions finds the channels of a user's session, of which there may be many thousands.
type sessions struct {
	mu sync.Mutex
	by map[pg.SessionID]map[*channel]struct{}
}

func (s *sessions) add(id pg.SessionID, ch *channel) {
	if id == (pg.SessionID{}) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[id] == nil {
		s.by[id] = map[*channel]struct{}{}
	}
	s.by[id][ch] = struct{}{}
}

func (s *sessions) remove(id pg.SessionID, ch *channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by[id], ch)
	if len(s.by[id]) == 0 {
		delete(s.by, id)
	}
}

func (s *sessions) channels(id pg.SessionID) []*channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.by[id]))
}

// EndSession closes the channels of a session that has ended. It waits for no client.
func (h *Hub) EndSession(id pg.SessionID) {
	for _, ch := range h.sessions.channels(id) {
		ch.client.unlessEnded(ch)
	}
}

// RecheckTokens closes the channels whose token no longer holds, by its session or its
// key, when many may have ended. It waits for no client.
func (h *Hub) RecheckTokens() {
	h.mu.Lock()
	clients := slices.Collect(maps.Keys(h.clients))
	h.mu.Unlock()
	for _, c := range clients {
		for _, ch := range c.all() {
			c.unlessEnded(ch)
		}
	}
}

// unlessEnded closes a channel whose token no longer holds.
func (c *client) unlessEnded(ch *channel) {
	if err := c.hub.Tokens.Ended(&ch.who.Load().Caller); err != nil {
		c.shut(ch, "Unauthorized: "+web.AsError(err).Message)
	}
}
