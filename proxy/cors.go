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
const exposed = "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, ETag, Idempotency-Replayed, Link, Location, " +
	"Preference-Applied, Range-Unit, RateLimit, RateLimit-Policy, Retry-After, Server, Transfer-Encoding, X-Affected-Count, X-Next-Cursor, X-Request-Id, X-Total-Count"

const corsMaxAge = 24 * 60 * 60 // seconds

// Values of headers, made once: an answer takes them as they are.
var (
	anyOrigin      = []string{"*"}
	exposedHeaders = []string{exposed}
	corsMethods    = []string{"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, QUERY"}
	corsSeconds    = []string{strconv.Itoa(corsMaxAge)}
	allowed        = []string{"true"}
	varyOrigin     = []string{"Origin"}
)

// preflightVary is what an answer to a preflight depends on, for those caches that keep it.
const preflightVary = "Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"

// cors adds the headers that let a page of an allowed origin read the answer,
// and answers a preflight by itself. Credentials of the browser (cookies, client
// certificates) are never allowed: who calls says so in a header, which no other page
// can send.
// Source: Fetch Standard, CORS protocol; Private Network Access for the last header.
func (l *live) cors(w *web.Response, r *http.Request) (answered bool) {
	h := w.Header()
	if !l.origins.All() {
		// Also where no page asks: a cache would give that answer to a page.
		h["Vary"] = varyOrigin
	}
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return false
	}
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	listed := len(origins) == 1 && l.origins.Listed(origins[0])
	switch {
	case l.origins.All():
		h["Access-Control-Allow-Origin"] = anyOrigin
	case listed:
		h["Access-Control-Allow-Origin"] = origins
	case preflight:
		h["Vary"] = append(h["Vary"], preflightVary)
		web.WriteError(w, r, web.New("forbidden_origin", "pages of this origin may not call this API"))
		return true
	default:
		return false // the browser keeps the answer from the page
	}
	if !preflight {
		h["Access-Control-Expose-Headers"] = exposedHeaders
		return false
	}
	h["Vary"] = append(h["Vary"], preflightVary)
	h["Access-Control-Allow-Methods"] = corsMethods
	// Echoed rather than listed: clients add headers of their own with each release, and
	// one that says nothing to us does nothing.
	if asked := r.Header["Access-Control-Request-Headers"]; len(asked) == 1 && isHeaderList(asked[0]) {
		h["Access-Control-Allow-Headers"] = asked
	}
	// A page of the internet may reach into the network of its reader only if it was named.
	if listed && r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h["Access-Control-Allow-Private-Network"] = allowed
	}
	h["Access-Control-Max-Age"] = corsSeconds
	w.WriteHeader(http.StatusNoContent)
	return true
}

// isHeaderList tells names of headers with commas between them, as browsers write it.
func isHeaderList(s string) bool {
	for name := range strings.SplitSeq(s, ",") {
		if !web.IsToken(strings.Trim(name, " \t")) {
			return false
		}
	}
	return true
}

// postgrestCORS does and says the same as PostgREST.
func (l *live) postgrestCORS(w *web.Response, r *http.Request) (answered bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	h := w.Header()
	switch {
	case slices.Contains(l.CORSOrigins, "*"):
		h.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(l.CORSOrigins, origin):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
		h.Set("Access-Control-Allow-Credentials", "true")
	default:
		h.Add("Vary", "Origin")
		return false
	}
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
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

// echo repeats a header of the request, as it came; one that did not come is
// empty, but a request id of ours stays.
func echo(answer, request http.Header, name string) {
	switch values := request[name]; {
	case len(values) > 0:
		answer[name] = values[:1]
	case answer[name] == nil:
		answer[name] = []string{""}
	}
}
