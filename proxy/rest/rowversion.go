package rest

import (
	"net/http"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// precondition is what a write asks of the row that it is to change.
type precondition uint8

const (
	someVersion precondition = 1 + iota // If-Match: one of the versions given
	anyVersion                          // If-Match: *
	noVersion                           // If-None-Match: * of a PUT, which then only inserts
)

var (
	errPrecondition = withHint(
		web.New("precondition_failed", "the row is not as If-Match or If-None-Match says; nothing was changed"),
		"it was changed or deleted meanwhile, or you may not change it: read it again and send its new ETag, as it came, with the quotes and without W/")
	errPreconditionScope = withHint(
		web.New("precondition_needs_one_row", "If-Match with an ETag is for a PATCH, PUT or DELETE of one row"),
		"filter by the whole primary key with eq, or send Accept: application/vnd.pgrst.object+json")
)

// readPrecondition takes If-Match and If-None-Match of a write. Tags that can't be a
// version of ours are dropped: they match nothing.
func (r *request) readPrecondition(h http.Header) error {
	list := h["If-Match"]
	switch {
	case r.rpc || r.reads() || r.method == http.MethodOptions:
	case list == nil:
		if r.method == http.MethodPut && strings.TrimSpace(h.Get("If-None-Match")) == "*" {
			r.precondition = noVersion
		}
	case r.method == http.MethodPost:
		return errPreconditionScope
	default:
		r.precondition = someVersion
		b := []byte{'{'}
		for tag, weak := range entityTags(list) {
			if tag == "*" {
				r.precondition = anyVersion
				break
			}
			if version, _, _ := strings.Cut(strings.Trim(tag, `"`), "."); !weak && isVersion(version) {
				if len(b) > 1 {
					b = append(b, ',')
				}
				b = append(b, version...)
			}
		}
		r.versions = append(b, '}')
	}
	return nil
}

func isVersion(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}

// rowVersion writes the version of a row of the relation that is called alias: the
// digest of all its columns as JSON. So it is the same exactly as long as the row
// reads the same, in whichever database; xmin would come again after a restore or a
// fail-over, and views have none.
func rowVersion(q *query.SQL, alias string) {
	q.Add("encode(substring(sha256(convert_to(row_to_json(").Column(alias, "*").
		Add(")::text, 'UTF8')) for 16), 'hex')")
}

// single tells a write of one row at most.
func (p *planner) single() bool { return p.root.one() || p.media.single() }

// matchVersions adds the precondition to the conditions of an update or delete. A row that
// another transaction changes meanwhile is looked at again when that has ended.
func (p *planner) matchVersions(q *query.SQL, rel *catalog.Relation, pl *plan) {
	pl.guarded = p.r.precondition != 0
	if p.r.precondition != someVersion {
		return
	}
	q.Add([...]string{" where ", " and "}[b2i(len(p.root.where) > 0)])
	rowVersion(q, rel.Name)
	q.Add(" = any(").Param(versionsParam).Add("::text[])")
}

// guardPut adds it to a PUT, which must not insert where a row has to be there. The
// row is locked first, so that nobody deletes it before it is written.
func (p *planner) guardPut(q *query.SQL, rel *catalog.Relation, pl *plan) {
	pl.guarded = p.r.precondition != 0
	if !pl.guarded || p.r.precondition == noVersion {
		return
	}
	q.Add(" and exists (select from ").Ident(rel.Schema).Add(".").Ident(rel.Name)
	q.Where(rel.Name, p.root.where, noEmbeds)
	p.matchVersions(q, rel, pl)
	q.Add(" for update)")
}

// unmatched tells that a write found no row as its precondition wants it.
func (pl *plan) unmatched(raw *pg.Result) bool { return pl.guarded && pl.written(raw) == 0 }

// version adds what a row read alone has beyond its columns: its version, and when
// it was changed. All columns of the answer are the version by themselves.
func (p *planner) version(q *query.SQL, pl *plan) {
	n, rel := p.root, p.root.source.relation
	pl.hashed = p.r.method == http.MethodGet || p.headBody()
	pl.cacheControl = rel.CacheControl
	if !p.tagged() || p.page != nil || !n.one() && !p.media.single() {
		return
	}
	modified := lastModified(rel)
	pl.whole = pl.hashed && n.wholeRow() && p.handler == nil && p.format == nil &&
		(p.media == mediaJSON || p.media == mediaSingle)
	joined := false
	for _, k := range n.kids {
		joined = joined || k.joined
	}
	// To find the row once more is for those who mean to write it, and ask for it alone.
	if (pl.whole || !p.media.single()) && modified == "" || joined || rel.ColumnGrants && !n.wholeRow() || p.format != nil {
		return
	}
	pl.version = nextColumn + b2i(pl.total > 0)
	q.Add(", (select min(_fx_version) from (select ")
	if pl.whole {
		q.Add("''")
	} else {
		rowVersion(q, n.alias)
	}
	q.Add(" || ' '")
	if modified != "" {
		q.Add(" || coalesce(floor(extract(epoch from ").Column(n.alias, modified).Add("))::text, '')")
	}
	q.Add(" as _fx_version from ")
	n.from(q)
	p.where(q, n, nil)
	q.Add(" limit 2) as _fx_versions having count(*) = 1)")
}

// wholeRow tells a root of nothing but all columns as they are.
func (n *node) wholeRow() bool { return len(n.items) == 1 && isStar(n.items[0]) && len(n.kids) == 0 }

// tagged tells answers that get an ETag. Which paths don't, is no matter of plans.
func (p *planner) tagged() bool { return p.cfg.Extensions && p.cfg.ETags && !p.r.rpc }

// headBody tells a HEAD whose body is made, because the ETag comes of it; one that
// counts is most often asked for the count alone.
func (p *planner) headBody() bool {
	return p.tagged() && p.r.method == http.MethodHead && p.r.prefs.count == 0
}
