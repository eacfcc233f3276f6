package rest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Preferences of our own, as bits of preferences.own. They hold beside one of
// PostgREST's of the same kind, which keeps its meaning: handling=strict,
// handling=all-rows is both.
const (
	ownAllRows  uint8 = 1 << iota // a write may do without a filter
	ownAffected                   // a delete tells of its rows with their number
)

var owns = [...]string{"handling=all-rows", "count=affected"}

// takeOwn takes our preferences out of those that PostgREST does not know.
func (p *preferences) takeOwn() {
	p.unknown = slices.DeleteFunc(p.unknown, func(s string) bool {
		i := slices.Index(owns[:], s)
		if i >= 0 {
			p.own |= 1 << i
		}
		return i >= 0
	})
}

var errUnfiltered = withHint(web.New("unfiltered_write", "this would change every row of the table"),
	"choose the rows by a filter such as id=eq.1, or send Prefer: handling=all-rows if all are meant")

func withHint(e *web.Error, hint string) *web.Error {
	e.Hint = hint
	return e
}

// checkFiltered refuses a change or delete that no filter bounds: most often the
// filter was forgotten, or is one of an embed. Limits say nothing to a write.
func (p *planner) checkFiltered() error {
	changes := p.r.method == http.MethodPatch || p.r.method == http.MethodDelete
	if p.cfg.Extensions && changes && len(p.root.where) == 0 && p.r.prefs.own&ownAllRows == 0 && !p.updatesEach() {
		return errUnfiltered
	}
	return nil
}

// hintFilter says how the filter is written that p was meant to be.
func (r *request) hintFilter(p *param, err error) error {
	e, ok := err.(*query.Error)
	word, _, dotted := strings.Cut(p.value, ".")
	isOperator := dotted && word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") == ""
	if !ok || !r.cfg.Extensions || isOperator {
		return parseError(err)
	}
	return fail("PGRST100", e.Message, e.Details, "the value of a filter begins with an operator and a dot: "+p.key+"=eq."+p.value)
}
