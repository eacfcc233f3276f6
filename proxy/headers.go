package proxy

import (
	"net/http"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// Headers of every answer that is not PostgREST's. What a function or the live page
// says by itself stands in their place. There is no Permissions-Policy, because no script
// runs in what is answered, and no X-Frame-Options, which frame-ancestors replaces.
// Source: OWASP REST Security Cheat Sheet, Security Headers.
var (
	// A body is what its Content-Type says, so that JSON is never taken for a script.
	noSniff = []string{"nosniff"}
	// What is opened as a page loads nothing, runs nothing and stands in no frame: text of
	// users, which a function may answer with as HTML, can do no harm at our origin.
	apiPolicy = []string{"default-src 'none'; frame-ancestors 'none'"}
	// Addresses may hold a key, as those of WebSockets do.
	noReferrer = []string{"no-referrer"}
	// Who may read answers by CORS may also show them as images: everybody, or, where there
	// is a list, only pages of our own site, because nothing tells whose page it is.
	anySite, sameSite = []string{"cross-origin"}, []string{"same-site"}
)

// secure adds these.
func (l *live) secure(w *web.Response) {
	h := w.Header()
	h["X-Content-Type-Options"] = noSniff
	h["Content-Security-Policy"] = apiPolicy
	h["Referrer-Policy"] = noReferrer
	h["Cross-Origin-Resource-Policy"] = l.resourcePolicy
	// In an answer that came without TLS anybody could have written it (RFC 6797, 7.2).
	if l.hsts != nil && w.Secure {
		h["Strict-Transport-Security"] = l.hsts
	}
	w.Private = true
}

// beside adds to an answer of somebody else what must be there, and to an error of ours in
// its place what lets a page read it.
func (l *live) beside(w *web.Response, r *http.Request) {
	h := w.Header()
	h["X-Request-Id"] = []string{w.ID}
	if h["X-Content-Type-Options"] == nil {
		h["X-Content-Type-Options"] = noSniff
	}
	if l.hsts != nil && w.Secure && h["Strict-Transport-Security"] == nil {
		h["Strict-Transport-Security"] = l.hsts
	}
	if w.Err == nil || h["Access-Control-Allow-Origin"] != nil || len(r.Header["Origin"]) != 1 {
		return
	}
	switch origin := r.Header["Origin"]; {
	case l.origins.All():
		h["Access-Control-Allow-Origin"] = anyOrigin
	case l.origins.Listed(origin[0]):
		h["Access-Control-Allow-Origin"] = origin
		h["Vary"] = append(h["Vary"], varyOrigin...)
	}
}

// live is a configuration with what follows from it.
type live struct {
	Live
	origins        web.Origins
	resourcePolicy []string
	hsts           []string // nil is none
}

func (s *Server) newLive(l Live) *live {
	if l.CORSOrigins == nil {
		l.CORSOrigins = s.cfg.CORSOrigins
	}
	l.TraceHeader = http.CanonicalHeaderKey(l.TraceHeader)
	out := &live{Live: l, resourcePolicy: sameSite}
	out.origins, _ = web.ParseOrigins(l.CORSOrigins) // which Check has read
	if out.origins.All() {
		out.resourcePolicy = anySite
	}
	if s.cfg.HSTS != off {
		out.hsts = []string{s.cfg.HSTS}
	}
	return out
}
