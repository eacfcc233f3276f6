package rest

import (
	"net/http"
	"slices"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// updatesEach tells a PATCH whose objects each change the row of their key. For
// PostgREST it is one that changes all rows to the first object; that is refused here,
// and meant where handling=all-rows is said.
func (p *planner) updatesEach() bool {
	return p.cfg.Extensions && p.r.method == http.MethodPatch && p.r.shape.array && len(p.root.where) == 0 &&
		p.r.prefs.own&ownAllRows == 0 && (len(p.r.shape.keys) > 0 || p.r.columns)
}

// updateEach writes an update of which the body says for each row what changes.
func (p *planner) updateEach(q *query.SQL, rel *catalog.Relation, cols []*catalog.Column, pl *plan) error {
	if p.r.precondition == someVersion {
		return errPreconditionScope
	}
	pl.guarded = p.r.precondition != 0
	names := rel.PrimaryKey
	if par := p.param(paramOnConflict); par != nil {
		var err error
		if names, err = query.ParseColumns("on_conflict", par.value); err != nil {
			return parseError(err)
		}
	}
	if len(names) == 0 {
		return web.New("bulk_key", "'"+rel.Name+"' has no primary key: name the columns to find the rows by in on_conflict")
	}
	key := make([]*catalog.Column, len(names))
	for i, name := range names {
		if key[i] = rel.Column(name); key[i] == nil {
			return unknownColumn(rel.Name, name)
		}
		if !slices.Contains(cols, key[i]) {
			if !p.r.columns {
				return withHint(web.New("bulk_key", "each object has to hold '"+name+"', by which its row is found"),
					"to change rows to the same values, choose them by a filter and send one object")
			}
			cols = append(cols, key[i])
		}
	}
	changed := slices.DeleteFunc(slices.Clone(cols), func(c *catalog.Column) bool { return slices.Contains(key, c) })
	if len(changed) == 0 {
		return web.New("bulk_key", "the objects hold nothing but their key")
	}
	q.Add("update ").Ident(rel.Schema).Add(".").Ident(rel.Name).Add(" set ")
	for i, c := range changed {
		if i > 0 {
			q.Add(", ")
		}
		q.Ident(c.Name).Add(" = _fx_body.").Ident(c.Name)
	}
	q.Add(" from (select *, case when count(*) over (partition by ")
	identList(q, key)
	q.Add(") > 1 then ", raise(raiseDuplicate), " end as _fx_same from ")
	p.body(q, cols, false)
	q.Add(") as _fx_body where _fx_body._fx_same is null")
	for _, c := range key {
		q.Add(" and ").Column(rel.Name, c.Name).Add(" = ").Column("_fx_body", c.Name)
	}
	return nil
}
