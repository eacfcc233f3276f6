package rest

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// A cursor names the last row of a page by its values in the columns of the order,
// signed by pagination.encode. The database alone can tell whether it is good; here
// only its nulls are looked at, because they decide the statement.

// page is how a request reads rows from one place of their order to another.
type page struct {
	// scope says of which rows in which order its cursors are.
	scope string
	terms []pageTerm
	// asked is how many of them the request names; the others are of the key.
	asked int
	// after is the parameter with the cursor, nil for the first page; nulls has a
	// byte for each term, '1' where the value is null.
	after *param
	nulls string
}

// pageTerm is one of the columns of the order: node.order has the rest of it.
type pageTerm struct {
	kind     string // type, as SQL
	nullable bool
	// plain tells that a cast to text loses nothing, whatever the settings.
	plain bool
}

const (
	pageName  = "_fx_page"
	afterName = "_fx_after"
	maxNulls  = 64 // columns of an order
	noNulls   = "-"

	signatureBytes = 16
)

// scanCursor takes cursor and cursor_column, unless their value is a filter's: there
// may be columns of these names.
func (r *request) scanCursor(p *param) bool {
	if !r.cfg.Extensions || !r.reads() && !r.rpc {
		return false
	}
	if _, _, err := query.ParseExpr(p.value); err == nil {
		return false
	}
	p.kind, p.slot = paramCursorColumn, r.addValue(p.value)
	if p.key == "cursor" {
		p.kind, p.value = paramCursor, nullsOf(p.value)
	}
	return true
}

