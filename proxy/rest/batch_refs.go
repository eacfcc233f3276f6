package rest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// References are written beside the data and never in it, so that no data can be one:
//
//	"refs": {"/order_id": "a/0/id", "order": "a/0/id"}
//
// A key that begins with / leads into the body (RFC 6901, * for each element of an
// array); another is a name that stands in the path as {name}, as the whole value of
// a filter. The value leads into the answer of an earlier operation: its id, then
// the way to the value, * for an array of what each element has.

// batchRef is one entry of refs.
type batchRef struct {
	// pointer is the way into the body; nil for a name in the path.
	pointer []string
	name    string
	from    int // operation
	path    []string
}

func badReference(message string) *web.Error { return web.New("batch_reference", message) }

// readReferences reads refs and checks what can be known of them; op is the ith.
func (b *batchRequest) readReferences(i int, op *batchOperation) error {
	for key, value := range op.Refs {
		ref := batchRef{name: key}
		if strings.HasPrefix(key, "/") {
			var ok bool
			if ref.pointer, ok = parsePointer(key); !ok {
				return badReference("\"" + key + "\" is no JSON pointer")
			}
			if ref.pointer == nil {
				return badReference("a reference can't be the whole body")
			}
		} else if key == "" || strings.ContainsFunc(key, notOfID) {
			return badReference("a name in the path has letters, digits, - and _; a way into the body begins with /")
		}
		id, rest, _ := strings.Cut(value, "/")
		ref.from = slices.IndexFunc(b.Operations[:i], func(o *batchOperation) bool { return o.ID == id })
		if ref.from < 0 {
			return badReference("\"" + value + "\" begins with the id of no earlier operation")
		}
		if strings.Contains(value, "/") {
			var ok bool
			if ref.path, ok = parsePointer("/" + rest); !ok {
				return badReference("\"" + value + "\" is no id and JSON pointer")
			}
		}
		from := b.Operations[ref.from]
		if !from.answersJSON() {
			return badReference("the answer of \"" + id + "\" has no values: ask it for Prefer: return=representation")
		}
		from.referred = true
		op.refs = append(op.refs, ref)
	}
	// In the order of the pointers, so that the same operation always means the same.
	slices.SortFunc(op.refs, func(a, b batchRef) int {
		return strings.Compare(strings.Join(a.pointer, "/")+a.name, strings.Join(b.pointer, "/")+b.name)
	})
	return nil
}

// answersJSON tells whether the answer has values to refer to.
func (op *batchOperation) answersJSON() bool {
	switch op.plan.media {
	case mediaJSON, mediaSingle, mediaSingleStripped, mediaArrayStripped, mediaGeoJSON:
	default:
		return false
	}
	if op.r.rpc {
		return !op.plan.void && op.Method != "HEAD"
	}
	return op.Method == "GET" || !op.r.reads() && op.r.prefs.returning == returnRepresentation
}

