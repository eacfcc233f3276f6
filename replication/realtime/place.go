package realtime

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// place is where in the stream a message stands: after event n of the transaction that
// ends at the position. Broadcasts are counted by themselves. The zero place is before
// all others.
type place struct {
	changes.Position
	n int
}

// whole as n is after all of the transaction.
const whole = math.MaxInt

// after is the place behind a transaction.
func after(tx *changes.Transaction) place { return place{tx.Position(), whole} }

// isAfter compares two places. All of another epoch is new.
func (p place) isAfter(q place) bool {
	return p.Epoch != q.Epoch || p.LSN > q.LSN || p.LSN == q.LSN && p.n > q.n
}

// before is a place before all of the events of a transaction that stand at p or later,
// and after those before.
func (p place) before() place {
	if p.n == 0 || p.n == whole {
		// The end of a transaction is not the end of the one before.
		return place{changes.Position{Epoch: p.Epoch, LSN: p.LSN - 1}, whole}
	}
	return place{p.Position, p.n - 1}
}

// isAhead is isAfter within an epoch.
func (p place) isAhead(q place) bool { return p.Epoch == q.Epoch && p.isAfter(q) }

// from is where to subscribe so that what is after p comes, and perhaps all of its
// transaction.
func (p place) from() changes.Position {
	if p.n == whole {
		return p.Position
	}
	return changes.Position{Epoch: p.Epoch, LSN: p.LSN - 1} // see before
}

// String writes the place as clients keep it: 7301.../1/16/B374D848, and /3 behind it
// within a transaction.
func (p place) String() string {
	if p.n == whole {
		return p.Position.String()
	}
	return p.Position.String() + "/" + strconv.Itoa(p.n)
}

// parsePlace reads what String wrote.
func parsePlace(text string) (p place, err error) {
	p.n = whole
	position := text
	if i := strings.LastIndexByte(text, '/'); strings.Count(text, "/") == 4 {
		position = text[:i]
		if p.n, err = strconv.Atoi(text[i+1:]); err != nil || p.n < 0 {
			return place{}, fmt.Errorf("%q is not a position", text)
		}
	}
	if p.Position, err = changes.ParsePosition(position); err != nil || p.LSN == 0 {
		return place{}, fmt.Errorf("%q is not a position", text)
	}
	return p, nil
}

// cursor is how far a reader of the stream has come, which it says before it deals with
// what is there.
type cursor struct {
	mu sync.Mutex
	at place
}

func (c *cursor) reach(p place) {
	c.mu.Lock()
	c.at = p
	c.mu.Unlock()
}

func (c *cursor) read() place {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// marks are at which time the stream was where.
type marks struct {
	mu   sync.Mutex
	list []mark
}

type mark struct {
	time time.Time // zero is ever before
	at   changes.Position
}

const (
	markEvery = time.Second
	maxMarks  = 600
	// clockSkew is how far the clocks of the database and of this process may be apart.
	clockSkew = 10 * time.Second
)

// add says that what comes now is after p; false if it was said a moment ago.
func (m *marks) add(p changes.Position) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if n := len(m.list); n > 0 && now.Sub(m.list[n-1].time) < markEvery {
		return false
	}
	m.list = append(m.list[max(0, len(m.list)+1-maxMarks):], mark{now, p})
	return true
}

// reset says that what is known begins after p.
func (m *marks) reset(p changes.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = []mark{{at: p}}
}

// before is a place before all that was committed at t.
func (m *marks) before(t time.Time) changes.Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.list) - 1; i > 0; i-- {
		if m.list[i].time.Before(t.Add(-clockSkew)) {
			return m.list[i].at
		}
	}
	if len(m.list) == 0 {
		return changes.Position{}
	}
	return m.list[0].at
}
