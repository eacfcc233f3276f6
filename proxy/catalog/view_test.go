package catalog

import (
	"maps"
	"testing"
)

// A rule as pg_rewrite holds it, cut down to what matters: the target lists of
// subqueries, and braces within strings, must not count.
const rule = `({QUERY :commandType 1 :querySource 0 :rtable ({RTE :alias {ALIAS :aliasname old :colnames <>} :eref ` +
	`{ALIAS :aliasname odd\} :colnames ("a" "b\{")} :rtekind 1 :subquery {QUERY :targetList ({TARGETENTRY :expr {VAR} :resno 9 :resorigtbl 99 :resorigcol 9 :resjunk false}) ` +
	`:setOperations <>}}) :jointree {FROMEXPR :fromlist <>} :targetList ({TARGETENTRY :expr {VAR :varno 3 :resno 8} :resno 1 :resname id :ressortgroupref 0 :resorigtbl 16385 :resorigcol 1 :resjunk false} ` +
	`{TARGETENTRY :expr {OPEXPR :args ({VAR} {CONST})} :resno 2 :resname sum :ressortgroupref 0 :resorigtbl 0 :resorigcol 0 :resjunk false} ` +
	`{TARGETENTRY :expr {VAR} :resno 3 :resname name :ressortgroupref 0 :resorigtbl 16390 :resorigcol 4 :resjunk false}) :override 0 :setOperations `

func TestViewOrigins(t *testing.T) {
	t.Parallel()
	want := map[int16]source{1: {16385, 1}, 3: {16390, 4}}
	if got := viewOrigins(rule + "<> :constraintDeps <>})"); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := viewOrigins(rule + "{SETOPERATIONSTMT :op 0} :constraintDeps <>})"); len(got) != 0 {
		t.Errorf("a union has origins %v", got)
	}
}

// A view that names itself must not keep the loader busy for ever.
func TestResolveStops(t *testing.T) {
	t.Parallel()
	origins := map[uint32]map[int16]source{1: {1: {2, 1}}, 2: {1: {1, 1}}}
	if got := resolve(origins, source{1, 1}); got != (source{}) {
		t.Errorf("got %v", got)
	}
}

func FuzzViewOrigins(f *testing.F) {
	f.Add(rule)
	f.Add(`({QUERY :targetList ({TARGETENTRY :resno 1 :resorigtbl 2 :resorigcol 3}) :setOperations <>})`)
	f.Add(`{{}}\`)
	f.Fuzz(func(t *testing.T, action string) {
		for _, s := range viewOrigins(action) {
			if s.relation == 0 || s.column <= 0 {
				t.Errorf("%q gives %v", action, s)
			}
		}
	})
}
