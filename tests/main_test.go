package tests

import (
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }
