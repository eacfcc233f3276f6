package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// filterColumn is a column of the table that random filters are held against.
type filterColumn struct {
	name, kind string
	// values are in rows and filters, forms in filters alone.
	values, forms []string
	// text columns take patterns; others that are exact can be ordered in Go too.
	text bool
	// array says that a list of values can't be one of its values.
	array bool
}

var filterColumns = []filterColumn{
	{name: "big", kind: "int8", values: []string{"-9223372036854775808", "-1", "0", "1", "9223372036854775807"}, forms: []string{"+1", " 1", "-0", "001"}},
	{name: "num ber", kind: "int4", values: []string{"-5", "0", "7", "42"}, forms: []string{"2147483647", "007"}},
	{name: "small", kind: "int2", values: []string{"-5", "0", "7"}, forms: []string{"-32768"}},
	{name: "ok", kind: "bool", values: []string{"t", "f"}, forms: []string{"true", "false", "yes", "0", "T"}},
	{name: "id", kind: "uuid", values: []string{"00000000-0000-4000-8000-00000000ada0", "ffffffff-0000-4000-8000-00000000ada0"}, forms: []string{"00000000-0000-4000-8000-00000000ADA0", "{00000000-0000-4000-8000-00000000ada0}", "0000000000004000800000000000ada0"}},
	{name: "name", kind: "text", text: true, values: []string{"", "a", "A", "ab", "a b", "ä", "aä_%", "NULL", `a\b"c`, "日本語", "{a,b}"}, forms: []string{"zz"}},
	{name: "short", kind: "varchar(9)", text: true, values: []string{"", "a", "Ab", "é", "a%b"}, forms: []string{"much longer than it may be"}},
	{name: "padded", kind: "char(4)", text: true, values: []string{"a   ", "ab  ", "abcd"}, forms: []string{"a", "ab"}},
	{name: "loose", kind: "text collate public.no_case", text: true, values: []string{"rome", "Rome", "ROMA"}},
	{name: "price", kind: "numeric", values: []string{"0", "-0.5", "1.50", "1.5", "10", "9.99", "-1234567890123456789012345.678", "NaN", "Infinity"}, forms: []string{"1.500", "+10", "1e1", ".5", "-.50", "0010.0"}},
	{name: "day", kind: "date", values: []string{"2026-01-31", "2024-02-29", "0001-01-01", "infinity", "0044-03-15 BC"}, forms: []string{"20260131", "Jan 31 2026", "2026-01-31 00:00"}},
	{name: "at", kind: "timestamp", values: []string{"2026-01-31 10:00:00", "2026-01-31 10:00:00.000001", "-infinity", "1969-12-31 23:59:59.9"}, forms: []string{"2026-01-31T10:00", "2026-01-31", "2026-01-31 10:00:00Z", "2026-01-31 10:00:00.0000009"}},
	{name: "zoned", kind: "timestamptz", values: []string{"2026-01-31 10:00:00+00", "2026-01-31 10:00:00.5+00", "1800-01-01 00:00:00+00"}, forms: []string{"2026-01-31T10:00:00Z", "2026-01-31T11:30:00.5+01:30", "2026-01-31 05:00:00-0500", "2026-01-31 10:00", "2026-01-31T10:00:00-15"}},
	{name: "float", kind: "float8", values: []string{"0", "1.5", "-Infinity", "NaN"}},
	{name: "kind", kind: "public.filter_kind", values: []string{"low", "high"}},
	{name: "tags", kind: "text[]", array: true, values: []string{"{}", "{a,b}", "{NULL}"}},
	{name: "doc", kind: "jsonb", array: true, values: []string{`{"a": 1}`, `null`, `[1, "x"]`}},
	{name: "pair", kind: "public.filter_pair", array: true, values: []string{"(1,2)", "(,)", "(1,)"}},
}

