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
	value  atomic.Pointer[T]
}

// NewCopy makes a Copy for Deps.Copies. read asks the primary, in a statement that
// begins after the call; what names it in the log.
func NewCopy[T any](what string, read func(context.Context) (T, error), tables ...changes.Table) *Copy[T] {
	return &Copy[T]{what: what, read: read, tables: tables}
}

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

func (c *Copy[T]) touched(tx *changes.Transaction) bool {
	return slices.ContainsFunc(c.tables, func(t changes.Table) bool { return touches(tx, t) })
}

func (c *Copy[T]) load(ctx context.Context) {
	c.bus.insist(ctx, "read the "+c.what, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		v, err := c.read(ctx)
		if err == nil {
			c.value.Store(&v)
		}
		return err
	})
}

// AnyCopy is a Copy of any type.
type AnyCopy interface {
	follow(*Bus) []changes.Table
	touched(*changes.Transaction) bool
	load(context.Context)
}
