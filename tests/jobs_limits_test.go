package tests

import (
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// watch counts what runs at once of each name.
type watch struct {
	mu             sync.Mutex
	running, most  map[string]int
	begun, ended   int
	wanted, limits int
}

func (w *watch) begins(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun++
	w.running[name]++
	w.most[name] = max(w.most[name], w.running[name])
}

func (w *watch) ends(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended++
	w.running[name]--
}

func (w *watch) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended >= w.wanted
}

// workAtOnce has four workers claim and finish until all has ended; name says what a job counts as.
func (w *watch) workAtOnce(t *testing.T, db *dbtest.DB, name string) {
	t.Helper()
	w.running, w.most = map[string]int{}, map[string]int{}
	var all sync.WaitGroup
	for n := range 4 {
		conn := db.Conn(t)
		all.Go(func() {
			worker := fmt.Sprintf("00000000-0000-0000-0000-%012d", n+1)
			for !w.over() {
				if err := w.round(t, conn, worker, name); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for name, most := range w.most {
		if most > w.limits {
			t.Errorf("%d of %s ran at once", most, name)
		}
	}
	if w.begun != w.wanted || w.ended != w.wanted {
		t.Errorf("%d began and %d ended, of %d", w.begun, w.ended, w.wanted)
	}
}

func (w *watch) round(t *testing.T, conn *pgx.Conn, worker, name string) error {
	if _, err := conn.Exec(t.Context(), `select jobs.promote()`); err != nil {
		return err
	}
	rows, err := conn.Query(t.Context(), `select c.id, c.token, `+name+` from jobs.claim($1, 3) as c`, worker)
	if err != nil {
		return err
	}
	type job struct {
		ID, Token int64
		Name      string
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[job])
	if err != nil {
		return err
	}
	for _, j := range list {
		w.begins(j.Name)
	}
	for _, j := range list {
		w.ends(j.Name)
		if _, err := conn.Exec(t.Context(), `select from jobs.finish($1, array[$2::bigint], array[$3::bigint])`, worker, j.ID, j.Token); err != nil {
			return err
		}
	}
	return nil
}

func TestNoMoreJobsOfAKeyRunAtOnceThanMay(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `
		select jobs.limit_key('tenant:*', 2);
		select jobs.enqueue('k', concurrency_key => 'tenant:' || n % 5, priority => 1 + n % 2) from generate_series(1, 50) as n`)
	w := &watch{wanted: 50, limits: 2}
	w.workAtOnce(t, db, `c.meta ->> 'key'`)
	if got := queryText(t, db, `select concat_ws(' ', (select count(*) from jobs.slots), (select count(*) from jobs.blocked))`); got != "0 0" {
		t.Errorf("slots and blocked jobs that are left: %s", got)
	}
}

func TestNoMoreJobsOfAQueueRunAtOnceThanMay(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `
		select jobs.limit_queue('few', 3);
		select jobs.enqueue('k', queue => 'few', priority => n % 3) from generate_series(1, 30) as n`)
	w := &watch{wanted: 30, limits: 3}
	w.workAtOnce(t, db, `c.queue`)
}

// Two set and use limits at once; nothing is lost of what waits.
func TestLimitsChangeWhileJobsRun(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `
		select jobs.limit_queue('default', 4, 1000, 100);
		select jobs.enqueue('k', concurrency_key => 'a') from generate_series(1, 20)`)
	var all sync.WaitGroup
	for n := range 2 {
		conn := db.Conn(t)
		all.Go(func() {
			for i := range 10 {
				const change = `select jobs.limit_key('a', $1), jobs.limit_key('a*', $2), jobs.limit_queue('default', $2, 1000, 100)`
				if _, err := conn.Exec(t.Context(), change, 1+(i+n)%3, 1+(i+n)%4); err != nil {
					t.Error(err)
				}
			}
		})
	}
	w := &watch{wanted: 20, limits: 4}
	w.workAtOnce(t, db, `c.meta ->> 'key'`)
	all.Wait()
}
