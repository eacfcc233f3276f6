package changes

// Table names a table.
type Table struct{ Schema, Name string }

// Identity is what the old row of an update or delete tells (pg_class.relreplident).
type Identity byte

// The replica identities of Postgres.
const (
	IdentityDefault Identity = 'd' // the primary key, if there is one
	IdentityNothing Identity = 'n'
	IdentityFull    Identity = 'f' // all columns
	IdentityIndex   Identity = 'i' // the columns of a unique index
)

// Relation is a table as it was when a change was made. While nothing about the
// table changes, its changes share one Relation, so that a pointer to it is good as
// the key of what was worked out from it.
type Relation struct {
	Table
	OID      uint32
	Identity Identity
	// Columns in the order of every Tuple. Generated columns are not among them.
	Columns []Column
}

// Column of a Relation.
type Column struct {
	Name string
	// Type is the oid of its type, Modifier its atttypmod.
	Type     uint32
	Modifier int32
	// Key is set if it belongs to the replica identity.
	Key bool
}

// Index returns the place of a column in tuples, or -1.
func (r *Relation) Index(column string) int {
	for i := range r.Columns {
		if r.Columns[i].Name == column {
			return i
		}
	}
	return -1
}
