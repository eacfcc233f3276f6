package catalog

import "strings"

// AnyMedia is the media type of a handler that answers whatever is asked for.
const AnyMedia = "*/*"

// Handler makes a media type: an aggregate over the rows of one relation or of
// any, or a function whose value is a domain named like the type.
type Handler struct {
	// Media is the domain's name.
	Media string
	// Base is the type that the domain stands for.
	Base string
	// Schema and Name are the aggregate's; empty for a function.
	Schema, Name string
	// Relation is whose rows it takes; nil for an aggregate over anyelement.
	Relation *Relation
}

// For gives h if it makes that media type, else nil.
func (h *Handler) For(media string) *Handler {
	if strings.ToLower(h.Media) == media {
		return h
	}
	return nil
}

type handlerKey struct {
	relation *Relation // nil is any
	media    string
}

// Handler finds the aggregate that makes a media type of rel's rows or, with
// nil, of any rows; nil if there is none.
func (c *Catalog) Handler(rel *Relation, media string) *Handler {
	if len(c.handlers) == 0 {
		return nil
	}
	return c.handlers[handlerKey{rel, media}]
}
