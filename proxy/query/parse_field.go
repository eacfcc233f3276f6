package query

import "strings"

// jsonPath takes any number of -> and ->>.
func (p *parser) jsonPath() ([]Step, bool) {
	var path []Step
	for {
		var st Step
		switch {
		case p.text("->>"):
			st.Text = true
		case p.text("->"):
		default:
			return path, true
		}
		var ok bool
		if st.Key, ok = try(p, p.jsonIndex); ok {
			st.Index = true
		} else if st.Key, ok = try(p, p.jsonKey); !ok {
			return nil, false
		}
		path = append(path, st)
	}
}

// jsonIndex takes a number that nothing of a name follows.
func (p *parser) jsonIndex() (string, bool) {
	n := 0
	if p.i < len(p.s) && p.s[p.i] == '-' {
		n++
	} else {
		p.miss(`"-"`, p.i)
	}
	sign := n
	for p.i+n < len(p.s) && p.s[p.i+n] >= '0' && p.s[p.i+n] <= '9' {
		n++
	}
	s := p.s[p.i : p.i+n]
	p.step(n)
	p.miss("digit", p.i)
	if n == sign {
		return "", false
	}
	if p.i < len(p.s) && p.s[p.i] == ')' {
		return s, true
	}
	return s, p.ahead("->") || p.ahead("::") || p.ahead(".") || p.ahead(",") || p.end()
}

func (p *parser) jsonKey() (string, bool) {
	return label(p, "any non reserved character different from: .,>()", func() (string, bool) {
		if p.i < len(p.s) && p.s[p.i] == '"' {
			return p.quoted()
		}
		p.miss(`"\""`, p.i)
		return p.joined(func() (string, bool) {
			s := p.until("(-:.,>)")
			return strings.TrimSpace(s), s != ""
		})
	})
}

// field takes a name and a path, with space around them.
func (p *parser) field() (Field, bool) {
	p.spaces()
	name, ok := p.fieldName()
	if !ok {
		return Field{}, false
	}
	path, ok := p.jsonPath()
	if !ok {
		return Field{}, false
	}
	p.spaces()
	return Field{Name: name, Path: path}, true
}

// treePath takes names joined by dots and a JSON path: a.b.col->key.
func (p *parser) treePath() (Path, bool) {
	var path Path
	for {
		name, ok := p.fieldName()
		if !ok {
			return nil, false
		}
		path = append(path, name)
		if !p.delimiter() {
			return path, true
		}
	}
}

// ParseKey reads the name of a parameter that filters: embeds and a field.
func ParseKey(s string) (Path, Field, error) {
	type key struct {
		path  Path
		field Field
	}
	k, err := parse("failed to parse tree path", s, func(p *parser) (k key, ok bool) {
		if k.path, ok = p.treePath(); !ok {
			return k, false
		}
		last := len(k.path) - 1
		k.field.Name = k.path[last]
		k.path = k.path[:last]
		k.field.Path, ok = p.jsonPath()
		return k, ok
	})
	return k.path, k.field, err
}

// ParseEmbedKey reads the name of a parameter that orders or limits an embed:
// "a.b.order" leads to a, b.
func ParseEmbedKey(s string) (Path, error) {
	path, _, err := ParseKey(s)
	return path, err
}

// ParseLogicKey reads the name of a logic parameter: embeds, and whether the
// tree is negated. Its last word, and or or, is known.
func ParseLogicKey(s string) (path Path, not bool, err error) {
	all, err := parse("failed to parse logic path", s, (*parser).treePath)
	if err != nil {
		return nil, false, err
	}
	for _, name := range all[:len(all)-1] {
		if name == "not" {
			not = true
		} else {
			path = append(path, name)
		}
	}
	return path, not, nil
}

// ParseColumns reads a list of columns; what names it in an error.
func ParseColumns(what, s string) ([]string, error) {
	return parse("failed to parse "+what+" parameter", s, func(p *parser) ([]string, bool) {
		var list []string
		for {
			name, ok := p.fieldName()
			if !ok {
				return nil, false
			}
			list = append(list, name)
			if more, ok := p.comma(); !more {
				return list, ok
			}
		}
	})
}

// comma takes a comma with space around it; ok is false when space came and no
// comma.
func (p *parser) comma() (more, ok bool) {
	start := p.i
	p.spaces()
	if p.i < len(p.s) && p.s[p.i] == ',' {
		p.step(1)
		p.spaces()
		return true, true
	}
	p.miss(`","`, p.i)
	return false, p.i == start
}

// ParseOrder reads an order parameter.
func ParseOrder(s string) ([]Term, error) {
	return parse("failed to parse order", s, (*parser).terms)
}

func (p *parser) terms() ([]Term, bool) {
	var terms []Term
	for {
		p.spaces()
		t, ok := Term{}, false
		if p.ext {
			t, ok = try(p, p.functionTerm)
		}
		if !ok {
			t, ok = try(p, p.relatedTerm)
		}
		if !ok {
			if t, ok = p.term(); !ok {
				return nil, false
			}
		}
		terms = append(terms, t)
		p.spaces()
		if p.i == len(p.s) || !p.text(",") {
			return terms, true
		}
	}
}

func (p *parser) relatedTerm() (t Term, ok bool) {
	if t.Relation, ok = p.fieldName(); !ok || !p.text("(") {
		return t, false
	}
	if t.Field, ok = p.field(); !ok || !p.text(")") {
		return t, false
	}
	return t, p.direction(&t)
}

func (p *parser) term() (t Term, ok bool) {
	if t.Field, ok = p.field(); !ok {
		return t, false
	}
	return t, p.direction(&t)
}

// direction takes what may follow the field, up to the end of the term.
func (p *parser) direction(t *Term) bool {
	word := func(s string) bool {
		_, ok := try(p, func() (bool, bool) { return true, p.delimiter() && p.text(s) })
		return ok
	}
	switch {
	case word("asc"):
		t.Dir = Asc
	case word("desc"):
		t.Dir = Desc
	}
	switch {
	case word("nullsfirst"):
		t.Nulls = NullsFirst
	case word("nullslast"):
		t.Nulls = NullsLast
	}
	return p.ahead(",") || p.end()
}
