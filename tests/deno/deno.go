// Package deno finds the Deno that the tests of functions run.
package deno

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Bin returns the path of the program: FLUXBASE_DENO_BIN, else what npm installed in tests/js.
func Bin(t testing.TB) string {
	t.Helper()
	if bin := os.Getenv("FLUXBASE_DENO_BIN"); bin != "" {
		return bin
	}
	_, here, _, _ := runtime.Caller(0)
	bin := filepath.Join(filepath.Dir(here), "../js/node_modules/@deno/linux-x64-glibc/deno")
	if _, err := os.Stat(bin); err != nil {
		t.Fatalf("the tests of functions need Deno: make tests/js/node_modules/.stamp installs it (%v)", err)
	}
	return bin
}
