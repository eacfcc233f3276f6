package rest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/query"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// methodQuery reads like GET, with the parameters in the body
// (draft-ietf-httpbis-safe-method-w-body).
const methodQuery = "QUERY"

// maxValues is how many parameters Postgres takes in a statement, with some to spare.
const maxValues = 60_000

// takeQuery makes QUERY of a table, or POST to /query below it, a GET whose parameters
// are in the body too. It gives the path of the table.
func (r *request) takeQuery(path string) string {
	if !r.cfg.Extensions || r.rpc {
		return path
	}
	table, below := strings.CutSuffix(path, "/query")
	switch {
	case r.method == methodQuery:
	case r.method == http.MethodPost && below:
		path = table
	default:
		return path
	}
	r.method, r.asks = http.MethodGet, true
	return path
}

// scanQuery reads the parameters of a body; they stand beside those of the URL.
func (r *request) scanQuery(hr *http.Request) error {
	kind := mediaJSON
	header := hr.Header.Get("Content-Type")
	if header != "" {
		kind = decodeMedia(header).kind
	}
	if kind != mediaJSON && kind != mediaForm {
		e := web.New("unsupported_media_type", "a query is not of the type "+decodeMedia(header).mime())
		e.Hint = "send application/x-www-form-urlencoded, as in a URL, or application/json"
		return e
	}
	body, err := read(hr)
	if err != nil {
		return err
	}
	ofURL := len(r.params)
	switch {
	case len(body) == 0:
	case kind == mediaForm:
		err = r.scan(string(body))
	default:
		var q *query.Query
		var values []string
		if q, values, err = query.ParseJSON(body, len(r.values)); err != nil {
			return parseError(err)
		}
		r.values = append(r.values, values...)
		err = r.takeJSON(q, "")
	}
	if err != nil {
		return err
	}
	if len(r.values) > maxValues {
		return fail("PGRST100", "more than "+strconv.Itoa(maxValues)+" values in a query", "",
			"a list, as in.(1,2,3), is one value however long it is")
	}
	return r.checkOnce(ofURL)
}

// takeJSON makes parameters of the JSON form of a query. path leads to the embed that
// it is about, as in the names of parameters.
func (r *request) takeJSON(q *query.Query, path string) error {
	if q.Select != "" {
		if err := r.takeText(paramSelect, "select", q.Select); err != nil {
			return err
		}
	}
	if q.Order != "" {
		if err := r.takeText(paramOrder, path+"order", q.Order); err != nil {
			return err
		}
	}
	if q.Limit >= 0 {
		if err := r.takeText(paramLimit, path+"limit", strconv.FormatInt(q.Limit, 10)); err != nil {
			return err
		}
	}
	if q.Offset > 0 {
		if err := r.takeText(paramOffset, path+"offset", strconv.FormatInt(q.Offset, 10)); err != nil {
			return err
		}
	}
	if q.Distinct != nil {
		r.params = append(r.params, param{kind: paramDistinct, key: path + "distinct", value: *q.Distinct})
	}
	for _, n := range q.Where {
		r.params = append(r.params, param{kind: paramAnd, key: path + "and", logic: n})
	}
	for _, n := range q.Having {
		r.params = append(r.params, param{kind: paramHaving, key: path + "having", logic: n})
	}
	for i := range q.Embeds {
		e := &q.Embeds[i]
		if err := r.takeJSON(&e.Query, path+query.Quote(e.Name)+"."); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) takeText(kind paramKind, key, value string) error {
	p := param{kind: kind, key: key, value: value}
	if err := r.scanParam(&p); err != nil {
		return err
	}
	r.params = append(r.params, p)
	return nil
}

// checkOnce refuses what URL and body both say and only one of them can mean.
func (r *request) checkOnce(ofURL int) error {
	for i := range r.params[ofURL:] {
		p := &r.params[ofURL+i]
		switch p.kind {
		case paramAnd, paramOr, paramFilter, paramHaving:
			continue
		}
		for j := range r.params[:ofURL] {
			if u := &r.params[j]; u.kind == p.kind && unquoteKey(u.key) == unquoteKey(p.key) {
				return fail("PGRST100", "'"+u.key+"' is in the URL and in the body", "", "Only filters may be in both; they must all hold.")
			}
		}
	}
	return nil
}

// unquoteKey gives one form to names of parameters that may be quoted.
func unquoteKey(key string) string { return strings.ReplaceAll(key, `"`, "") }
