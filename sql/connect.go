package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/tern/v2/migrate"
)

const (
	// MinVersion is the oldest Postgres that we serve, as server_version_num.
	MinVersion = 150000

	// Someone else's long transaction should fail a migration, not make every
	// request queue behind its lock.
	lockTimeout = "5s"

	connectTimeout = 10 * time.Second
)

// Connect opens a connection for migrations: with a lock_timeout that outlasts
// tern's "reset all", and only to a Postgres that is new enough. The connection must
// be direct, because the lock that keeps migrations apart belongs to a session.
func Connect(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err) // pgx masks the password
	}
	config.RuntimeParams["lock_timeout"] = lockTimeout
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "fluxbase migrate"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		if strings.Contains(err.Error(), "unsupported startup parameter") {
			return nil, fmt.Errorf("this URL leads to a connection pooler; migrations need Postgres itself: %w", err)
		}
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	var number int
	var version string
	const ask = `select current_setting('server_version_num')::integer, current_setting('server_version')`
	if err := conn.QueryRow(ctx, ask).Scan(&number, &version); err != nil {
		return nil, errors.Join(fmt.Errorf("ask for the server's version: %w", err), conn.Close(ctx))
	}
	if number < MinVersion {
		return nil, errors.Join(
			fmt.Errorf("the server is PostgreSQL %s; Fluxbase needs 15 or newer", version), conn.Close(ctx))
	}
	return conn, nil
}

// LockNumber is the advisory lock that tern itself takes (migrate.lockNum), so that
// we, its own command, and the script of install-sql all exclude each other. A
// session may take it again, as tern does within ours.
const LockNumber int64 = 9628173550095224

// Locked runs fn while no other migration runs in this database.
func Locked(ctx context.Context, conn *pgx.Conn, fn func() error) (err error) {
	// Asking again and again, because who waits inside a statement holds a snapshot,
	// and the other's "create index concurrently" would wait for that: a deadlock.
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		var locked bool
		if err := conn.QueryRow(ctx, `select pg_try_advisory_lock($1)`, LockNumber).Scan(&locked); err != nil {
			return fmt.Errorf("wait for other migrations: %w", Explain(err))
		}
		if locked {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for other migrations: %w", ctx.Err())
		case <-time.After(pause):
		}
	}
	defer func() {
		if conn.IsClosed() {
			return // and the lock went with it
		}
		_, unlockErr := conn.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock($1)`, LockNumber)
		err = errors.Join(err, unlockErr)
	}()
	return fn()
}

// RefuseExtension is an error when Fluxbase was installed by create extension: the
// extension's own update scripts are then the only way forward.
func RefuseExtension(ctx context.Context, conn *pgx.Conn) error {
	var version string
	err := conn.QueryRow(ctx, `select extversion from pg_catalog.pg_extension where extname = 'fluxbase'`).Scan(&version)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for the extension fluxbase: %w", err)
	}
	return fmt.Errorf("here Fluxbase is an extension (%s), which migrations would take apart; "+
		"install the newer extension on the server and run: alter extension fluxbase update", version)
}

// Explain adds to an error of Postgres what its message leaves out: the line of the
// SQL, the detail, the hint. Other errors, and nil, come back as they are.
func Explain(err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	var more strings.Builder
	var located migrate.MigrationPgError
	if errors.As(err, &located) && pgErr.Position > 0 {
		before := []rune(located.Sql)[:min(int(pgErr.Position)-1, len([]rune(located.Sql)))]
		fmt.Fprintf(&more, "\n  line: %d", strings.Count(string(before), "\n")+1)
	}
	if where, _, _ := strings.Cut(pgErr.Where, "\n"); where != "" {
		fmt.Fprintf(&more, "\n  where: %s", where)
	}
	if pgErr.Detail != "" {
		fmt.Fprintf(&more, "\n  detail: %s", pgErr.Detail)
	}
	if pgErr.Hint != "" {
		fmt.Fprintf(&more, "\n  hint: %s", pgErr.Hint)
	}
	if pgErr.Code == "55P03" {
		fmt.Fprintf(&more, "\n  hint: another transaction held its lock for over %s; try again, or find it with: "+
			"select pid, query from pg_stat_activity where state <> 'idle'", lockTimeout)
	}
	return fmt.Errorf("%w%s", pgErr, more.String())
}
