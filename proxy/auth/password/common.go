package password

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"slices"
	"strings"
	"sync"
)

//go:generate go run make_common.go

// commonList holds common passwords in small letters, sorted, one a line; common/README.md
// tells from where.
//
//go:embed common/passwords.txt.gz
var commonList []byte

var common = sync.OnceValue(func() []string {
	r, err := gzip.NewReader(bytes.NewReader(commonList))
	if err != nil {
		panic(err) // it is part of the program
	}
	text, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
})

// isCommon tells whether a password, in small letters, is one that many have.
func isCommon(folded string) bool {
	_, found := slices.BinarySearch(common(), folded)
	return found
}
