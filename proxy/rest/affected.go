package rest

import (
	"net/http"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// bulk tells writes of any number of rows.
func (r *request) bulk() bool {
	return r.method == http.MethodPatch || r.method == http.MethodDelete ||
		r.method == http.MethodPost && r.shape.array
}

// tellDeleted has a delete return its rows if they are to be told with their number.
func (p *preferences) tellDeleted(method string) {
	if method == http.MethodDelete && p.own&ownAffected != 0 && p.returning == 0 {
		p.returning = returnRepresentation
	}
}

// appliedOwn says which of our own preferences a write takes notice of.
func (p *planner) appliedOwn() uint8 {
	own := p.r.prefs.own & ownAffected
	if len(p.root.where) == 0 && (p.r.method == http.MethodPatch || p.r.method == http.MethodDelete) {
		own |= p.r.prefs.own & ownAllRows
	}
	return own
}

// affected counts the written rows beside those of the answer, which embeds may
// leave out or repeat, and aggregates make one of.
func (p *planner) affected(q *query.SQL, pl *plan) {
	if !p.cfg.Extensions || len(p.root.kids) == 0 && !p.root.aggregates() {
		return
	}
	pl.affected = nextColumn + b2i(pl.inserted > 0)
	q.Add(", (select count(*) from ", sourceName, ")")
}

// written is how many rows a write touched.
func (pl *plan) written(raw *pg.Result) int64 {
	if pl.affected > 0 {
		return number(raw.Values[pl.affected])
	}
	return pl.rows(raw)
}

func setAffected(head http.Header, r *request, res *result) {
	if r.cfg.Extensions {
		head["X-Affected-Count"] = []string{strconv.FormatInt(res.affected, 10)}
	}
}

// openTotal is the total of Content-Range: where PostgREST says neither rows nor
// total, it is the number of affected rows.
func (r *request) openTotal(total int64, res *result) int64 {
	if total < 0 && r.cfg.Extensions && r.bulk() && (r.method != http.MethodPatch || res.page == 0) {
		return res.affected
	}
	return total
}

// tellAffected makes the body of bulk writes that are to tell the number in it.
func (a *answer) tellAffected(r *request, pl *plan, res *result) {
	if !r.cfg.Extensions || !r.bulk() || pl.media != mediaJSON {
		return
	}
	b := strconv.AppendInt([]byte(`{"affected":`), res.affected, 10)
	switch {
	case r.prefs.returning == returnHeaders:
		a.body = append(b, '}')
		if a.status == http.StatusNoContent {
			a.status = http.StatusOK
		}
	case r.method == http.MethodDelete && r.prefs.own&ownAffected != 0 && a.content:
		a.body = append(append(append(b, `,"records":`...), res.body...), '}')
	default:
		return
	}
	a.content = true
}
