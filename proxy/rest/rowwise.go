package rest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// rowwise is another way to the answer of a plan: Postgres gives the rows as they are,
// and the proxy makes JSON of them (docs/decisions/0016).
type rowwise struct {
	sql  string
	rows pg.Rows
	// inert tells that nothing runs which could say something of the answer.
	inert bool
}

// afterRows asks for that, behind the rows.
const afterRows = "select null, null" + gucs

// rowwise gives that way for a read, whose plan is made, of a relation or of a function
// that gives the rows of one; nil if there is none. Only what reads may run twice.
func (p *planner) rowwise(pl *plan) *rowwise {
	if pl.mode != readOnly || p.r.method == http.MethodHead || p.format != nil || p.handler != nil || p.page != nil || p.root.merges() ||
		pl.total+pl.version+pl.snapshot > 0 {
		return nil
	}
	w := new(rowwise)
	switch p.media {
	case mediaJSON:
		w.rows = pg.JSONArray
	case mediaSingle:
		w.rows = pg.JSONObject
	default:
		return nil
	}
	columns := p.root.rowColumns()
	if columns == nil {
		return nil
	}
	q := new(query.SQL)
	for i, c := range columns {
		q.Add([...]string{"select ", ", "}[min(i, 1)])
		if c.json {
			q.Column(rowName, c.name)
		} else {
			q.Add("pg_catalog.to_json(").Column(rowName, c.name).Add(") as ").Ident(c.name)
		}
	}
	q.Add(" from (")
	p.rows(q)
	q.Add(") as ", rowName)
	if !slices.Equal(q.Params, pl.params) {
		return nil
	}
	w.sql = q.String()
	relations := p.root.plainRelations(nil)
	w.inert = relations != nil && p.cfg.PreRequest == "" &&
		!slices.ContainsFunc(relations, func(r *catalog.Relation) bool { return !r.Inert })
	return w
}

// rowColumn is one that a node selects; json tells that the proxy makes JSON of it.
type rowColumn struct {
	name string
	json bool
}

// rowColumns are those of n; nil if they are not known, or two have one name.
func (n *node) rowColumns() []rowColumn {
	rel := n.source.relation
	if rel == nil {
		return nil
	}
	var list []rowColumn
	for i := range n.items {
		it := &n.items[i]
		if isStar(*it) {
			for _, c := range rel.Columns {
				list = append(list, rowColumn{c.Name, pg.HasJSON(c.Base)})
			}
			continue
		}
		c := rel.Column(it.Field.Name)
		list = append(list, rowColumn{
			itemName(it),
			c != nil && pg.HasJSON(c.Base) && it.Cast == "" && it.Agg == query.NoAggregate && it.Field.Format == "" && len(it.Field.Path) == 0,
		})
	}
	for _, k := range n.kids {
		switch {
		case k.spread:
			return nil
		case !k.empty():
			list = append(list, rowColumn{k.label, true})
		}
	}
	seen := make(map[string]bool, len(list))
	for _, c := range list {
		if seen[c.name] {
			return nil
		}
		seen[c.name] = true
	}
	return list
}

// instead has tx go this way.
func (w *rowwise) instead(tx *pg.Tx) {
	tx.Main.SQL, tx.Rows = w.sql, w.rows
	if !w.inert || slices.ContainsFunc(tx.Settings, func(s pg.Setting) bool { return strings.HasPrefix(s.Name, "response.") }) {
		tx.After = pg.Statement{SQL: afterRows}
	}
}

// do runs the transaction of a plan, by its rows where it can.
func (pl *plan) do(ctx context.Context, w *web.Response, db *pg.DB, tx *pg.Tx) (*pg.Result, error) {
	if pl.rowwise != nil {
		main, rows, after := tx.Main, tx.Rows, tx.After
		pl.rowwise.instead(tx)
		logSQL(w, tx)
		raw, err := db.Do(ctx, tx)
		tx.Main, tx.Rows, tx.After = main, rows, after
		if !isOutdated(err) {
			return raw, err
		}
	}
	logSQL(w, tx)
	return db.Do(ctx, tx)
}

// isOutdated tells that the rows have other columns than the catalogue, or a prepared
// statement, knew of, which the other way does not mind.
func isOutdated(err error) bool {
	const undefinedColumn, featureNotSupported = "42703", "0A000"
	var pgErr *pgconn.PgError
	return errors.Is(err, pg.ErrNoJSON) || errors.As(err, &pgErr) &&
		(pgErr.Code == undefinedColumn && strings.Contains(pgErr.Message, rowName+".") ||
			pgErr.Code == featureNotSupported && pgErr.Routine == "RevalidateCachedQuery")
}
