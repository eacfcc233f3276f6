package query

import "strings"

// Ident makes any text one SQL identifier. It is the only way for a name to
// reach SQL. Postgres takes no NUL, so the callers let none come here.
func Ident(name string) string {
	if strings.IndexByte(name, '"') < 0 {
		return `"` + name + `"`
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// Literal makes any text one SQL literal, whatever standard_conforming_strings
// says. Only what shapes a statement is written so: JSON keys and languages,
// which an index can be matched with only if they are constants.
func Literal(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.IndexByte(s, '\\') < 0 {
		return q
	}
	return "E" + strings.ReplaceAll(q, `\`, `\\`)
}

// keywordTypes are the types whose SQL names are words of the grammar, and not
// names in pg_type.
var keywordTypes = map[string]string{
	"bigint": "bigint", "bit": "bit", "bit varying": "bit varying", "boolean": "boolean",
	"char": "char", "char varying": "varchar", "character": "char", "character varying": "varchar",
	"dec": "numeric", "decimal": "numeric", "double precision": "double precision",
	"float": "float", "int": "int", "integer": "int", "interval": "interval",
	"national character": "char", "nchar": "char", "numeric": "numeric", "real": "real",
	"smallint": "smallint", "time": "time", "time with time zone": "timetz",
	"time without time zone": "time", "timestamp": "timestamp",
	"timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp",
	"varchar": "varchar",
}

// Type makes a client's name of a type SQL: a word of the grammar, or an
// identifier in lower case, as Postgres would have folded it.
func Type(name string) string {
	name = strings.Join(strings.Fields(strings.ToLower(name)), " ")
	if t, ok := keywordTypes[name]; ok {
		return t
	}
	return Ident(name)
}
