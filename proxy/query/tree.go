package query

// Field is a column and a path into its JSON.
type Field struct {
	Name string
	Path []Step

	// What the planner adds, from the column's type.

	// ToJSON wraps the column in to_jsonb() before the path.
	ToJSON bool
	// TSVector tells that the column is one already and must not be made one.
	TSVector bool
	// Format is the quoted name of a function to apply to a selected value,
	// Parse of one that makes a value of the column's type from text.
	Format, Parse string
	// WholeRow stands for the row itself and not for a column.
	WholeRow bool
	// As is the type that it becomes to be compared with another column.
	As string
	// RowType is the quoted relation whose computed field this is, where the row
	// is only a record and has to be given its type.
	RowType string
}

// Step is one -> or ->> of a path.
type Step struct {
	// Key is a member's name, or for an Index digits with an optional minus.
	Key   string
	Index bool
	// Text is ->>.
	Text bool
}

// Expr is the right side of a filter: operator and value.
type Expr struct {
	Not   bool
	Op    Op
	Quant Quantifier
	// Truth is the operand of Is, which has no value.
	Truth Truth
	// Lang is the language of a full-text search; empty is the server's default.
	Lang string
	// Value is the index of the value in the list that came with the tree; a
	// tree says what is compared, the list with what.
	Value int
	// Other is what OtherColumn compares with, instead of a value.
	Other *Field
}

// HasValue tells expressions that compare with a value.
func (e *Expr) HasValue() bool { return e.Op != Is && e.Quant != OtherColumn }

// Node is a filter, or, with Kids, and/or of others.
type Node struct {
	Not  bool
	Or   bool
	Kids []Node

	Field Field
	Expr  Expr
	// Aggregate, if not nil, is compared instead of Field, in having.
	Aggregate *Item
	// Embed, if not empty, makes this the test whether the embed of that alias
	// has rows; Expr.Not then tells that it must have.
	Embed string
}

// Columns are those that a filter compares.
func (n *Node) Columns() []string {
	if n.Expr.Quant == OtherColumn {
		return []string{n.Field.Name, n.Expr.Other.Name}
	}
	return []string{n.Field.Name}
}

// Leaf tells a filter from and/or.
func (n *Node) Leaf() bool { return n.Kids == nil }

// Join says what a parent without children does.
type Join uint8

// The kinds of joins; none given is a left join.
const (
	DefaultJoin Join = iota
	LeftJoin
	InnerJoin
)

// Aggregate is a function over many rows.
type Aggregate uint8

// The aggregates.
const (
	NoAggregate Aggregate = iota
	Sum
	Avg
	Count
	Max
	Min
)

var aggregates = [...]string{Sum: "sum", Avg: "avg", Count: "count", Max: "max", Min: "min"}

// String is the aggregate's name, in URLs and in SQL.
func (a Aggregate) String() string { return aggregates[a] }

// Item is one element of select: a field or an embed.
type Item struct {
	Alias string

	Field   Field
	Cast    string // type that the field is cast to
	Agg     Aggregate
	AggCast string // type that the aggregate is cast to
	// Filter are the conditions on the rows that are aggregated, joined by and.
	Filter []Node

	// Embed, if not nil, makes this a relation and not a field.
	Embed *Embed
}

// Embed is a related relation within select.
type Embed struct {
	Name   string // of relation, key column, constraint or function
	Hint   string
	Join   Join
	Spread bool // ...name(): its columns become the parent's
	// Levels, if not 0, is how many times the relation is embedded in itself.
	Levels int
	Items  []Item
}

// Term is one element of order.
type Term struct {
	// Relation, if not empty, is the to-one embed whose field is meant.
	Relation string
	Field    Field
	// Function, if there is one, makes of field and value what is ordered by.
	Function TermFunction
	// Operator is that of a distance, as SQL, which the planner finds.
	Operator string
	Expr     Expr
	Dir      Direction
	Nulls    Nulls
}

// TermFunction is what an order makes of a field.
type TermFunction uint8

// The functions. Rank is that of a full-text search, the others are operators of
// distance.
const (
	NoFunction TermFunction = iota
	Rank
	Distance       // <->
	CosineDistance // <=>
	InnerProduct   // <#>
	L1Distance     // <+>
)

// Direction of an order; none given is ascending.
type Direction uint8

// The directions.
const (
	NoDirection Direction = iota
	Asc
	Desc
)

// Nulls says where nulls come in an order.
type Nulls uint8

// The places; none given leaves it to Postgres.
const (
	NoNulls Nulls = iota
	NullsFirst
	NullsLast
)

// Path leads from the root to an embed, by names.
type Path []string
