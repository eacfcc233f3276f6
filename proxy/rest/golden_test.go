package rest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// Each testdata/*.golden holds requests, one a block, and the statements that
// are built of them; "by rows" is the one that goes first where there is one. The first
// line of a block is "> METHOD path | header | body".
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	c := storedCatalog(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg := testConfig(t, func(c *Config) {
				c.AggregatesEnabled = true
				c.Extensions = slices.ContainsFunc([]string{"beyond", "cursor", "conditional", "export", "extended"}, func(part string) bool {
					return strings.Contains(file, part)
				})
				c.ETags = strings.Contains(file, "conditional")
				if strings.Contains(file, "max_rows") {
					c.MaxRows = new(int64(1000))
				}
			})
			var got strings.Builder
			for line := range strings.Lines(string(text)) {
				if !strings.HasPrefix(line, "> ") {
					continue
				}
				got.WriteString(line)
				parts := strings.Split(strings.TrimSpace(line[2:]), " | ")
				method, path, _ := strings.Cut(parts[0], " ")
				body := ""
				if last := parts[len(parts)-1]; len(parts) > 1 && strings.ContainsAny(last[:1], "{[") {
					body, parts = last, parts[:len(parts)-1]
				}
				r, err := parseHTTP(cfg, newHTTP(method, path, body, parts[1:]...))
				if err != nil {
					fmt.Fprintf(&got, "error %v\n\n", err)
					continue
				}
				if cfg.Extensions {
					err = r.readNests(c)
				}
				pl := new(plan)
				if err == nil {
					pl, err = makePlan(r, c, cfg)
				}
				if err != nil {
					fmt.Fprintf(&got, "error %v\n\n", err)
					continue
				}
				for _, st := range pl.before {
					fmt.Fprintf(&got, "%s\n", st.sql)
				}
				fmt.Fprintf(&got, "%s\n", pl.sql)
				if w := pl.rowwise; w != nil {
					fmt.Fprintf(&got, "by rows%s: %s\n", [...]string{"", ", inert"}[b2i(w.inert)], w.sql)
				}
				if pl.inserts {
					got.WriteString("shares a trip with other inserts\n")
				}
				for i, arg := range r.bind(pl.params) {
					fmt.Fprintf(&got, "$%d %s\n", i+1, arg)
				}
				if pl.explain != nil {
					fmt.Fprintf(&got, "%s\n", pl.explain.sql)
				}
				got.WriteByte('\n')
			}
			if *update {
				if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got.String() != string(text) {
				t.Errorf("%s differs; run go test -update and look at the diff\n%s", file, difference(got.String(), string(text)))
			}
		})
	}
}

func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}
