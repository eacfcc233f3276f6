package tests

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// meet has two sessions of the service role run a query that answers with a boolean,
// the second one while the first has not committed yet.
func meet(t *testing.T, db *dbtest.DB, query string) (first, second bool) {
	t.Helper()
	return cross(t, db, query, query)
}

// cross is meet for two queries.
func cross(t *testing.T, db *dbtest.DB, query, other string) (first, second bool) {
	t.Helper()
	one, two, watch := db.Conn(t), db.Conn(t), db.Conn(t)
	for _, conn := range []*pgx.Conn{one, two} {
		if _, err := conn.Exec(t.Context(), `set role service_role`); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.Exec(t.Context(), `begin`); err != nil {
		t.Fatal(err)
	}
	if err := one.QueryRow(t.Context(), query).Scan(&first); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- two.QueryRow(t.Context(), other).Scan(&second) }()
	eventually(t, "the second waits for the first, or need not", func() bool {
		var waits bool
		const ask = `select wait_event_type is not distinct from 'Lock' from pg_stat_activity where pid = $1`
		if err := watch.QueryRow(t.Context(), ask, two.PgConn().PID()).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		return waits || len(done) > 0
	})
	if _, err := one.Exec(t.Context(), `commit`); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return first, second
}

func TestTwoRotateTheKeyOfCursors(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conn := db.Conn(t)
	var before int
	if err := conn.QueryRow(t.Context(), `select max(id) from pagination.keys`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	meet(t, db, `select pagination.rotate_key() is not null`)
	// As after one call and another, all cursors from before have ended.
	var left, old int
	const ask = `select count(*), count(*) filter (where id <= $1) from pagination.keys`
	if err := conn.QueryRow(t.Context(), ask, before).Scan(&left, &old); err != nil || left != 2 || old != 0 {
		t.Errorf("%d keys are left, %d of them from before (%v); want two new ones", left, old, err)
	}
}

func TestTwoDropAGuard(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	exec(t, db, `create table public.guarded (id integer primary key);
		select fluxbase.set_guard('anon', 'public.guarded', max_rows => 1), fluxbase.set_guard('anon', null, max_rows => 2)`)
	first, second := meet(t, db, `select fluxbase.drop_guard('anon', 'public.guarded')`)
	var left int
	err := db.Conn(t).QueryRow(t.Context(), `select count(*) from fluxbase.guards`).Scan(&left)
	if err != nil || !first || second || left != 1 {
		t.Errorf("the first dropped it: %t, the second: %t, and %d guards are left (%v); want just the other one", first, second, left, err)
	}
}
