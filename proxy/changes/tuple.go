package changes

import (
	"encoding/binary"
	"errors"
	"iter"
)

// Kind says what is known of a value.
type Kind byte

// The kinds, as pgoutput writes them.
const (
	Null Kind = 'n'
	// Text is a value in the text form that psql shows.
	Text Kind = 't'
	// Unchanged is a long value stored apart (TOAST) that the update didn't touch,
	// and that the log therefore lacks. With IdentityFull the old row has it.
	Unchanged Kind = 'u'
)

// Value of a column.
type Value struct {
	Kind Kind
	// Text is the value if Kind is Text. It may be empty.
	Text []byte
}

// Tuple is a row, a value for each column of its Relation. It stays as it came, so
// that to keep a row costs little more than its bytes; to read all its values go
// through All once. The zero Tuple is no row.
type Tuple struct{ data []byte }

var errTuple = errors.New("malformed row")

// ParseTuple takes a row off data, in the form TupleData of the protocol (Postgres
// documentation, "Logical Replication Message Formats"), and returns what follows
// it. The tuple keeps data.
func ParseTuple(data []byte) (t Tuple, rest []byte, err error) {
	if len(data) < 2 {
		return Tuple{}, nil, errTuple
	}
	rest = data[2:]
	for range binary.BigEndian.Uint16(data) {
		if len(rest) == 0 {
			return Tuple{}, nil, errTuple
		}
		switch kind := Kind(rest[0]); kind {
		case Null, Unchanged:
			rest = rest[1:]
		case Text:
			if len(rest) < 5 {
				return Tuple{}, nil, errTuple
			}
			n := uint64(binary.BigEndian.Uint32(rest[1:]))
			if n > uint64(len(rest)-5) {
				return Tuple{}, nil, errTuple
			}
			rest = rest[5+n:]
		default:
			return Tuple{}, nil, errTuple
		}
	}
	return Tuple{data[:len(data)-len(rest)]}, rest, nil
}

// Bytes returns the form that ParseTuple reads.
func (t Tuple) Bytes() []byte { return t.data }

// IsZero tells whether there is no row.
func (t Tuple) IsZero() bool { return len(t.data) == 0 }

// Len is the number of columns.
func (t Tuple) Len() int {
	if t.IsZero() {
		return 0
	}
	return int(binary.BigEndian.Uint16(t.data))
}

// All yields each column's place and value. It allocates nothing.
func (t Tuple) All() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if t.IsZero() {
			return
		}
		rest := t.data[2:]
		for i := range t.Len() {
			v := Value{Kind: Kind(rest[0])}
			rest = rest[1:]
			if v.Kind == Text {
				end := 4 + int(binary.BigEndian.Uint32(rest))
				v.Text, rest = rest[4:end:end], rest[end:]
			}
			if !yield(i, v) {
				return
			}
		}
	}
}

// Value returns the value of a column, walking over those before it; Null if there
// is no such column.
func (t Tuple) Value(column int) Value {
	for i, v := range t.All() {
		if i == column {
			return v
		}
	}
	return Value{Kind: Null}
}
