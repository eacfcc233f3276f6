package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goodStatuses are those that a handler may write by itself; failures it returns.
var goodStatuses = []string{"StatusOK", "StatusAccepted", "StatusNoContent", "StatusNotModified", "StatusFound", "StatusSeeOther", "StatusPermanentRedirect"}

// statusWriters may write one that is not known here, and why.
var statusWriters = map[string]string{
	"proxy/web/dialect.go":           "writes errors",
	"proxy/web/encode.go":            "passes on what it is given",
	"proxy/web/exchange.go":          "passes on what it is given",
	"proxy/web/response.go":          "passes on what it is given",
	"proxy/rest/response.go":         "a function's own response.status",
	"proxy/rest/exporter.go":         "a function's own response.status",
	"cmd/fluxbase/admin.go":          "the bare status, in PostgREST's place",
	"proxy/jobs/handler.go":          "200 or 201, by the table of routes",
	"proxy/functions/worker/wire.go": "errors of functions, which a pool writes where nothing was answered",
}

// badErrors lists what in a file makes an answer that is an error beside web.New and
// what returns it.
func badErrors(path string, file *ast.File) (found []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if isSelector(n.Type, "web", "Error") {
				found = append(found, "makes a web.Error by hand: take web.New, or web.SQLState")
			}
		case *ast.SelectorExpr:
			if isSelector(n, "http", "Error") || isSelector(n, "http", "NotFound") || isSelector(n, "http", "NotFoundHandler") {
				found = append(found, "answers with http."+n.Sel.Name+": return an error of web")
			}
		case *ast.CallExpr:
			call, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || call.Sel.Name != "WriteHeader" || len(n.Args) != 1 || statusWriters[path] != "" {
				break
			}
			if status, ok := n.Args[0].(*ast.SelectorExpr); !ok || !slices.Contains(goodStatuses, status.Sel.Name) {
				found = append(found, "writes a status that may be a failure: return an error of web")
			}
		}
		return true
	})
	return found
}

func isSelector(e ast.Expr, pkg, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg
}

// No code answers with an error of its own making.
func TestErrorsAreMadeInOnePlace(t *testing.T) {
	t.Parallel()
	files, seen := token.NewFileSet(), map[string]bool{}
	for _, folder := range []string{"proxy", "replication", "cmd"} {
		err := filepath.WalkDir("../"+folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			path = strings.TrimPrefix(path, "../")
			seen[path] = true
			file, err := parser.ParseFile(files, "../"+path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, what := range badErrors(path, file) {
				t.Errorf("%s %s", path, what)
			}
			if statusWriters[path] != "" && len(badErrors("", file)) == 0 {
				t.Errorf("%s writes no status: take it off the list", path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for path := range statusWriters {
		if !seen[path] {
			t.Errorf("%s is not there: take it off the list", path)
		}
	}
	const planted = `package p
func f(w http.ResponseWriter, n int) error {
	http.Error(w, "no", 400)
	w.WriteHeader(http.StatusTeapot)
	w.WriteHeader(500)
	w.WriteHeader(n)
	w.WriteHeader(http.StatusOK)
	return &web.Error{Status: 400}
}`
	file, err := parser.ParseFile(files, "planted.go", planted, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if got := badErrors("planted.go", file); len(got) != 5 {
		t.Errorf("planted offences: found %q", got)
	}
}
