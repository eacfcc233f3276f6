package rest

import (
	"bytes"
	"maps"
	"net/http"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// exportPart is how much is sent at once.
const exportPart = 32 << 10

// exporter writes the rows of an export.
type exporter struct {
	w      *web.Response
	plan   *export
	head   http.Header
	status int
	buf    []byte
	rows   int64
}

// begin takes the names of the columns. Nothing is sent yet, so that an error of the
// first rows has its status.
func (e *exporter) begin(names []string) {
	switch e.plan.kind {
	case exportJSON:
		e.buf = append(e.buf, '[')
	case exportCSV:
		for i, name := range names {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			e.buf = appendCSV(e.buf, []byte(name), len(names) == 1)
		}
		e.buf = append(e.buf, '\n')
	}
}

// row takes one row in text format, where nil is NULL.
func (e *exporter) row(values [][]byte) error {
	e.rows++
	switch e.plan.kind {
	case exportLines:
		start := len(e.buf)
		e.buf = append(e.plan.appendObject(e.buf, values), '\n')
		oneLine(e.buf[start : len(e.buf)-1])
	case exportJSON:
		if e.rows > 1 {
			e.buf = append(e.buf, ", \n "...)
		}
		e.buf = e.plan.appendObject(e.buf, values)
	case exportCSV:
		for i, v := range values {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			if v != nil {
				e.buf = appendCSV(e.buf, v, len(values) == 1)
			}
		}
		e.buf = append(e.buf, '\n')
	}
	if len(e.buf) < exportPart {
		return nil
	}
	return e.flush()
}

// end sends what is left.
func (e *exporter) end() error {
	if e.plan.kind == exportJSON {
		e.buf = append(e.buf, ']')
	}
	return e.flush()
}

func (e *exporter) flush() error {
	if e.w.Status() == 0 {
		maps.Copy(e.w.Header(), e.head)
		e.w.WriteHeader(e.status)
	}
	_, err := e.w.Write(e.buf)
	if e.buf = e.buf[:0]; cap(e.buf) > 1<<20 { // one huge row
		e.buf = make([]byte, 0, 2*exportPart)
	}
	if err != nil {
		return web.ClientGone.Because(err)
	}
	return nil
}

// appendObject writes a row as row_to_json does.
func (x *export) appendObject(b []byte, values [][]byte) []byte {
	if x.columns == nil {
		return append(b, values[0]...)
	}
	for i, v := range values {
		c := &x.columns[i]
		b = append(b, c.key...)
		switch {
		case v == nil:
			b = append(b, "null"...)
		case c.as == asItIs:
			b = append(b, v...)
		case c.as == asBoolean && v[0] == 't':
			b = append(b, "true"...)
		case c.as == asBoolean:
			b = append(b, "false"...)
		case c.as == asNumber && v[len(v)-1] <= '9': // the last of NaN and Infinity is a letter
			b = append(b, v...)
		default:
			b = appendPostgresString(b, v)
		}
	}
	return append(b, '}')
}

// appendPostgresString writes a string of JSON as Postgres does.
func appendPostgresString(b, s []byte) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		if j := strings.IndexByte("\"\\\b\f\n\r\t", c); j >= 0 {
			b = append(b, '\\', `"\bfnrt`[j])
		} else {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[start:]...), '"')
}

// oneLine makes a value of type json, which keeps its line breaks, fit into a line.
// They can't be within its strings.
func oneLine(b []byte) {
	for _, c := range [...]byte{'\n', '\r'} {
		for i := bytes.IndexByte(b, c); i >= 0; i = bytes.IndexByte(b, c) {
			b[i] = ' '
			b = b[i:]
		}
	}
}

// appendCSV writes a field as COPY does: what is empty in quotes is not NULL.
func appendCSV(b, v []byte, alone bool) []byte {
	if len(v) > 0 && !bytes.ContainsAny(v, ",\"\r\n") && !(alone && string(v) == `\.`) {
		return append(b, v...)
	}
	b = append(b, '"')
	for _, c := range v {
		if c == '"' {
			b = append(b, '"')
		}
		b = append(b, c)
	}
	return append(b, '"')
}