// parsePointer takes a JSON pointer apart (RFC 6901); that of the whole is nil.
func parsePointer(s string) ([]string, bool) {
	if s == "" {
		return nil, true
	}
	if s[0] != '/' {
		return nil, false
	}
	tokens := strings.Split(s[1:], "/")
	for i, t := range tokens {
		for j := strings.IndexByte(t, '~'); j >= 0 && j < len(t); j++ {
			if t[j] == '~' && (j+1 == len(t) || t[j+1] != '0' && t[j+1] != '1') {
				return nil, false
			}
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return tokens, true
}

// arrayIndex reads a token of a pointer as an index.
func arrayIndex(token string) (int, bool) {
	if token == "" || len(token) > 9 || token[0] == '0' && len(token) > 1 || strings.Trim(token, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(token)
	return n, err == nil
}

// value gives what a reference leads to. Of an operation that has not run it is null.
func (op *batchOperation) value(path []string) (any, error) {
	if op.body == nil {
		return nil, nil
	}
	if op.values == nil {
		d := json.NewDecoder(bytes.NewReader(op.body))
		d.UseNumber()
		if err := d.Decode(&op.values); err != nil {
			return nil, badReference("the answer of \"" + op.ID + "\" is no JSON").Because(err)
		}
	}
	v, ok := lookUp(op.values, path)
	if !ok {
		return nil, badReference("the answer of \"" + op.ID + "\" has nothing at \"/" + strings.Join(path, "/") + "\"")
	}
	return v, nil
}

func lookUp(v any, path []string) (any, bool) {
	for i, token := range path {
		switch in := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = in[token]; !ok {
				return nil, false
			}
		case []any:
			if token == "*" {
				list := make([]any, len(in))
				for j := range in {
					var ok bool
					if list[j], ok = lookUp(in[j], path[i+1:]); !ok {
						return nil, false
					}
				}
				return list, true
			}
			n, ok := arrayIndex(token)
			if !ok || n >= len(in) {
				return nil, false
			}
			v = in[n]
		default:
			return nil, false
		}
	}
	return v, true
}

// substituted gives path and body of op with the values of its references, which
// resolve finds; without it, values of no meaning take their places.
func (op *batchOperation) substituted(resolve func(*batchRef) (any, error)) (string, []byte, error) {
	path := op.Path
	body, err := op.text()
	if err != nil || len(op.refs) == 0 {
		return path, body, err
	}
	var document any
	for i := range op.refs {
		ref := &op.refs[i]
		var v any
		if resolve != nil {
			if v, err = resolve(ref); err != nil {
				return "", nil, err
			}
		} else if ref.pointer == nil {
			v = json.Number("0")
		}
		if ref.pointer == nil {
			if path, err = setInPath(path, ref.name, v); err != nil {
				return "", nil, err
			}
			continue
		}
		if document == nil {
			d := json.NewDecoder(bytes.NewReader(body))
			d.UseNumber()
			if d.Decode(&document) != nil {
				return "", nil, badReference("only a body of JSON can have references")
			}
		}
		if !setAt(document, ref.pointer, v) {
			return "", nil, badReference("the body has no place \"/" + strings.Join(ref.pointer, "/") + "\"")
		}
	}
	if document != nil {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(document); err != nil {
			return "", nil, err
		}
		body = b.Bytes()
	}
	return path, body, nil
}

// setAt puts v to where the pointer leads: a member, new or not, or an element.
func setAt(in any, pointer []string, v any) bool {
	token, last := pointer[0], len(pointer) == 1
	switch in := in.(type) {
	case map[string]any:
		if last {
			in[token] = v
			return true
		}
		next, ok := in[token]
		return ok && setAt(next, pointer[1:], v)
	case []any:
		first, end := 0, len(in)
		if token != "*" {
			n, ok := arrayIndex(token)
			if !ok || n >= len(in) {
				return false
			}
			first, end = n, n+1
		}
		for i := first; i < end; i++ {
			if last {
				in[i] = v
			} else if !setAt(in[i], pointer[1:], v) {
				return false
			}
		}
		return true
	}
	return false
}

// pathOperators are those whose operand is nothing but a value, so that no value can
// mean more than itself.
var pathOperators = []string{"eq", "neq", "gt", "gte", "lt", "lte"}

// setInPath puts v in place of {name}, which is the whole operand of a filter.
func setInPath(path, name string, v any) (string, error) {
	mark := "{" + name + "}"
	before, raw, _ := strings.Cut(path, "?")
	params := strings.Split(raw, "&")
	found := false
	for i, one := range params {
		left, ok := strings.CutSuffix(one, "."+mark)
		if !ok {
			continue
		}
		_, op, _ := strings.Cut(left, "=")
		op = strings.TrimPrefix(op, "not.")
		switch {
		case op == "in":
			list, ok := listText(v)
			if !ok {
				return "", badReference("{" + name + "} is no value, nor an array of values")
			}
			params[i] = left + "." + string(appendEscaped(nil, list))
		case slices.Contains(pathOperators, op):
			text, ok := valueText(v)
			if !ok {
				return "", badReference("{" + name + "} is no value that a filter can compare with")
			}
			params[i] = left + "." + string(appendEscaped(nil, text))
		default:
			continue
		}
		found = true
	}
	if !found {
		return "", badReference("{" + name + "} has to be the whole operand of eq, neq, gt, gte, lt, lte or in")
	}
	return before + "?" + strings.Join(params, "&"), nil
}

func valueText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// listText writes the operand of in, each value in quotes.
func listText(v any) (string, bool) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var b strings.Builder
	b.WriteByte('(')
	for i, v := range list {
		text, ok := valueText(v)
		if !ok {
			return "", false
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text))
		b.WriteByte('"')
	}
	b.WriteByte(')')
	return b.String(), true
}
