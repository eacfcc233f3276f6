package query

// ParseSelect reads a select parameter; an empty one gives no items.
func ParseSelect(s string) ([]Item, error) {
	return parse("failed to parse select parameter", s, (*parser).items)
}

func (p *parser) items() ([]Item, bool) {
	items := []Item{}
	if p.depth++; p.depth > maxDepth {
		return nil, false
	}
	defer func() { p.depth-- }()
	for first := true; ; first = false {
		start := p.i
		it, ok := p.item()
		if !ok {
			// A list may be empty: rel() and select= are.
			return items, first && p.i == start && (p.i == len(p.s) || p.s[p.i] == ')')
		}
		items = append(items, it)
		if more, ok := p.comma(); !more {
			return items, ok
		}
	}
}

func (p *parser) item() (Item, bool) {
	for _, head := range []func() (Item, bool){p.spread, p.relation} {
		it, ok := try(p, head)
		if !ok {
			continue
		}
		if !p.text("(") {
			return it, false
		}
		it.Embed.Items, ok = p.items()
		return it, ok && p.text(")")
	}
	p.spaces()
	it, ok := p.selectField()
	p.spaces()
	return it, ok
}

// spread takes ...name!hint up to its bracket.
func (p *parser) spread() (it Item, ok bool) {
	p.spaces()
	if !p.text("...") {
		return it, false
	}
	e := &Embed{Spread: true}
	if e.Name, ok = p.fieldName(); !ok || !p.embedParams(e) || !p.ahead("(") {
		return it, false
	}
	return Item{Embed: e}, true
}

// relation takes alias:name!hint up to its bracket. A column named count is
// none: count() is an aggregate.
func (p *parser) relation() (it Item, ok bool) {
	p.spaces()
	it.Alias, _ = try(p, p.alias)
	e := &Embed{}
	if e.Name, ok = p.fieldName(); !ok || e.Name == "count" || !p.embedParams(e) || !p.ahead("(") {
		return it, false
	}
	it.Embed = e
	return it, true
}

// alias takes name: and not name::.
func (p *parser) alias() (string, bool) {
	name, ok := p.fieldName()
	if !ok || !p.text(":") {
		return "", false
	}
	if p.i < len(p.s) && p.s[p.i] == ':' {
		if p.trace {
			p.note = p.note.merge(note{at: p.i, any: true, not: "':'"})
		}
		return "", false
	}
	return name, true
}

// maxParams is how many an embed has: join and hint, and recursion.
func (p *parser) maxParams() int {
	if p.ext {
		return 3
	}
	return 2
}

// embedParams takes up to two of !left, !inner, !hint.
func (p *parser) embedParams(e *Embed) bool {
	for range p.maxParams() {
		if !p.text("!") {
			return true
		}
		join := DefaultJoin
		hint := ""
		switch {
		case p.text("left"):
			join = LeftJoin
		case p.text("inner"):
			join = InnerJoin
		default:
			levels, ok := try(p, p.recursion)
			if ok {
				e.Levels = levels
				continue
			}
			if hint, ok = try(p, p.fieldName); !ok {
				return false
			}
		}
		if e.Hint == "" {
			e.Hint = hint
		}
		if e.Join == DefaultJoin {
			e.Join = join
		}
	}
	return true
}

func (p *parser) selectField() (Item, bool) {
	for _, rule := range []func() (Item, bool){p.star, p.countAll} {
		if it, ok := try(p, rule); ok {
			return it, true
		}
	}
	var it Item
	var ok bool
	it.Alias, _ = try(p, p.alias)
	if it.Field, ok = p.field(); !ok {
		return it, false
	}
	if it.Cast, ok = p.cast(); !ok {
		return it, false
	}
	if it.Agg, ok = try(p, p.aggregate); ok {
		if !p.aggregateFilter(&it) {
			return it, false
		}
		if it.AggCast, ok = p.cast(); !ok {
			return it, false
		}
	}
	return it, p.itemEnd()
}

func (p *parser) star() (Item, bool) {
	return Item{Field: Field{Name: "*"}}, p.text("*") && p.itemEnd()
}

func (p *parser) countAll() (it Item, ok bool) {
	it = Item{Field: Field{Name: "*"}, Agg: Count}
	it.Alias, _ = try(p, p.alias)
	if !p.text("count()") || !p.aggregateFilter(&it) {
		return it, false
	}
	if it.AggCast, ok = p.cast(); !ok {
		return it, false
	}
	return it, p.itemEnd()
}

// cast takes ::type, if it comes.
func (p *parser) cast() (string, bool) {
	if !p.text("::") {
		return "", true
	}
	return p.identifier()
}

func (p *parser) aggregate() (Aggregate, bool) {
	if !p.text(".") {
		return NoAggregate, false
	}
	for a := Sum; a <= Min; a++ {
		if p.text(aggregates[a]) {
			return a, p.text("()")
		}
	}
	return NoAggregate, false
}

func (p *parser) itemEnd() bool { return p.ahead(")") || p.ahead(",") || p.end() }
