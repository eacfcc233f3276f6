package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/plpgsql"
	"github.com/fluxbase/fluxbase/sql"
)

// What the scripts do is tried on real databases in tests; this is about both being
// made of the same parts.
func TestScriptsHoldEverySource(t *testing.T) {
	t.Parallel()
	prepare, forward, err := sql.Ours().Script()
	if err != nil {
		t.Fatal(err)
	}
	code, err := plpgsql.Load()
	if err != nil {
		t.Fatal(err)
	}
	parts := append([]string{prepare, code.SQL, code.Remember()}, forward...)
	for name, extension := range map[string]bool{"install.sql": false, "the extension": true} {
		var script bytes.Buffer
		if err := writeInstallSQL(&script, extension); err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			if strings.Count(script.String(), part) != 1 {
				t.Errorf("%s does not hold once: %s", name, part)
			}
		}
		if strings.Contains(script.String(), "%!") {
			t.Errorf("%s has a verb without its argument", name)
		}
		if transaction := strings.Contains(script.String(), "\ncommit;"); transaction == extension {
			t.Errorf("%s commits by itself: %v", name, transaction)
		}
	}
}
