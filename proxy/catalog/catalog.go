package catalog

import (
	"slices"

	"github.com/fluxbase/fluxbase/proxy/pg"
)

// Catalog is what the exposed schemas held at one moment. It never changes.
type Catalog struct {
	// Version differs between any two catalogues of a process.
	Version uint64
	// Server is server_version_num, for example 150018.
	Server int

	schemas map[string]*Schema
	roles   map[string]*Settings
	formats map[cast]string
	// distances are operators as SQL, by type and name.
	distances map[cast]string
	handlers  map[handlerKey]*Handler
	guards    map[guardKey]*Guard
	// ServiceKeys tells that the database may hold service keys.
	ServiceKeys bool
	// Sessions tells that the database may hold sessions of users, and keys that sign.
	Sessions bool
	// mayReadGuards is nil where there are none.
	mayReadGuards *bool
}

// Schema is one exposed schema.
type Schema struct {
	Name    string
	Comment string

	relations map[string]*Relation
	functions map[string][]*Function
}

// Relation is a table, view, materialized view, foreign or partitioned table.
type Relation struct {
	Schema, Name string
	// Kind is pg_class.relkind: r, v, m, f or p.
	Kind    byte
	Comment string
	// What the relation takes, whoever asks; a view may take nothing.
	Insertable, Updatable, Deletable bool
	// Inherited tells a table with tables that inherit from it: its keys do not
	// hold for their rows, which a query of it shows too.
	Inherited bool
	// Plain tells a table into which a row is put as it is, or not at all with an
	// error: neither a trigger nor a rule can leave it out.
	Plain bool
	// Untriggered tells a table of which no trigger of the application's fires when a row
	// is put in.
	Untriggered bool
	// Inert tells a table of which rows are read without anything of the application's:
	// neither a policy nor a view's query, and no types but Postgres's own, enums, and
	// domains over what pg.HasJSON knows.
	Inert bool
	// ColumnGrants tells that a column has rights of its own, so that who may read
	// some may not be allowed to read all.
	ColumnGrants bool
	// LastModified and CacheControl are what lines @last_modified and @cache_control of
	// the comment say: a column, and the header of reads. Neither is checked.
	LastModified, CacheControl string

	Columns []*Column
	// PrimaryKey holds the key's columns in the order of the columns; of a view,
	// the columns of each key of its tables that it shows whole.
	PrimaryKey []string
	// Links leads to the relations of the same schema that this one belongs
	// together with, by their name; a computed one by its function's.
	Links []*Link

	oid    uint32
	byName map[string]*Column
	// hidden tells that a junction which is not exposed links it to another.
	hidden bool
}

// Column is a column of a relation.
type Column struct {
	Name    string
	Comment string
	// Position is pg_attribute.attnum.
	Position int16
	// Type is as format_type() writes it, with modifiers: character varying(10).
	Type string
	// Base is Type without modifiers and, for a domain, the type it stands for.
	Base     string
	Nullable bool
	// Default is the SQL of the default value, also of an identity column;
	// empty when there is none.
	Default string
	// Generated is pg_attribute.attgenerated, Identity attidentity; "" for none.
	Generated, Identity string
	// MaxLength is n of char(n), varchar(n), bit(n) and varbit(n), also as what a
	// domain is made of; else 0.
	MaxLength int
	// Enum holds the labels of an enum type, in order.
	Enum []string

	typeOID uint32
}

// Settings are configuration parameters to set for a transaction.
type Settings struct {
	List []pg.Setting
	// Isolation is the level to begin with; it can't be set later.
	Isolation string
}

// Schema finds an exposed schema; nil if there is none.
func (c *Catalog) Schema(name string) *Schema { return c.schemas[name] }

// Relation finds a relation; nil if there is none.
func (c *Catalog) Relation(schema, name string) *Relation {
	if s := c.schemas[schema]; s != nil {
		return s.relations[name]
	}
	return nil
}

// Functions finds all functions of a name; nil if there is none.
func (c *Catalog) Functions(schema, name string) []*Function {
	if s := c.schemas[schema]; s != nil {
		return s.functions[name]
	}
	return nil
}

// RoleSettings is what alter role … set says for role and this login may set;
// nil if that is nothing.
func (c *Catalog) RoleSettings(role string) *Settings { return c.roles[role] }

// cast is a pair of types as format_type() writes them.
type cast struct{ from, to string }

// Format finds the function of an implicit cast between a domain and json or
// text: how values of the domain look outside, and how they are read. It is
// quoted and has its schema; empty if there is none.
func (c *Catalog) Format(from, to string) string {
	if len(c.formats) == 0 {
		return ""
	}
	return c.formats[cast{from, to}]
}

// Distance finds an operator of distance between two values of a type; empty if
// there is none. What is a varchar is compared as text.
func (c *Catalog) Distance(base, operator string) string {
	if base == "character varying" || base == "character" {
		base = "text"
	}
	return c.distances[cast{base, operator}]
}

// RelationNames gives the names of all relations, sorted.
func (s *Schema) RelationNames() []string { return keys(s.relations) }

// FunctionNames gives the names of all functions, sorted.
func (s *Schema) FunctionNames() []string { return keys(s.functions) }

func keys[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// OID is what Postgres knows the relation by.
func (r *Relation) OID() uint32 { return r.oid }

// Column finds a column; nil if there is none.
func (r *Relation) Column(name string) *Column { return r.byName[name] }

// IsView tells whether the relation shows rows of others.
func (r *Relation) IsView() bool { return r.Kind == 'v' || r.Kind == 'm' }
