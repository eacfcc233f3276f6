package realtime

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// condition is one comparison of a filter: the column with any of the values.
type condition struct {
	column, op string
	values     []string
}

// maxValues is what in.() takes.
const maxValues = 100

// comparison begins each condition. A comma that none follows belongs to a value.
var comparison = regexp.MustCompile(`^([^=,()]+)=(eq|neq|lt|lte|gt|gte|in)\.`)

// parseFilter reads the filter of a subscription, such as id=gt.5,room=in.(a,b).
func parseFilter(text string) (list []condition, err error) {
	for text != "" {
		m := comparison.FindStringSubmatch(text)
		if m == nil {
			return nil, fmt.Errorf("filter %q is not COLUMN=OPERATOR.VALUE with eq, neq, lt, lte, gt, gte or in", text)
		}
		c := condition{column: m[1], op: m[2]}
		rest := text[len(m[0]):]
		var value string
		value, text = cutCondition(rest, c.op == "in")
		if c.op != "in" {
			c.values = []string{value}
		} else if c.values, err = parseList(value); err != nil {
			return nil, err
		} else {
			c.op = "eq" // any of them
		}
		if strings.IndexByte(c.column+value, 0) >= 0 {
			return nil, errors.New("filter holds the zero character")
		}
		list = append(list, c)
	}
	return list, nil
}

// cutCondition takes the value of a condition off text.
func cutCondition(text string, isList bool) (value, rest string) {
	from := 0
	if isList {
		// What looks like a condition within a list is a value.
		from = max(strings.IndexByte(text, ')'), 0)
	}
	for i := from; i < len(text); i++ {
		if text[i] == ',' && comparison.MatchString(text[i+1:]) {
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// parseList reads (a,b,"c,d").
func parseList(text string) (values []string, err error) {
	inner, ok := strings.CutPrefix(text, "(")
	inner, closed := strings.CutSuffix(inner, ")")
	if !ok || !closed {
		return nil, errors.New("a list for the in filter stands in parentheses")
	}
	var b strings.Builder
	quoted := false
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; {
		case c == '\\' && quoted && i+1 < len(inner):
			i++
			b.WriteByte(inner[i])
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			values = append(values, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	values = append(values, b.String())
	if len(values) > maxValues {
		return nil, fmt.Errorf("too many values for `in` filter. Maximum %d", maxValues)
	}
	return values, nil
}
