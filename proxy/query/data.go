package query

// Data is a filter as data, for functions in the database that make SQL of it
// themselves; realtime.condition describes it.
type Data struct {
	Not bool    `json:"not,omitempty"`
	And []*Data `json:"and,omitempty"`
	Or  []*Data `json:"or,omitempty"`

	Column string     `json:"column,omitempty"`
	Path   []DataStep `json:"path,omitempty"`
	Op     string     `json:"op,omitempty"`
	// Quantifier is any or all.
	Quantifier string `json:"quantifier,omitempty"`
	Language   string `json:"language,omitempty"`
	// Truth is what the operator is takes.
	Truth string `json:"truth,omitempty"`
	// Value is the index of the value.
	Value *int `json:"value,omitempty"`
	// Other is the column to compare with, instead of a value.
	Other *DataField `json:"other,omitempty"`
}

// DataField is a Field.
type DataField struct {
	Column string     `json:"column"`
	Path   []DataStep `json:"path,omitempty"`
}

// DataStep is a Step.
type DataStep struct {
	Key   string `json:"key"`
	Index bool   `json:"index,omitempty"`
	Text  bool   `json:"text,omitempty"`
}

// Data gives a filter as data. It has no embeds.
func (n *Node) Data() *Data {
	if !n.Leaf() {
		d := &Data{Not: n.Not}
		kids := make([]*Data, len(n.Kids))
		for i := range n.Kids {
			kids[i] = n.Kids[i].Data()
		}
		if n.Or {
			d.Or = kids
		} else {
			d.And = kids
		}
		return d
	}
	e := &n.Expr
	d := &Data{
		Not: e.Not, Column: n.Field.Name, Op: e.Op.String(),
		Quantifier: [...]string{"", "any", "all", ""}[e.Quant], Language: e.Lang,
	}
	for _, st := range n.Field.Path {
		d.Path = append(d.Path, DataStep(st))
	}
	switch {
	case e.Op == Is:
		d.Truth = truths[e.Truth].name
	case e.Quant == OtherColumn:
		d.Other = &DataField{Column: e.Other.Name}
		for _, st := range e.Other.Path {
			d.Other.Path = append(d.Other.Path, DataStep(st))
		}
	default:
		d.Value = &e.Value
	}
	return d
}
