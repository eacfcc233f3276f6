package rest

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// object is a JSON object whose members keep their order: the columns of a table
// are shown as the table has them.
type object []member

type member struct {
	name  string
	value any
}

// with adds a member, unless its value is empty.
func (o object) with(name string, value any) object {
	empty := false
	switch v := value.(type) {
	case string:
		empty = v == ""
	case int:
		empty = v == 0
	case []string:
		empty = len(v) == 0
	case []object:
		empty = len(v) == 0
	case object:
		empty = len(v) == 0
	case json.RawMessage:
		empty = v == nil
	}
	if empty {
		return o
	}
	return append(o, member{name, value})
}

// appendValue writes a value as JSON. It knows the types that documents are made
// of; unlike encoding/json it leaves < and > as they are, which notes on keys
// are full of.
func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendJSONString(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case bool:
		return strconv.AppendBool(b, v)
	case json.RawMessage:
		return append(b, v...)
	case []string:
		return appendList(b, v)
	case []object:
		return appendList(b, v)
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(append(appendJSONString(b, m.name), ':'), m.value)
		}
		return append(b, '}')
	}
	panic(fmt.Sprintf("a document can't hold a %T", value))
}

func appendList[T any](b []byte, list []T) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, v)
	}
	return append(b, ']')
}