// randomFilter makes a filter that Postgres takes.
func randomFilter(r *rand.Rand, depth int, values *[]string) query.Node {
	if depth > 0 && r.IntN(3) > 0 {
		n := query.Node{Not: r.IntN(3) == 0, Or: r.IntN(2) == 0}
		for range 1 + r.IntN(3) {
			n.Kids = append(n.Kids, randomFilter(r, depth-1, values))
		}
		return n
	}
	c := &filterColumns[r.IntN(len(filterColumns))]
	one := func() string {
		list := c.values
		if len(c.forms) > 0 && r.IntN(4) == 0 {
			list = c.forms
		}
		return list[r.IntN(len(list))]
	}
	ops := []query.Op{query.Eq, query.Neq, query.IsDistinct, query.Is, query.Gt, query.Gte, query.Lt, query.Lte}
	if c.kind == "public.filter_pair" { // a literal of one has no type
		ops = []query.Op{query.Is}
	}
	if !c.array {
		ops = append(ops, query.In, query.In)
	}
	if c.text {
		ops = append(ops, query.Like, query.Like, query.ILike, query.Match)
		if c.name == "loose" { // Postgres has no patterns for it before 18
			ops = ops[:len(ops)-4]
		}
	}
	n := query.Node{Field: query.Field{Name: c.name}, Expr: query.Expr{Op: ops[r.IntN(len(ops))], Not: r.IntN(3) == 0}}
	e := &n.Expr
	if r.IntN(4) == 0 && e.Op != query.In && e.Op != query.Is {
		list := alikeColumns(c)
		e.Quant, e.Other = query.OtherColumn, &query.Field{Name: list[r.IntN(len(list))]}
		return n
	}
	pattern := false
	switch e.Op {
	case query.Is:
		e.Truth = query.Truth(r.IntN(2))
		if c.kind == "bool" {
			e.Truth = query.Truth(r.IntN(5))
		}
		return n
	case query.Like, query.ILike, query.Match:
		pattern = true
		fallthrough
	case query.Eq, query.Gt, query.Gte, query.Lt, query.Lte:
		if !c.array && r.IntN(4) == 0 {
			e.Quant = query.Any + query.Quantifier(r.IntN(2))
		}
	}
	next := func() string {
		if pattern {
			return []string{"a%", "%", "_", "__", "%b", "a_", `\%`, `a\b`, "%_%", "日%", "A%B", "", "%a%b%"}[r.IntN(13)]
		}
		return one()
	}
	value := next()
	if e.Op == query.Match {
		value = []string{"^a", "b$", ".", "[ä]", "x*"}[r.IntN(5)]
		e.Quant = query.One
	}
	if e.Op == query.In || e.Quant != query.One {
		var list []string
		for range r.IntN(4) {
			list = append(list, next())
		}
		value = query.Array(list)
		if len(list) > 0 && r.IntN(8) == 0 {
			value = strings.TrimSuffix(value, "}") + ",NULL}"
		}
	}
	e.Value = len(*values)
	*values = append(*values, value)
	return n
}

// alikeColumns are those that Postgres compares c with, c itself among them.
func alikeColumns(c *filterColumn) []string {
	for _, group := range [][]string{
		{"big", "num ber", "small", "price", "float"}, {"name", "short"}, {"day", "at", "zoned"},
	} {
		if slices.Contains(group, c.name) && !c.array {
			return group
		}
	}
	return []string{c.name}
}

// textRow is a row as the log would tell it; a column whose place is hidden is missing.
type textRow struct {
	values [][]byte
	hidden int
}

func (r textRow) Value(place int) (string, query.Presence) {
	switch {
	case place == r.hidden:
		return "", query.Missing
	case r.values[place] == nil:
		return "", query.IsNull
	}
	return string(r.values[place]), query.Present
}

// Wherever the evaluator gives a verdict it is that of the SQL which REST makes of the
// same filter, and realtime.match gives the same.
func TestEvaluatorAgreesWithPostgres(t *testing.T) {
	t.Parallel()
	conn := dbtest.New(t).Conn(t)
	var columns []string
	for _, c := range filterColumns {
		columns = append(columns, pgx.Identifier{c.name}.Sanitize()+" "+c.kind)
	}
	if _, err := conn.Exec(t.Context(), `create collation public.no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		create type public.filter_kind as enum ('low', 'high');
		create type public.filter_pair as (a integer, b integer);
		set timezone = 'UTC';
		create table public.things (`+strings.Join(columns, ", ")+`)`); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	began := time.Now()
	for round := 0; round == 0 || time.Since(began) < *soak; round++ {
		agreeOnFilters(t, conn, rand.New(rand.NewPCG(seed, uint64(round))))
		if t.Failed() {
			t.Fatalf("seed %d, round %d", seed, round)
		}
	}
}

const filterRows, filtersAtOnce = 60, 400

