package rest

import (
	"math"
	"net/http"
	"strconv"
	"strings"
)

// span is a range of rows: limit is -1 where there is none.
type span struct{ offset, limit int64 }

// maxConstLimit is up to which limit a statement is prepared for that very
// limit. Applications use few, and Postgres plans a limit that it doesn't know
// as a tenth of all rows: it then makes a new plan for each request.
const maxConstLimit = 1000

// isConstLimit tells whether digits are at most maxConstLimit.
func isConstLimit(digits string) bool {
	n, err := strconv.ParseInt(digits, 10, 64)
	return err == nil && n >= 0 && n <= maxConstLimit
}

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
// configured bound into account. Rows before the first are none.
func (r *request) narrowRows(h http.Header) error {
	from, to := int64(0), int64(math.MaxInt64)
	if r.method == http.MethodGet {
		var err error
		if from, to, err = scanRangeHeader(h.Get("Range")); err != nil {
			return err
		}
	}
	if r.rows.limit != 0 {
		from, to = max(from, r.rows.offset), min(to, r.rows.last())
		if to < from {
			return errNegativeLimit
		}
		r.rows = span{from, -1}
		if to < math.MaxInt64 {
			r.rows.limit = to - from + 1
		}
	}
	if r.method == http.MethodPut && r.rows != allRows {
		return errPutLimit
	}
	if max := r.cfg.MaxRows; max != nil && (r.rpc || r.reads()) && (r.rows.limit < 0 || r.rows.limit > *max) {
		r.rows.limit = *max
	}
	return nil
}

// scanRangeHeader reads the numbers of the first and the last row; what is no
// range means all.
func scanRangeHeader(header string) (from, to int64, err error) {
	first, last, ok := strings.Cut(header, "-")
	to = math.MaxInt64
	if !ok || first == "" || strings.Trim(first+last, "0123456789") != "" {
		return 0, to, nil
	}
	if from, err = strconv.ParseInt(first, 10, 64); err != nil {
		return 0, 0, outOfRange(first)
	}
	if last != "" {
		if to, err = strconv.ParseInt(last, 10, 64); err != nil {
			return 0, 0, outOfRange(last)
		}
		if to < from {
			return 0, 0, errInvertedRange
		}
	}
	return from, to, nil
}