// nullsOf tells which values of a cursor are null: "" for the first page, noNulls for
// what is no cursor.
func nullsOf(cursor string) string {
	if cursor == "" {
		return ""
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	var values []*string
	if err != nil || len(b) < signatureBytes || json.Unmarshal(b[signatureBytes:], &values) != nil ||
		len(values) < 2 || len(values) > maxNulls {
		return noNulls
	}
	nulls := make([]byte, len(values)-1) // the first is when it was made
	for i, v := range values[1:] {
		nulls[i] = '0' + byte(b2i(v == nil))
	}
	return string(nulls)
}

// leaveArguments gives a function what its parameters are called.
func (p *planner) leaveArguments() {
	if !p.r.reads() {
		return
	}
	for i := range p.r.params {
		par := &p.r.params[i]
		if par.kind != paramCursor && par.kind != paramCursorColumn {
			continue
		}
		for _, f := range p.catalog.Functions(p.r.schema, p.r.name) {
			if slices.ContainsFunc(f.Params, func(a catalog.Param) bool { return a.Name == par.key }) {
				par.kind = paramArg
			}
		}
	}
}

// addPage makes the order of the root one that tells all rows apart, if the request
// has a cursor.
func (p *planner) addPage() error {
	after, columns := p.param(paramCursor), p.param(paramCursorColumn)
	if after == nil && columns == nil {
		return nil
	}
	n, rel := p.root, p.root.source.relation
	switch {
	case rel == nil:
		return noCursor("what this function returns has no primary key", "Let it return rows of a table.")
	case len(rel.PrimaryKey) == 0:
		return noCursor("'"+rel.Name+"' has no primary key to tell its rows apart",
			"Give the table a primary key; a view has the key of its table if it shows all columns of it.")
	case n.aggregates():
		return noCursor("groups have no place in the order of rows", "Select no aggregates, or page by limit and offset.")
	case n.merges():
		return noCursor("distinct rows have no place in the order of rows", "Leave out distinct, or page by limit and offset.")
	case p.r.rows.offset != 0:
		return noCursor("a cursor and an offset contradict each other", "Leave out offset, and the start of the Range header.")
	case p.r.rows.limit == 0:
		return noCursor("a page of no rows leads nowhere", "Give a limit above 0.")
	}
	if columns != nil {
		terms, err := query.ParseOrder(columns.value)
		if err != nil {
			return parseError(err)
		}
		n.order = terms
	}
	p.page = &page{asked: len(n.order)}
	for _, name := range rel.PrimaryKey {
		if !slices.ContainsFunc(n.order, func(t query.Term) bool {
			return t.Relation == "" && t.Field.Name == name && len(t.Field.Path) == 0
		}) {
			n.order = append(n.order, query.Term{Field: query.Field{Name: name}})
		}
	}
	if after != nil && after.value != "" {
		p.page.after, p.page.nulls = after, after.value
	}
	scope := "rest " + query.Ident(rel.Schema) + "." + query.Ident(rel.Name)
	if p.r.rpc {
		scope += " of " + query.Ident(p.r.name)
	}
	for i := range n.order {
		if err := p.addPageTerm(&n.order[i]); err != nil {
			return err
		}
		scope += ", " + p.page.terms[i].scope(rel, &n.order[i])
	}
	if p.page.after != nil && (p.page.nulls == noNulls || len(p.page.nulls) != len(n.order)) {
		return errInvalidCursor
	}
	p.page.scope = query.Literal(scope)
	if n.limit != nil {
		limit := pageParam
		n.limit = &limit
	}
	return nil
}

func (p *planner) addPageTerm(t *query.Term) error {
	n := p.root
	if t.Relation != "" {
		if n = n.kid(t.Relation); n == nil {
			return notEmbedded(t.Relation)
		}
	}
	col := n.resolve(&t.Field)
	switch {
	case t.Function != query.NoFunction:
		return noCursor("'"+t.Function.String()+"' is computed anew for each page", "Order by columns, or page by limit and offset.")
	case len(t.Field.Path) > 0:
		term := pageTerm{kind: "jsonb", nullable: true, plain: true}
		if t.Field.Path[len(t.Field.Path)-1].Text {
			term.kind = "text"
		}
		p.page.terms = append(p.page.terms, term)
	case col == nil:
		return noCursor("'"+t.Field.Name+"' is no column of '"+n.source.name+"'", "Order by columns of tables.")
	default:
		term := pageTerm{kind: col.Type, nullable: col.Nullable || t.Relation != "", plain: isPlain(col)}
		if !term.nullable {
			t.Nulls = query.NoNulls // so that any index of the column will do
		}
		p.page.terms = append(p.page.terms, term)
	}
	return nil
}

// scope tells one order from another.
func (pt *pageTerm) scope(rel *catalog.Relation, t *query.Term) string {
	q := new(query.SQL).Field(cmp.Or(t.Relation, rel.Name), &t.Field)
	return q.Add(" ", pt.kind, " ", strconv.Itoa(int(t.Dir)), strconv.Itoa(int(t.Nulls))).String()
}

// isPlain tells types whose text no setting changes.
func isPlain(c *catalog.Column) bool {
	switch c.Base {
	case "bigint", "integer", "smallint", "numeric", "text", "character varying", "character", "uuid", "boolean", "jsonb":
		return true
	}
	return c.Enum != nil
}

// nameColumns writes out the stars of the root, whose columns the page takes one by
// one.
func (p *planner) nameColumns(n *node) {
	if len(n.items) == 0 && len(n.kids) == 0 {
		n.items = []query.Item{{Field: query.Field{Name: "*"}}}
	}
	n.expandStars(p, true)
	for _, k := range n.kids {
		if k.spread {
			p.nameColumns(k)
		}
	}
}

// pageSource writes the rows of the page, and one more to tell whether there are, as
// the first of a statement's with queries. with is the word before it.
func (p *planner) pageSource(q *query.SQL, with string) {
	n := p.root
	p.nameColumns(n)
	q.Add(with)
	if after := p.page.after; after != nil {
		q.Add(afterName, " (v) as materialized (select pagination.decode(").Param(after.slot).
			Add(", ", p.page.scope, ", ").Param(filtersParam).Add("::bytea)), ")
	}
	q.Add(pageName, " (")
	columns := len(n.columns())
	for i := range columns {
		q.Add("c", strconv.Itoa(i), ", ")
	}
	n.keys = func(q *query.SQL) {
		for i := range n.order {
			if columns+i > 0 {
				q.Add(", ")
			}
			p.orderField(q, i)
		}
	}
	for i := range n.order {
		q.Add([...]string{"", ", "}[min(i, 1)], "k", strconv.Itoa(i))
	}
	q.Add(") as materialized (")
	ranges := p.pageRanges()
	for i, after := range ranges {
		if i > 0 {
			q.Add(" union all ")
		}
		if len(ranges) > 1 {
			q.Add("(")
		}
		n.after = after
		p.node(q, n)
		if len(ranges) > 1 {
			q.Add(")")
		}
	}
	if len(ranges) > 1 && n.limit != nil {
		p.limit(q, n)
	}
	q.Add(") ")
	n.keys, n.after = nil, nil
}

func (p *planner) orderField(q *query.SQL, i int) {
	t := &p.root.order[i]
	if t.Relation != "" {
		q.Field(t.Relation, &t.Field)
	} else {
		q.Field(p.root.alias, &t.Field)
	}
}

// pageValue writes the cursor's value for a term.
func (p *planner) pageValue(q *query.SQL, i int) {
	q.Add("(select v[", strconv.Itoa(i+1), "] from ", afterName, ")::", p.page.terms[i].kind)
}

// pageRanges are the conditions of what comes after the cursor, in order: first the
// rows that are the same in all terms but the last and come after it there, then those
// that are the same in all but the last two, and so on. Each is one range of an index
// of these columns, whatever their directions. Where all go the same way and none is
// null, one comparison of rows says the same.
func (p *planner) pageRanges() []func(*query.SQL, string) {
	if p.page.after == nil {
		return []func(*query.SQL, string){nil}
	}
	order, terms := p.root.order, p.page.terms
	alike := true
	for i := range terms {
		alike = alike && !terms[i].nullable && (order[i].Dir == query.Desc) == (order[0].Dir == query.Desc)
	}
	if alike {
		return []func(*query.SQL, string){p.rowAfter}
	}
	var ranges []func(*query.SQL, string)
	add := func(last int, operator string) {
		ranges = append(ranges, func(q *query.SQL, and string) {
			for i := range last {
				q.Add(and)
				p.orderField(q, i)
				if p.page.nulls[i] == '1' {
					q.Add(" is null")
				} else {
					q.Add(" = ")
					p.pageValue(q, i)
				}
				and = " and "
			}
			q.Add(and)
			p.orderField(q, last)
			q.Add(operator)
			if operator == after(order[last]) {
				p.pageValue(q, last)
			}
		})
	}
	for i, t := range slices.Backward(order) {
		nullsFirst := t.Nulls == query.NullsFirst || t.Nulls == query.NoNulls && t.Dir == query.Desc
		switch {
		case p.page.nulls[i] == '0':
			add(i, after(t))
			if terms[i].nullable && !nullsFirst {
				add(i, " is null")
			}
		case nullsFirst:
			add(i, " is not null")
		}
	}
	if ranges == nil { // the cursor is behind the last row
		ranges = append(ranges, func(q *query.SQL, and string) { q.Add(and, "false") })
	}
	return ranges
}

// after is the operator for what comes after a value.
func after(t query.Term) string {
	if t.Dir == query.Desc {
		return " < "
	}
	return " > "
}

func (p *planner) rowAfter(q *query.SQL, and string) {
	q.Add(and, "(")
	for i := range p.page.terms {
		q.Add([...]string{"", ", "}[min(i, 1)])
		p.orderField(q, i)
	}
	q.Add(")", after(p.root.order[0]), "(")
	for i := range p.page.terms {
		q.Add([...]string{"", ", "}[min(i, 1)])
		p.pageValue(q, i)
	}
	q.Add(")")
}

// rows writes the query for the root's rows: those of the page, if there is one.
func (p *planner) rows(q *query.SQL) {
	if p.page == nil {
		p.node(q, p.root)
		return
	}
	q.Add("select ")
	for i, c := range p.root.columns() {
		q.Add([...]string{"", ", "}[min(i, 1)], "c", strconv.Itoa(i), " as ").Ident(c.name)
	}
	q.Add(" from ", pageName)
	if p.page.after != nil {
		// Where nothing was compared with its values, because there are no rows or they
		// are null, this is what refuses a cursor that is no good.
		q.Add(" where (select v from ", afterName, ") is not null")
	}
	if p.root.limit != nil {
		q.Add(" limit ")
		p.pageSize(q)
	}
}

// pageSize writes the number of rows asked for.
func (p *planner) pageSize(q *query.SQL) {
	if limit := p.r.rows.limit; limit <= maxConstLimit {
		q.Add(strconv.FormatInt(limit, 10))
	} else {
		q.Param(limitParam).Add("::bigint")
	}
}

// next adds the cursor of the next page to the answer. Nothing is computed for rows
// that an offset passes over, because that is within.
func (p *planner) next(q *query.SQL, pl *plan) {
	if p.page == nil {
		return
	}
	pl.paged = true
	if p.root.limit == nil {
		return
	}
	pl.next = nextColumn + b2i(pl.total > 0)
	values := func(from string) {
		q.Add("array[")
		for i, t := range p.page.terms {
			q.Add([...]string{"", ", "}[min(i, 1)])
			if t.plain {
				q.Add(from, ".k", strconv.Itoa(i), "::text")
			} else {
				q.Add("pagination.text_of(", from, ".k", strconv.Itoa(i), ")")
			}
		}
		q.Add("]")
	}
	row := func(back, name string) {
		q.Add(" from (select * from ", pageName, " offset ")
		p.pageSize(q)
		q.Add(back, " limit 1) as ", name, ")")
	}
	q.Add(", (select pagination.encode(", p.page.scope, ", ").Param(filtersParam).Add("::bytea, ")
	values("l")
	q.Add(", (select ")
	values("f")
	row("", "f")
	q.Add(")")
	row(" - 1", "l")
}

// appendFilters writes a digest of what chooses the rows, in whatever sequence it came:
// all parameters but those that say what is shown of them, how many, and in which
// order.
func (r *request) appendFilters(b []byte) []byte {
	list := make([]string, 0, len(r.params))
	for i := range r.params {
		switch p := &r.params[i]; p.kind {
		case paramSelect, paramColumns, paramOrder, paramLimit, paramOffset, paramCursor, paramCursorColumn:
		case paramAnd, paramOr:
			list = append(list, p.key+"\x00"+query.Print(&p.logic, r.values))
		default:
			list = append(list, p.key+"\x00"+p.value)
		}
	}
	slices.SortFunc(list, cmp.Compare[string])
	h := sha256.New()
	for _, s := range list {
		h.Write([]byte(s + "\x00"))
	}
	h.Write(r.body)
	return hex.AppendEncode(append(b, `\x`...), h.Sum(nil)[:16])
}

// setNext tells where the next page is (RFC 8288).
func (h *Handler) setNext(head http.Header, hr *http.Request, r *request, pl *plan, cursor string) {
	head["X-Next-Cursor"] = []string{cursor}
	if !r.reads() || r.asks {
		return // arguments or parameters are in the body
	}
	b := append(make([]byte, 0, 256), '<')
	b = append(b, h.base...)
	if r.rpc {
		b = append(b, "rpc/"...)
	}
	b = append(appendEscaped(b, pl.relation), '?')
	for one := range strings.SplitSeq(hr.URL.RawQuery, "&") {
		key, value, ok := strings.Cut(one, "=")
		if !ok {
			continue
		}
		key, value = unescape(key), unescape(value)
		if key == "cursor" && nullsOf(value) != noNulls {
			continue
		}
		b = append(appendEscaped(b, key), '=')
		b = append(appendEscaped(b, value), '&')
	}
	b = append(append(b, "cursor="...), cursor...)
	head.Add("Link", string(append(b, `>; rel="next"`...)))
}

var (
	errInvalidCursor = fail("invalid_cursor", "the cursor leads nowhere here", "",
		"It is of another table, order, filter or role, or was changed. Begin again with the first page: cursor=")
	errExpiredCursor = fail("expired_cursor", "the cursor has expired", "", "Begin again with the first page: cursor=")
	errNoCursors     = fail("cursors_not_installed", "this database has no functions to make cursors with", "",
		"Run fluxbase migrate up on it, or page by limit and offset.")
)

// noCursor refuses a cursor where the order of rows can't be told.
func noCursor(reason, hint string) *web.Error {
	return fail("cursor_not_possible", "there is no cursor here: "+reason, "", hint)
}

// cursorError gives what the functions of schema pagination raise a code of ours; nil
// for other errors.
func cursorError(e *pgconn.PgError) error {
	switch ours := strings.Contains(e.Message, "schema pagination") || strings.Contains(e.Message, `schema "pagination"`); {
	case e.Code == "FXC01":
		return errInvalidCursor.Because(e)
	case e.Code == "FXC02":
		return errExpiredCursor.Because(e)
	case e.Code == "FXC03":
		return noCursor(e.Message, e.Hint).Because(e)
	case e.Code == "3F000" && ours:
		return errNoCursors.Because(e)
	case e.Code == "42501" && ours && e.Hint == "":
		e.Hint = "Grant the role usage on schema pagination, and execute on its functions encode, decode and text_of."
	}
	return nil
}