func agreeOnFilters(t *testing.T, conn *pgx.Conn, r *rand.Rand) {
	rows := make([]map[string]any, filterRows)
	for i := range rows {
		rows[i] = map[string]any{}
		for _, c := range filterColumns {
			if r.IntN(5) > 0 {
				rows[i][c.name] = c.values[r.IntN(len(c.values))]
			}
		}
	}
	data, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, c := range filterColumns {
		list = append(list, fmt.Sprintf("(v ->> %s)::%s", query.Literal(c.name), strings.Replace(c.kind, " collate public.no_case", "", 1)))
	}
	if _, err := conn.Exec(t.Context(), `truncate public.things`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `insert into public.things select `+strings.Join(list, ", ")+` from jsonb_array_elements($1) as v`, data); err != nil {
		t.Fatal(err)
	}
	// In the order of the table, which nothing changes meanwhile.
	result := conn.PgConn().ExecParams(t.Context(), `select t.* from public.things as t`, nil, nil, nil, nil).Read()
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	stored := result.Rows
	types := map[string]query.Column{}
	for i, f := range result.FieldDescriptions {
		types[f.Name] = query.Column{Place: i, Type: f.DataTypeOID, Loose: f.Name == "loose"}
	}

	filters := make([]query.Node, filtersAtOnce)
	local := make([][]string, filtersAtOnce)
	q := new(query.SQL)
	q.Add("select ")
	var all [][]byte
	for i := range filters {
		filters[i] = randomFilter(r, 2, &local[i])
		if i > 0 {
			q.Add(", ")
		}
		shifted := shiftValues(filters[i], len(all))
		q.Add("(").Node("t", &shifted, nil)
		q.Add(")")
		for _, v := range local[i] {
			all = append(all, []byte(v))
		}
	}
	q.Add(" from public.things as t")
	// Each value is used once, in the order of the text.
	answers := conn.PgConn().ExecParams(t.Context(), q.String(), all, nil, nil, nil).Read()
	if answers.Err != nil {
		t.Fatalf("%v\n%s", answers.Err, q.String())
	}
	matched := matchFilters(t, conn, stored, types, filters, local)

	verdicts := map[string]query.Verdict{"": query.VerdictNull, "t": query.VerdictTrue, "f": query.VerdictFalse}
	count := map[query.Verdict]int{}
	for i := range filters {
		e := query.NewEvaluator(filters[i:i+1], local[i], func(name string) (query.Column, bool) { c, ok := types[name]; return c, ok })
		key, keys, keyed := e.Keys()
		for n := range stored {
			want := verdicts[string(answers.Rows[n][i])]
			row := textRow{stored[n], -1}
			got := e.Eval(row)
			count[got]++
			show := func() string { return query.Print(&filters[i], local[i]) + fmt.Sprintf(" over %q", stored[n]) }
			if got != query.Undecided && got != want {
				t.Errorf("%s: the evaluator says %d, Postgres %d", show(), got, want)
			}
			if matched[i][n+1] != (want == query.VerdictTrue) {
				t.Errorf("%s: realtime.match says %v, Postgres %d", show(), matched[i][n+1], want)
			}
			// What is missing may be anything, so that only what holds for all is decided.
			row.hidden = r.IntN(len(filterColumns))
			if got := e.Eval(row); (got == query.VerdictTrue || got == query.VerdictFalse) && got != want {
				t.Errorf("%s: without column %d the evaluator says %d, Postgres %d", show(), row.hidden, got, want)
			}
			if keyed && want == query.VerdictTrue {
				if k, ok := key.Key(string(stored[n][key.Place])); ok && !slices.Contains(keys, k) {
					t.Errorf("%s: the row is not found by its key", show())
				}
			}
		}
	}
	for _, v := range []query.Verdict{query.VerdictTrue, query.VerdictFalse, query.VerdictNull} {
		if count[v] < 1000 {
			t.Errorf("of %d pairs the evaluator decided too few: %v", filterRows*filtersAtOnce, count)
		}
	}
}

// shiftValues counts the values of a filter from another index.
func shiftValues(n query.Node, by int) query.Node {
	n.Expr.Value += by
	n.Kids = slices.Clone(n.Kids)
	for i := range n.Kids {
		n.Kids[i] = shiftValues(n.Kids[i], by)
	}
	return n
}

