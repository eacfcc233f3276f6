package dbtest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

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
	const ask = `select count(*) from pg_namespace where nspname in ('audit', 'auth', 'fluxbase', 'idempotency', 'pagination', 'ratelimit', 'realtime')`
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

func TestAClusterComesBackToItsPort(t *testing.T) {
	t.Parallel()
	c := dbtest.Private(t, dbtest.Options{})
	port := c.Port()
	c.Kill()
	var other net.Listener
	err := errors.New("not tried")
	// A process that Postgres had just forked still has it, or somebody else for a moment.
	for end := time.Now().Add(20 * time.Second); err != nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		other, err = net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
	}
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { _ = other.Close() })
	c.Restart(t)
	if c.Port() != port {
		t.Errorf("it is at port %d, and was at %d", c.Port(), port)
	}
}
