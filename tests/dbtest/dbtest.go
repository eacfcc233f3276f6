// Package dbtest gives a test a real Postgres: a database of its own, cloned from
// a template in which Fluxbase is installed, so that tests run in parallel and
// assume nothing of each other.
//
// Each test binary runs one private cluster, started by the first test that asks
// and stopped by Main. With DATABASE_URL set (a superuser's, or that of a role that
// may create databases and roles) the databases are made there instead.
// FLUXBASE_TEST_PG chooses the major version, 15 unless told.
package dbtest

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluxbase/fluxbase/sql"
)

// DB is a database of one test. It is dropped when the test ends.
type DB struct {
	// Name of the database.
	Name   string
	server *server
}

// shared is what all tests of this binary use; Main owns it.
var shared struct {
	once   sync.Once
	server *server
	err    error
	stop   func()
	inMain bool
}

// Main is the body of a TestMain: it runs the tests and then stops the Postgres
// that they used.
func Main(m *testing.M) {
	shared.inMain = true
	useMemory()
	shared.stop = func() {}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		shared.once.Do(func() {}) // waits for a start that is under way
		shared.stop()
		removeSeeds()
		os.Exit(1)
	}()
	code := m.Run()
	shared.stop()
	removeSeeds()
	os.Exit(code)
}

// New returns a database in which Fluxbase is installed.
func New(t testing.TB) *DB {
	t.Helper()
	return sharedServer(t).newDB(t, true)
}

// Empty returns a database with nothing in it. Roles belong to the whole server,
// so ours may be there.
func Empty(t testing.TB) *DB {
	t.Helper()
	return sharedServer(t).newDB(t, false)
}

func sharedServer(t testing.TB) *server {
	t.Helper()
	if !shared.inMain {
		t.Fatal("dbtest: this package needs func TestMain(m *testing.M) { dbtest.Main(m) }")
	}
	shared.once.Do(func() {
		if admin := os.Getenv("DATABASE_URL"); admin != "" {
			shared.server, shared.err = connect(admin)
			return
		}
		running, err := startCluster(context.Background(), Options{Version: Version()})
		if err != nil {
			shared.err = err
			return
		}
		shared.stop = running.remove
		shared.server, shared.err = connect(running.URL("postgres"))
	})
	if shared.err != nil {
		t.Fatalf("dbtest: %v", shared.err)
	}
	return shared.server
}

// AdminURL is the database as its owner, who may do everything.
func (db *DB) AdminURL() string {
	u, err := withDatabase(db.server.admin, db.Name)
	if err != nil {
		panic(err) // connect has read this URL
	}
	return u
}

// URL is the database as one of our logins: sql.Authenticator, sql.Service or
// sql.Replication.
func (db *DB) URL(role string) string {
	passwords, err := db.server.logins()
	if err != nil {
		panic(fmt.Sprintf("dbtest: %v", err)) // newDB has asked for them before
	}
	password, ok := passwords[role]
	if !ok {
		panic(fmt.Sprintf("dbtest: %q is not one of our logins %v", role, sql.Logins()))
	}
	u, err := sql.LoginURL(db.AdminURL(), role, password)
	if err != nil {
		panic(err)
	}
	return u
}

// Conn returns a connection as the owner, closed when the test ends.
func (db *DB) Conn(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), db.AdminURL())
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Pool returns connections as the owner, closed when the test ends.
func (db *DB) Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), db.AdminURL())
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}
