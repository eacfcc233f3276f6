package rest

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"maps"
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

//go:embed explain_policies.sql
var policiesSQL string

// Explanation is what a request would do.
type Explanation struct {
	// Tx is the transaction that the server would run.
	Tx *pg.Tx
	// Plan is EXPLAIN's text, Refused what a guard of the cost says of it.
	Plan    string
	Refused error
	Tables  []ExplainedTable
}

// ExplainedTable is a table that the statement reads or writes, and the policies
// that decide about its rows.
type ExplainedTable struct {
	Schema, Name string
	// Named tells that the request names it; others are reached through views,
	// functions and policies.
	Named bool
	// Enabled tells whether row level security is on, Active whether it holds for
	// the role; a view that is no security invoker reads as its owner instead.
	Enabled, Active bool
	Policies        []ExplainedPolicy
}

// ExplainedPolicy is a row of pg_policy that is for the role and the command.
type ExplainedPolicy struct {
	Name, Command    string
	Roles            []string
	Permissive       bool
	Using, WithCheck string
}

// Explain tells what hr would do on behalf of caller, on the path that Serve goes:
// the same parser, plan and transaction. Nothing of it stays in the database; with
// analyze the statement runs and is rolled back, and sequences stay where they are
// then. Its errors are *web.Error, such as the server would answer.
func (h *Handler) Explain(ctx context.Context, hr *http.Request, caller pg.Caller, analyze bool) (*Explanation, error) {
	r := new(request)
	r.reset(&h.cfg)
	if err := r.parse(hr); err != nil {
		return nil, err
	}
	r.role = caller.Role
	if r.root {
		return nil, errors.New("the description of the API has no statement to explain; name a table or a function")
	}
	pl, cat, err := h.plan(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case len(r.prefs.unknown) > 0 && r.prefs.handling == handlingStrict:
		return nil, invalidPreferences(r.prefs.unknown)
	case pl.allow != "":
		return nil, errors.New("OPTIONS is answered without a statement; explain GET, POST, PATCH, PUT or DELETE")
	case pl.media == mediaPlan:
		return nil, errors.New("the request asks for a plan by itself; leave that Accept header out")
	}
	w := new(web.Response)
	db := h.database(caller)
	e := &Explanation{Tx: h.transaction(w, hr, r, pl, cat, caller)}
	if pl.rowwise != nil {
		pl.rowwise.instead(e.Tx)
	}
	e.Refused = h.checkCost(ctx, w, db, e.Tx, pl.guard)
	option := "explain "
	if analyze && e.Refused == nil {
		option = "explain (analyze, buffers) "
	}
	raw, err := h.trial(ctx, db, e.Tx, option+e.Tx.Main.SQL, e.Tx.Main.Args)
	if err != nil {
		return nil, h.databaseError(guardError(err, pl), caller)
	}
	e.Plan = string(raw)
	if e.Tables, err = h.tables(ctx, db, e.Tx, r, cat); err != nil {
		return nil, h.databaseError(err, caller)
	}
	return e, nil
}

// trial runs a statement in place of the one of tx and takes it all back; it gives
// the first column of all rows.
func (h *Handler) trial(ctx context.Context, db *pg.DB, tx *pg.Tx, sql string, args [][]byte) ([]byte, error) {
	t := *tx
	t.Check, t.Rollback, t.Rows, t.After = nil, true, pg.Lines, pg.Statement{}
	t.Main = pg.Statement{SQL: sql, Args: args, Version: tx.Main.Version}
	res, err := db.Do(ctx, &t)
	if err != nil {
		return nil, err
	}
	defer res.Free()
	return append([]byte(nil), res.Values[0]...), nil
}

// tables finds the tables in the plan of the statement, and asks for their policies.
func (h *Handler) tables(ctx context.Context, db *pg.DB, tx *pg.Tx, r *request, cat *catalog.Catalog) ([]ExplainedTable, error) {
	raw, err := h.trial(ctx, db, tx, "explain (verbose, format json) "+tx.Main.SQL, tx.Main.Args)
	if err != nil {
		return nil, err
	}
	var plans any
	if err := json.Unmarshal(raw, &plans); err != nil {
		return nil, err
	}
	// The planner may have seen that one has no rows, and left it out.
	p := &planner{r: r, catalog: cat, cfg: &h.cfg}
	if _, err := p.plan(); err != nil {
		return nil, err
	}
	named := map[[2]string]bool{}
	p.root.relations(named)
	found := maps.Clone(named)
	collectTables(plans, found)
	list := make([]ExplainedTable, 0, len(found))
	for name := range found {
		list = append(list, ExplainedTable{Schema: name[0], Name: name[1]})
	}
	names, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	target := ""
	if !r.rpc {
		target = r.name
	}
	args := [][]byte{names, []byte(r.schema), []byte(target), []byte(commands(r))}
	if raw, err = h.trial(ctx, db, tx, policiesSQL, args); err != nil {
		return nil, err
	}
	list = nil
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Named = named[[2]string{list[i].Schema, list[i].Name}]
	}
	return list, nil
}

// relations finds the relations of n and of all below it.
func (n *node) relations(found map[[2]string]bool) {
	if rel := n.source.relation; rel != nil {
		found[[2]string{rel.Schema, rel.Name}] = true
	}
	if n.link != nil && n.link.Junction != nil {
		rel := n.link.Junction.Relation
		found[[2]string{rel.Schema, rel.Name}] = true
	}
	for _, k := range n.kids {
		k.relations(found)
	}
}

// collectTables finds the tables of a plan, which has them at any depth.
func collectTables(v any, found map[[2]string]bool) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			collectTables(one, found)
		}
	case map[string]any:
		schema, _ := v["Schema"].(string)
		if name, ok := v["Relation Name"].(string); ok {
			found[[2]string{schema, name}] = true
		}
		for _, one := range v {
			collectTables(one, found)
		}
	}
}

// commands are those, by the letters of pg_policy, whose policies decide about the
// rows of the request's own table: a write reads what its filters and its answer name.
func commands(r *request) string {
	switch r.method {
	case http.MethodPost:
		if r.prefs.resolution != 0 {
			return "raw"
		}
		if r.prefs.returning == returnRepresentation || r.prefs.returning == returnHeaders {
			return "ra"
		}
		return "a"
	case http.MethodPut:
		return "raw"
	case http.MethodPatch:
		return "rw"
	case http.MethodDelete:
		return "rd"
	}
	return "r"
}
