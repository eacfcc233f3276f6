package rest

import (
	"slices"
	"strings"
	"unicode"

	"github.com/fluxbase/fluxbase/proxy/catalog"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// maxHintLength is that of a name, or of a list of parameters, for which
// something near is looked for.
const maxHintLength = 1000

// hintTables is the size of a schema above which no near table is looked for.
const hintTables = 500

func noRelation(c *catalog.Catalog, schema, name string) *web.Error {
	hint := ""
	if s := c.Schema(schema); s != nil {
		if names := s.RelationNames(); len(names) < hintTables {
			if near, _ := nearest(name, names, 0.75); near != "" {
				hint = "Perhaps you meant the table '" + schema + "." + near + "'"
			}
		}
	}
	return fail("PGRST205", "Could not find the table '"+schema+"."+name+"' in the schema cache", "", hint)
}

// nearest finds the name that is most like s: one that shares three letters in a
// row, or two if none does, and has the least edit distance for its length. The
// score is 1 for the same name; below least nothing is found.
func nearest(s string, names []string, least float64) (near string, score float64) {
	if len(s) > maxHintLength {
		return "", 0
	}
	want := []rune(strings.ToLower(s))
	for size := 3; size >= 2 && near == ""; size-- {
		grams := map[string]bool{}
		eachGram(letters(want), size, func(g string) { grams[g] = true })
		for _, name := range names {
			have := []rune(strings.ToLower(name))
			// Names of very different length can't be near, and a long one from a
			// client would be dear to compare.
			if float64(min(len(want), len(have))) < least*float64(max(len(want), len(have))) {
				continue
			}
			shared := false
			eachGram(letters(have), size, func(g string) { shared = shared || grams[g] })
			if !shared {
				continue
			}
			if sc := similarity(want, have); sc >= least && sc > score {
				near, score = name, sc
			}
		}
	}
	return near, score
}

// letters drops all that is neither letter nor digit, underscore, space or comma.
func letters(s []rune) []rune {
	return slices.DeleteFunc(slices.Clone(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_ ,", r)
	})
}

func eachGram(s []rune, size int, fn func(string)) {
	padded := append(append([]rune{'-'}, s...), '-')
	for i := 0; i+size <= len(padded); i++ {
		fn(string(padded[i : i+size]))
	}
}

func similarity(a, b []rune) float64 {
	longest := max(len(a), len(b))
	if longest == 0 {
		return 0
	}
	return 1 - float64(distance(a, b))/float64(longest)
}

// distance is Levenshtein's.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
