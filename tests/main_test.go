package tests

import (
	"os"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(workerURL); url != "" {
		work(url)
		return
	}
	dbtest.Main(m)
}
