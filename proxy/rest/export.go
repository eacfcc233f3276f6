package rest

import (
	"context"
	"net/http"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// An export is a read whose rows are sent as Postgres makes them, so that any number
// of them takes the same memory. Postgres doesn't aggregate them into a body, and
// makes JSON only of what has no text that is JSON but for quotes: that is half of the
// work of row_to_json.

type exportKind uint8

const (
	exportLines exportKind = 1 + iota // an object a line
	exportJSON                        // the bytes of json_agg
	exportCSV                         // as COPY writes it
)

// export is what of a plan is for an export.
type export struct {
	kind exportKind
	// columns are what a row is made of; none is a row that comes as JSON.
	columns []exportColumn
	// head is the statement before the rows: what functions said of headers and
	// status and, where total is set, the number of all rows.
	head   string
	params []int
	total  bool
}

type exportColumn struct {
	// key is what comes before the value: {"id": or ,"name":
	key []byte
	as  rendering
}

// rendering is how the text of a value becomes JSON.
type rendering uint8

const (
	asString rendering = iota
	asNumber           // but for NaN and Infinity, which are strings
	asBoolean
	asItIs // the text is JSON
)

var renderings = map[string]rendering{
	"bigint": asNumber, "integer": asNumber, "smallint": asNumber, "numeric": asNumber, "real": asNumber, "double precision": asNumber,
	"boolean": asBoolean, "json": asItIs, "jsonb": asItIs,
	"bytea": asString, "character": asString, "character varying": asString, "cidr": asString, "inet": asString, "interval": asString,
	"text": asString, "time with time zone": asString, "time without time zone": asString, "uuid": asString,
}

// lineTypes are the names that one JSON object a line goes by.
var lineTypes = []string{"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}

// exported tells whether m asks for an export, and of what type that is then.
func (p *planner) exported(m mediaType) (mediaType, bool) {
	if !p.cfg.Extensions || !p.r.reads() || p.r.rpc || p.page != nil {
		return m, false
	}
	switch {
	case m.lines():
		m = mediaType{other: m.name()}
		p.media, p.export = mediaJSON, exportLines
	case m.kind == mediaJSON && m.stream:
		p.media, p.export = mediaJSON, exportJSON
	case m.kind == mediaCSV && m.stream:
		p.media, p.export = mediaCSV, exportCSV
	default:
		return m, false
	}
	return m, true
}

// name is the type without its parameters.
func (m mediaType) name() string {
	name, _, _ := strings.Cut(m.other, ";")
	return strings.ToLower(strings.TrimSpace(name))
}

// exportRows plans the statement of an export.
func (p *planner) exportRows(pl *plan) {
	e := &export{kind: p.export}
	q := new(query.SQL)
	columns, plain := p.exportColumns()
	switch {
	case e.kind == exportCSV:
		p.node(q, p.root)
	case plain:
		for i, c := range columns {
			key := append([]byte{"{,"[min(i, 1)]}, appendPostgresString(nil, []byte(c.name))...)
			e.columns = append(e.columns, exportColumn{append(key, ':'), c.as})
			q.Add([...]string{"select ", ", "}[min(i, 1)])
			if c.convert {
				q.Add("to_json(").Column(rowName, c.name).Add(")")
			} else {
				q.Column(rowName, c.name)
			}
		}
		q.Add(" from (")
		p.node(q, p.root)
		q.Add(") as ", rowName)
	default:
		q.Add("select row_to_json(", rowName, ") from (")
		p.node(q, p.root)
		q.Add(") as ", rowName)
	}
	pl.sql, pl.params = q.String(), q.Params
	if p.format != nil {
		p.complete(pl)
		return
	}
	p.guardPlan(pl)
	head := new(query.SQL).Add("select null, null", gucs)
	if e.total = p.r.prefs.count != 0; e.total {
		head.Add(", (select count(*) from (")
		p.countRows(head)
		head.Add(") as _fx_count)")
	}
	e.head, e.params = head.String(), head.Params
	pl.export = e
}

// namedColumn is a column of the statement that selects the rows.
type namedColumn struct {
	name    string
	as      rendering
	convert bool // by Postgres, to JSON
}

// exportColumns names the columns of the rows; false if that can't be done, because
// their names are not known before or come twice.
func (p *planner) exportColumns() ([]namedColumn, bool) {
	n := p.root
	if n.aggregates() || n.source.relation == nil {
		return nil, false
	}
	var list []namedColumn
	seen := map[string]bool{}
	add := func(c namedColumn) {
		list = append(list, c)
		seen[c.name] = true
	}
	for i := range n.items {
		it := &n.items[i]
		if isStar(*it) {
			for _, c := range n.source.relation.Columns {
				add(p.exportColumn(c.Name, c))
			}
			continue
		}
		name, col := it.Field.Name, (*catalog.Column)(nil)
		if it.Alias != "" {
			name = it.Alias
		}
		if it.Cast == "" && it.Field.Format == "" && len(it.Field.Path) == 0 {
			col = n.source.relation.Column(it.Field.Name)
		}
		add(p.exportColumn(name, col))
	}
	for _, k := range n.kids {
		switch {
		case k.spread:
			return nil, false
		case !k.empty():
			add(namedColumn{name: k.label, as: asItIs})
		}
	}
	return list, len(list) > 0 && len(seen) == len(list)
}

// exportColumn is a column of the catalogue's type, or of one that only Postgres
// knows.
func (p *planner) exportColumn(name string, c *catalog.Column) namedColumn {
	if c != nil && p.catalog.Format(c.Type, "json") == "" {
		if as, ok := renderings[c.Base]; ok {
			return namedColumn{name: name, as: as}
		}
	}
	return namedColumn{name: name, as: asItIs, convert: true}
}

// export answers with rows as they come.
func (h *Handler) export(w *web.Response, hr *http.Request, r *request, pl *plan, cat *catalog.Catalog, caller pg.Caller) error {
	if !hr.ProtoAtLeast(1, 1) {
		return errStreamProtocol
	}
	leave, err := h.streams.enter()
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(w.Client, h.cfg.StreamTimeout)
	defer cancel()
	w.Patience = h.cfg.StreamPatience

	tx := h.transaction(w, hr, r, pl, cat, caller)
	if err := h.checkCost(ctx, w, h.database(caller), tx, pl.guard); err != nil {
		return h.databaseError(guardError(err, pl), caller)
	}
	rows := tx.Main
	tx.Main = pg.Statement{SQL: pl.export.head, Args: r.bind(pl.export.params), Version: cat.Version}
	if pl.export.total && tx.Isolation == "" {
		tx.Isolation = "repeatable read" // the number is that of the rows
	}
	out := exporter{w: w, plan: pl.export, buf: make([]byte, 0, 2*exportPart)}
	tx.Work = func(ctx context.Context, c pg.Conn, head *pg.Result) error {
		out.head = w.Header().Clone()
		a, err := h.compose(out.head, hr, r, pl, r.exportResult(head, pl))
		if err != nil {
			return err
		}
		out.status = a.status
		return c.Rows(ctx, rows, out.begin, out.row)
	}
	logSQL(w, tx)
	if w.LogSQL {
		w.SQL = append(w.SQL, rows.SQL)
	}
	raw, err := h.database(caller).Do(ctx, tx)
	raw.Free()
	if err == nil {
		err = out.end()
	}
	if err == nil {
		return nil
	}
	w.Broken = w.Status() != 0 // half an answer must not look like a whole one
	return h.databaseError(guardError(err, pl), caller)
}

// exportResult is what is known of the answer before its rows.
func (r *request) exportResult(head *pg.Result, pl *plan) *result {
	res := &result{headers: head.Values[headersColumn], status: head.Values[statusColumn], total: -1}
	if !pl.export.total {
		return res
	}
	r.prefs.count = countExact // however it was asked for
	res.total = number(head.Values[nextColumn])
	res.page = max(res.total-r.rows.offset, 0)
	if r.rows.limit >= 0 {
		res.page = min(res.page, r.rows.limit)
	}
	return res
}
