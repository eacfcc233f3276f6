package changes

import (
	"slices"
	"strings"
	"time"
)

// Op is what an Event did.
type Op byte

// The operations.
const (
	Insert   Op = 'I'
	Update   Op = 'U'
	Delete   Op = 'D'
	Truncate Op = 'T' // of one table; a truncate of several is several events
	Message  Op = 'M' // pg_logical_emit_message
)

// Event is one row's change, one truncated table, or one message.
type Event struct {
	Op Op
	// OldIsKey says that Old has values for the columns of the identity alone; its
	// others are Null whatever they were.
	OldIsKey bool
	// Relation is the table; nil for a message.
	Relation *Relation
	// Old is the row before an update or delete, as far as the table's identity
	// tells. An update has it only if the identity is full or its columns changed.
	Old Tuple
	// New is the row after an insert or update.
	New Tuple
	// Prefix and Content are those of a message.
	Prefix  string
	Content []byte
}

// Transaction is what one commit changed.
//
// A commit is in the log a moment before other sessions see it, and with
// synchronous standbys a long moment. Whoever reads the database on hearing of a
// transaction must read until XID is visible to the snapshot
// (pg_visible_in_snapshot), or may find the state before it.
type Transaction struct {
	// Epoch is the history in which the places below hold.
	Epoch Epoch
	// XID is the transaction's 32-bit id, 0 for a message that was sent outside of
	// transactions and so is alone here.
	XID uint32
	// Commit is where its commit stands in the log (of a lone message: a place before
	// it) and End where that ends: End grows from each transaction to the next and is
	// where to resume after it.
	Commit, End LSN
	// Time of the commit by the database's clock; of arrival for a lone message.
	Time time.Time
	// Events in the order they happened.
	Events []Event
	// Large says that there were too many changes to keep: Events has its messages
	// at most, and of the rows only Touched tells. Who needs them reads the table.
	Large bool
	// Touched counts the changes of each table and message prefix, in the order of
	// their first; only in a Large transaction.
	Touched []Touched
}

// Touched counts changes of a table or, where Relation is nil, messages of a prefix;
// where that is empty too, messages of prefixes too many to tell.
type Touched struct {
	Relation *Relation
	Prefix   string
	Count    int64
}

// Position is where to resume after the transaction.
func (t *Transaction) Position() Position { return Position{t.Epoch, t.End} }

// Want says which transactions to hear of: those with at least one change of a
// listed table or message of a listed prefix. They come whole; Has tells their
// events apart.
type Want struct {
	// Tables by the name they had at the change. AllTables is every published one.
	Tables    []Table
	AllTables bool
	// Prefixes are the beginnings of message prefixes: "fluxbase." is all of ours.
	Prefixes []string
}

// Has tells whether an event is wanted.
func (w *Want) Has(e *Event) bool {
	if e.Relation == nil {
		return w.HasPrefix(e.Prefix)
	}
	return w.HasTable(e.Relation.Table)
}

// HasTable tells whether changes of a table are wanted.
func (w *Want) HasTable(t Table) bool { return w.AllTables || slices.Contains(w.Tables, t) }

// HasPrefix tells whether messages of a prefix are wanted.
func (w *Want) HasPrefix(prefix string) bool {
	return slices.ContainsFunc(w.Prefixes, func(p string) bool { return strings.HasPrefix(prefix, p) })
}

// HasTouched tells whether what a large transaction touched is wanted.
func (w *Want) HasTouched(t *Touched) bool {
	if t.Relation == nil {
		return w.HasPrefix(t.Prefix) || t.Prefix == "" && len(w.Prefixes) > 0
	}
	return w.HasTable(t.Relation.Table)
}
