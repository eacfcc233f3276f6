package rest

import (
	"encoding/json"
	"testing"
)

// Whatever a patch is, it is refused, or made into one statement of this shape whose
// every value is a parameter.
func FuzzPatch(f *testing.F) {
	for _, s := range []string{
		`[{"op":"add","path":"/data/a/0","value":1}]`, `[{"op":"test","path":"/qty","value":null},{"op":"remove","path":"/label"}]`,
		`[{"op":"move","from":"/data/-1/01","path":"/data/-"},{"op":"copy","from":"/tags","path":"/data/x~1~0'\"\\"}]`,
		`{"qty":{"inc":1},"tags":{"append":["x"]},"data":{"merge":{"a'b":1}}}`, `[{"op":"add","path":""}]`, `{"qty":{"set":null}}`, `[null]`, `{"a":1}`,
	} {
		f.Add(s)
	}
	cfg := testConfig(f, func(c *Config) { c.Extensions = true })
	c := storedCatalog(f)
	plain := map[string]string{}
	f.Fuzz(func(t *testing.T, body string) {
		for _, media := range []string{patchMedia, changesMedia} {
			r, err := parseHTTP(cfg, newHTTP("PATCH", "/items?id=eq.1", body, "Content-Type: "+media))
			if err != nil {
				continue
			}
			if !json.Valid([]byte(body)) {
				t.Fatalf("%q was taken", body)
			}
			pl, err := makePlan(r, c, cfg)
			if err != nil {
				continue
			}
			for _, p := range pl.params {
				if p < 0 || p >= len(r.values) {
					t.Fatalf("%q: parameter %d of %d values", body, p, len(r.values))
				}
			}
			key := string(r.shapeKey())
			if old, ok := plain[key]; ok && old != pl.sql {
				t.Errorf("%q: one shape, two statements:\n%s\n%s", body, old, pl.sql)
			}
			plain[key] = pl.sql
		}
	})
}

// A body of related rows is walked through by its shape alone.
func FuzzNests(f *testing.F) {
	for _, s := range []string{
		`{"id":1,"projects":[{"id":2,"tasks":[{"id":3},{"id":4}]},{"id":5,"tasks":null}]}`, `[{"projects":[]},{"projects":[{}]}]`,
		`{"projects":{"id":1}}`, `{"projects":[1]}`, `{"projects!x":[]}`, `[1,{"projects":[]}]`, `{"projects":[{"id":1,"id":2}]}`,
	} {
		f.Add(s)
	}
	cfg := testConfig(f, func(c *Config) { c.Extensions = true })
	c := storedCatalog(f)
	plain := map[string]string{}
	f.Fuzz(func(t *testing.T, body string) {
		r, err := parseHTTP(cfg, newHTTP("POST", "/clients", body))
		if err != nil || r.readNests(c) != nil || r.nest == nil {
			return
		}
		pl, err := makePlan(r, c, cfg)
		if err != nil {
			return
		}
		sql := pl.sql
		for _, st := range pl.before {
			sql += st.sql
		}
		key := string(r.shapeKey())
		if old, ok := plain[key]; ok && old != sql {
			t.Errorf("%q: one shape, two statements:\n%s\n%s", body, old, sql)
		}
		plain[key] = sql
	})
}
