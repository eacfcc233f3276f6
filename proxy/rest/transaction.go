package rest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/web"
)

func (h *Handler) transaction(w *web.Response, hr *http.Request, r *request, pl *plan, cat *catalog.Catalog, caller pg.Caller) *pg.Tx {
	tx := &pg.Tx{
		Caller: caller, Mode: pl.mode,
		SearchPath: h.paths[r.schema],
		Method:     hr.Method, Path: hr.URL.Path,
		Headers: headersJSON(hr.Header), Cookies: cookiesJSON(hr),
		RequestID: w.ID, Name: pl.name,
		Before:   h.beforeOf(pl),
		Main:     pg.Statement{SQL: pl.sql, Args: r.bind(pl.params), Formats: pl.formats, Version: cat.Version},
		After:    pg.Statement{SQL: pl.after},
		Rows:     [...]pg.Rows{pg.FirstRow, pg.Lines}[b2i(pl.media == mediaPlan)],
		Inserts:  pl.inserts,
		Rollback: h.undoes(r),
	}
	for _, st := range r.statementsBefore(pl, cat.Version) {
		tx.Before = append(slices.Clip(tx.Before), st)
	}
	for _, s := range [...]*catalog.Settings{cat.RoleSettings(caller.Role), pl.settings} {
		if s == nil {
			continue
		}
		tx.Settings = append(tx.Settings, s.List...)
		if s.Isolation != "" {
			tx.Isolation = s.Isolation
		}
	}
	if r.prefs.timezone != "" {
		tx.Settings = append(tx.Settings, pg.Setting{Name: "timezone", Value: r.prefs.timezone})
	}
	tx.Settings = append(tx.Settings, h.cfg.AppSettings...)
	return tx
}

// statementsBefore are those that run before the plan's own.
func (r *request) statementsBefore(pl *plan, version uint64) []pg.Statement {
	var list []pg.Statement
	for _, st := range pl.before {
		list = append(list, pg.Statement{SQL: st.sql, Args: r.bind(st.params), Version: version})
	}
	return list
}

// bind gives the values of parameters.
func (r *request) bind(params []int) [][]byte {
	args := make([][]byte, len(params))
	for i, p := range params {
		switch p {
		case bodyParam:
			args[i] = r.bodyArg()
		case limitParam:
			args[i] = strconv.AppendInt(nil, r.rows.limit, 10)
		case versionsParam:
			args[i] = r.versions
		case pageParam:
			args[i] = strconv.AppendInt(nil, r.rows.limit+1, 10)
		case filtersParam:
			args[i] = r.appendFilters(nil)
		case offsetParam:
			args[i] = strconv.AppendInt(nil, r.rows.offset, 10)
		default:
			if p >= keyParam {
				args[i] = r.keyArg(p)
			} else {
				args[i] = []byte(r.values[p])
			}
		}
	}
	return args
}

// bodyArg is the body as text; bytes are written as Postgres reads them.
func (r *request) bodyArg() []byte {
	if r.content != mediaBytes {
		return r.body
	}
	const hex = "0123456789abcdef"
	b := append(make([]byte, 0, 2+2*len(r.body)), `\x`...)
	for _, c := range r.body {
		b = append(b, hex[c>>4], hex[c&15])
	}
	return b
}

// headersJSON is request.headers: names in lower case, all but the cookies.
func headersJSON(h http.Header) string {
	b := make([]byte, 0, 512)
	b = append(b, '{')
	for name, values := range h {
		if name == "Cookie" || len(values) == 0 {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, '"')
		for i := 0; i < len(name); i++ { // a token: no character needs an escape
			c := name[i]
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			b = append(b, c)
		}
		b = append(b, '"', ':')
		b = appendJSONString(b, strings.Join(values, ","))
	}
	return string(append(b, '}'))
}

// cookiesJSON is request.cookies.
func cookiesJSON(hr *http.Request) string {
	if len(hr.Header["Cookie"]) == 0 {
		return "{}"
	}
	b := []byte{'{'}
	seen := map[string]bool{}
	for _, c := range hr.Cookies() {
		if seen[c.Name] {
			continue
		}
		seen[c.Name] = true
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = appendJSONString(append(appendJSONString(b, c.Name), ':'), c.Value)
	}
	return string(append(b, '}'))
}
