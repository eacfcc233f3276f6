package tests

import (
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sqlPackages write statements. Elsewhere they are constants or files.
var sqlPackages = []string{"../proxy/query", "../proxy/rest", "../proxy/catalog", "../proxy/limit", "../proxy/pg"}

// quotes make any text SQL; proxy/query/quote.go holds them, quote_test.go and
// TestHostileNamesStayInQuotes try them.
var quotes = []string{"Ident", "Literal", "Type"}

// sqlAlready are the other texts that become SQL, by function, and why each of
// them is SQL already. A new one has to be thought about here.
var sqlAlready = map[string]string{
	// Postgres wrote it into the catalogue as SQL, with format_type(), pg_get_expr()
	// or from names that Ident has quoted.
	"named f.RowType":               "Ident, in returning.go",
	"value n.Field.Parse":           "Ident, in Catalog.Format",
	"list n.Field.Parse":            "Ident, in Catalog.Format",
	"callFrom params[i].Wide":       "format_type()",
	"argumentRecord params[i].Wide": "format_type()",
	"argument a.Wide":               "format_type()",
	"body c.Type":                   "format_type()",
	"defaults c.Default":            "pg_get_expr()",
	"New function":                  "Ident, two lines above",
	// One of a few words.
	"step st.Key":                "digits, with a minus or without: an index",
	"Node word":                  "and, or",
	"filter op.sql":              "of the table of operators",
	"filter truths[e.Truth].sql": "of a table",
	"argumentRecord rows":        "constant, above",
	"body kind":                  "json, jsonb",
	"body f":                     "Ident, in Catalog.Format",
	"body rows":                  "constant, above",
	"bodyParam kind":             "json, jsonb",
	"exists and":                 "where, and",
	"where word":                 "where, and",
	"planColumns count":          "constants of the callers",
	"planColumns more":           "constants of the callers",
	"arrays as":                  "constants, above",
	// What is beyond PostgREST.
	"operand f.As": "format_type(), or jsonb", "Order t.Operator": "Ident, in load.sql", "Order function": "of the table of operators",
	"changed typ": "format_type(), json or jsonb", "changed f": "Ident, in Catalog.Format", "changed c.Type": "format_type()",
	"changed c.Base": "format_type()", "changed column": "Ident, above", "changed lost": "raise",
	"patchSteps format": "Ident, in Catalog.Format, or to_jsonb", "patchSteps lost": "raise", "addTo lost": "raise",
	"updateEach raise(raiseDuplicate)": "a constant", "raised puts in quotes": "a message",
	"conflictWhere truthWords[n.Expr.Truth]": "of a table", "conflictWhere word": "of a table",
	"staged value": "digits, Catalog.Format, format_type(), pg_get_expr()", "restRecord kind": "format_type(), or json",
	`importRows countInserted("+ 1", "0")`: "constants",
	"rawRows member":                       "Literal", "rawRows raw(l)": "digits", "rawRows raw(l.parent)": "digits",
	"keyRows defaultOf(l.rel, c)": "pg_get_expr(), or the sequence of an identity", "keyRows c.Type": "format_type()",
	"keyRows kid.number": "digits", "keyRows l.parent.number": "digits", "keyRows l.number": "digits", "keyRows g.from.number": "digits",
	"bodyValue f": "Ident, in Catalog.Format", "recordColumns c.Type": "format_type()", "keyRecord c.Type": "format_type()",
	"documentOf l.number": "digits", "documentOf kid.number": "digits", "documentOf from": "digits", "levelInsert l.number": "digits",
	"junctionInsert kid.number": "digits", "junctionInsert c.Type": "format_type()", "nestedAnswer rows": "constant, above",
	"nestedAnswer p.bodyOf(pl, nil)": "bodyOf",
	"read with":                      "with, or a comma", "pageSource with": "with, or a comma", "addPage after": "a value: of the cursor",
	"scope pt.kind": "format_type(), within a Literal", "pageSource p.page.scope": "Literal", "next p.page.scope": "Literal",
	"pageSource after": "a function that writes", "pageSource nil": "no condition", "pageValue p.page.terms[i].kind": "format_type()",
	"pageRanges and": "where, and", "rowAfter and": "where, and", "pageRanges operator": "one of four", "rowAfter after(p.root.order[0])": "one of two",
	"next from": "constants, below", "next back": "constants, below", "next name": "constants, below",
	"exceptAncestors word": "where, and", "limit rows": "digits, in constLimit", "guardedLimit most": "digits", "guardedLimit rows": "digits, in constLimit",
	"foreseen pl.silent": "a whole statement", "isUntold puts in quotes": "a message",
	"logSQL op.plan.sql": "a whole statement", "logSQL op.plan.after": "a whole statement", "send op.plan.sql": "a whole statement",
	"Send after": "a whole statement", "trial sql": "a whole statement", "export pl.export.head": "a whole statement",
	"askPlan sql": "explain, and a whole statement", "checkCost g.cost": "explain, and a whole statement", "run l.insert": "a whole statement", "run l.after": "a whole statement",
	"text sql": "constants of the callers", "locate im.plan.insert": "a whole statement", "statementsBefore st.sql": "a whole statement", "dependencies ask": "constant, above",
	"describe31 access31SQL": "a file", "readGuards guardsSQL": "a file",
	"readReferences puts in quotes": "a message", "value puts in quotes": "a message", "substituted puts in quotes": "a URL",
	"listText puts in quotes": "a URL", "validatorsOf puts in quotes": "a header", "readPrecondition puts in quotes": "reads them",
	"describe31 puts in quotes": "a header", "patchPath puts in quotes": "a message", "unquoteKey puts in quotes": "reads them",
	// SQL that was made of these.
	"Item expr": "of Field", "answer count": "constants of the callers", "total page": "constants of the callers",
	"callStatement count":      "constant, above",
	"answer p.bodyOf(pl, nil)": "bodyOf", "writeAnswer p.bodyOf(pl, nil)": "bodyOf", "callStatement p.bodyOf(pl, &f.Returns)": "bodyOf",
	`insert countInserted("+ 1", "0")`: "constants", `onConflict countInserted("- 1", "-1")`: "constants",
	"answerRow p.bodyOf(pl, nil)": "bodyOf", "writeAnswer p.first(rowName)": "constants",
	"complete pl.sql": "a whole statement", "complete s": "constants, above",
	"transaction pl.sql": "a whole statement", "instead w.sql": "a whole statement", "transaction pl.after": "a whole statement", "estimate pl.explain.sql": "a whole statement",
	// Double quotes that make no name: of messages, values and the language of URLs.
	"Ident puts in quotes": "the one", "errorOf puts in quotes": "a message", "haskellQuote puts in quotes": "a message",
	"text puts in quotes": "a message", "ahead puts in quotes": "a message", "quoted puts in quotes": "reads them",
	"printQuoted puts in quotes": "a URL", "mime puts in quotes": "a header", "defaultValue puts in quotes": "a document",
	"textArray puts in quotes": "a value",
	"readAccess accessSQL":     "a file",
	"transaction sql":          "a file",
	"ForRequest sql":           "constants of the callers",
}

// TestNamesAreQuotedInOnePlace reads what is added to a statement: constants, what
// the quoting functions give, and what is listed above.
func TestNamesAreQuotedInOnePlace(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, folder := range sqlPackages {
		sources, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(sources) < 5 {
			t.Fatalf("%s: %d files, %v", folder, len(sources), err)
		}
		c := &sqlCheck{files: token.NewFileSet(), constants: map[string]bool{}}
		var parsed []*ast.File
		for _, source := range sources {
			if strings.HasSuffix(source, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(c.files, source, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			c.collect(f)
			parsed = append(parsed, f)
		}
		for _, f := range parsed {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				for place, at := range c.variables(fn) {
					seen[place] = true
					if sqlAlready[place] == "" {
						t.Errorf("%s: %q becomes SQL and is no constant: quote it, or say in this test why it is SQL", at, place)
					}
				}
			}
		}
	}
	for _, place := range slices.Sorted(maps.Keys(sqlAlready)) {
		if !seen[place] {
			t.Errorf("%q does not become SQL any more: take it out of this test", place)
		}
	}
}

type sqlCheck struct {
	files     *token.FileSet
	constants map[string]bool
}

func (c *sqlCheck) collect(f *ast.File) {
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
			for _, s := range g.Specs {
				for _, name := range s.(*ast.ValueSpec).Names {
					c.constants[name.Name] = true
				}
			}
		}
	}
}

