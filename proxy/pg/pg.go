package pg

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// DB runs transactions on a pool of connections of one login.
type DB struct {
	pool *pgxpool.Pool
	// slots has one place for each connection. Waiting happens here and not in
	// the pool, which would need a context with a deadline for each request.
	slots   chan struct{}
	acquire time.Duration
	waits   atomic.Int64
	gaveUp  atomic.Int64
}

// Open makes a DB for the login of url with at least lo and at most hi
// connections. It doesn't wait for one: a database that is away answers with 503
// and is used when it is back.
func Open(ctx context.Context, cfg Config, url string, hi, lo int) (*DB, error) {
	pc, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", redact(err))
	}
	pc.MaxConns = int32(hi)
	pc.MinConns = int32(min(lo, hi))
	pc.MaxConnLifetime = cfg.MaxLifetime
	pc.MaxConnLifetimeJitter = cfg.MaxLifetime / 10
	pc.MaxConnIdleTime = cfg.MaxIdleTime
	pc.ConnConfig.ConnectTimeout = cfg.ConnectTimeout
	if pc.ConnConfig.RuntimeParams["application_name"] == "" {
		pc.ConnConfig.RuntimeParams["application_name"] = "fluxbase"
	}
	// A request that is given up cancels its statement and keeps the connection;
	// closing it would leave the statement running and cost a log-in.
	pc.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &canceller{conn: conn}
	}
	statements := cfg.StatementCache
	if !cfg.PreparedStatements {
		statements = 0
	}
	pc.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		conn.PgConn().CustomData()[sessionKey] = newSession(conn.PgConn(), statements)
		return nil
	}

	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("open the pool: %w", redact(err))
	}
	return &DB{pool: pool, slots: make(chan struct{}, hi), acquire: cfg.AcquireTimeout}, nil
}

// Close waits for the transactions under way and closes all connections.
func (db *DB) Close() { db.pool.Close() }

// Stat is how the pool is used, for metrics.
type Stat struct {
	Acquired, Idle, Max int32
	// Waits counts the transactions that found every connection at work, GaveUp
	// those of them that got none in time.
	Waits, GaveUp int64
}

// Stat tells how the pool is used now.
func (db *DB) Stat() Stat {
	st := db.pool.Stat()
	return Stat{
		Acquired: st.AcquiredConns(), Idle: st.IdleConns(), Max: st.MaxConns(),
		Waits: db.waits.Load(), GaveUp: db.gaveUp.Load(),
	}
}

// Ping asks the database for a sign of life, on a pooled connection.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.pool.Ping(ctx); err != nil {
		return unavailable(err)
	}
	return nil
}

// Do runs tx in one round trip and gives the first row of its main statement.
// The caller must Free the result.
//
// Errors of SQL come back as *pgconn.PgError, to be mapped by web.FromPostgres
// for the role at hand; trouble on the way to the database is a *web.Error with
// 503 or 504. After an error nothing of tx is left in the database, unless the
// connection was lost while it committed.
func (db *DB) Do(ctx context.Context, tx *Tx) (*Result, error) {
	if err := db.wait(ctx); err != nil {
		return nil, err
	}
	defer func() { <-db.slots }()
	for again := true; ; again = false {
		conn, err := db.pool.Acquire(ctx)
		if err != nil {
			return nil, classify(ctx, redact(err))
		}
		s := conn.Conn().PgConn().CustomData()[sessionKey].(*session)
		res, err := s.run(ctx, tx)
		conn.Release()
		if err == nil {
			return res, nil
		}
		if again && s.canRetry(ctx, tx, err) {
			continue
		}
		return nil, classify(ctx, err)
	}
}

// wait takes a slot, first come first served, for no longer than a request may
// wait for a connection.
func (db *DB) wait(ctx context.Context) error {
	select {
	case db.slots <- struct{}{}:
		return nil
	default:
	}
	db.waits.Add(1)
	timer := time.NewTimer(db.acquire)
	defer timer.Stop()
	select {
	case db.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		db.gaveUp.Add(1)
		return classify(ctx, ctx.Err())
	case <-timer.C:
		db.gaveUp.Add(1)
		return web.PoolTimeout
	}
}

// canRetry tells whether tx may run again on another connection: when nothing
// of it can have happened, or nothing of it can matter twice.
func (s *session) canRetry(ctx context.Context, tx *Tx, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		if s.stale(pgErr) {
			s.forget() // the pipeline was rolled back whole
			return true
		}
		// The server went away before or while it read; a query can be asked again.
		return tx.Mode == ReadOnly && pgErr.Code == "57P01"
	}
	if errors.As(err, new(checkError)) {
		return false
	}
	return tx.Mode == ReadOnly || pgconn.SafeToRetry(err)
}

// stale tells whether a statement that we hold for prepared is not what the
// server has: behind a pooler, after DISCARD, or after a change of a type.
func (s *session) stale(err *pgconn.PgError) bool {
	const invalidSQLStatementName, featureNotSupported = "26000", "0A000"
	return s.max > 0 && (err.Code == invalidSQLStatementName ||
		err.Code == featureNotSupported && err.Routine == "RevalidateCachedQuery")
}
