package rest

import (
	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/query"
)

// negotiate chooses the first media type asked for that the answer can have; f
// is nil for a relation.
func (p *planner) negotiate(pl *plan, f *catalog.Function) error {
	pl.warnings = p.warnings()
	if p.recurses {
		pl.settings = withoutJIT(pl.settings)
	}
	wanted := acceptable(p.r.accept)
	for _, w := range wanted {
		rows := w
		if w.kind == mediaPlan {
			if !p.cfg.PlanEnabled {
				continue
			}
			rows = w.plan.of
		}
		answer, ok := p.produce(rows, f)
		if !ok {
			continue
		}
		pl.media = p.media
		if w.kind == mediaPlan {
			p.format, pl.media, answer = w.plan, mediaPlan, w
		}
		pl.contentType = []string{answer.contentType()}
		return nil
	}
	names := make([]string, len(wanted))
	for i, w := range wanted {
		names[i] = w.mime()
	}
	return noMediaType(names)
}

// produce finds out how to make m: our own vendored types can't be replaced, the
// others by what the database has for this relation or function, then by what
// it has for any. It gives the type that comes of it.
func (p *planner) produce(m mediaType, f *catalog.Function) (mediaType, bool) {
	switch m.kind {
	case mediaSingle, mediaSingleStripped, mediaArrayStripped:
		p.media = m.kind
		return m, true
	}
	h := p.handlerOf(m.mime(), f)
	if h == nil {
		if answer, ok := p.exported(m); ok {
			return answer, true
		}
		switch m.kind {
		case mediaAny:
			m.kind = mediaJSON
		case mediaJSON, mediaCSV, mediaGeoJSON:
		default:
			return m, false
		}
		p.media = m.kind
		return m, true
	}
	p.media, p.handler = mediaOther, h
	if h.Media == catalog.AnyMedia {
		return mediaType{kind: mediaBytes}, true
	}
	return decodeMedia(h.Media), true
}

// handlerOf finds what the database has for a media type. A handler of one
// relation or function is for its whole rows.
func (p *planner) handlerOf(media string, f *catalog.Function) *catalog.Handler {
	if p.selectsAll {
		own := func(string) *catalog.Handler { return nil }
		switch {
		case f != nil && f.Returns.Handler != nil:
			own = f.Returns.Handler.For
		case p.root.source.relation != nil:
			own = func(m string) *catalog.Handler { return p.catalog.Handler(p.root.source.relation, m) }
		}
		if h := own(catalog.AnyMedia); h != nil {
			return h
		}
		if h := own(media); h != nil {
			return h
		}
	}
	return p.catalog.Handler(nil, media)
}

// bodyOf aggregates the rows called rowName into a body; ret is nil for those
// of a relation.
func (p *planner) bodyOf(pl *plan, ret *catalog.Return) string {
	switch {
	case p.handler != nil:
		return p.handled(pl, ret)
	case ret != nil:
		return p.callBody(ret)
	}
	return p.rowsAs()
}

// handled is what the database's own handler makes: an aggregate over rows or,
// of a function that gives the type itself, its value.
func (p *planner) handled(pl *plan, ret *catalog.Return) string {
	h, value := p.handler, rowName
	scalar := ret != nil && ret.Scalar()
	direct := scalar && p.direct(ret)
	switch {
	case direct:
		value = query.Ident(p.root.alias) + "." + scalarName
	case scalar:
		value += "." + scalarName
	}
	if h.Name != "" {
		if h.Relation != nil && !scalar {
			value += "::" + query.Ident(h.Relation.Schema) + "." + query.Ident(h.Relation.Name)
		}
		value = query.Ident(h.Schema) + "." + query.Ident(h.Name) + "(" + value + ")"
	}
	switch h.Base {
	case "bytea":
		pl.bytes = true
	case "jsonb":
		// PostgREST reads a body in the binary format, which has a version byte;
		// its clients may know.
		value = "chr(1) || " + value + "::text"
	case "xml":
		if h.Name == "" && !direct {
			value = "format('%s', " + value + ")" // a cast keeps the line break before the first element, output drops it
		}
	default:
		if h.Name == "" && !direct {
			value += "::text"
		}
	}
	if h.Name == "" && !direct {
		value = "string_agg(" + value + ", '')" // of one value, or none
	}
	return value
}

// planColumns writes what PostgREST's statements give before the body, so that
// who looks for it in the output of a verbose plan finds it in its place.
func (p *planner) planColumns(q *query.SQL, count string, more ...string) {
	if p.format != nil {
		q.Add("null, ", count, ", ").Add(more...)
	}
}

// complete notes how the columns come, or puts the plan of the statement in its
// place, if that was asked for.
func (p *planner) complete(pl *plan) {
	p.guardPlan(pl)
	if p.format == nil {
		if pl.bytes {
			pl.formats = make([]int16, nextColumn+b2i(pl.total > 0)+b2i(pl.inserted > 0)+b2i(pl.affected > 0)+b2i(pl.next > 0)+b2i(pl.version > 0)+b2i(pl.snapshot > 0))
			pl.formats[bodyColumn] = 1
		}
		return
	}
	s := "explain (format "
	if p.format.json {
		s += "json"
	} else {
		s += "text"
	}
	for _, o := range p.format.options {
		s += ", " + o
	}
	pl.sql = s + ") " + pl.sql
	pl.explain, pl.total, pl.inserted, pl.affected, pl.next = nil, 0, 0, 0, 0
	pl.guarded, pl.hashed, pl.version, pl.snapshot = false, false, 0, 0
}
