package proxy

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// exposed are the headers of ours and of the Supabase contract that a page's
// script may read.
const exposed = "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, ETag, Link, Location, " +
	"Preference-Applied, Range-Unit, Retry-After, Server, Transfer-Encoding, X-Affected-Count, X-Next-Cursor, X-Request-Id, X-Total-Count"

const corsMaxAge = 24 * 60 * 60 // seconds

// cors adds the headers that let a page of an allowed origin read the answer,
// and answers a preflight by itself.
// Source: Fetch Standard, CORS protocol.
func (l *Live) cors(w *web.Response, r *http.Request, origin string) (answered bool) {
	h := w.Header()
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	switch {
	case slices.Contains(l.CORSOrigins, "*"):
		h.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(l.CORSOrigins, origin):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
		if l.PostgREST {
			h.Set("Access-Control-Allow-Credentials", "true")
		}
	case preflight && !l.PostgREST:
		web.WriteError(w, r, web.New("forbidden_origin", "pages of this origin may not call this API"))
		return true
	default:
		h.Add("Vary", "Origin")
		return false // the browser keeps the answer from the page
	}
	if l.PostgREST {
		return postgrestCORS(w, r, preflight)
	}
	if !preflight {
		h.Set("Access-Control-Expose-Headers", exposed)
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, QUERY")
	// Echoed rather than listed: clients add headers of their own with each release.
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Set("Access-Control-Max-Age", strconv.Itoa(corsMaxAge))
	w.WriteHeader(http.StatusNoContent)
	return true
}

// postgrestCORS says the same in PostgREST's words.
func postgrestCORS(w *web.Response, r *http.Request, preflight bool) (answered bool) {
	h := w.Header()
	if !preflight {
		h.Set("Access-Control-Expose-Headers", "Content-Encoding, Content-Location, Content-Range, Content-Type, "+
			"Date, Location, Server, Transfer-Encoding, Range-Unit")
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD")
	allowed := []string{"Authorization"}
	for name := range strings.SplitSeq(r.Header.Get("Access-Control-Request-Headers"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			allowed = append(allowed, name)
		}
	}
	h.Set("Access-Control-Allow-Headers", strings.Join(append(allowed, "Accept", "Accept-Language", "Content-Language"), ", "))
	h.Set("Access-Control-Max-Age", strconv.Itoa(corsMaxAge))
	h.Set("Content-Length", "0")
	w.Unlogged = true
	w.WriteHeader(http.StatusOK)
	return true
}

// trace repeats a header of the request, as it came; one that did not come is
// empty, but a request id of ours stays.
func trace(answer, request http.Header, name string) {
	switch values := request[name]; {
	case len(values) > 0:
		answer[name] = values[:1]
	case answer[name] == nil:
		answer[name] = []string{""}
	}
}
