package tests

import (
	"sync"
	"testing"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// A job waits for an event, goes on behind the steps that it has done, and fails in between.
func TestAJobGoesOnBehindItsSteps(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	const worker = "'00000000-0000-0000-0000-000000000001'"
	claim := func() string {
		exec(t, db, `select jobs.promote()`)
		return queryText(t, db, `select coalesce(string_agg(c.token || ' ' || c.attempt, ','), '') from jobs.claim(`+worker+`) as c`)
	}
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Fatalf("%s: %q, want %q", what, got, want)
		}
	}
	exec(t, db, `select jobs.enqueue('order', max_attempts => 2)`)
	want("the first attempt", claim(), "1 1")
	exec(t, db, `select jobs.step(1, 1, 'reserve', '{"place": 7}');
		select from jobs.finish(`+worker+`, failed => '[{"id":1,"token":1,"outcome":"suspended","event":"paid:1"}]')`)
	want("it waits", claim(), "")
	exec(t, db, `select jobs.emit('paid:1', '{"by": "card"}')`)
	want("the event comes, and no attempt is lost", claim(), "2 1")
	want("its step is known", queryText(t, db, `select jobs.step(1, 2, 'reserve', '{"place": 8}')::text`), `{"place": 7}`)
	exec(t, db, `select from jobs.finish(`+worker+`, failed => '[{"id":1,"token":2,"error":"x","retry_in":0}]')`)
	want("the second attempt", claim(), "3 2")
	exec(t, db, `select from jobs.finish(`+worker+`, failed => '[{"id":1,"token":3,"error":"x"}]')`)
	want("it is dead", claim(), "")
	exec(t, db, `select jobs.retry(1)`)
	want("it is tried again", claim(), "4 1")
	want("its step is still known", queryText(t, db, `select jobs.step(1, 4, 'reserve', '{"place": 8}')::text`), `{"place": 7}`)
	// What has happened before is no wait.
	exec(t, db, `select from jobs.finish(`+worker+`, failed => '[{"id":1,"token":4,"outcome":"suspended","event":"paid:1"}]')`)
	want("at once", claim(), "5 1")
	exec(t, db, `select from jobs.finish(`+worker+`, '{1}', '{5}')`)
	want("nothing is left", queryText(t, db, `select concat_ws(' ', (select count(*) from jobs.steps), (select count(*) from jobs.awaits),
		(select count(*) from jobs.waiting), (select count(*) from jobs.arrivals))`), "0 0 0 0")
}

// Jobs begin to wait while their events are told: none waits for ever.
func TestEventsAndWaitsMeet(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	const jobs = 20
	exec(t, db, `select jobs.enqueue_many('wait', array_fill('{}'::jsonb, array[20]))`)
	waiter, teller, deliverer := db.Conn(t), db.Conn(t), db.Conn(t)
	const worker = "00000000-0000-0000-0000-000000000001"
	if _, err := waiter.Exec(t.Context(), `select from jobs.claim($1, 20)`, worker); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for id := range jobs {
			const suspend = `select from jobs.finish($1, failed => jsonb_build_array(jsonb_build_object(
				'id', $2::bigint, 'token', 1, 'outcome', 'suspended', 'event', 'e' || $2)))`
			if _, err := waiter.Exec(t.Context(), suspend, worker, id+1); err != nil {
				t.Error(err)
			}
		}
	})
	all.Go(func() {
		for id := range jobs {
			if _, err := teller.Exec(t.Context(), `select jobs.emit('e' || $1::bigint)`, id+1); err != nil {
				t.Error(err)
			}
		}
	})
	all.Go(func() {
		for range jobs {
			if _, err := deliverer.Exec(t.Context(), `select jobs.promote()`); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	exec(t, db, `select jobs.promote()`)
	if got := queryText(t, db, `select count(*)::text from jobs.jobs where state = 'ready'`); got != "20" {
		t.Errorf("%s of 20 may go on", got)
	}
}

// Two attempts of one job, the older of them lost, say what a step came to: the one that runs is believed.
func TestAStepIsOfTheAttemptThatRuns(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `select jobs.enqueue('k')`)
	exec(t, db, `select from jobs.claim('00000000-0000-0000-0000-000000000001')`)
	exec(t, db, `select jobs.interrupt('00000000-0000-0000-0000-000000000001')`)
	exec(t, db, `select from jobs.claim('00000000-0000-0000-0000-000000000002')`)
	var all sync.WaitGroup
	for token := range 2 {
		conn := db.Conn(t)
		all.Go(func() {
			_, err := conn.Exec(t.Context(), `select jobs.step(1, $1, 'a', to_jsonb($1::bigint))`, token+1)
			if (err == nil) != (token == 1) {
				t.Errorf("with token %d: %v", token+1, err)
			}
		})
	}
	all.Wait()
	if got := queryText(t, db, `select result::text from jobs.steps`); got != "2" {
		t.Errorf("the step came to %s", got)
	}
}
