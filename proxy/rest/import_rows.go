package rest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// maxLine bounds a line of an import, and a record of CSV that goes over several.
const maxLine = 4 << 20

// importRows reads the rows of a body one by one.
type importRows interface {
	// columns chooses the values that are asked for; free tells that rows need not
	// have all of them.
	columns(names []string, free bool)
	// next goes on to the next row and tells the line on which it begins; the first
	// is 1. It is io.EOF after the last.
	next() (line int64, err error)
	// value is that of the nth column; it is valid until next is called.
	value(n int) ([]byte, valueKind)
}

type valueKind uint8

const (
	rowMissing valueKind = iota
	rowNull
	rowJSON  // a value of JSON as it stands
	rowText  // text of which a JSON column makes a string
	rowInput // text as any type reads it
)

// importer writes rows as COPY reads them. It is the reader that CopyFrom takes.
type importer struct {
	rows    importRows
	body    *importBody
	plan    *load
	maxRows int64
	guarded bool // by a guard, which then is the bound

	line   int64 // of the last row
	count  atomic.Int64
	buf    []byte
	sent   int // of buf
	failed error
	// turns are the rows whose line is not the one after the row before; the first
	// are forgotten in time.
	turns []turn
}

type turn struct{ row, line int64 }

const maxTurns = 1 << 17

func (im *importer) Read(p []byte) (int, error) {
	if im.sent == len(im.buf) {
		im.buf, im.sent = im.buf[:0], 0
		if cap(im.buf) > 1<<20 { // one huge row
			im.buf = nil
		}
		for len(im.buf) < exportPart && im.failed == nil {
			im.failed = im.row()
		}
		if len(im.buf) == 0 {
			return 0, im.failed
		}
	}
	n := copy(p, im.buf[im.sent:])
	im.sent += n
	return n, nil
}

// row adds the next row.
func (im *importer) row() error {
	line, err := im.rows.next()
	if err != nil {
		return placed(err)
	}
	n := im.count.Add(1)
	switch {
	case im.guarded && n > im.maxRows:
		return tooManyWritten(im.maxRows)
	case im.maxRows > 0 && n > im.maxRows:
		return importTooLarge("limit_rows", im.maxRows, "FLUXBASE_REST_IMPORT_ROWS", line)
	}
	im.note(n, line)
	im.buf = im.appendRow(strconv.AppendInt(im.buf, line, 10))
	return nil
}

// note remembers the line of the nth row.
func (im *importer) note(n, line int64) {
	if n == 1 || line != im.line+1 {
		if len(im.turns) == maxTurns {
			im.turns = slices.Delete(im.turns, 0, maxTurns/2)
		}
		im.turns = append(im.turns, turn{n, line})
	}
	im.line = line
}

// lineOf is the line of the nth row; 0 if it is not known any more.
func (im *importer) lineOf(n int64) int64 {
	for i := len(im.turns) - 1; i >= 0; i-- {
		if t := im.turns[i]; t.row <= n {
			return t.line + n - t.row
		}
	}
	return 0
}

func (im *importer) appendRow(b []byte) []byte {
	b = append(b, '\t')
	start := len(b)
	if im.plan.defaults {
		b = im.appendMissing(b)
	}
	if len(b) == start {
		b = append(b, `\N`...)
	}
	b = append(b, '\t')
	if im.plan.rest {
		b = im.appendRest(b)
	} else {
		b = append(b, `\N`...)
	}
	for i, how := range im.plan.hows {
		if how == stageRest {
			continue
		}
		b = append(b, '\t')
		v, kind := im.rows.value(i)
		switch {
		case kind == rowMissing || kind == rowNull:
			b = append(b, `\N`...)
		case kind == rowJSON && v[0] == '"' && how == stageText:
			b = appendCopy(b, unquoted(v))
		case kind == rowJSON && v[0] == '"' && bytes.IndexByte(v, '\\') >= 0: // Postgres writes escapes in its own way
			b = appendCopy(b, appendPostgresString(nil, unquoted(v)))
		case kind == rowText && how == stageJSON:
			b = appendCopy(b, appendPostgresString(nil, v))
		default:
			b = appendCopy(b, v)
		}
	}
	return append(b, '\n')
}

// appendMissing lists the places of the missing values as the literal of an array.
func (im *importer) appendMissing(b []byte) []byte {
	open := byte('{')
	for i := range im.plan.hows {
		if _, kind := im.rows.value(i); kind == rowMissing {
			b = strconv.AppendInt(append(b, open), int64(i), 10)
			open = ','
		}
	}
	if open == ',' {
		b = append(b, '}')
	}
	return b
}

// appendRest writes the object of the values that come as JSON.
func (im *importer) appendRest(b []byte) []byte {
	object := []byte{'{'}
	for i, how := range im.plan.hows {
		if how != stageRest {
			continue
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = append(strconv.AppendInt(append(object, `"c`...), int64(i), 10), `":`...)
		switch v, kind := im.rows.value(i); kind {
		case rowMissing, rowNull:
			object = append(object, "null"...)
		case rowJSON:
			object = append(object, v...)
		default:
			object = appendPostgresString(object, v)
		}
	}
	return appendCopy(b, append(object, '}'))
}

// appendCopy writes a value in the text format of COPY.
func appendCopy(b, v []byte) []byte {
	start := 0
	for i, c := range v {
		var escape byte
		switch c {
		case '\\':
			escape = '\\'
		case '\n':
			escape = 'n'
		case '\r':
			escape = 'r'
		case '\t':
			escape = 't'
		default:
			continue
		}
		b = append(append(b, v[start:i]...), '\\', escape)
		start = i + 1
	}
	return append(b, v[start:]...)
}

// importBody is a body under the limits of imports.
type importBody struct {
	body     io.Reader
	w        *web.Response
	limit    int64
	patience time.Duration
	count    atomic.Int64
}

func (b *importBody) Read(p []byte) (int, error) {
	_ = b.w.SetReadDeadline(time.Now().Add(b.patience))
	n, err := b.body.Read(p)
	if b.count.Add(int64(n)) > b.limit {
		return 0, importTooLarge("limit_bytes", b.limit, "FLUXBASE_REST_IMPORT_BYTES", 0)
	}
	var own *web.Error
	switch {
	case err == nil || err == io.EOF:
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = web.Timeout.Because(err)
	case errors.As(err, &own):
	default:
		err = invalidBody("the body ended too early").Because(err)
	}
	return n, err
}

// lineReader reads lines of at most maxLine bytes.
type lineReader struct {
	rd   *bufio.Reader
	line int64 // that was read last
	long []byte
}

// read gives a line with its end; the last may have none.
func (l *lineReader) read(max int) ([]byte, error) {
	b, err := l.rd.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		l.long = l.long[:0]
		for err == bufio.ErrBufferFull && len(l.long) < max {
			l.long = append(l.long, b...)
			b, err = l.rd.ReadSlice('\n')
		}
		l.long = append(l.long, b...)
		b = l.long
	}
	if len(b) > 0 {
		l.line++
	}
	switch {
	case len(b) > max:
		return nil, importTooLarge("limit_line_bytes", maxLine, "", l.line)
	case err == io.EOF && len(b) > 0, err == nil:
		return b, nil
	}
	return nil, err
}
