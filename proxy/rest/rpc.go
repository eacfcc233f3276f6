package rest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// scalarName is what the value of a function is called in the statement; it is
// PostgREST's name, which CSV, filters and verbose plans show.
const scalarName = "pgrst_scalar"

// call plans a function.
func (p *planner) call() (*plan, error) {
	p.leaveArguments()
	names, err := p.argumentNames()
	if err != nil {
		return nil, err
	}
	f, err := p.findFunction(names)
	if err != nil {
		return nil, err
	}
	if p.r.method == http.MethodOptions {
		if f.Volatility == catalog.Volatile {
			return &plan{allow: "OPTIONS,POST"}, nil
		}
		return &plan{allow: "OPTIONS,GET,HEAD,POST"}, nil
	}
	src := source{schema: f.Schema, name: f.Name, from: func(q *query.SQL) { p.callFrom(q, f, names) }}
	if f.Returns.Composite {
		if rel := p.catalog.Relation(f.Returns.Schema, f.Returns.Name); rel != nil {
			src.relation, src.name = rel, rel.Name
		}
	}
	if err := p.tree(src); err != nil {
		return nil, err
	}
	if err := p.checkGuards(); err != nil {
		return nil, err
	}
	if p.page != nil && !f.Returns.Set {
		return nil, noCursor("this function returns one row", "Call it without a cursor.")
	}
	pl := &plan{
		mode: readWrite, relation: f.Name, settings: p.cfg.hoist(f.Settings),
		void: f.Returns.Void(), single: f.Returns.Scalar() || !f.Returns.Set,
	}
	if p.r.reads() || f.Volatility != catalog.Volatile {
		pl.mode = readOnly
	}
	if err := p.negotiate(pl, f); err != nil {
		return nil, err
	}
	pl.applied.hasMax = p.r.prefs.hasMax
	if !f.Returns.Set && p.r.prefs.hasMax && p.r.prefs.handling == handlingStrict {
		return nil, errSingleFunction
	}
	p.callStatement(pl, f)
	return pl, nil
}

