package tests

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/idempotency"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/rest"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

const (
	ada = "00000000-0000-0000-0000-00000000000a"
	bob = "00000000-0000-0000-0000-00000000000b"
)

// restServer is the REST routes of the product in front of a database.
type restServer struct {
	http.Handler
	db    *dbtest.DB
	store *catalog.Store
}

// newRest makes a database of fixture and serves it; change may adjust the
// configuration.
func newRest(t testing.TB, fixture string, change func(*rest.Config)) *restServer {
	t.Helper()
	db := dbtest.New(t)
	exec(t, db, fixture)
	return serveRest(t, db, change)
}

func serveRest(t testing.TB, db *dbtest.DB, change func(*rest.Config), changeKeys ...func(*idempotency.Config)) *restServer {
	t.Helper()
	reg := prometheus.NewRegistry()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	open := func(login string) *pg.DB {
		cfg := pg.Config{DatabaseURL: db.URL(login), MaxConnections: 4, PreparedStatements: true}
		if err := cfg.Check(); err != nil {
			t.Fatal(err)
		}
		d, err := pg.Open(t.Context(), cfg, cfg.DatabaseURL, 4, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		return d
	}
	cfg := rest.Config{
		Prefix: "/rest/v1", Schemas: []string{"public"}, ExtraSearchPath: []string{"public", "extensions"},
		LegacyTargetNames: true,
	}
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	tokens, err := token.New(token.Config{Secret: jwtSecret, AnonRole: "anon", CacheSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	requests := open(sql.Authenticator)
	store := catalog.NewStore(requests, cfg.Catalog(), reg, log)
	if err := store.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	deps := rest.Deps{
		Anon: requests, Service: open(sql.Service), Tokens: tokens, Catalog: store, Registerer: reg, Log: log,
	}
	if cfg.Extensions {
		var keys idempotency.Config
		for _, change := range changeKeys {
			change(&keys)
		}
		if err := keys.Check(); err != nil {
			t.Fatal(err)
		}
		deps.Once = idempotency.New(keys, reg)
	}
	h, err := rest.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	server := proxy.Config{CORSOrigins: []string{"*"}, MetricsAddress: "off"}
	if err := server.Check(); err != nil {
		t.Fatal(err)
	}
	return &restServer{
		Handler: proxy.New(server, proxy.Deps{
			Log: log, Reg: reg, Rest: h.Serve, RestStreams: h.Streams, OpenAPI: h.OpenAPI, Live: proxy.Live{PostgREST: !cfg.Extensions},
		}),
		db: db, store: store,
	}
}

// restToken is a token of authenticated for the user of that id.
func restToken(t testing.TB, id string) string {
	t.Helper()
	return roleToken(t, map[string]any{"role": "authenticated", "sub": id})
}

func roleToken(t testing.TB, claims map[string]any) string {
	t.Helper()
	s, err := token.SignHS256([]byte(jwtSecret), claims)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// send makes a request below the prefix; header lines are "Name: value". Spaces
// and quotes in path are encoded, as a browser does.
func (s *restServer) send(t testing.TB, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	var rd io.Reader
	if body != "" {
		rd = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, "/rest/v1"+strings.NewReplacer(" ", "%20", `"`, "%22").Replace(path), rd)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// restCase is one request and what must come back.
type restCase struct {
	name         string
	method, path string
	header       []string
	body         string

	status int
	// want is the whole body as JSON, compared as values; of an error only the
	// keys given count.
	want string
	// wantText is the whole body, byte for byte.
	wantText string
	// wantHeader are header lines; an empty value means that it must not be there.
	wantHeader []string
}

func (s *restServer) run(t *testing.T, cases []restCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { s.check(t, c) })
	}
}

func (s *restServer) check(t *testing.T, c restCase) {
	t.Helper()
	if c.method == "" {
		c.method = http.MethodGet
	}
	w := s.send(t, c.method, c.path, c.body, c.header...)
	if w.Code != c.status {
		t.Errorf("%s %s: status %d, want %d\n%s", c.method, c.path, w.Code, c.status, w.Body)
	}
	if c.want != "" {
		sameJSON(t, w.Body.Bytes(), c.want, c.status >= 300)
	}
	if c.wantText != "" && w.Body.String() != c.wantText {
		t.Errorf("body %q, want %q", w.Body, c.wantText)
	}
	if silent := c.status == http.StatusCreated || c.status == http.StatusNoContent; silent && c.want+c.wantText == "" && w.Body.Len() > 0 {
		t.Errorf("body %q, want none", w.Body)
	}
	for _, line := range c.wantHeader {
		name, want, _ := strings.Cut(line, ":")
		if got := strings.Join(w.Header().Values(name), " | "); got != strings.TrimSpace(want) {
			t.Errorf("%s: %q, want %q", name, got, strings.TrimSpace(want))
		}
	}
}

// sameJSON compares values; with part, only the keys of want's object.
func sameJSON(t *testing.T, got []byte, want string, part bool) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Errorf("the body is not JSON: %v\n%s", err, got)
		return
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("the test's own JSON: %v\n%s", err, want)
	}
	if wo, ok := w.(map[string]any); ok && part {
		g = pick(g, wo)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func pick(got any, like map[string]any) any {
	o, ok := got.(map[string]any)
	if !ok {
		return got
	}
	out := map[string]any{}
	for key := range like {
		out[key] = o[key]
	}
	return out
}

type restConfig = rest.Config

// csvColumn joins the values of a CSV of one column.
func csvColumn(s string) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[1:], ",")
}
