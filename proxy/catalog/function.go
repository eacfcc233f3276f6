package catalog

// Volatility is pg_proc.provolatile.
type Volatility byte

// The three volatilities; only a volatile function may write.
const (
	Immutable Volatility = 'i'
	Stable    Volatility = 's'
	Volatile  Volatility = 'v'
)

// Function is one function that can be called; overloads are several.
type Function struct {
	Schema, Name string
	Comment      string
	Params       []Param
	Volatility   Volatility
	Returns      Return
	// Settings are those of create function … set that must be set for the whole
	// transaction: time-out, cost limit and isolation; nil if there are none.
	Settings *Settings

	oid uint32
}

// OID is what Postgres knows the function by.
func (f *Function) OID() uint32 { return f.oid }

// Param is an input parameter.
type Param struct {
	// Name is empty for the single unnamed parameter.
	Name string
	// Type is as format_type() writes it; Wide is what an argument is cast to,
	// so that char and bit don't cut off what the function would get to see.
	Type, Wide string
	// Required parameters have no default.
	Required bool
	Variadic bool
}

// Return says what a function gives.
type Return struct {
	// Type is as format_type() writes it.
	Type string
	// Set tells returns setof and returns table.
	Set bool
	// Composite tells that rows have named columns.
	Composite bool
	// Schema and Name are those of the composite type; for a table's row type
	// they are the table's.
	Schema, Name string
	// Handler is there where the value is a media type by itself.
	Handler *Handler
	// Single tells that at most one row comes, declared by ROWS 1 or no setof.
	Single bool
}

// Void tells a function that returns nothing.
func (r Return) Void() bool { return r.Type == "void" }

// Scalar tells a function whose result is one value.
func (r Return) Scalar() bool { return !r.Composite && !r.Set }
