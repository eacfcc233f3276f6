package rest

import (
	_ "embed"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

const (
	followPrivileges = "follow-privileges"
	ignorePrivileges = "ignore-privileges"
	openAPIDisabled  = "disabled"
)

var openAPIModes = []string{followPrivileges, ignorePrivileges, openAPIDisabled}

//go:embed openapi_access.sql
var accessSQL string

// location is where clients reach the API.
type location struct{ scheme, host, base string }

// locate says it by the proxy in front, else by the server's own URL, else by the address
// that is listened on.
func locate(cfg Config, serverURL, address string) location {
	if cfg.OpenAPIProxyURI != "" {
		if l, err := parseProxyURI(cfg.OpenAPIProxyURI); err == nil {
			return l
		}
	}
	if scheme, host, ok := strings.Cut(serverURL, "://"); ok {
		return location{scheme: scheme, host: host, base: cfg.Prefix}
	}
	l := location{scheme: "http", host: address, base: cfg.Prefix}
	if host, port, err := net.SplitHostPort(address); err == nil && anyHost(host) {
		l.host = net.JoinHostPort("0.0.0.0", port)
	}
	return l
}

// anyHost tells the ways to write "every address of this machine".
func anyHost(host string) bool {
	return slices.Contains([]string{"", "*", "*4", "!4", "*6", "!6"}, host)
}

// parseProxyURI takes an absolute URI of http or https, without user and query.
func parseProxyURI(s string) (location, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return location{}, errors.New("is no URI")
	case u.Scheme != "http" && u.Scheme != "https":
		return location{}, errors.New("is neither http nor https")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return location{}, errors.New("has a user, a query or a fragment")
	case u.Hostname() == "":
		return location{}, errors.New("names no host")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return location{}, errors.New("has a port that is none from 1 to 65535")
	}
	l := location{scheme: u.Scheme, host: net.JoinHostPort(u.Hostname(), port), base: u.EscapedPath()}
	if l.base == "" {
		l.base = "/"
	}
	return l, nil
}

// acceptsOpenAPI tells whether an Accept header takes the description. It comes
// with one content type, whichever of these was asked for.
func acceptsOpenAPI(header string) error {
	if header == "" {
		return nil
	}
	var wanted []string
	for _, m := range acceptable(header) {
		if m.kind == mediaAny || m.kind == mediaJSON || m.kind == mediaOpenAPI {
			return nil
		}
		wanted = append(wanted, m.mime())
	}
	return noMediaType(wanted)
}

// describe answers at the prefix itself with an OpenAPI document of the schema.
func (h *Handler) describe(w *web.Response, hr *http.Request, r *request, caller pg.Caller) error {
	if r.method == http.MethodOptions {
		answerOptions(w, "OPTIONS,GET,HEAD")
		return nil
	}
	if h.wantsOpenAPI31(hr.Header["Accept"]) {
		return h.describe31(w, hr, r, caller, false)
	}
	if err := acceptsOpenAPI(strings.Join(hr.Header["Accept"], ",")); err != nil {
		return err
	}
	cat := h.deps.Catalog.Current()
	if cat == nil {
		cat = h.deps.Catalog.Fresh(hr.Context())
	}
	if cat == nil {
		return web.CatalogNotLoaded
	}
	d := &description{server: h.server, schema: cat.Schema(r.schema), security: h.cfg.OpenAPISecurity}
	if err := h.readAccess(w, hr, r, cat, caller, d); err != nil {
		return err
	}
	head := w.Header()
	head.Set("Content-Type", mediaType{kind: mediaOpenAPI}.contentType())
	if len(h.cfg.Schemas) > 1 || r.profiled {
		head.Set("Content-Profile", r.schema)
	}
	if r.method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	body := d.document()
	head.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // a client that is gone needs no answer
	return nil
}

// readAccess fills d with what the caller may see. Postgres is asked in a
// transaction like any other request's, also where privileges don't count: the
// function that is called before each request may refuse.
func (h *Handler) readAccess(w *web.Response, hr *http.Request, r *request, cat *catalog.Catalog, caller pg.Caller, d *description) error {
	follow := h.cfg.OpenAPIMode == followPrivileges
	tx := h.transaction(w, hr, r, &plan{mode: readOnly, sql: "select 1"}, cat, caller)
	if follow {
		tx.Main.SQL, tx.Main.Args = accessSQL, [][]byte{[]byte(r.schema)}
	}
	logSQL(w, tx)
	raw, err := h.database(caller).Do(hr.Context(), tx)
	if err != nil {
		return h.databaseError(err, caller)
	}
	defer raw.Free()
	if !follow {
		d.all(cat)
		return nil
	}
	var relations []uint32
	var functions map[uint32][]string
	if err := json.Unmarshal(raw.Values[0], &relations); err != nil {
		return err
	}
	if err := json.Unmarshal(raw.Values[1], &functions); err != nil {
		return err
	}
	d.only(cat, relations, functions)
	if len(d.relations) < len(relations) { // there are newer ones than the catalogue
		if fresh := h.deps.Catalog.Fresh(hr.Context()); fresh != nil && fresh.Schema(r.schema) != nil {
			d.schema = fresh.Schema(r.schema)
			d.only(fresh, relations, functions)
		}
	}
	return nil
}
