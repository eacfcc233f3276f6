package proxy

import (
	"net/http"
	"strings"

	"github.com/julienschmidt/httprouter"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// route is one row of the surface.
type route struct {
	// methods are apart by blanks; anyMethod is whatever clients make up.
	methods string
	// path is a pattern of httprouter, and the label of the route's metrics. A
	// capability takes all below its prefix and dispatches by itself.
	path   string
	handle web.Handler // nil when its module is off
}

// routes is the whole surface of the product.
func (s *Server) routes() []route {
	const all = "GET HEAD POST PUT PATCH DELETE OPTIONS"
	const withQuery = all + " QUERY"
	rest := strings.TrimSuffix(s.restPrefix, "/")
	return []route{
		{"GET HEAD", "/livez", s.livez},
		{"GET HEAD", "/readyz", s.readyz},
		{"GET HEAD", "/openapi.json", s.openAPI},
		{all, "/auth/v1/*path", s.auth},
		{all, "/realtime/v1/*path", s.realtime},
		{all, "/jobs/v1/*path", s.jobs},
		{anyMethod, "/functions/v1/*path", s.functions},
		{all, "/api/v1/admin/*path", s.admin},
		{withQuery, rest, s.rest},
		{withQuery, rest + "/*path", s.rest},
	}
}

// anyMethod is no word that a client can send as its method (RFC 9110, 9.1).
const anyMethod = "(any)"

// methods are the labels of the metrics; a client can send any other word.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"}

// newRouter registers the routes of the modules that are on. What httprouter
// does by itself (redirects, OPTIONS, 405) is left out: a capability's answers
// are its own.
func (s *Server) newRouter() *httprouter.Router {
	router := httprouter.New()
	for _, rt := range s.routes() {
		if rt.handle == nil || rt.path == "" {
			continue
		}
		handle := func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
			resp := w.(*web.Response)
			resp.Route = rt.path
			err := error(nil)
			if s.limit != nil {
				err = s.limit(resp, r)
			}
			if err == nil {
				err = rt.handle(resp, r)
			}
			if err != nil {
				web.WriteError(resp, r, err)
			}
		}
		if rt.path == "/*path" {
			// A catch-all at the root can't stand beside other routes; it takes what
			// they leave.
			s.fallback = handle
			continue
		}
		for _, m := range strings.Fields(rt.methods) {
			router.Handle(m, rt.path, handle)
		}
	}
	return router
}

// find gives the handle of a route, nil if there is none.
func (s *Server) find(method, path string) httprouter.Handle {
	handle, _, _ := s.router.Lookup(method, path)
	if handle == nil {
		handle, _, _ = s.router.Lookup(anyMethod, path)
	}
	return handle
}

// dispatch finds the route by the path as it was escaped by the client, so that
// a slash within a name stays one.
func (s *Server) dispatch(w *web.Response, r *http.Request) {
	path := r.URL.EscapedPath()
	if path == "*" && r.Method == http.MethodOptions { // asks whether the server is there
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
		return
	}
	if handle := s.find(r.Method, path); handle != nil {
		handle(w, r, nil)
		return
	}
	if s.fallback != nil {
		s.fallback(w, r, nil)
		return
	}
	var allow []string
	for _, m := range methods {
		if handle, _, _ := s.router.Lookup(m, path); handle != nil {
			allow = append(allow, m)
		}
	}
	if allow == nil {
		web.WriteError(w, r, web.NotFound)
		return
	}
	e := web.New("method_not_allowed", "this path does not take "+r.Method)
	e.Header = http.Header{"Allow": {strings.Join(allow, ", ")}}
	web.WriteError(w, r, e)
}
