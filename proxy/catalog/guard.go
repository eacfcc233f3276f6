package catalog

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

//go:embed guards.sql
var guardsSQL string

// Guard is what requests may ask for, as fluxbase.set_guard says it. A field that
// is nil says nothing.
type Guard struct {
	// Operators, Filterable and Orderable list what is allowed; the last two are
	// names of columns.
	Operators, Filterable, Orderable []string
	// EmbedDepth and EmbedBreadth are most levels of embeds below a relation, and
	// most embeds side by side.
	EmbedDepth, EmbedBreadth *int64
	MaxRows                  *int64
	// Timeout is in milliseconds.
	Timeout *int64
	// MaxCost is in the planner's units.
	MaxCost *float64
}

// guardKey is whose guard it is; an empty role and relation 0 are all.
type guardKey struct {
	role     string
	relation uint32
}

// Guarded tells whether there is any guard.
func (c *Catalog) Guarded() bool { return len(c.guards) > 0 }

// Guard gives what holds for requests of role to rel, which is nil for functions
// whose rows are no relation's: of each limit what the guard for both says, else
// that for the relation, else that for the role, else that for all.
func (c *Catalog) Guard(role string, rel *Relation) (g Guard) {
	var oid uint32
	if rel != nil {
		oid = rel.oid
	}
	for _, key := range [...]guardKey{{"", 0}, {role, 0}, {"", oid}, {role, oid}} {
		one := c.guards[key]
		if one == nil {
			continue
		}
		replace(&g.Operators, one.Operators)
		replace(&g.Filterable, one.Filterable)
		replace(&g.Orderable, one.Orderable)
		set(&g.EmbedDepth, one.EmbedDepth)
		set(&g.EmbedBreadth, one.EmbedBreadth)
		set(&g.MaxRows, one.MaxRows)
		set(&g.Timeout, one.Timeout)
		set(&g.MaxCost, one.MaxCost)
	}
	return g
}

// replace takes an allow-list, also one of nothing.
func replace(to *[]string, from []string) {
	if from != nil {
		*to = from
	}
}

func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// errGuardsUnreadable keeps a process from serving as if there were none.
var errGuardsUnreadable = errors.New("the database has guards, which this login may not read: " +
	"grant usage on schema fluxbase and select on fluxbase.guards to it")

// readGuards adds the guards, if the document said that there may be some.
func (c *Catalog) readGuards(ctx context.Context, db Querier) error {
	switch {
	case c.mayReadGuards == nil:
		return nil
	case !*c.mayReadGuards:
		return errGuardsUnreadable
	}
	res, err := db.Do(ctx, &pg.Tx{Mode: pg.ReadOnly, Main: pg.Statement{SQL: guardsSQL}})
	if err != nil {
		return fmt.Errorf("read the guards: %w", err)
	}
	defer res.Free()
	var rows []struct {
		Role     string
		Relation uint32
		Guard
	}
	if err := json.Unmarshal(res.Values[0], &rows); err != nil {
		return fmt.Errorf("read the guards: %w", err)
	}
	c.guards = make(map[guardKey]*Guard, len(rows))
	for i := range rows {
		c.guards[guardKey{rows[i].Role, rows[i].Relation}] = &rows[i].Guard
	}
	return nil
}
