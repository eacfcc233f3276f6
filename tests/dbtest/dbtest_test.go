package dbtest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestDatabasesDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	one, other := dbtest.New(t).Conn(t), dbtest.New(t).Conn(t)
	if _, err := one.Exec(t.Context(), `create table public.mine (id integer)`); err != nil {
		t.Fatal(err)
	}
	var seen bool
	if err := other.QueryRow(t.Context(), `select to_regclass('public.mine') is not null`).Scan(&seen); err != nil {
		t.Fatal(err)
	}
	if seen {
		t.Error("a table of one database shows in another")
	}
}

func TestEachLoginReachesItsDatabase(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	for _, role := range sql.Logins() {
		conn, err := pgx.Connect(t.Context(), db.URL(role))
		if err != nil {
			t.Fatal(err)
		}
		var user, name string
		err = conn.QueryRow(t.Context(), `select session_user, current_database()`).Scan(&user, &name)
		_ = conn.Close(t.Context())
		if err != nil || user != role || name != db.Name {
			t.Errorf("got %s in %s (%v), want %s in %s", user, name, err, role, db.Name)
		}
	}
}

func TestEmptyHoldsNothingOfOurs(t *testing.T) {
	t.Parallel()
	conn := dbtest.Empty(t).Conn(t)
	var schemas int
	const ask = `select count(*) from pg_namespace where nspname in ('auth', 'fluxbase', 'pagination', 'realtime')`
	if err := conn.QueryRow(t.Context(), ask).Scan(&schemas); err != nil {
		t.Fatal(err)
	}
	if schemas != 0 {
		t.Errorf("%d of our schemas are in an empty database", schemas)
	}
}

func TestDatabaseIsDroppedAfterItsTest(t *testing.T) {
	t.Parallel()
	watcher := dbtest.Empty(t).Conn(t)
	var name string
	t.Run("test", func(t *testing.T) {
		db := dbtest.New(t)
		db.Conn(t) // an open session must not keep it
		name = db.Name
	})
	var there bool
	err := watcher.QueryRow(t.Context(), `select exists (select from pg_database where datname = $1)`, name).Scan(&there)
	if err != nil {
		t.Fatal(err)
	}
	if there {
		t.Errorf("database %s outlived its test", name)
	}
}

func TestPrivateClusterComesBackAfterAKill(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{Durable: true})
	db := c.New(t)
	if _, err := db.Conn(t).Exec(t.Context(), `create table kept as select 1 as id`); err != nil {
		t.Fatal(err)
	}
	c.Kill()
	if conn, err := pgx.Connect(t.Context(), db.AdminURL()); err == nil {
		_ = conn.Close(context.Background())
		t.Fatal("a killed server took a connection")
	}
	c.Restart(t)
	var kept int
	if err := db.Conn(t).QueryRow(t.Context(), `select count(*) from kept`).Scan(&kept); err != nil || kept != 1 {
		t.Errorf("got %d rows, %v; want the committed row", kept, err)
	}
}
