package query

// Op is an operator of a filter.
type Op uint8

// The operators; the comments are PostgREST's names and SQL.
const (
	Eq         Op = iota // eq =
	Neq                  // neq <>
	Gt                   // gt >
	Gte                  // gte >=
	Lt                   // lt <
	Lte                  // lte <=
	Like                 // like
	ILike                // ilike
	Match                // match ~
	IMatch               // imatch ~*
	In                   // in = any
	Is                   // is null, true …
	IsDistinct           // isdistinct: is distinct from
	Contains             // cs @>
	Contained            // cd <@
	Overlaps             // ov &&
	Left                 // sl <<
	Right                // sr >>
	NotRight             // nxr &<
	NotLeft              // nxl &>
	Adjacent             // adj -|-
	FTS                  // fts @@ to_tsquery
	PlainFTS             // plfts @@ plainto_tsquery
	PhraseFTS            // phfts @@ phraseto_tsquery
	WebFTS               // wfts @@ websearch_to_tsquery
)

// operator is one row of the table of operators.
type operator struct {
	name string // in URLs
	sql  string
	// quantified operators take (any) and (all).
	quantified bool
	// wildcard operators read * as %.
	wildcard bool
	// search operators take a language and turn their column into a tsvector.
	search bool
}

var operators = [...]operator{
	Eq:         {name: "eq", sql: "=", quantified: true},
	Neq:        {name: "neq", sql: "<>"},
	Gt:         {name: "gt", sql: ">", quantified: true},
	Gte:        {name: "gte", sql: ">=", quantified: true},
	Lt:         {name: "lt", sql: "<", quantified: true},
	Lte:        {name: "lte", sql: "<=", quantified: true},
	Like:       {name: "like", sql: "like", quantified: true, wildcard: true},
	ILike:      {name: "ilike", sql: "ilike", quantified: true, wildcard: true},
	Match:      {name: "match", sql: "~", quantified: true},
	IMatch:     {name: "imatch", sql: "~*", quantified: true},
	In:         {name: "in", sql: "= any"},
	Is:         {name: "is", sql: "is"},
	IsDistinct: {name: "isdistinct", sql: "is distinct from"},
	Contains:   {name: "cs", sql: "@>"},
	Contained:  {name: "cd", sql: "<@"},
	Overlaps:   {name: "ov", sql: "&&"},
	Left:       {name: "sl", sql: "<<"},
	Right:      {name: "sr", sql: ">>"},
	NotRight:   {name: "nxr", sql: "&<"},
	NotLeft:    {name: "nxl", sql: "&>"},
	Adjacent:   {name: "adj", sql: "-|-"},
	FTS:        {name: "fts", sql: "@@ to_tsquery", search: true},
	PlainFTS:   {name: "plfts", sql: "@@ plainto_tsquery", search: true},
	PhraseFTS:  {name: "phfts", sql: "@@ phraseto_tsquery", search: true},
	WebFTS:     {name: "wfts", sql: "@@ websearch_to_tsquery", search: true},
}

// String is the operator's name in URLs.
func (o Op) String() string { return operators[o].name }

// Search tells the full-text operators.
func (o Op) Search() bool { return operators[o].search }

// Quantifier is any or all.
type Quantifier uint8

// The quantifiers; most filters have none.
const (
	One Quantifier = iota
	Any
	All
	// OtherColumn compares with a column, and not with a value.
	OtherColumn
)

// Truth is what the operator is compares with.
type Truth uint8

// The operands of is.
const (
	Null Truth = iota
	NotNull
	True
	False
	Unknown
)

var truths = [...]struct{ name, sql string }{
	Null:    {"null", "null"},
	NotNull: {"not_null", "not null"},
	True:    {"true", "true"},
	False:   {"false", "false"},
	Unknown: {"unknown", "unknown"},
}
