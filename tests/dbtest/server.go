package dbtest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluxbase/fluxbase/plpgsql"
	"github.com/fluxbase/fluxbase/sql"
)

// setUp bounds all that is done to a server before and after a test.
const setUp = time.Minute

// lockKey keeps test binaries that share a server from making one template twice.
const lockKey = 0x666c7578 // "flux"

// server is a Postgres in which tests get databases.
type server struct {
	admin string
	pool  *pgxpool.Pool
	// disposable means that the server goes with its test, and its databases with it.
	disposable bool

	once      sync.Once
	template  string
	passwords map[string]string
	err       error
}

func connect(admin string) (*server, error) {
	u, err := url.Parse(admin)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return nil, errors.New("DATABASE_URL must be a URL such as postgres://user:password@host:5432/postgres")
	}
	config, err := pgxpool.ParseConfig(admin)
	if err != nil {
		return nil, fmt.Errorf("read DATABASE_URL: %w", err)
	}
	// Databases are made and dropped one at a time at best; more would only wait.
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("connect to the test server: %w", err)
	}
	return &server{admin: admin, pool: pool}, nil
}

func (s *server) newDB(t testing.TB, ours bool) *DB {
	t.Helper()
	template := "template0"
	if ours {
		if err := s.prepare(); err != nil {
			t.Fatalf("dbtest: %v", err)
		}
		template = s.template
	}
	ctx, cancel := context.WithTimeout(context.Background(), setUp)
	defer cancel()
	db := &DB{Name: "fluxbase_test_" + strings.ToLower(rand.Text()[:12]), server: s}
	// Strategy file_copy takes two checkpoints, for which other tests wait; it is the
	// quicker one only for templates far larger than ours (35 ms against 25).
	if _, err := s.pool.Exec(ctx, "create database "+db.Name+" template "+template+" strategy wal_log encoding 'UTF8'"); err != nil {
		t.Fatalf("dbtest: make a database: %v", err)
	}
	if s.disposable {
		return db
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), setUp)
		defer cancel()
		if _, err := s.pool.Exec(ctx, "drop database if exists "+db.Name+" with (force)"); err != nil {
			t.Logf("dbtest: drop the database: %v", err)
		}
	})
	return db
}

func (s *server) logins() (map[string]string, error) {
	err := s.prepare()
	return s.passwords, err
}

// prepare makes the template, and gives our logins passwords that we know.
func (s *server) prepare() error {
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), setUp)
		defer cancel()
		s.err = s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
			return s.prepareLocked(ctx, conn.Conn())
		})
	})
	return s.err
}

func (s *server) prepareLocked(ctx context.Context, conn *pgx.Conn) (err error) {
	if _, err := conn.Exec(ctx, `select pg_advisory_lock($1)`, lockKey); err != nil {
		return fmt.Errorf("wait for other test runs: %w", err)
	}
	defer func() {
		_, unlockErr := conn.Exec(ctx, `select pg_advisory_unlock($1)`, lockKey)
		err = errors.Join(err, unlockErr)
	}()
	if err := s.ensureTemplate(ctx, conn); err != nil {
		return fmt.Errorf("make the template: %w", err)
	}
	return s.ensureLogins(ctx, conn)
}

// ensureTemplate finds or makes the template of exactly these sources.
func (s *server) ensureTemplate(ctx context.Context, conn *pgx.Conn) error {
	code, err := plpgsql.Load()
	if err != nil {
		return err
	}
	prepare, forward, err := sql.Ours().Script()
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(prepare + strings.Join(forward, "") + code.SQL))
	s.template = "fluxbase_template_" + hex.EncodeToString(sum[:6])
	var there bool
	err = conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, s.template).Scan(&there)
	if err != nil || there {
		return err
	}
	// Made under another name, so that a template that is there is whole.
	work := s.template + "_new"
	if _, err := conn.Exec(ctx, "drop database if exists "+work+" with (force)"); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "create database "+work+" template template0 encoding 'UTF8'"); err != nil {
		return err
	}
	if err := s.install(ctx, work); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "alter database "+work+" rename to "+s.template)
	return err
}

func (s *server) install(ctx context.Context, database string) (err error) {
	target, err := withDatabase(s.admin, database)
	if err != nil {
		return err
	}
	conn, err := sql.Connect(ctx, target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if err := sql.Migrate(ctx, conn, sql.Options{}); err != nil {
		return err
	}
	_, err = plpgsql.Install(ctx, conn)
	return err
}

// ensureLogins gives our logins passwords that follow from the admin's, so that
// every test run on a server knows them and nobody else does.
func (s *server) ensureLogins(ctx context.Context, conn *pgx.Conn) error {
	key := []byte(conn.Config().Password)
	known := map[string]string{}
	for _, role := range sql.Logins() {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("fluxbase test login " + role))
		known[role] = hex.EncodeToString(mac.Sum(nil))
	}
	made, err := sql.NewPasswords(ctx, conn)
	if err != nil {
		return err
	}
	for role := range made {
		if err := hashOnce(ctx, conn, role, known[role]); err != nil {
			return err
		}
	}
	for role, password := range known {
		if err := tryLogin(ctx, s.admin, role, password); err != nil {
			return fmt.Errorf("role %s was on this server before the tests and has another password; use a server of the tests' own: %w", role, err)
		}
	}
	s.passwords = known
	return nil
}

func tryLogin(ctx context.Context, admin, role, password string) error {
	target, err := sql.LoginURL(admin, role, password)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, target)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func withDatabase(admin, database string) (string, error) {
	u, err := url.Parse(admin)
	if err != nil {
		return "", fmt.Errorf("read the admin's URL: %w", err)
	}
	u.Path = "/" + database
	return u.String(), nil
}
