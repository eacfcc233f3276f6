package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// answer is what will be sent, before functions have had their say.
type answer struct {
	status int
	body   []byte
	// content tells that there is a body, even an empty one.
	content bool
}

// compose makes the answer, and its headers in head, of what Postgres gave.
func (h *Handler) compose(head http.Header, hr *http.Request, r *request, pl *plan, res *result) (answer, error) {
	a, err := h.answerOf(head, hr, r, pl, res)
	if err != nil {
		return a, err
	}
	if s := r.prefs.applied(pl.applied); s != "" && pl.media != mediaPlan {
		head["Preference-Applied"] = []string{s}
	}
	if pl.warnings != nil {
		head["Warning"] = pl.warnings
	}
	if a.content {
		head["Content-Type"] = pl.contentType
		if len(h.cfg.Schemas) > 1 || r.profiled {
			head["Content-Profile"] = []string{r.schema}
		}
	}
	if len(res.headers) > 0 {
		if err := setHeaders(head, res.headers); err != nil {
			return a, err
		}
	}
	if res.status != nil {
		if a.status, err = statusFrom(res.status); err != nil {
			return a, err
		}
	}
	if r.reads() && h.cfg.Extensions && hr.Method != http.MethodPost { // where If-None-Match means another thing
		if err := h.validate(head, hr, pl, res, &a); err != nil {
			return a, err
		}
	}
	return a, nil
}

// respond sends the answer of Postgres.
func (h *Handler) respond(w *web.Response, hr *http.Request, r *request, pl *plan, res *result) error {
	a, err := h.compose(w.Header(), hr, r, pl, res)
	if err != nil {
		return err
	}
	if r.method == http.MethodHead {
		w.WriteHeader(a.status)
		return nil
	}
	send(w, a.status, a.body)
	return nil
}

// send writes an answer whose other headers are set.
func send(w *web.Response, status int, body []byte) {
	if status == http.StatusNoContent || status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

func (h *Handler) answerOf(head http.Header, hr *http.Request, r *request, pl *plan, res *result) (answer, error) {
	switch {
	case pl.media == mediaPlan:
		return answer{status: http.StatusOK, body: append(res.body, '\n'), content: true}, nil
	case r.rpc || r.reads():
		return h.readAnswer(head, hr, r, pl, res)
	case r.method == http.MethodPut:
		setAffected(head, r, res)
		return putAnswer(r, res), nil
	}
	setAffected(head, r, res)
	total := int64(-1)
	if r.prefs.count == countExact || r.prefs.count == countEstimated {
		total = res.page
	}
	total = r.openTotal(total, res)
	full := r.prefs.returning == returnRepresentation
	a := answer{status: http.StatusNoContent, body: res.body, content: full}
	switch r.method {
	case http.MethodPost:
		a.status = http.StatusCreated
		if r.prefs.resolution == mergeDuplicates && pl.inserted > 0 && res.inserted <= 0 {
			a.status = http.StatusOK
		}
		if location := h.location(r, pl, res); location != "" {
			head["Location"] = []string{location}
		}
		setRange(head, 1, 0, total)
	case http.MethodPatch:
		setRange(head, 0, res.page-1, total)
	default:
		setRange(head, 1, 0, total)
	}
	if full && r.method != http.MethodPost {
		a.status = http.StatusOK
	}
	if !full {
		a.body = nil
	}
	a.tellAffected(r, pl, res)
	return a, nil
}

func putAnswer(r *request, res *result) answer {
	if r.prefs.returning != returnRepresentation {
		return answer{status: http.StatusNoContent}
	}
	a := answer{status: http.StatusOK, body: res.body, content: true}
	if res.inserted > 0 {
		a.status = http.StatusCreated
	}
	return a
}

// readAnswer is that of rows which were asked for, and of functions.
func (h *Handler) readAnswer(head http.Header, hr *http.Request, r *request, pl *plan, res *result) (answer, error) {
	a := answer{status: http.StatusOK, body: res.body, content: true}
	first := r.rows.offset
	if res.total >= 0 {
		switch {
		case first > res.total:
			return a, outOfBounds(first, res.total)
		case res.page < res.total:
			a.status = http.StatusPartialContent
		}
	}
	if pl.paged {
		setRange(head, 1, 0, res.total)
	} else {
		setRange(head, first, first+res.page-1, res.total)
	}
	if res.next != nil {
		h.setNext(head, hr, r, pl, string(res.next))
	}
	if pl.void {
		return answer{status: http.StatusNoContent}, nil
	}
	if !r.rpc && !r.asks { // no URL leads to what a body asked for
		b := append(make([]byte, 0, 128), h.base...)
		b = appendEscaped(b, pl.relation)
		if hr.URL.RawQuery != "" {
			b = appendCanonical(append(b, '?'), hr.URL.RawQuery)
		}
		head["Content-Location"] = []string{string(b)}
	}
	return a, nil
}

// setRange writes Content-Range; total is -1 where it is not known.
func setRange(head http.Header, first, last, total int64) {
	var buf [64]byte
	b := buf[:0]
	if total != 0 && first <= last {
		b = strconv.AppendInt(b, first, 10)
		b = append(b, '-')
		b = strconv.AppendInt(b, last, 10)
	} else {
		b = append(b, '*')
	}
	b = append(b, '/')
	if total >= 0 {
		b = strconv.AppendInt(b, total, 10)
	} else {
		b = append(b, '*')
	}
	head["Content-Range"] = []string{string(b)}
}

// location leads to the one row that was made, by its key.
func (h *Handler) location(r *request, pl *plan, res *result) string {
	if r.prefs.returning != returnHeaders || res.page != 1 || len(res.body) == 0 {
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(res.body))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		return ""
	}
	b := append([]byte(nil), h.base...)
	b = append(appendEscaped(b, pl.relation), '?')
	for n := 0; d.More(); n++ {
		key, err := d.Token()
		var raw json.RawMessage
		if err != nil || d.Decode(&raw) != nil {
			return ""
		}
		if n > 0 {
			b = append(b, '&')
		}
		b = append(appendEscaped(b, key.(string)), '=')
		value := string(raw)
		if raw[0] == '"' {
			_ = json.Unmarshal(raw, &value) // it was decoded just now
		}
		if value == "null" && raw[0] != '"' {
			b = append(b, "is.null"...)
		} else {
			b = appendEscaped(append(b, "eq."...), value)
		}
	}
	return string(b)
}

// setHeaders takes what a function gave as response.headers: an array of objects
// with one name and value each. They replace ours; of one name there may be
// several.
func setHeaders(head http.Header, raw []byte) error {
	var list []map[string]string
	if json.Unmarshal(raw, &list) != nil {
		return errBadHeaders
	}
	set := map[string]bool{}
	for _, one := range list {
		if len(one) != 1 {
			return errBadHeaders
		}
		for name, value := range one {
			name = http.CanonicalHeaderKey(name)
			if !set[name] {
				head.Del(name)
				set[name] = true
			}
			head.Add(name, value)
		}
	}
	return nil
}

// statusFrom takes what a function gave as response.status.
func statusFrom(raw []byte) (int, error) {
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < 200 || n > 599 {
		return 0, errBadStatus
	}
	return n, nil
}
