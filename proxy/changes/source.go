package changes

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Source tells of committed changes. It never waits for those who listen.
type Source interface {
	// Subscribe begins to listen; at once, also while there is no connection. To keep
	// a copy of a table current: subscribe, read the table, then apply what Next
	// gives, and read again at each Gap.
	Subscribe(Options) Subscription
	// Read gives take the wanted transactions after from that are kept now, in their
	// order, until it returns false. It waits for nothing, and take must not either. Its
	// error is a *Gap, and then take has got none, or ErrClosed.
	Read(want Want, from Position, take func(*Transaction) bool) error
	// State tells how the source is.
	State() State
}

// Replayer is a Source that can tell again what it no longer keeps, as long as the
// database keeps its log.
type Replayer interface {
	// Replay gives work all wanted transactions after from, one at a time and however
	// long each takes, and returns with where a Subscription can go on. It ends with
	// ErrTooOld if the log has gone, and with an error of work.
	Replay(ctx context.Context, want Want, from Position, work func(*Transaction) error) (Position, error)
}

// ErrTooOld is the error of Replay from a place that the database no longer has.
var ErrTooOld = errors.New("the database no longer has the log from there on")

// Options of a subscription.
type Options struct {
	Want
	// From is the position after which to begin, such as that of the last transaction
	// whose work is done. Zero is now: what is committed from here on, and perhaps
	// some of what was committed a little before.
	From Position
	// Limit is how many unread transactions may wait before the reader has lagged;
	// 0 lets it read as long as they are kept at all.
	Limit int
	// Durable keeps the log in the database from the position that was last given to
	// Done (From at first) on, so that after a restart of the process the same From
	// finds all. The database's limit for the log still holds.
	Durable bool
}

// Subscription is one reader's place in the stream. It is for one goroutine, but
// Fresh and Close may be called from any.
type Subscription interface {
	// Next waits for the next wanted transaction. Its error is a *Gap, after which
	// reading goes on; ErrClosed; or that of ctx. To call it again says that
	// whatever it gave last has been dealt with.
	Next(ctx context.Context) (*Transaction, error)
	// Done says that the work of all transactions up to p is safe, for a Durable
	// subscription: call it once p is stored, best in the transaction of the work.
	Done(p Position)
	// Fresh is the latest time of this process's clock for which is proven that
	// every wanted change committed before it has been dealt with. Whoever trusts
	// cached decisions checks that it is no older than its lease. Zero is never.
	Fresh() time.Time
	// Close ends it; Next then returns ErrClosed.
	Close()
}

// ErrClosed is the error of Next after Close, and when the process stops.
var ErrClosed = errors.New("the subscription is closed")

// Gap is the error of Next that says that wanted transactions may be missing here.
// What was built from the stream must be read again from the database; From then on
// nothing is missing.
type Gap struct {
	Reason Reason
	// After is the last position before the gap, zero if there was none. While it is
	// not too old, a new subscription From it has what is missing, if that was lost
	// to Lagged.
	After Position
	// From is where the stream goes on.
	From Position
}

// Error is part of error.
func (g *Gap) Error() string {
	return fmt.Sprintf("changes after %s and up to %s may be missing: %s", g.After, g.From, g.Reason)
}

// Reason of a Gap.
type Reason string

// The reasons.
const (
	Started  Reason = "the stream has just begun"
	Lagged   Reason = "the reader was too slow"
	TooOld   Reason = "the position is older than what is kept"
	SlotLost Reason = "the replication slot was lost and made anew"
	NewEpoch Reason = "the database was restored or a standby promoted"
)

// Phase is what a Source does.
type Phase string

// The phases.
const (
	Connecting Phase = "connecting"
	Streaming  Phase = "streaming"
	Failing    Phase = "failing" // it tries again, later and later
	Stopped    Phase = "stopped"
)

// State of a Source.
type State struct {
	Phase Phase
	// Since is when the phase began.
	Since time.Time
	// Err says why it fails and how to mend it; nil while it streams.
	Err error
	// Position is that of the last transaction that was received.
	Position Position
	// Fresh is as that of a Subscription, for the source as a whole: every change
	// committed before it has been handed to the subscriptions.
	Fresh time.Time
}
