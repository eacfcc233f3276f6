package tests

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

const (
	jobAda = `'00000000-0000-4000-8000-000000000001'`
	jobBob = `'00000000-0000-4000-8000-000000000002'`
)

// jobSession is a connection that fails the test instead of returning errors. It waits
// for no lock longer than a few seconds.
type jobSession struct {
	t    *testing.T
	conn *pgx.Conn
}

func jobSessions(t *testing.T, db *dbtest.DB, n int) (all []jobSession) {
	for range n {
		s := jobSession{t, db.Conn(t)}
		s.do(`set lock_timeout = '20 s'`)
		all = append(all, s)
	}
	return all
}

// do runs statements, each for itself: sent at once they would be one transaction.
func (s jobSession) do(statements string) {
	s.t.Helper()
	for _, statement := range strings.Split(statements, ";") {
		if _, err := s.conn.Exec(context.Background(), statement); err != nil {
			s.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// ask returns the one value of a query, as text.
func (s jobSession) ask(query string, args ...any) (value string) {
	s.t.Helper()
	if err := s.conn.QueryRow(context.Background(), `select (`+query+`)::text`, args...).Scan(&value); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return value
}

func (s jobSession) wants(want, query string, args ...any) {
	s.t.Helper()
	if got := s.ask(query, args...); got != want {
		s.t.Errorf("%s: got %s, want %s", query, got, want)
	}
}

// meanwhile starts a query that has to wait, and returns once it does; what it then says
// comes through the channel.
func (s jobSession) meanwhile(watch jobSession, query string) <-chan string {
	s.t.Helper()
	said := make(chan string, 1)
	pid := s.conn.PgConn().PID()
	go func() {
		var value string
		if err := s.conn.QueryRow(context.Background(), `select (`+query+`)::text`).Scan(&value); err != nil {
			value = err.Error()
		}
		said <- value
	}()
	eventually(s.t, query+" waits", func() bool {
		return len(said) > 0 ||
			watch.ask(`select wait_event_type is not distinct from 'Lock' from pg_stat_activity where pid = $1`, pid) == "true"
	})
	if len(said) > 0 {
		s.t.Errorf("%s did not wait", query)
	}
	return said
}

func claimed(worker string, want int, queue string) string {
	return fmt.Sprintf(`select coalesce(sum((c.args)::integer), 0) from jobs.claim(%s, %d, '{%s}') as c`, worker, want, queue)
}

func finishHeld(worker, rest string) string {
	return fmt.Sprintf(`select coalesce(string_agg(f.event, ',' order by f.event), '') from jobs.finish(%[1]s,
		(select coalesce(array_agg(i order by i), '{}') from jobs.batches as b, unnest(b.jobs) as r, generate_series(lower(r), upper(r) - 1) as i where b.worker = %[1]s),
		(select coalesce(array_agg(b.token order by i), '{}') from jobs.batches as b, unnest(b.jobs) as r, generate_series(lower(r), upper(r) - 1) as i where b.worker = %[1]s)
		%[2]s) as f`, worker, rest)
}

// Jobs are numbered 1, 2, 4, ... in their args, so that a sum says which were claimed.
func TestClaimsThatMeet(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	s := jobSessions(t, db, 3)
	one, two, producer := s[0], s[1], s[2]

	// A claim that is rolled back gives all of it to the next, which waits for it.
	one.do(`select jobs.enqueue_many('k', '{1,2,4,8}', 'a')`)
	one.do(`begin`)
	one.wants("3", claimed(jobAda, 2, "a"))
	waits := two.meanwhile(producer, claimed(jobBob, 10, "a"))
	one.do(`rollback`)
	if got := <-waits; got != "15" {
		t.Errorf("after a roll-back the next claim has %s, want all: 15", got)
	}

	// One that commits gives it the rest.
	one.do(`select jobs.enqueue_many('k', '{1,2,4,8}', 'b'); begin`)
	one.wants("3", claimed(jobAda, 2, "b"))
	waits = two.meanwhile(producer, claimed(jobBob, 10, "b"))
	one.do(`commit`)
	if got := <-waits; got != "12" {
		t.Errorf("after a commit the next claim has %s, want the rest: 12", got)
	}

	// A savepoint gives back jobs and lock.
	one.do(`select jobs.enqueue_many('k', '{1,2}', 'c'); begin; savepoint s`)
	one.wants("3", claimed(jobAda, 5, "c"))
	one.do(`rollback to s`)
	two.wants("3", claimed(jobBob, 5, "c"))
	one.wants("0", claimed(jobAda, 5, "c"))
	one.do(`commit`)

	// Who commits late is not passed over, and who does not commit holds up nobody; ids
	// of savepoints are no other transactions.
	producer.do(`begin; select jobs.enqueue('k', '1', 'd'); savepoint s; select jobs.enqueue('k', '2', 'd');
		savepoint u; select jobs.enqueue('k', '64', 'd'); rollback to u`)
	for range 2 {
		one.do(`select jobs.enqueue('k', '4', 'd')`)
		two.wants("4", claimed(jobBob, 5, "d"))
		two.wants("0", claimed(jobBob, 5, "d"))
		one.do(`select jobs.maintain(0)`)
	}
	producer.do(`commit`)
	two.wants("1", claimed(jobBob, 1, "d"))
	one.do(`select jobs.enqueue('k', '8', 'd')`)
	two.wants("2", claimed(jobBob, 1, "d"))
	two.wants("8", claimed(jobBob, 1, "d"))
	two.wants("0", claimed(jobBob, 5, "d"))

	// A transaction's own rows come with the next look, once.
	one.do(`begin; select jobs.enqueue('k', '1', 'e')`)
	one.wants("0", claimed(jobAda, 5, "e"))
	one.do(`select jobs.enqueue('k', '2', 'e')`)
	one.wants("0", claimed(jobAda, 5, "e"))
	one.do(`commit`)
	two.wants("3", claimed(jobBob, 5, "e"))
	two.wants("0", claimed(jobBob, 5, "e"))

	// A snapshot from before the lock would show what another has.
	one.do(`begin isolation level repeatable read`)
	for _, call := range []string{`jobs.claim(` + jobAda + `)`, `jobs.maintain()`} {
		if _, err := one.conn.Exec(t.Context(), `savepoint s; select `+call); sqlState(err) != "25000" {
			t.Errorf("%s in repeatable read: %v", call, err)
		}
		one.do(`rollback to s`)
	}
	one.do(`rollback`)

	// Two transactions make one queue, without waiting.
	one.do(`begin; select jobs.enqueue('k', '1', 'f')`)
	two.do(`begin; select jobs.enqueue('k', '2', 'f'); commit`)
	one.do(`commit`)
	two.wants("3", claimed(jobBob, 5, "f"))
}

// What a worker says and what is decided about it meet: one of the two counts.
func TestFinishesThatMeet(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	s := jobSessions(t, db, 3)
	one, two, app := s[0], s[1], s[2]
	end := func(worker string) { two.do(`update jobs.workers set live_until = now() where id = ` + worker) }

	// The worker speaks: it lives.
	one.do(`select jobs.enqueue_many('k', '{1,2}', 'a'); select jobs.claim(` + jobAda + `, 9, '{a}')`)
	end(jobAda)
	one.do(`begin`)
	one.wants("", finishHeld(jobAda, ""))
	two.wants("0", `select jobs.expire()`)
	one.do(`commit`)
	two.wants("0", `select jobs.expire()`)

	// It is taken for dead: what it says counts no more.
	one.do(`select jobs.enqueue_many('k', '{1,2}', 'b'); select jobs.claim(` + jobAda + `, 9, '{b}')`)
	end(jobAda)
	two.do(`begin`)
	two.wants("2", `select jobs.expire()`)
	said := one.meanwhile(app, finishHeld(jobAda, ""))
	two.do(`commit`)
	if got := <-said; got != "lost,lost" {
		t.Errorf("a finish after the lease has ended: %s, want lost twice", got)
	}
	one.wants("3", claimed(jobBob, 9, "b"))
	one.wants("2", `select count(*) from jobs.failures where outcome = 'lost'`)

	// Nobody waits for an application that changes the key of a running job; what it
	// wanted is done, or not, as it commits.
	for _, how := range []string{"rollback", "commit"} {
		one.do(`select jobs.enqueue('k', '1', 'c', unique_key => 'key'); select jobs.claim(` + jobAda + `, 9, '{c}')`)
		app.do(`begin; select jobs.enqueue('k', '2', 'c', unique_key => 'key', on_conflict => 'replace')`)
		one.do(`set lock_timeout = '1 s'`)
		one.wants("", finishHeld(jobAda, ""))
		app.do(how)
		one.do(`set lock_timeout = '20 s'; select jobs.enqueue('k', '4', 'c', unique_key => 'key')`)
		// Kept, if there is one already.
		one.wants(map[string]string{"rollback": "4", "commit": "2"}[how], claimed(jobAda, 9, "c"))
		one.wants("", finishHeld(jobAda, ""))
	}

	// A job that is being changed is set aside, and comes again.
	one.do(`select jobs.enqueue('k', '1', 'd', unique_key => 'key')`)
	app.do(`begin; select jobs.enqueue('k', '2', 'd', unique_key => 'key', on_conflict => 'replace')`)
	one.wants("0", claimed(jobAda, 9, "d"))
	app.do(`commit`)
	one.do(`update jobs.waiting set run_at = now(); select jobs.promote()`)
	one.wants("2", claimed(jobAda, 9, "d"))

	// Cancelled before the claim sees it, or after: it runs at most once, and is told.
	one.do(`select jobs.enqueue_many('k', '{1,2}', 'e')`)
	app.do(`begin`)
	app.wants("cancelled", `select jobs.cancel(max(id)) from jobs.ready where args = '1'`)
	one.wants("3", claimed(jobBob, 9, "e"))
	app.do(`commit`)
	one.wants("cancel", `select string_agg(f.event, ',') from jobs.finish(`+jobBob+`) as f`)

	// An application's claim in a prepared or open transaction is its own until it ends;
	// interrupting its worker takes what is committed.
	one.do(`select jobs.enqueue('k', '1', 'f'); begin`)
	one.wants("1", claimed(`'00000000-0000-4000-8000-000000000003'`, 9, "f"))
	two.wants("0", `select jobs.interrupt('00000000-0000-4000-8000-000000000004')`)
	one.do(`commit`)
	two.wants("1", `select jobs.interrupt('00000000-0000-4000-8000-000000000003')`)
	two.wants("1", claimed(jobBob, 9, "f"))
}

// Two dozen want one key, eight at once, in each way: there is one job, or one that follows it.
func TestOneKeyTwoDozenTimes(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	all := jobSessions(t, db, 8)
	for _, how := range []string{"keep", "replace", "debounce"} {
		for _, runs := range []bool{false, true} {
			key := fmt.Sprintf("%s_%t", how, runs)
			first := ""
			if runs {
				first = all[0].ask(`select jobs.enqueue('k', '0', '` + key + `', unique_key => '` + key + `')`)
				all[0].do(`select jobs.claim(` + jobAda + `, 9, '{` + key + `}')`)
			}
			var mu sync.Mutex
			ids := map[string]bool{}
			var calls sync.WaitGroup
			for i := range all {
				calls.Go(func() {
					for range 3 {
						id := all[i].ask(fmt.Sprintf(`select jobs.enqueue('k', '%d', '%s', unique_key => '%s', on_conflict => '%s')`, i, key, key, how))
						mu.Lock()
						ids[id] = true
						mu.Unlock()
					}
				})
			}
			calls.Wait()
			if len(ids) != 1 {
				t.Errorf("%s: %d jobs, want one", key, len(ids))
			}
			if runs && ids[first] != (how == "keep") {
				t.Errorf("%s: the running one is meant: %t", key, ids[first])
			}
		}
	}
}

// Each of what two ask for at once is done once.
func TestDueAndDeadJobsComeBackOnce(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	all := jobSessions(t, db, 6)
	all[0].do(`select jobs.enqueue_many('k', array_fill('1'::jsonb, '{400}'), 'due', run_at => now() + interval '1 h');
		update jobs.waiting set run_at = now();
		insert into jobs.dead (id, enqueued_at, lane, attempt, max_attempts, kind, args)
		select -i, now(), jobs.lane('default', 'dead', 2), 1, 1, 'k', '1' from generate_series(1, 400) as i`)
	var calls sync.WaitGroup
	for i, s := range all {
		calls.Go(func() {
			for n := range 20 {
				switch i % 3 {
				case 0:
					s.do(`select jobs.promote(50)`)
				case 1:
					s.do(`select jobs.redrive('dead', most => 30)`)
				default:
					s.do(fmt.Sprintf(`select jobs.retry(-i) from generate_series(%d, %d) as i order by i`, n*20+1, n*20+20))
				}
			}
		})
	}
	calls.Wait()
	all[0].wants("800 800", `select count(*) || ' ' || count(distinct id) from jobs.ready`)
	all[0].wants("0 0", `select (select count(*) from jobs.waiting) || ' ' || (select count(*) from jobs.dead)`)
	all[0].wants("400", claimed(jobAda, 10000, "due"))
}

// A segment goes when all its jobs were handed out, though some of them still run, are
// tried again, or come from who read long ago that it is in use.
func TestSegmentsAreTruncated(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	s := jobSessions(t, db, 3)
	one, two, late := s[0], s[1], s[2]
	sizes := `select string_agg((pg_relation_size('jobs.ready_' || i) > 0)::text, ' ' order by i) from generate_series(0, 2) as i`

	late.do(`begin isolation level repeatable read; select segment from jobs.rotation`)
	one.do(`select jobs.enqueue_many('k', '{1,2,4,8}', 'a')`)
	one.wants("15", claimed(jobAda, 9, "a"))
	one.wants("", `select coalesce(string_agg(f.event, ','), '') from jobs.batches as b,
		jobs.finish(b.worker, array[lower(b.jobs)], array[b.token]) as f`)
	// One that is being finished at this moment is not in the way for good.
	two.do(`begin; select jobs.finish(b.worker, array[lower(b.jobs) + 1], array[b.token]) from jobs.batches as b`)
	one.do(`select jobs.maintain(0); select jobs.maintain(0)`)
	one.wants("true false false", sizes)
	two.do(`commit`)
	one.do(`select jobs.maintain(1000000)`)
	one.wants("false false false", sizes)
	one.wants("2", `select count(*) from jobs.waiting where run_at = 'infinity'`)

	// What still runs ends as anything else: one fails and comes again, one is done.
	one.wants("", `select coalesce(string_agg(f.event, ','), '') from jobs.batches as b, jobs.finish(b.worker,
		array[lower(b.jobs) + 2], array[b.token],
		jsonb_build_array(jsonb_build_object('id', lower(b.jobs) + 3, 'token', b.token, 'retry_in', 0))) as f`)
	one.wants("8", claimed(jobBob, 9, "a"))
	one.wants("0", `select count(*) from jobs.waiting`)

	// One for the segment that was in use when its transaction began.
	late.do(`select jobs.enqueue('k', '16', 'a')`)
	one.do(`select jobs.maintain(0)`)
	late.do(`commit`)
	one.do(`select jobs.maintain(0); select jobs.maintain(0)`)
	one.wants("16", claimed(jobBob, 9, "a"))
	one.wants("", finishHeld(jobBob, ""))
	for range 3 {
		one.do(`select jobs.maintain(0)`)
	}
	one.wants("false", `select (`+sizes+`) like '%true%true%'`)
}