// argumentNames are the arguments of the URL, or the keys of the body.
func (p *planner) argumentNames() ([]string, error) {
	if !p.r.reads() && p.r.method != http.MethodOptions {
		if par := p.param(paramColumns); par != nil && p.r.columns {
			names, err := query.ParseColumns("columns", par.value)
			return names, parseError(err)
		}
		if p.r.content != mediaForm {
			return p.r.shape.keys, nil
		}
	}
	var names []string
	for i := range p.r.params {
		name, ok, err := p.r.params[i].argument()
		if err != nil {
			return nil, parseError(err)
		}
		if ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// argument is the name of a function's argument, if p is one.
func (p *param) argument() (name string, ok bool, err error) {
	switch p.kind {
	case paramArg:
		_, field, err := query.ParseKey(p.key)
		return field.Name, true, err
	case paramForm:
		return p.key, true, nil
	}
	return "", false, nil
}

// findFunction chooses among the overloads: by names, or, if none fits, one with
// a single unnamed parameter for the body as it is.
func (p *planner) findFunction(names []string) (*catalog.Function, error) {
	post := p.r.method == http.MethodPost
	overloads := p.catalog.Functions(p.r.schema, p.r.name)
	var named, whole []*catalog.Function
	for _, f := range overloads {
		switch {
		case takes(f, names) && !(len(f.Params) == 0 && post && p.rawBody()):
			named = append(named, f)
		case post && p.takesBody(f):
			whole = append(whole, f)
		}
	}
	if len(named) == 0 {
		named = whole
	}
	switch len(named) {
	case 0:
		return nil, p.noFunction(names, overloads)
	case 1:
		return named[0], nil
	}
	return nil, ambiguousFunction(named)
}

// rawBody tells bodies that are one value and hold no names.
func (p *planner) rawBody() bool {
	return p.r.content == mediaText || p.r.content == mediaXML || p.r.content == mediaBytes
}

// takes tells whether f can be called with exactly these names.
func takes(f *catalog.Function, names []string) bool {
	known := 0
	for i := range f.Params {
		given := slices.Contains(names, f.Params[i].Name)
		switch {
		case given:
			known++
		case f.Params[i].Required:
			return false
		}
	}
	return known == len(names)
}

// takesBody tells whether f's one parameter has no name and the body's type.
func (p *planner) takesBody(f *catalog.Function) bool {
	if len(f.Params) != 1 || f.Params[0].Name != "" {
		return false
	}
	switch f.Params[0].Type {
	case "json", "jsonb":
		return p.r.content == mediaJSON
	case "text":
		return p.r.content == mediaText
	case "xml":
		return p.r.content == mediaXML
	case "bytea":
		return p.r.content == mediaBytes
	}
	return false
}

// callFrom writes the from item of a call: the arguments of a body come from a
// record of the parameters' own types.
func (p *planner) callFrom(q *query.SQL, f *catalog.Function, names []string) {
	params := slices.DeleteFunc(slices.Clone(f.Params), func(a catalog.Param) bool {
		return a.Name != "" && !slices.Contains(names, a.Name)
	})
	fromBody := p.r.method == http.MethodPost && p.r.content != mediaForm && len(params) > 0 && params[0].Name != ""
	var values []int
	if fromBody {
		values = p.argumentValues(params)
	}
	if fromBody && values == nil {
		p.argumentRecord(q, params)
		q.Add(", lateral ")
	}
	scalar := !f.Returns.Composite
	if scalar && f.Returns.Type == "record" || scalar && !f.Returns.Set {
		// A record of no known columns can't stand in from.
		q.Add("(select ")
	}
	q.Ident(f.Schema).Add(".").Ident(f.Name).Add("(")
	for i := range params {
		if i > 0 {
			q.Add(", ")
		}
		if params[i].Variadic {
			q.Add("variadic ")
		}
		switch {
		case params[i].Name == "":
			q.Param(bodyParam).Add("::", params[i].Wide)
		case values != nil:
			q.Ident(params[i].Name).Add(" := ").Param(values[i]).Add("::", params[i].Wide)
		case fromBody:
			q.Ident(params[i].Name).Add(" := _fx_args.").Ident(params[i].Name)
		default:
			q.Ident(params[i].Name).Add(" := ")
			p.argument(q, &params[i])
		}
	}
	q.Add(")")
	switch {
	case scalar && (f.Returns.Type == "record" || !f.Returns.Set):
		q.Add(" as ", scalarName, ") as ").Ident(p.root.alias)
	case scalar:
		q.Add(" as ").Ident(p.root.alias).Add("(", scalarName, ")")
	default:
		q.Add(" as ").Ident(p.root.alias)
	}
}

func (p *planner) argumentRecord(q *query.SQL, params []catalog.Param) {
	rows := ""
	if p.r.shape.array || p.r.shape.other {
		rows = "set"
	}
	q.Add("(select * from json_to_record", rows, "(")
	p.bodyParam(q, "json")
	q.Add(") as _fx_record(")
	for i := range params {
		if i > 0 {
			q.Add(", ")
		}
		q.Ident(params[i].Name).Add(" ", params[i].Wide)
	}
	q.Add(") limit 1) as _fx_args")
}

// argument writes the value of a parameter of the URL or of a form. Of repeated ones a
// variadic parameter takes all, any other the last.
func (p *planner) argument(q *query.SQL, a *catalog.Param) {
	var slots []int
	for i := range p.r.params {
		par := &p.r.params[i]
		if name, ok, err := par.argument(); ok && err == nil && name == a.Name {
			slots = append(slots, par.slot)
		}
	}
	if !a.Variadic {
		q.Param(slots[len(slots)-1]).Add("::", a.Wide)
		return
	}
	q.Add("array[")
	for i, s := range slots {
		if i > 0 {
			q.Add(", ")
		}
		q.Param(s)
	}
	q.Add("]::text[]::", a.Wide)
}

// callStatement writes the statement around the rows of the call.
func (p *planner) callStatement(pl *plan, f *catalog.Function) {
	pl.hashed = p.r.method == http.MethodGet
	q := new(query.SQL)
	count := "count(*)"
	if pl.single {
		count = "1"
	}
	// A count apart from the page, and the CSV's header, need the rows twice; the
	// function is called once.
	exact := p.r.prefs.count == countExact || p.r.prefs.count == countEstimated
	twice := (exact && (p.root.limit != nil || p.root.offset != nil) || p.page != nil) && !pl.single
	if twice {
		call, alias := p.root.source.from, p.root.alias
		q.Add("with _fx_call as materialized (select ").Ident(alias).Add(".* from ")
		call(q)
		q.Add(") ")
		p.root.source.from = func(q *query.SQL) { q.Add("_fx_call as ").Ident(alias) }
	}
	if p.page != nil {
		p.pageSource(q, ", ")
	}
	if p.csv() {
		q.Add([...]string{"with ", ", "}[b2i(twice)], sourceName, " as (")
		p.rows(q)
		q.Add(") ")
	}
	q.Add("select ")
	p.planColumns(q, count)
	switch {
	case p.r.method == http.MethodHead:
		q.Add("''")
	case pl.void:
		// The value is empty, but without a use of it the planner may leave out the call.
		q.Add("string_agg(", rowName, ".", scalarName, "::text, '')")
	default:
		q.Add(p.bodyOf(pl, &f.Returns))
	}
	q.Add(", ", count, gucs)
	p.total(q, pl, count, p.countRows)
	p.next(q, pl)
	q.Add(" from ")
	switch {
	case p.csv():
		q.Add(sourceName, " as ", rowName)
	case p.direct(&f.Returns):
		p.root.from(q)
	default:
		q.Add("(")
		p.rows(q)
		q.Add(") as ", rowName)
	}
	pl.sql, pl.params = q.String(), q.Params
	if f.Returns.Set && f.Returns.Composite && !twice {
		pl.rowwise = p.rowwise(pl)
	}
	p.complete(pl)
}

// direct tells a call whose one value is the body as it is, sure to be there.
func (p *planner) direct(ret *catalog.Return) bool {
	return p.handler != nil && p.handler.Name == "" && ret.Scalar() && p.sureRow()
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// callBody aggregates what a function gave: an object for one row, a value for
// a scalar, an array for sets.
func (p *planner) callBody(ret *catalog.Return) string {
	m := p.media
	row := rowName
	if !ret.Composite {
		row += "." + scalarName
	}
	if m == mediaCSV || m == mediaGeoJSON || ret.Set && ret.Composite {
		return p.rowsAs()
	}
	value, empty := "json_agg("+row+")", "[]"
	switch {
	case !ret.Set && p.sureRow() && len(p.root.kids) == 0 && p.format == nil: // no aggregate is needed
		value, empty = "to_json("+row+")", "null"
	case !ret.Set || m.single():
		value, empty = p.first(row), "null"
	}
	if m == mediaSingleStripped || m == mediaArrayStripped {
		value = "json_strip_nulls(" + value + ")"
	}
	return "coalesce(" + value + ", '" + empty + "')"
}

// sureRow tells that nothing can leave out the one row of a call: an array in the
// body may be empty, and conditions may not hold.
func (p *planner) sureRow() bool {
	n := p.root
	return !p.r.shape.array && !p.r.shape.other && len(n.where) == 0 && n.limit == nil && n.offset == nil
}

func ambiguousFunction(list []*catalog.Function) *web.Error {
	forms := make([]string, len(list))
	for i, f := range list {
		params := make([]string, len(f.Params))
		for j, a := range f.Params {
			params[j] = a.Name + " => " + a.Type
		}
		forms[i] = f.Schema + "." + f.Name + "(" + strings.Join(params, ", ") + ")"
	}
	return fail("PGRST203",
		"Could not choose the best candidate function between: "+strings.Join(forms, ", "), "",
		"Try renaming the parameters or the function itself in the database so function overloading can be resolved")
}

func (p *planner) noFunction(names []string, overloads []*catalog.Function) *web.Error {
	names = slices.Sorted(slices.Values(names))
	name := p.r.schema + "." + p.r.name
	post := p.r.method == http.MethodPost
	message, with := "("+strings.Join(names, ", ")+")", " with parameter "
	if len(names) > 1 {
		with = " with parameters "
	}
	with += strings.Join(names, ", ")
	if len(names) == 0 {
		message, with = " without parameters", " without parameters"
	}
	hint := functionHint(p.catalog, p.r.schema, p.r.name, names, overloads)
	if post {
		switch p.r.content {
		case mediaJSON:
			with += " or with a single unnamed json/jsonb parameter"
		case mediaText:
			message, with, hint = "", " with a single unnamed text parameter", ""
		case mediaXML:
			message, with, hint = "", " with a single unnamed xml parameter", ""
		case mediaBytes:
			message, with, hint = "", " with a single unnamed bytea parameter", ""
		}
	}
	return fail("PGRST202", "Could not find the function "+name+message+" in the schema cache",
		"Searched for the function "+name+with+", but no matches were found in the schema cache.", hint)
}

// functionHint proposes a function of a near name, or near parameters of one of
// that name.
func functionHint(c *catalog.Catalog, schema, name string, params []string, overloads []*catalog.Function) string {
	const perhaps = "Perhaps you meant to call the function "
	if len(overloads) == 0 {
		if s := c.Schema(schema); s != nil {
			if near, _ := nearest(name, s.FunctionNames(), 0.75); near != "" {
				return perhaps + schema + "." + near
			}
		}
		return ""
	}
	var forms []string
	for _, f := range overloads {
		var names []string
		for _, a := range f.Params {
			names = append(names, a.Name)
		}
		slices.Sort(names)
		forms = append(forms, "("+strings.Join(names, ", ")+")")
	}
	if near, _ := nearest("("+strings.Join(params, ", ")+")", forms, 0.33); near != "" {
		return perhaps + schema + "." + name + near
	}
	return ""
}