// variables lists what fn makes SQL that is neither constant nor quoted.
func (c *sqlCheck) variables(fn *ast.FuncDecl) map[string]string {
	found := map[string]string{}
	check := func(e ast.Expr) {
		for _, e := range c.unknown(e) {
			var text strings.Builder
			_ = printer.Fprint(&text, c.files, e)
			found[fn.Name.Name+" "+text.String()] = c.files.Position(e.Pos()).String()
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr: // q.Add(…).Param(…).Add(…)
			if method, ok := n.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Add" && builder(method.X) {
				for _, arg := range n.Args {
					check(arg)
				}
			}
		case *ast.BasicLit: // `"` + name + `"`
			if text, _ := strconv.Unquote(n.Value); n.Kind == token.STRING && text == `"` {
				found[fn.Name.Name+" puts in quotes"] = c.files.Position(n.Pos()).String()
			}
		case *ast.KeyValueExpr: // pg.Statement{SQL: …}
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "SQL" {
				check(n.Value)
			}
		case *ast.AssignStmt: // plan.sql = …
			for i, left := range n.Lhs {
				if field, ok := left.(*ast.SelectorExpr); ok && slices.Contains([]string{"sql", "SQL", "after"}, field.Sel.Name) && !isResponse(field.X) && i < len(n.Rhs) {
					check(n.Rhs[i])
				}
			}
		}
		return true
	})
	return found
}

