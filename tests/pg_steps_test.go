package tests

import (
	"errors"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// stepsOf runs statements in one transaction and gives their first columns.
func stepsOf(t *testing.T, db *pg.DB, tx pg.Tx, statements ...string) ([]string, error) {
	t.Helper()
	var got []string
	err := db.Run(t.Context(), &tx, func(s *pg.Steps) error {
		got = nil
		for _, one := range statements {
			s.Send(tx.SearchPath, &pg.Statement{SQL: one}, "")
		}
		for range statements {
			r, err := s.Next()
			if err != nil {
				return err
			}
			if len(r.Values) > 0 {
				got = append(got, string(r.Values[0]))
			}
			r.Free()
		}
		return nil
	})
	return got, err
}

// Statements that need none of the answers before them share a round trip; the commit
// is another, because what was answered decides about it.
func TestStepsShareRoundTrips(t *testing.T) {
	t.Parallel()
	relay := newRelay(t, dbtest.New(t).URL(sql.Authenticator))
	db := openPG(t, relay.url, nil)
	tx := pg.Tx{Caller: anon, SearchPath: "public"}
	mustRun(t, db, pg.Tx{}, `select 1`) // log in
	for range 2 {
		before := relay.trips()
		got, err := stepsOf(t, db, tx, `select 1`, `select 2`, `select 3`, `select 1`)
		if err != nil || len(got) != 4 || got[3] != "1" {
			t.Fatalf("%v: %v", got, err)
		}
		if n := relay.trips() - before; n != 2 {
			t.Errorf("four statements took %d round trips, want 2", n)
		}
	}
	before := relay.trips()
	err := db.Run(t.Context(), &tx, func(s *pg.Steps) error {
		for i := range 2 {
			s.Send("public", &pg.Statement{SQL: `select 1`}, "")
			if i == 0 {
				continue
			}
			for range 2 {
				if _, err := s.Next(); err != nil {
					return err
				}
			}
			s.Send("public", &pg.Statement{SQL: `select 2`}, "")
			_, err := s.Next()
			return err
		}
		return nil
	})
	if n := relay.trips() - before; err != nil || n != 3 {
		t.Errorf("an answer that is needed in between: %d round trips, want 3: %v", n, err)
	}
}

// A transaction that fails, wherever it does, leaves nothing and a connection that
// the next can use.
func TestStepsRollBack(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, `create table public.t (id int primary key deferrable initially deferred); grant all on public.t to anon`)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	tx := pg.Tx{Caller: anon, SearchPath: "public"}
	const insert = `insert into t values (1) returning id`
	stop := errors.New("stop")
	for range 3 {
		for _, statements := range [][]string{
			{insert, `select 1 / 0`, `insert into t values (2)`},
			{insert, `select no_such_column`, insert},
			{insert, insert}, // at the commit
		} {
			if _, err := stepsOf(t, db, tx, statements...); sqlState(err) == "" {
				t.Errorf("%q: %v, want an error of SQL", statements, err)
			}
		}
		err := db.Run(t.Context(), &tx, func(s *pg.Steps) error {
			s.Send("public", &pg.Statement{SQL: insert}, "")
			s.Send("public", &pg.Statement{SQL: `select repeat('x', 100000) from generate_series(1, 100)`}, "")
			if _, err := s.Next(); err != nil {
				return err
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Errorf("got %v, want the caller's own error", err)
		}
		dry := tx
		dry.Rollback = true
		if got, err := stepsOf(t, db, dry, insert); err != nil || got[0] != "1" {
			t.Errorf("a dry run: %v %v", got, err)
		}
	}
	if got, err := stepsOf(t, db, tx, `select count(*) from t`); err != nil || got[0] != "0" {
		t.Errorf("%v rows are left: %v", got, err)
	}
	if st := db.Stat(); st.Acquired != 0 {
		t.Errorf("%d connections are still taken", st.Acquired)
	}
}

// A prepared statement that a change of the schema has made stale is prepared anew.
func TestStepsRunAgainWithStaleStatements(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	exec(t, d, `create table public.t (id int); grant all on public.t to anon`)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	tx := pg.Tx{Caller: anon, SearchPath: "public"}
	if _, err := stepsOf(t, db, tx, `select * from t`); err != nil {
		t.Fatal(err)
	}
	exec(t, d, `alter table public.t alter id type text`)
	if _, err := stepsOf(t, db, tx, `insert into t values ('x')`, `select * from t`); err != nil {
		t.Errorf("after a change of a type: %v", err)
	}
	if got, err := stepsOf(t, db, tx, `select count(*) from t`); err != nil || got[0] != "1" {
		t.Errorf("%v rows, want 1: %v", got, err)
	}
}
