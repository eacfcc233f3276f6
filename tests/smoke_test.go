package tests

import (
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// The whole suite runs on the oldest and the newest Postgres; on those between,
// the path that a newcomer takes: make a cluster, migrate, install, load the demo,
// serve, read and write.
func TestEveryPostgresBetween(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"16", "17"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			d := startDev(t, clusterFolder(t), []string{"FLUXBASE_PG_BIN=" + dbtest.Binaries(t, version)})
			if got := textOf(t, psqlURL(t, d), `show server_version`); !strings.HasPrefix(got, version+".") {
				t.Fatalf("Postgres %s serves, want %s", got, version)
			}
			read, write := d.curls(t)
			if got := shell(t, read); !strings.HasSuffix(got, " 200") || strings.HasPrefix(got, "[]") {
				t.Errorf("%s\ngot %s, want public notes", read, got)
			}
			if got := shell(t, write); !strings.HasSuffix(got, " 201") || !strings.Contains(got, "from curl") {
				t.Errorf("%s\ngot %s, want the new note", write, got)
			}
		})
	}
}
