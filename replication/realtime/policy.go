package realtime

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// value is what a column, claim or constant holds: the text that the stream gives, or
// null. Conditions give t, f or null.
type value struct {
	text string
	set  bool
}

func truth(is bool) value {
	if is {
		return value{"t", true}
	}
	return value{"f", true}
}

func (v value) isTrue() bool  { return v.set && v.text == "t" }
func (v value) isFalse() bool { return v.set && v.text == "f" }

// op of a node.
type op byte

const (
	textNode op = iota
	columnNode
	claimNode
	andNode
	orNode
	notNode
	trueNode
	nullNode
	equalNode
)

// node is a part of a condition that needs no database.
type node struct {
	op    op
	args  []*node
	value value // of textNode
	place int   // of columnNode in the plan's reads, of claimNode in its claims
	// rowOnly says that no claim is asked for; keyed, that it holds only for those with
	// the claim that a column names.
	rowOnly, keyed bool
}

// claim is where a token says something, and the type as which a policy reads it.
type claim struct {
	path []string
	kind string
}

// jsonNode is a node as realtime.translate gives it.
type jsonNode struct {
	And, Or         []*jsonNode
	Not, True, Null *jsonNode
	Equal           []*jsonNode
	Column          *string
	Claim           []string
	Type            string
	Text            json.RawMessage
}

var errNode = errors.New("realtime.translate is not that of this release")

// build makes the node of a plan, to which it adds the claims that are asked for.
func (p *plan) build(j *jsonNode) (n *node, err error) {
	if j == nil {
		return nil, errNode
	}
	n = &node{rowOnly: true}
	list := j.Equal
	switch {
	case j.Text != nil:
		var text *string
		if err := json.Unmarshal(j.Text, &text); err != nil {
			return nil, errNode
		}
		if text != nil {
			n.value = value{*text, true}
		}
		return n, nil
	case j.Column != nil:
		n.op, n.place = columnNode, slices.Index(p.reads, *j.Column)
		if n.place < 0 {
			return nil, errNode
		}
		return n, nil
	case j.Claim != nil:
		n.op, n.rowOnly = claimNode, false
		n.place = slices.IndexFunc(p.claims, func(c claim) bool { return c.kind == j.Type && slices.Equal(c.path, j.Claim) })
		if n.place < 0 {
			n.place = len(p.claims)
			p.claims = append(p.claims, claim{j.Claim, j.Type})
		}
		return n, nil
	case j.And != nil:
		n.op, list = andNode, j.And
	case j.Or != nil:
		n.op, list = orNode, j.Or
	case j.Not != nil:
		n.op, list = notNode, []*jsonNode{j.Not}
	case j.True != nil:
		n.op, list = trueNode, []*jsonNode{j.True}
	case j.Null != nil:
		n.op, list = nullNode, []*jsonNode{j.Null}
	case len(j.Equal) == 2:
		n.op = equalNode
	default:
		return nil, errNode
	}
	keyed := 0
	for _, j := range list {
		arg, err := p.build(j)
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
		n.rowOnly = n.rowOnly && arg.rowOnly
		if arg.keyed || n.op == orNode && arg.rowOnly {
			keyed++
		}
	}
	switch n.op {
	case equalNode:
		if n.args[0].op == claimNode {
			slices.Reverse(n.args)
		}
		n.keyed = n.args[0].op == columnNode && n.args[1].op == claimNode
	case andNode:
		n.keyed = keyed > 0
	case orNode:
		n.keyed = keyed == len(n.args) && !n.rowOnly
	}
	return n, nil
}

// eval holds a condition against a row and somebody's claims, with the logic of SQL.
func (n *node) eval(row, claims []value) value {
	switch n.op {
	case columnNode:
		return row[n.place]
	case claimNode:
		return claims[n.place]
	case equalNode:
		a, b := n.args[0].eval(row, claims), n.args[1].eval(row, claims)
		if !a.set || !b.set {
			return value{}
		}
		return truth(a.text == b.text)
	case andNode, orNode:
		all := truth(n.op == andNode)
		for _, arg := range n.args {
			switch v := arg.eval(row, claims); {
			case n.op == andNode && v.isFalse(), n.op == orNode && v.isTrue():
				return v
			case !v.set:
				all = v
			}
		}
		return all
	case notNode:
		v := n.args[0].eval(row, claims)
		if !v.set {
			return v
		}
		return truth(!v.isTrue())
	case trueNode:
		return truth(n.args[0].eval(row, claims).isTrue())
	case nullNode:
		return truth(!n.args[0].eval(row, claims).set)
	}
	return n.value
}

// keys adds the places of claims by which n finds people.
func (n *node) keys(found map[int]struct{}) {
	if n.op == equalNode && n.keyed {
		found[n.args[1].place] = struct{}{}
	}
	for _, arg := range n.args {
		arg.keys(found)
	}
}

var (
	canonicalUUID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	canonicalInt  = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	// Escapes that jsonb refuses, or may: a zero and halves of pairs.
	oddEscape = regexp.MustCompile(`(?i)\\u(0000|d[89a-f])`)
	intBits   = map[string]int{"int2": 16, "int4": 32, "int8": 64}
)

// readClaims gives the claims that a plan asks for; false if Postgres must be asked what
// they mean, or whether it raises.
func (p *plan) readClaims(text string) (list []value, ok bool) {
	if len(p.claims) == 0 {
		return nil, true
	}
	var whole map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if oddEscape.MatchString(text) || d.Decode(&whole) != nil {
		return nil, false
	}
	list = make([]value, len(p.claims))
	for i, c := range p.claims {
		v, ok := c.read(whole)
		if !ok {
			return nil, false
		}
		list[i] = v
	}
	return list, true
}

func (c *claim) read(whole map[string]any) (v value, ok bool) {
	var at any = whole
	for _, name := range c.path {
		object, isObject := at.(map[string]any)
		if !isObject {
			_, isList := at.([]any)
			return value{}, !isList // of a plain value there is no part
		}
		at = object[name]
	}
	switch at := at.(type) {
	case nil:
		return value{}, true
	case string:
		v = value{at, true}
	case json.Number:
		v = value{at.String(), true}
		if !canonicalInt.MatchString(v.text) {
			return value{}, false // 1e2 is 100
		}
	case bool:
		v = value{strconv.FormatBool(at), true}
	default:
		return value{}, false
	}
	switch c.kind {
	case "text":
		return v, true
	case "uuid":
		return v, canonicalUUID.MatchString(v.text)
	case "bool":
		return truth(v.text == "true"), v.text == "true" || v.text == "false"
	case "int2", "int4", "int8":
		_, err := strconv.ParseInt(v.text, 10, intBits[c.kind])
		return v, err == nil && canonicalInt.MatchString(v.text)
	}
	return value{}, false
}
