package pg

import "context"

// Caller is on whose behalf a statement runs.
type Caller struct {
	// Role is the database role to become: anon, authenticated, service_role or
	// one of the application's own. Empty stays the login role itself.
	Role string
	// Claims is the verified JWT's payload as JSON text, always with "role" in
	// it; what request.jwt.claims holds while the statement runs.
	Claims string
}

// Setting is one configuration parameter, local to the transaction.
type Setting struct{ Name, Value string }

// Statement is SQL with $1, $2 … and their values in text format.
type Statement struct {
	SQL string
	// Args holds one value for each parameter; nil is NULL. Postgres infers the
	// types, as it does for a literal in quotes.
	Args [][]byte
	// Formats are those of the result's columns, as in a Bind message: 0 is text,
	// 1 binary; nil is text for all.
	Formats []int16
	// Version is the catalogue's version under which SQL was planned. A prepared
	// statement of another version is never used again, because the types that
	// Postgres inferred for its parameters may be out of date.
	Version uint64
}

// Mode says what a transaction may do.
type Mode uint8

const (
	// ReadWrite is the default.
	ReadWrite Mode = iota
	// ReadOnly makes Postgres refuse every write with 25006.
	ReadOnly
)

// Tx is one request's transaction: who, with which settings, what. All of it
// goes to Postgres and comes back in one round trip.
type Tx struct {
	Caller
	Mode Mode

	// What SQL can read of the request with current_setting('request.…').
	SearchPath string // list of quoted identifiers, as set search_path takes it
	Method     string // request.method
	Path       string // request.path
	Headers    string // request.headers: JSON object, names in lower case
	Cookies    string // request.cookies: JSON object
	RequestID  string // request.id: joins the database's log to ours

	// Settings are further parameters to set; those that only some requests need.
	Settings []Setting
	// Isolation is "repeatable read" or "serializable"; empty is the default of
	// the database.
	Isolation string
	// Before runs after the settings and before Main; its results are dropped.
	Before []Statement
	// Main is the statement whose first row is the answer.
	Main Statement
	// After, if it has SQL, runs behind Main, and its first row is the answer;
	// of Main only the number of rows is kept.
	After Statement
	// Rollback undoes everything in the end (Prefer: tx=rollback); deferred
	// constraints are checked first, so that their errors still surface.
	Rollback bool
	// Lines makes Result.Values[0] the first column of all rows, joined by
	// newlines; EXPLAIN answers so.
	Lines bool
	// readWrite has the transaction begun by that name, where the login's own
	// default is read-only: no query may come before.
	readWrite bool
	// Check, if not nil, sees the result before it is decided whether to commit:
	// an error rolls back and is returned by Do. It costs a second round trip.
	Check func(*Result) error
	// Work, if not nil, goes on in the open transaction for as long as it likes, with
	// the result of Main: it is for what does not fit into memory. Then Check is not
	// called; an error rolls back and is returned by Do.
	Work func(context.Context, Conn, *Result) error
}

// Result is the first row of a Tx's answering statement.
type Result struct {
	// Values are the columns in text format; nil is NULL. They are valid until
	// Free is called. Values is nil when there was no row.
	Values [][]byte
	// RowsAffected is the count in the command tag of Main.
	RowsAffected int64

	buf *[]byte
}
