package pg

import (
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	rollbackTimeout = 5 * time.Second
	// maxPooledBuffer keeps one huge answer from holding its memory for ever.
	maxPooledBuffer = 1 << 20
)

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 16<<10); return &b }}

// read copies the first row, or what rows has made of all of them, out of the
// connection's own buffer, which the next message overwrites.
func (r *Result) read(rr *pgconn.ResultReader, rows Rows, prepared *stmt, most int) error {
	switch {
	case rows >= JSONArray:
		r.readJSON(rr, rows, prepared, most)
	case rr.NextRow():
		values := rr.Values()
		r.Values = make([][]byte, len(values))
		r.buf = buffers.Get().(*[]byte)
		size := 0
		for _, v := range values {
			size += len(v)
		}
		b := (*r.buf)[:0]
		if cap(b) < size {
			b = make([]byte, 0, size)
		}
		for i, v := range values {
			if v == nil {
				continue
			}
			start := len(b)
			b = append(b, v...)
			r.Values[i] = b[start:len(b):len(b)]
		}
		if rows == Lines {
			b = joinRows(b[:len(r.Values[0])], rr)
			r.Values = [][]byte{b}
		}
		*r.buf = b
	}
	tag, err := rr.Close()
	r.RowsAffected = tag.RowsAffected()
	return err
}

// joinRows adds the first column of the rows that are left, each on a line.
func joinRows(b []byte, rr *pgconn.ResultReader) []byte {
	for rr.NextRow() {
		b = append(append(b, '\n'), rr.Values()[0]...)
	}
	return b
}

// before makes one answer of r and of the row behind it, of which both values of r
// and the number of its rows come first.
func (r *Result) before(row *Result) *Result {
	row.RowsAffected, row.rows = r.RowsAffected, r.buf
	copy(row.Values, r.Values)
	row.unfit = r.unfit
	return row
}

// Free gives the result's memory back. Values must not be used after it; a nil
// result and a second call are harmless.
func (r *Result) Free() {
	if r == nil || r.buf == nil {
		return
	}
	for _, b := range [...]*[]byte{r.buf, r.rows} {
		if b != nil && cap(*b) <= maxPooledBuffer {
			buffers.Put(b)
		}
	}
	r.buf, r.rows, r.Values = nil, nil, nil
}
