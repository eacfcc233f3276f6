package rest

import (
	"sync/atomic"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/pg"
)

// plan is what requests of one shape have in common: the statement and how to
// answer. It never changes once it is made.
type plan struct {
	sql string
	// name is that of the transaction, in traces.
	name string
	// before are statements that run first, in the same transaction.
	before []statement
	// params tells for $1, $2 … the index of a value, or one of those below.
	params []int
	// rowwise is there for rows that the proxy can make JSON of; its statement has the
	// same parameters.
	rowwise *rowwise
	// after is the statement behind it that gives the answer where counts is set:
	// all that is known of the rows then is their number.
	after  string
	counts bool
	// one tells a write of one row, no more and no fewer; inserts, that it sets off nothing
	// of the application's.
	one, inserts bool
	// silent is the statement of such a write whose row nobody asks for, made so that
	// isSilent behind it fails where the answer is not what it always is. told says that
	// it did, once: it is the one thing that changes.
	silent string
	told   atomic.Bool
	// explain estimates the number of rows, if that was asked for.
	explain *explain
	mode    pg.Mode
	// settings are those of the function that is called.
	settings *catalog.Settings

	relation string // name, for Content-Location and Location
	media    media
	// contentType is the header, ready made.
	contentType []string
	// bytes tells that the body comes in the binary format; formats are those of
	// all columns then.
	bytes   bool
	formats []int16
	// total and inserted are the columns of the answer with the count of all
	// rows and with the number of rows that are new; 0 is none.
	total, inserted int
	// next is the column with the cursor of the next page; 0 is none. paged tells a
	// page of a cursor, of which nobody knows how many rows are before it.
	next  int
	paged bool
	// affected is the column with the number of written rows, where that of the
	// answer may be another; 0 is none.
	affected int
	// guarded tells a write that fails where it touches no row.
	guarded bool
	// hashed tells a read whose body is made; whole, that it is nothing but the one row
	// with all its columns. version is the column that says more of that row; 0 is none.
	hashed, whole bool
	version       int
	// snapshot is the column with that of a read whose answer may be remembered, and
	// reads the array of the relations that it is of; 0 is none.
	snapshot     int
	reads        string
	cacheControl string
	// single tells a result that is one value and not rows.
	single bool
	void   bool
	// applied says which preferences take effect.
	applied preferences
	// allow answers OPTIONS.
	allow string
	// warnings tell the client what will stop working.
	warnings []string
	// export is there for rows that are sent as they come.
	export *export
	// load is there for rows that are inserted as they come.
	load  *load
	guard *guard
}

type explain struct {
	sql    string
	params []int
}

// What a parameter stands for if it is no value of the URL.
const (
	bodyParam = -1 - iota
	limitParam
	offsetParam
	maxRowsParam
	versionsParam
	pageParam    // the limit and one more
	filtersParam // a digest of the filters
	guardParam   // the bound of a guard
)
