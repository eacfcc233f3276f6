package bus

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

// Copy keeps in memory what is read of tables that steer the product, such as
// settings or revoked keys. The tables must be in the publication fluxbase_system. It
// reads them as a whole at each of their changes, so it is for small ones.
type Copy[T any] struct {
	what   string
	read   func(context.Context) (T, error)
	tables []changes.Table
	bus    *Bus // from New on
	then   func(T)
	value  atomic.Pointer[T]
}

// NewCopy makes a Copy for Deps.Copies. read asks the primary, in a statement that
// begins after the call; what names it in the log.
func NewCopy[T any](what string, read func(context.Context) (T, error), tables ...changes.Table) *Copy[T] {
	return &Copy[T]{what: what, read: read, tables: tables}
}

// Then has do called with what was read at each change, before a mark behind the change
// is confirmed. It must not wait for anything. To be called before Run.
func (c *Copy[T]) Then(do func(T)) { c.then = do }

// Get returns what the tables say: without asking anybody as long as this process may
// trust what it remembers, and from the database while it may not.
func (c *Copy[T]) Get(ctx context.Context) (T, error) {
	// In this order: what is loaded after trust was given is no older.
	if c.bus != nil && c.bus.Trusted() {
		if v := c.value.Load(); v != nil {
			return *v, nil
		}
	}
	return c.read(ctx)
}

func (c *Copy[T]) follow(b *Bus) []changes.Table { c.bus = b; return c.tables }

func (c *Copy[T]) apply(ctx context.Context, b *Bus, tx *changes.Transaction) {
	if slices.ContainsFunc(c.tables, func(t changes.Table) bool { return touches(tx, t) }) {
		b.fence(ctx, tx.XID)
		c.load(ctx)
	}
}

func (c *Copy[T]) load(ctx context.Context) {
	c.bus.insist(ctx, "read the "+c.what, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		v, err := c.read(ctx)
		if err == nil {
			c.value.Store(&v)
			if c.then != nil {
				c.then(v)
			}
		}
		return err
	})
}

// Feed tells of the rows of one table as they come and go, for what is too large, or
// changes too often, to be read as a whole each time. The table must be in the publication
// fluxbase_system.
type Feed struct {
	what  string
	table changes.Table
	read  func(context.Context) error
	row   func(*changes.Event) error
	bus   *Bus // from New on
}

// NewFeed makes a Feed for Deps.Copies. read reads the whole table from the primary, in
// statements that begin after the call: at the start, and whenever rows may have been
// missed. row is told of each insert, update and delete after that, before a mark behind it
// is confirmed; it must not wait for anything. What it can't understand has the table read.
func NewFeed(what string, read func(context.Context) error, row func(*changes.Event) error, table changes.Table) *Feed {
	return &Feed{what: what, table: table, read: read, row: row}
}

func (f *Feed) follow(b *Bus) []changes.Table { f.bus = b; return []changes.Table{f.table} }

func (f *Feed) apply(ctx context.Context, b *Bus, tx *changes.Transaction) {
	whole := slices.ContainsFunc(tx.Touched, func(t changes.Touched) bool { return t.Relation != nil && t.Relation.Table == f.table })
	for i := range tx.Events {
		e := &tx.Events[i]
		if e.Relation == nil || e.Relation.Table != f.table {
			continue
		}
		if e.Op == changes.Truncate {
			whole = true
		} else if err := f.row(e); err != nil {
			b.Log.Warn("the bus reads a table again", "table", f.what, "error", err)
			whole = true
		}
	}
	if whole {
		b.fence(ctx, tx.XID)
		f.load(ctx)
	}
}

func (f *Feed) load(ctx context.Context) {
	f.bus.insist(ctx, "read the "+f.what, f.read)
}

// AnyCopy is a Copy of any type, or a Feed.
type AnyCopy interface {
	follow(*Bus) []changes.Table
	apply(context.Context, *Bus, *changes.Transaction)
	load(context.Context)
}
