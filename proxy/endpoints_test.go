package proxy

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/admin"
	"github.com/fluxbase/fluxbase/proxy/auth"
	"github.com/fluxbase/fluxbase/proxy/auth/hook"
	"github.com/fluxbase/fluxbase/proxy/auth/mail"
	"github.com/fluxbase/fluxbase/proxy/functions"
	"github.com/fluxbase/fluxbase/proxy/jobs"
	"github.com/fluxbase/fluxbase/proxy/rest"
	"github.com/fluxbase/fluxbase/proxy/web"
	"github.com/fluxbase/fluxbase/replication/realtime"
)

// A route that /openapi.json does not tell of fails here; so does what it tells of and
// nobody serves, and a code that no route may answer with.
func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	const prefix = "/rest/v1"
	s := New(Config{}, Deps{
		Log: slog.New(slog.DiscardHandler), Reg: prometheus.NewRegistry(),
		Rest: ok, RestPrefix: prefix, Auth: ok, Realtime: ok, Jobs: ok, Functions: ok, Admin: ok, OpenAPI: ok,
	})
	endpoints := slices.Concat(Endpoints, rest.Endpoints(prefix, ""), realtime.Endpoints(), admin.Endpoints(slices.Concat(new(mail.Sender).Operations(), new(hook.Hooks).Operations(), new(functions.Admin).Operations())...), auth.Endpoints(), jobs.Endpoints(), functions.Endpoints())
	for _, rt := range s.routes() {
		if rt.handle == nil {
			t.Fatalf("%s is off", rt.path)
		}
		var methods []string
		for _, e := range endpoints {
			if below, all := strings.CutSuffix(rt.path, "*path"); e.Path == rt.path || all && strings.HasPrefix(e.Path, below) {
				methods = append(methods, e.Method)
			}
		}
		if rt.path == prefix { // the same as with a slash
			continue
		}
		if len(methods) == 0 {
			t.Errorf("%s is not among the endpoints of its package", rt.path)
		}
		for _, m := range strings.Fields(rt.methods) {
			if m != http.MethodHead && !strings.HasSuffix(rt.path, "*path") && !slices.Contains(methods, m) {
				t.Errorf("%s %s is not among the endpoints of its package", m, rt.path)
			}
		}
	}
	ids, codes := map[string]bool{"client_gone": true}, slices.Clone(web.Everywhere)
	for _, e := range endpoints {
		if s.find(e.Method, e.Path) == nil {
			t.Errorf("%s %s is described and not there", e.Method, e.Path)
		}
		if ids[e.ID] || e.ID == "" || e.Tag == "" || e.About == "" || len(e.Answers) == 0 {
			t.Errorf("%s %s: %q, of %q, tells too little, or its id is another's", e.Method, e.Path, e.ID, e.Tag)
		}
		ids[e.ID] = true
		codes = append(codes, e.Codes...)
	}
	for _, list := range rest.Codes {
		codes = append(codes, list...)
	}
	for _, name := range codes {
		if _, ok := web.CodeOf(name); !ok {
			t.Errorf("%s is told of and not in the table", name)
		}
	}
	for _, c := range web.Codes {
		if c.Code != "client_gone" && !slices.Contains(codes, c.Code) {
			t.Errorf("no route tells that it may answer with %s: add it to the codes of its endpoint, or of its kind in proxy/rest", c.Code)
		}
	}
}

// Whatever the answer is, its header has the request's id, and so have the body of an
// error and the log.
func TestEveryAnswerHasTheRequestsID(t *testing.T) {
	t.Parallel()
	s, log := setup(t, func(w *web.Response, r *http.Request) error {
		switch code := strings.TrimPrefix(r.URL.Path, "/rest/v1/"); code {
		case "panic":
			panic("boom")
		case "304":
			w.WriteHeader(http.StatusNotModified)
			return nil
		default:
			return web.New(code, "it went wrong")
		}
	}, func(c *Config) { c.CORSOrigins = []string{"https://app.example.com"} })
	for _, c := range web.Codes {
		id := "id-of-" + c.Code
		w := send(s, "GET", "/rest/v1/"+c.Code, http.Header{"X-Request-Id": {id}}, nil)
		wantError(t, w, c.Status, c.Code)
		if w.Header().Get("X-Request-Id") != id || !strings.Contains(log.String(), `"request_id":"`+id+`"`) {
			t.Errorf("%s: id %q", c.Code, w.Header().Get("X-Request-Id"))
		}
	}
	preflight := http.Header{"Origin": {"https://app.example.com"}, "Access-Control-Request-Method": {"POST"}}
	for _, tt := range []struct {
		method, path string
		header       http.Header
		status       int
	}{
		{"GET", "/rest/v1/panic", nil, 500},
		{"GET", "/rest/v1/304", nil, 304},
		{"HEAD", "/rest/v1/not_found", nil, 404},
		{"OPTIONS", "/rest/v1/x", preflight, 204},
		{"GET", "/nowhere", nil, 404},
		{"DELETE", "/livez", nil, 405},
		{"GET", "/livez", nil, 200},
	} {
		w := send(s, tt.method, tt.path, tt.header, nil)
		id := w.Header().Get("X-Request-Id")
		if w.Code != tt.status || id == "" || !strings.Contains(log.String(), `"request_id":"`+id+`"`) {
			t.Errorf("%s %s: %d with id %q", tt.method, tt.path, w.Code, id)
		}
	}
}
