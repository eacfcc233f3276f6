package query

import (
	"regexp"
	"strconv"
	"strings"
)

// changesStart begins each condition of a subscription's filter: the word and or or,
// or a field and an operator with all that belongs to it.
var changesStart = regexp.MustCompile(`^(?:((?:not\.)?(?:and|or))=\(|([^=,()]+)=((?:not\.)?(?:` +
	strings.Join(operatorNames(), "|") + `)(?:\([^()]*\))?\.))`)

func operatorNames() []string {
	names := make([]string, len(operators))
	for i, o := range operators {
		names[i] = o.name
	}
	return names
}

// ParseChanges reads the filter of a subscription to the changes of a table, as
// supabase-js sends it: conditions joined by commas, such as id=gt.5,room=in.(a,b),
// each as in a URL, and=(…) and or=(…) among them. A comma that no condition follows
// belongs to the value before it; a value in quotes is what they hold. A text that
// begins with a brace is the JSON form of conditions. Nodes and values are as
// ParseJSON gives them, an error is an *Error.
func ParseChanges(text string, base int) (nodes []Node, values []string, err error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, nil, &Error{"failed to parse the filter", "it holds the zero character"}
	}
	if strings.HasPrefix(text, "{") {
		return ParseWhere([]byte(text), base)
	}
	for text != "" {
		m := changesStart.FindStringSubmatch(text)
		var n Node
		switch {
		case m == nil:
			return nil, nil, &Error{
				"filter " + strconv.Quote(text) + " is not COLUMN=OPERATOR.VALUE, and=(...) or or=(...)",
				"known operators are not, " + strings.Join(operatorNames(), ", "),
			}
		case m[1] != "":
			word, tree, _ := strings.Cut(text, "=")
			p := parser{s: word + tree, ext: true, base: base + len(values)}
			ok := false
			if n, ok = p.logic(); ok {
				text, values = p.s[p.i:], append(values, p.values...)
				break
			}
			_, _, err = Extended.ParseLogic(tree, strings.HasPrefix(word, "not."), strings.HasSuffix(word, "or"), base)
			return nil, nil, err
		default:
			if n.Field, err = changesField(m[2]); err != nil {
				return nil, nil, err
			}
			var value string
			if n.Expr, value, text, err = changesExpr(m[3], text[len(m[0]):]); err != nil {
				return nil, nil, err
			}
			if n.Expr.HasValue() {
				n.Expr.Value = base + len(values)
				values = append(values, value)
			}
		}
		nodes = append(nodes, n)
		if rest, ok := nextChange(text); ok {
			text = rest
		} else if text != "" {
			return nil, nil, &Error{"failed to parse the filter", "no comma and condition before " + strconv.Quote(text)}
		}
	}
	return nodes, values, nil
}

// nextChange drops the comma before a condition.
func nextChange(text string) (rest string, ok bool) {
	if text == "" || text[0] != ',' || !changesStart.MatchString(text[1:]) {
		return text, false
	}
	return text[1:], true
}

// changesField takes names as they are; those with a path, or in quotes, are as in a
// URL.
func changesField(s string) (Field, error) {
	if s[0] != '"' && !strings.Contains(s, "->") {
		return Field{Name: s}, nil
	}
	return parse("failed to parse the field", s, func(p *parser) (Field, bool) {
		f, ok := p.field()
		return f, ok && p.end()
	})
}

// changesExpr reads what follows the operator, and gives what is left of text.
func changesExpr(operator, text string) (e Expr, value, rest string, err error) {
	if strings.HasSuffix(operator, "(col).") {
		p := parser{s: operator + text, ext: true}
		e, _, ok := p.expr((*parser).rest)
		if !ok || e.Quant != OtherColumn {
			return e, "", "", Extended.exprError(p.s)
		}
		return e, "", p.s[p.i:], nil
	}
	name, not := strings.CutPrefix(operator, "not.")
	isList := name == "in."
	value, rest = cutChange(text, isList)
	switch {
	case isList:
		list, ok := changesList(value)
		if !ok {
			return e, "", "", &Error{"failed to parse the filter", "a list for the in filter stands in parentheses"}
		}
		return Expr{Op: In, Not: not}, Array(list), rest, nil
	case name == "is.":
		for t, row := range truths {
			if strings.EqualFold(value, row.name) {
				return Expr{Op: Is, Not: not, Truth: Truth(t)}, "", rest, nil
			}
		}
		return e, "", "", &Error{"invalid value for is filter", "must be null, not_null, true, false, or unknown"}
	}
	e, value, err = Extended.ParseExpr(operator + value)
	return e, value, rest, err
}

// cutChange takes a value off text.
func cutChange(text string, isList bool) (value, rest string) {
	from := 0
	if isList {
		from = listEnd(text)
	} else if text != "" && text[0] == '"' {
		p := parser{s: text}
		if value, ok := p.quoted(); ok {
			if _, more := nextChange(text[p.i:]); more || p.i == len(text) {
				return value, text[p.i:]
			}
		}
	}
	for i := from; i < len(text); i++ {
		if text[i] == ',' && changesStart.MatchString(text[i+1:]) {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// listEnd finds the parenthesis that closes a list.
func listEnd(text string) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quoted:
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == ')' && !quoted:
			return i
		}
	}
	return 0
}

// changesList reads (a,b,"c,d").
func changesList(text string) (list []string, ok bool) {
	inner, ok := strings.CutPrefix(text, "(")
	inner, closed := strings.CutSuffix(inner, ")")
	if !ok || !closed {
		return nil, false
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
			list = append(list, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(list, b.String()), true
}