// builder tells a query.SQL, which is called q, value or after, from other things
// to which one adds.
func builder(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return slices.Contains([]string{"q", "value", "after"}, e.Name)
	case *ast.CallExpr:
		if method, ok := e.Fun.(*ast.SelectorExpr); ok {
			return builder(method.X)
		}
	}
	return false
}

// isResponse tells the answer to a request, which keeps statements for the log.
func isResponse(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && name.Name == "w"
}

// unknown gives the parts of an expression that are neither constant nor quoted.
func (c *sqlCheck) unknown(e ast.Expr) []ast.Expr {
	switch e := e.(type) {
	case *ast.BasicLit:
		return nil
	case *ast.Ident:
		if c.constants[e.Name] {
			return nil
		}
	case *ast.BinaryExpr:
		return append(c.unknown(e.X), c.unknown(e.Y)...)
	case *ast.IndexExpr: // [...]string{"asc", "desc"}[i]
		if list, ok := e.X.(*ast.CompositeLit); ok {
			var all []ast.Expr
			for _, el := range list.Elts {
				all = append(all, c.unknown(el)...)
			}
			return all
		}
	case *ast.CallExpr:
		switch fn := e.Fun.(type) {
		case *ast.Ident:
			if slices.Contains(quotes, fn.Name) {
				return nil
			}
		case *ast.SelectorExpr:
			of, _ := fn.X.(*ast.Ident)
			switch {
			case of != nil && of.Name == "query" && slices.Contains(quotes, fn.Sel.Name),
				of != nil && of.Name == "strconv",        // digits
				builder(fn.X) && fn.Sel.Name == "String": // what was checked
				return nil
			}
		}
	}
	return []ast.Expr{e}
}
