package pg

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Caller is on whose behalf a statement runs.
type Caller struct {
	// Role is the database role to become: anon, authenticated, service_role or
	// one of the application's own. Empty stays the login role itself.
	Role string
	// Claims is the verified JWT's payload as JSON text, always with "role" in
	// it; what request.jwt.claims holds while the statement runs.
	Claims string
	// Subject is the "sub" of the claims, who a user is; empty without one.
	Subject string
	// Key is the id of the service key that was used; empty for all others.
	Key string
	// Scope is what that key is for; nil for all others.
	Scope *Scope
	// Session is the session of the user's token; zero without one.
	Session SessionID
	// Signer is the id of the key of ours that signed the token; empty for all others.
	Signer string
}

// SessionID is the id of a user's session, a UUID; zero is none.
type SessionID [16]byte

// String writes it as Postgres does.
func (id SessionID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// Scope bounds what a service key is for.
type Scope struct {
	// Schemas are the ones that it may be used in; nil is all.
	Schemas []string
	// ReadOnly says that it is for reading alone.
	ReadOnly bool
	// Ends is when it is over; zero is never.
	Ends time.Time
	// Publishable says that everybody has it: it tells nobody from others.
	Publishable bool
}

// Has tells whether a schema is within the scope; nil has all.
func (s *Scope) Has(schema string) bool {
	return s == nil || s.Schemas == nil || slices.Contains(s.Schemas, schema)
}

func (s *Scope) isPublic() bool { return s != nil && s.Publishable }

// Identity names whom the caller is counted as: the secret key, the user, or else the
// role together with origin, where the request comes from (web.Origin), so that strangers
// share nothing with those of another address.
func (c *Caller) Identity(origin string) string {
	switch {
	case c.Key != "" && !c.Scope.isPublic():
		return "key:" + c.Key
	case c.Subject != "":
		return "user:" + c.Subject
	}
	return c.Role + "@" + origin
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

	// Name says for traces what the transaction is for: a word in capitals and what it is done
	// to, SELECT public.notes; one of few, without values. Empty is read from Main's SQL.
	Name string

	// Settings are further parameters to set; those that only some requests need.
	Settings []Setting
	// Isolation is "repeatable read" or "serializable"; empty is the default of
	// the database.
	Isolation string
	// Begin has it begun by that name, which savepoints need.
	Begin bool
	// First, if it has SQL, is an expression that the login evaluates before it becomes
	// the caller: it is for what the caller's role may not do. It goes with the settings,
	// so an error of either comes back as a FirstError.
	First Statement
	// Before runs after the settings and before Main; its results are dropped.
	Before []Statement
	// Main is the statement whose first row is the answer.
	Main Statement
	// After, if it has SQL, runs behind Main, and its first row is the answer; of Main
	// only the number of rows is kept, or the two values that Rows makes of them, which
	// take the place of the first two of that row.
	After Statement
	// Rollback undoes everything in the end (Prefer: tx=rollback); deferred
	// constraints are checked first, so that their errors still surface.
	Rollback bool
	// Rows says what is made of the rows of Main.
	Rows Rows
	// Inserts tells that Main does no more than put rows into tables and answer, and fires
	// no trigger of the application's. Another transaction holds it up that has the same key
	// or deletes a row it refers to, or if a default, check or policy calls what waits.
	Inserts bool
	// readWrite has the transaction begun by that name, where the login's own
	// default is read-only: no query may come before.
	readWrite bool
	// traceparent is where the trip is in its trace; empty if it is not recorded.
	traceparent string
	// Check, if not nil, sees the result before it is decided whether to commit:
	// an error rolls back and is returned by Do. It costs a second round trip.
	Check func(*Result) error
	// Work, if not nil, goes on in the open transaction for as long as it likes, with
	// the result of Main: it is for what does not fit into memory. Then Check is not
	// called; an error rolls back and is returned by Do.
	Work func(context.Context, Conn, *Result) error
}

// Rows says what is made of a statement's rows.
type Rows uint8

const (
	// FirstRow is the default: its columns are Result.Values.
	FirstRow Rows = iota
	// Lines makes Values[0] the first column of all rows, joined by newlines; EXPLAIN
	// answers so.
	Lines
	// JSONArray makes Values[0] what json_agg makes of the rows, or [] of none, and
	// Values[1] their number in digits (docs/decisions/0016). It fails with
	// ErrNoJSON for a column of a type that only Postgres can make JSON of; of
	// those, Main selects to_json.
	JSONArray
	// JSONObject makes Values[0] what to_json makes of the first row, or null of none;
	// else it is like JSONArray.
	JSONObject
)

// Result is the first row of a Tx's answering statement.
type Result struct {
	// Values are the columns in text format; nil is NULL. They are valid until
	// Free is called. Values is nil when there was no row.
	Values [][]byte
	// RowsAffected is the count in the command tag of Main.
	RowsAffected int64

	// buf holds Values; rows those that came from the statement before.
	buf, rows *[]byte
	// unfit is why the rows are no answer, although the database gave them.
	unfit error
}
