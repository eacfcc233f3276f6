package rest

import (
	"math"
	"net/http"
	"strconv"
	"strings"
)

// span is a range of rows: limit is -1 where there is none.
type span struct{ offset, limit int64 }

var allRows = span{limit: -1}

// last is the number of the last row, math.MaxInt64 without a limit.
func (s span) last() int64 {
	if s.limit < 0 || s.offset > math.MaxInt64-s.limit {
		return math.MaxInt64
	}
	return s.offset + s.limit - 1
}

// scanRange reads limit and offset. What is no number says nothing, as in
// PostgREST; one that Postgres can't hold is an error.
func (r *request) scanRange(p *param) error {
	p.slot = -1
	digits := strings.TrimLeft(strings.TrimSpace(p.value), "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(p.value), 10, 64)
	if err != nil {
		if strings.HasPrefix(strings.TrimSpace(p.value), "--") {
			return nil
		}
		return outOfRange(strings.TrimSpace(p.value))
	}
	if p.embedded() {
		if max := r.cfg.MaxRows; p.kind == paramLimit && max != nil && n > *max {
			n = *max
		}
		p.slot = r.addValue(strconv.FormatInt(n, 10))
		return nil
	}
	switch {
	case p.kind == paramOffset:
		r.rows.offset = n
	case n < 0:
		return errNegativeLimit
	default:
		r.rows.limit = n
	}
	return nil
}

// narrowRows takes the Range header (RFC 9110, 14.2: of GET alone) and the
// configured bound into account.
func (r *request) narrowRows(h http.Header) error {
	if r.method == http.MethodPut && r.rows != allRows {
		return errPutLimit
	}
	if r.method == http.MethodGet {
		if err := r.narrowTo(h.Get("Range")); err != nil {
			return err
		}
	}
	if max := r.cfg.MaxRows; max != nil && (r.rpc || r.reads()) && (r.rows.limit < 0 || r.rows.limit > *max) {
		r.rows.limit = *max
	}
	return nil
}

func (r *request) narrowTo(header string) error {
	first, last, ok := strings.Cut(header, "-")
	if !ok || first == "" || strings.Trim(first+last, "0123456789") != "" {
		return nil
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return outOfRange(first)
	}
	to := int64(math.MaxInt64)
	if last != "" {
		if to, err = strconv.ParseInt(last, 10, 64); err != nil {
			return outOfRange(last)
		}
		if to < from {
			return errInvertedRange
		}
	}
	if r.rows.limit == 0 {
		return nil
	}
	from, to = max(from, r.rows.offset), min(to, r.rows.last())
	if to < from {
		return errNegativeLimit
	}
	r.rows.offset = from
	if to < math.MaxInt64 {
		r.rows.limit = to - from + 1
	}
	return nil
}
