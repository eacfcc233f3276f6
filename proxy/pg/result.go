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

// read copies the first row out of the connection's own buffer, which the next
// message overwrites.
func (r *Result) read(rr *pgconn.ResultReader, lines bool) error {
	if rr.NextRow() {
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
		if lines {
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

// Free gives the result's memory back. Values must not be used after it; a nil
// result and a second call are harmless.
func (r *Result) Free() {
	if r == nil || r.buf == nil {
		return
	}
	if cap(*r.buf) <= maxPooledBuffer {
		buffers.Put(r.buf)
	}
	r.buf, r.Values = nil, nil
}
