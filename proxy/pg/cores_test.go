package pg

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestCoresAreTakenWhileHardlyAnyIsIdle(t *testing.T) {
	t.Parallel()
	stat := filepath.Join(t.TempDir(), "stat")
	synctest.Test(t, func(t *testing.T) {
		c := cores{stat: stat}
		for i, tt := range []struct {
			after time.Duration
			line  string
			taken bool
		}{
			{lookEvery, "cpu  100 0 0 1000 100 0 0 0 0 0", false}, // nothing to compare it with
			{lookEvery, "cpu  150 0 0 1000 100 0 0 0 0 0", true},
			{lookEvery, "cpu  150 20 10 1002 101 4 5 6 0 0", true},
			{lookEvery / 2, "cpu  150 20 10 2000 101 4 5 6 0 0", true}, // too soon to look again
			{lookEvery, "cpu  150 20 10 2000 101 4 5 6 0 0", false},
			{lookEvery, "cpu  190 20 10 2000 111 4 5 6 0 0", false}, // a disk is waited for
			{lookEvery, "cpu  230 20 10 2000 111 4 5 6 40 0", true}, // a guest has no time of its own
			{lookEvery, "cpu  270 20 10 2000 109 4 5 6 40 0", true}, // of disks it went back
			{time.Hour, "cpu  999 20 10 2000 111 4 5 6 40 0", false},
			{lookEvery, "cpu  999 20 10 2000 111 4 5 6 40 0", false}, // the clock stood still
			{lookEvery, "cpu  99 0 0 2000 111 0 0 0 0 0", false},     // and went back
			{lookEvery, "", false},
			{lookEvery, "cpu  x 99999999999999999999", false},
			{lookEvery, "cpu  500 0 0 0 0 0 0 0 0 0\ncpu0 9", true},
		} {
			if err := os.WriteFile(stat, []byte(tt.line+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(tt.after)
			if got := c.areTaken(); got != tt.taken {
				t.Errorf("%d: with %q taken is %v", i, tt.line, got)
			}
		}
	})
	if c := (&cores{stat: filepath.Join(stat, "none")}); c.areTaken() {
		t.Error("cores that nothing is known of are taken")
	}
}
