package pg

import (
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// ErrNoJSON says that a column is of a type that only Postgres can make JSON of: it
// is another than when the statement was planned.
var ErrNoJSON = errors.New("a column's type has become one that only Postgres can make JSON of")

// maxAnswer is how long an answer may be: as long as a value of Postgres.
const maxAnswer = 1<<30 - 1

// errTooLong is what Postgres says of such a value.
var errTooLong = &pgconn.PgError{
	Severity: "ERROR", Code: "54000", Message: "the answer would be longer than 1 GiB",
	Hint: "ask for fewer rows or columns at a time",
}

// jsonColumn is how a column becomes a member of its row's object.
type jsonColumn struct {
	key  []byte // with what comes before and the colon behind
	kind jsonKind
}

// jsonKind is how Postgres's text of a value becomes JSON (datum_to_json in json.c).
type jsonKind uint8

const (
	noJSON jsonKind = iota
	jsonText
	jsonNumber // NaN and the infinities are text
	jsonBool
	jsonRaw
)

// jsonTypes are the types whose text says all, whatever the settings are under which it
// was written, by their names in format_type without modifiers. Of dates, arrays,
// composite types and those with a cast to json it does not.
var jsonTypes = map[string]struct {
	oid  uint32
	kind jsonKind
}{
	"smallint": {pgtype.Int2OID, jsonNumber}, "integer": {pgtype.Int4OID, jsonNumber}, "bigint": {pgtype.Int8OID, jsonNumber},
	"real": {pgtype.Float4OID, jsonNumber}, "double precision": {pgtype.Float8OID, jsonNumber}, "numeric": {pgtype.NumericOID, jsonNumber},
	"boolean": {pgtype.BoolOID, jsonBool},
	"json":    {pgtype.JSONOID, jsonRaw}, "jsonb": {pgtype.JSONBOID, jsonRaw},
	"text": {pgtype.TextOID, jsonText}, "character varying": {pgtype.VarcharOID, jsonText}, "character": {pgtype.BPCharOID, jsonText},
	"uuid": {pgtype.UUIDOID, jsonText}, "bytea": {pgtype.ByteaOID, jsonText}, "name": {pgtype.NameOID, jsonText},
	"inet": {pgtype.InetOID, jsonText}, "cidr": {pgtype.CIDROID, jsonText},
	"time without time zone": {pgtype.TimeOID, jsonText}, "interval": {pgtype.IntervalOID, jsonText},
}

var jsonKinds = func() map[uint32]jsonKind {
	kinds := make(map[uint32]jsonKind, len(jsonTypes))
	for _, t := range jsonTypes {
		kinds[t.oid] = t.kind
	}
	return kinds
}()

// HasJSON tells whether JSONArray takes columns of a type, or of a domain over it, as
// they are. The name is that of format_type, without modifiers.
func HasJSON(name string) bool {
	_, ok := jsonTypes[name]
	return ok
}

// readJSON makes two values of all rows: their JSON, of at most that length, and their
// number.
func (r *Result) readJSON(rr *pgconn.ResultReader, rows Rows, prepared *stmt, most int) {
	columns := columnsOf(rr, prepared)
	if columns == nil {
		r.unfit = checkError{ErrNoJSON} // Close passes over the rows
		return
	}
	r.buf = buffers.Get().(*[]byte)
	b := (*r.buf)[:0]
	if rows == JSONArray {
		b = append(b, '[')
	}
	n := int64(0)
	for rr.NextRow() {
		n++
		switch {
		case r.unfit != nil || n > 1 && rows == JSONObject:
			continue
		case n > 1:
			b = append(b, ", \n "...)
		}
		if b = appendRow(b, columns, rr.Values()); len(b) > most {
			b, r.unfit = b[:0], errTooLong
		}
	}
	switch {
	case rows == JSONArray:
		b = append(b, ']')
	case n == 0:
		b = append(b, "null"...)
	}
	end := len(b)
	b = strconv.AppendInt(b, n, 10)
	r.Values = [][]byte{b[:end:end], b[end:]}
	*r.buf = b
}

// columnsOf gives the columns of rr, which a prepared statement remembers; nil if there
// are none, or one of another kind.
func columnsOf(rr *pgconn.ResultReader, prepared *stmt) []jsonColumn {
	if prepared != nil && prepared.json != nil {
		return prepared.json
	}
	var fields []pgconn.FieldDescription
	if prepared != nil && prepared.desc != nil {
		fields = prepared.desc.Fields // those that rr has may be another statement's, after an error in the same trip
	} else {
		fields = rr.FieldDescriptions()
	}
	if len(fields) == 0 {
		return nil
	}
	columns := make([]jsonColumn, 0, len(fields))
	for i, f := range fields {
		kind := jsonKinds[f.DataTypeOID]
		if kind == noJSON {
			return nil
		}
		key := []byte{"{,"[min(i, 1)]}
		columns = append(columns, jsonColumn{append(appendJSONText(key, []byte(f.Name)), ':'), kind})
	}
	if prepared != nil {
		prepared.json = columns
	}
	return columns
}

// appendRow appends the object of one row, as row_to_json writes it.
func appendRow(b []byte, columns []jsonColumn, values [][]byte) []byte {
	for i := range columns {
		b = append(b, columns[i].key...)
		v := values[i]
		if v == nil {
			b = append(b, "null"...)
			continue
		}
		switch columns[i].kind {
		case jsonRaw:
			b = append(b, v...)
		case jsonNumber:
			if c := v[len(v)-1]; c >= '0' && c <= '9' {
				b = append(b, v...)
			} else {
				b = appendJSONText(b, v)
			}
		case jsonBool:
			if v[0] == 't' {
				b = append(b, "true"...)
			} else {
				b = append(b, "false"...)
			}
		default:
			b = appendJSONText(b, v)
		}
	}
	return append(b, '}')
}

// jsonEscapes holds for each byte that can't stand in a string what stands for it.
var jsonEscapes = func() (escapes [256]string) {
	const hex = "0123456789abcdef"
	for c := range 0x20 {
		escapes[c] = `\u00` + hex[c>>4:c>>4+1] + hex[c&15:c&15+1]
	}
	for c, s := range map[byte]string{'\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '"': `\"`, '\\': `\\`} {
		escapes[c] = s
	}
	return escapes
}()

// appendJSONText appends s as a string, as escape_json in json.c writes it.
func appendJSONText(b, s []byte) []byte {
	b = append(b, '"')
	done := 0
	for i, c := range s {
		if e := jsonEscapes[c]; e != "" {
			b = append(append(b, s[done:i]...), e...)
			done = i + 1
		}
	}
	return append(append(b, s[done:]...), '"')
}
