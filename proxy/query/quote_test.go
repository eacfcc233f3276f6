package query

import "testing"

func TestQuoting(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"a": `"a"`, `a"b`: `"a""b"`, "": `""`, `";--`: `""";--"`} {
		if got := Ident(in); got != want {
			t.Errorf("Ident(%q) is %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"a": `'a'`, `a'b`: `'a''b'`, `a\b`: `E'a\\b'`, `\'`: `E'\\'''`} {
		if got := Literal(in); got != want {
			t.Errorf("Literal(%q) is %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"int": "int", "INTEGER": "int", "double  precision": "double precision", "text": `"text"`,
		"Mood": `"mood"`, "int and true": `"int and true"`, "char": "char", "$1": `"$1"`,
		"timestamp with time zone": "timestamptz",
	} {
		if got := Type(in); got != want {
			t.Errorf("Type(%q) is %s, want %s", in, got, want)
		}
	}
}
