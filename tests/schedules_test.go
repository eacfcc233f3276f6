package tests

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// Any number of processes ask at once, and some of them die: each time of each schedule comes once.
func TestSchedulesComeOnce(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `
		select jobs.schedule('once ' || n, '* * * * *', 'report') from generate_series(1, 40) as n;
		select jobs.schedule('all ' || n, '* * * * *', 'report', missed => 'all') from generate_series(1, 10) as n;
		update jobs.schedules set next_run_at = '2026-03-01 10:00Z'`)
	var wg sync.WaitGroup
	for caller := range 4 {
		conn := db.Conn(t)
		wg.Go(func() {
			for n, left := caller, true; left; n++ {
				err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
					if _, err := tx.Exec(t.Context(), `select from jobs.run_schedules('2026-03-01 10:07Z', 12)`); err != nil {
						return err
					}
					if n%3 == 0 {
						return errDies
					}
					return nil
				})
				if err != nil && !errors.Is(err, errDies) {
					t.Error(err)
					return
				}
				if err := conn.QueryRow(t.Context(), `select jobs.next_schedule_at() <= '2026-03-01 10:07Z'`).Scan(&left); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	rows, err := db.Conn(t).Query(t.Context(), `select concat(j.meta -> 'schedule' ->> 'name', ' ', j.meta -> 'schedule' ->> 'at') from jobs.jobs as j`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for n := range 40 {
		want = append(want, fmt.Sprintf("once %d 2026-03-01T10:00:00Z", n+1))
	}
	for n := range 10 {
		for minute := range 8 {
			want = append(want, fmt.Sprintf("all %d 2026-03-01T10:%02d:00Z", n+1, minute))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d jobs, want %d: %q", len(got), len(want), got)
	}
}

var errDies = errors.New("this one dies")

// What is said of a schedule while it is run, and the other way round.
func TestSchedulesChangeWhileTheyRun(t *testing.T) {
	t.Parallel()
	const (
		runs     = `select exists (select from jobs.run_schedules())`
		sets     = `select jobs.schedule('x', '@yearly', 'report') is not null`
		another  = `select jobs.schedule('x', '@monthly', 'report') = jobs.cron_next('@monthly')`
		removes  = `select jobs.unschedule('x')`
		pauses   = `select jobs.pause_schedule('x')::text = ''`
		isLater  = `select s.next_run_at = jobs.cron_next('@yearly') from jobs.schedules as s`
		isDaily  = `select s.next_run_at = jobs.cron_next('@monthly') from jobs.schedules as s`
		isGone   = `select not exists (select from jobs.schedules)`
		isPaused = `select not s.is_enabled from jobs.schedules as s`
	)
	db := dbtest.New(t)
	for _, tt := range []struct {
		name, query, other string
		first, second      bool
		then               string
		// again is whether there is something to run after both.
		again bool
	}{
		{"run twice", runs, runs, true, false, isLater, false},
		{"run, then set the same", runs, sets, true, true, isLater, false},
		{"set the same, then run", sets, runs, true, false, ``, true},
		{"run, then set to another time", runs, another, true, true, isDaily, false},
		{"set to another time, then run", another, runs, true, false, isDaily, false},
		{"run, then remove", runs, removes, true, true, isGone, false},
		{"remove, then run", removes, runs, true, false, isGone, false},
		{"run, then pause", runs, pauses, true, true, isPaused, false},
		{"pause, then run", pauses, runs, true, false, isPaused, false},
		{"set twice", sets, sets, true, true, ``, true},
	} {
		// In order: they share a database.
		t.Run(tt.name, func(t *testing.T) {
			exec(t, db, `truncate jobs.schedules; select jobs.schedule('x', '@yearly', 'report'); update jobs.schedules set next_run_at = now() - interval '1 hour'`)
			first, second := cross(t, db, tt.query, tt.other)
			if first != tt.first || second != tt.second {
				t.Errorf("%v and %v, want %v and %v", first, second, tt.first, tt.second)
			}
			if tt.then != "" {
				var holds bool
				if scan(t, db, &holds, tt.then); !holds {
					t.Errorf("not so: %s", tt.then)
				}
			}
			var again bool
			if scan(t, db, &again, runs); again != tt.again {
				t.Errorf("something to run after that: %v", again)
			}
		})
	}
}
