package tests

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxbase/fluxbase/tests/dbtest"
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

// unlimited lets tests ask as fast as they can.
var unlimited = []string{
	"FLUXBASE_REALTIME_TRACKS_PER_SECOND=1000000", "FLUXBASE_REALTIME_MESSAGES_PER_SECOND=1000000",
	"FLUXBASE_REALTIME_JOINS_PER_SECOND=1000000", "FLUXBASE_REALTIME_QUEUE_MESSAGES=100000",
}

// removeAlive has the others take a process for dead that is not.
const removeAlive = `
	begin;
	update realtime.proxies set live_until = '2000-01-01' where id = (select id from realtime.proxies order by random() limit 1);
	select realtime.remove_dead_proxies();
	commit`

// loseSlot has a process miss what is committed now.
func loseSlot(t *testing.T, db *dbtest.DB, name string) {
	t.Helper()
	conn := db.Conn(t)
	eventually(t, "the slot is dropped", func() bool {
		_, _ = conn.Exec(t.Context(), `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1`, name)
		_, err := conn.Exec(t.Context(), `select pg_drop_replication_slot($1)`, name)
		return err == nil
	})
}

// Whatever clients do at once, over two processes, and whatever breaks meanwhile: each
// hears everything exactly once, and when all is quiet, all who listen agree with the
// table and with who is there.
func TestPresenceAgreesEverywhere(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	defer func() {
		if t.Failed() {
			t.Logf("the seed is %d", seed)
		}
	}()
	db := dbtest.New(t)
	servers := []*server{startRealtime(t, db, "one", unlimited...), startRealtime(t, db, "two", unlimited...)}
	// One channel always has listeners, and in the others their last goes again and again.
	topics := []string{"a", "b", "c", "d", "e", "f"}
	watchers := []*attendee{attend(t, servers[0], "a", "watcher"), attend(t, servers[1], "a", "watcher")}

	const actors, acts = 10, 80
	var mu sync.Mutex
	present := map[string][]string{}
	var acting sync.WaitGroup
	for n := range actors {
		acting.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			key := fmt.Sprintf("key%d", n/2)
			pick := func() string { return topics[random.IntN(len(topics))] }
			a := attend(t, servers[n%2], pick(), key)
			last := ""
			for range acts {
				switch random.IntN(8) {
				case 0:
					// The connection is cut.
					_ = a.NetConn().Close()
					a, last = attend(t, servers[random.IntN(2)], pick(), key), ""
				case 1, 2:
					a.leave()
					a.join(pick(), key)
					last = ""
				case 3:
					a.wait(a.untrack())
					last = ""
				case 4:
					a.untrack()
					last = ""
				case 5:
					last = fmt.Sprintf(`{"n":%d}`, random.IntN(3))
					a.track(last)
				default:
					last = fmt.Sprintf(`{"n":%d}`, random.IntN(3))
					a.wait(a.track(last))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			watchers = append(watchers, a)
			if last != "" {
				present[a.topic] = append(present[a.topic], key+" "+last)
			}
		})
	}
	exec(t, db, removeAlive)
	exec(t, db, `select pg_terminate_backend(active_pid) from pg_replication_slots where active and database = current_database()`)
	exec(t, db, removeAlive)
	loseSlot(t, db, "fluxbase_"+db.Name+"_one")
	acting.Wait()
	if t.Failed() {
		t.FailNow()
	}

	exec(t, db, `select realtime.remove_dead_proxies()`)
	admin := db.Conn(t)
	for _, topic := range topics {
		slices.Sort(present[topic])
		eventually(t, "the table knows who is in "+topic, func() bool { return slices.Equal(listed(t, admin, topic), present[topic]) })
	}
	told := 0
	for _, w := range watchers {
		w.sees(present[w.topic]...)
		told += w.told
	}
	t.Logf("%v are present, %d came or went", present, told)
	for _, s := range servers {
		noServerErrors(t, s)
	}
}