// matchFilters gives for each filter the rows that meet it, by realtime.match.
func matchFilters(t *testing.T, conn *pgx.Conn, rows [][][]byte, types map[string]query.Column, filters []query.Node, values [][]string) []map[int]bool {
	t.Helper()
	texts := make([][]*string, len(rows))
	for n, row := range rows {
		for _, v := range row {
			var text *string
			if v != nil {
				s := string(v)
				text = &s
			}
			texts[n] = append(texts[n], text)
		}
	}
	type condition struct {
		Tree   *query.Data `json:"tree"`
		Values [][2]any    `json:"values"`
	}
	conditions := make([]condition, len(filters))
	for i := range filters {
		conditions[i] = condition{filters[i].Data(), [][2]any{{0, append([]string{}, values[i]...)}}}
	}
	names, oids := make([]string, len(types)), make([]uint32, len(types))
	for name, c := range types {
		names[c.Place], oids[c.Place] = name, c.Type
	}
	var answer []byte
	err := conn.QueryRow(t.Context(), `select realtime.match('public.things'::regclass, $1, $2, $3, $4)::text`,
		names, oids, texts, conditions).Scan(&answer)
	if err != nil {
		t.Fatal(err)
	}
	var pairs [][][2]int
	if err := json.Unmarshal(answer, &pairs); err != nil || len(pairs) != len(filters) {
		t.Fatalf("%d answers, %v: %.2000s", len(pairs), err, answer)
	}
	met := make([]map[int]bool, len(filters))
	for i := range pairs {
		met[i] = map[int]bool{}
		for _, p := range pairs[i] {
			met[i][p[1]] = true
		}
	}
	return met
}

// Whatever a client writes as a filter, into names, values, paths or languages, the SQL
// that is made of it is one condition: it fails, or is false or null of a row whose texts
// are all different, and the database stays as it is.
func TestHostileFiltersStayConditions(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conn := db.Conn(t)
	const hostileColumn = `x") = '' or true; drop table kept; --`
	exec(t, db, `create table public.kept (id integer primary key, `+pgx.Identifier{hostileColumn}.Sanitize()+` text, doc jsonb);
		insert into public.kept values (1, 'one'); select realtime.enable('public.kept');
		grant select on public.kept to anon`)
	login, err := pgx.Connect(t.Context(), db.URL(sql.Authenticator))
	if err != nil {
		t.Fatal(err)
	}
	defer login.Close(t.Context())
	before := fingerprint(t, conn)
	type condition struct {
		Tree   query.Data `json:"tree"`
		Values [][2]any   `json:"values"`
	}
	var conditions, strange []condition
	for _, text := range hostileTexts(t) {
		if strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
			continue // never gets beyond JSON
		}
		leaf := func(column, op string) query.Data {
			value := 0
			return query.Data{Column: column, Op: op, Value: &value}
		}
		values := [][2]any{{0, []string{text}}}
		path, language, quantifier, truth := leaf("doc", "eq"), leaf(hostileColumn, "fts"), leaf(hostileColumn, "eq"), leaf("id", "is")
		path.Path = []query.DataStep{{Key: text}, {Key: text, Index: true}, {Key: text, Text: true}}
		language.Language, quantifier.Quantifier, truth.Truth = text, text, text
		for _, d := range []query.Data{leaf(hostileColumn, "eq"), leaf(hostileColumn, text), path, language, quantifier, truth} {
			conditions = append(conditions, condition{d, values})
		}
		strange = append(strange, condition{leaf(text, "eq"), values})
	}
	var answers []json.RawMessage
	if err := login.QueryRow(t.Context(), `select realtime.match('public.kept'::regclass, array['id', $1, 'doc'], array[23, 25, 3802]::oid[],
		'[["1", "\u0001", "{}"]]', $2)::json`, hostileColumn, append(conditions, strange...)).Scan(&answers); err != nil {
		t.Fatal(err)
	}
	for i, answer := range answers {
		var pairs [][2]int
		if json.Unmarshal(answer, &pairs) == nil && len(pairs) > 0 {
			t.Errorf("a hostile filter is met: %s, filter %d", answer, i)
		}
	}
	tried := len(answers)
	rows, err := login.Query(t.Context(), `select c.value::text
		from jsonb_array_elements($1) as c (value)
		cross join realtime.check_changes('anon', 'public', 'kept', jsonb_build_array(c.value), null) as f (why)
		cross join realtime.check_changes('anon', 'public', 'kept', '[]', array[c.value -> 'tree' ->> 'column']) as s (why)
		where f.why is null
		or s.why is null`, strange)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(taken) > 0 {
		t.Errorf("%v: names of columns that there are not are taken: %s", err, taken)
	}
	if after := fingerprint(t, conn); !maps.Equal(before, after) || tried < 1000 {
		t.Errorf("after %d filters the database is\n%v\nnot\n%v", tried, after, before)
	}
}
