package tests

import (
	"os"
	"testing"

	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// realtimeDB is a database with a schema of tests/js.
func realtimeDB(t *testing.T, path string) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	schema, err := os.ReadFile("js/" + path)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, string(schema))
	return db
}

// startRealtime runs a server that streams, under a name of its own among those of db.
func startRealtime(t *testing.T, db *dbtest.DB, name string, env ...string) *server {
	t.Helper()
	t.Cleanup(func() { dropSlot(t, db, "fluxbase_"+db.Name+"_"+name) })
	s := startServer(t, db, append([]string{
		"FLUXBASE_REPLICATION_DATABASE_URL=" + db.URL(sql.Replication),
		"FLUXBASE_REALTIME_INSTANCE=" + db.Name + "_" + name,
		"FLUXBASE_REALTIME_HEARTBEAT_INTERVAL=100ms",
		// All clients of the tests have one address.
		"FLUXBASE_REALTIME_MAX_CONNECTIONS_PER_IP=1000", "FLUXBASE_REALTIME_MAX_CONNECTIONS_PER_USER=1000",
	}, env...)...)
	// Without notes nothing is amiss: it streams and holds its lease.
	eventually(t, name+" streams", func() bool {
		a, err := s.try("GET", "/readyz", "")
		return err == nil && a.Body == "ready\n"
	})
	return s
}

func TestRealtimeClient(t *testing.T) {
	t.Parallel()
	db := realtimeDB(t, "realtime.sql")
	one, two := startRealtime(t, db, "one"), startRealtime(t, db, "two")
	runNode(t, one, "realtime.test.mjs", "FLUXBASE_TEST_URL_2="+two.URL)
	noServerErrors(t, one)
	noServerErrors(t, two)
}

func TestRealtimeChangesOfTables(t *testing.T) {
	t.Parallel()
	db := realtimeDB(t, "changes.sql")
	few := "FLUXBASE_REALTIME_MAX_TRANSACTION_CHANGES=55"
	one, two := startRealtime(t, db, "one", few), startRealtime(t, db, "two", few)
	runNode(t, one, "changes.test.mjs", "FLUXBASE_TEST_URL_2="+two.URL)
	runNode(t, one, "filters.test.mjs", "FLUXBASE_TEST_URL_2="+two.URL)
	noServerErrors(t, one)
	noServerErrors(t, two)
}
