package rest

import (
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

// hostileNames are made of the attacks of tests/js/hostile.json, two or three a
// name, from a fixed seed.
func hostileNames(t *testing.T, n int) []string {
	t.Helper()
	var lists struct{ Closers, Payloads, Whole []string }
	text, err := os.ReadFile("../../tests/js/hostile.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &lists); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 8))
	parts := slices.Concat(lists.Closers, lists.Payloads, lists.Whole)
	names := make([]string, n)
	for i := range names {
		for range 2 + r.IntN(2) {
			names[i] += parts[r.IntN(len(parts))]
		}
		if names[i] == "" || names[i] == "*" { // none, and the row
			names[i] = "--"
		}
	}
	return names
}

// skeleton is a statement without what stands in quotes.
func skeleton(sql string) string {
	var b strings.Builder
	for {
		i := strings.IndexAny(sql, `"'`)
		if i < 0 {
			return b.String() + sql
		}
		quote := sql[i]
		escapes := quote == '\'' && i > 0 && sql[i-1] == 'E'
		b.WriteString(strings.TrimSuffix(sql[:i], "E"))
		b.WriteByte(quote)
		for i++; i < len(sql) && (sql[i] != quote || i+1 < len(sql) && sql[i+1] == quote); i++ {
			if sql[i] == quote || escapes && sql[i] == '\\' {
				i++
			}
		}
		sql = sql[min(i+1, len(sql)):]
	}
}

// Ten thousand hostile names in each place where a name of the client's making
// reaches SQL: what stands outside of quotes is the same as for a plain name.
func TestHostileNamesStayInQuotes(t *testing.T) {
	t.Parallel()
	cfg, c := testConfig(t, nil), storedCatalog(t)
	statement := func(path, name string) (string, bool) {
		inQuotes := url.QueryEscape(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`)
		r, err := parseHTTP(cfg, newHTTP("GET", strings.ReplaceAll(path, "$", inQuotes), ""))
		if err != nil && !isText(name) {
			return "", false
		}
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		pl, err := makePlan(r, c, cfg)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		return pl.sql, true
	}
	const items = "/items?select=$:$,$:$->$->>$,$->$::text&$=eq.1&$->>$=in.(1)&or=($.eq.1,not.and($->>$.is.null,$->$.gt.2))&order=$.desc,$->$.asc"
	const embeds = "/projects?select=id,$:clients(name),...tasks($:name)&clients.$=eq.1&tasks.or=($.eq.1,$.eq.2)&tasks.order=$&$=is.null"
	for _, path := range []string{items, embeds} {
		plain, _ := statement(path, "plain")
		want, taken := skeleton(plain), 0
		for _, name := range hostileNames(t, 10_000) {
			sql, ok := statement(path, name)
			if !ok {
				continue
			}
			taken++
			if got := skeleton(sql); got != want {
				t.Fatalf("%q changes the statement\n%s\n%s", name, difference(got, want), sql)
			}
			if !strings.Contains(sql, `"`+strings.ReplaceAll(name, `"`, `""`)+`"`) {
				t.Fatalf("%q is not in its statement\n%s", name, sql)
			}
		}
		if taken < 9000 {
			t.Errorf("only %d names reached a statement", taken)
		}
	}
}
