package tests

import (
	"os"
	"testing"
)

func TestRealtimePresence(t *testing.T) {
	t.Parallel()
	db := realtimeDB(t, "realtime.sql")
	more, err := os.ReadFile("js/presence.sql")
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, string(more))
	const few = "FLUXBASE_REALTIME_MAX_PRESENCES=5"
	one, two := startRealtime(t, db, "one", few), startRealtime(t, db, "two", few)
	runNode(t, one, "presence.test.mjs", "FLUXBASE_TEST_URL_2="+two.URL)
	noServerErrors(t, one)
	noServerErrors(t, two)
}
