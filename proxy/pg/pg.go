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
	"go.opentelemetry.io/otel/attribute"
)

// DB runs transactions on a pool of connections of one login.
type DB struct {
	pool    *pgxpool.Pool
	queue   *queue
	acquire time.Duration
	// about is what each span says.
	about []attribute.KeyValue

	// underWay are the transactions of Do that wait or are at work.
	underWay, gaveUp, shared atomic.Int64
	// readOnly tells that transactions of the login are read-only unless they begin
	// otherwise: by its settings, or on a standby, where that fails.
	readOnly   atomic.Bool
	statements statementStats
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
	// For what runs outside of a batch; see canceller.
	pc.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &canceller{conn: conn}
	}
	db := &DB{queue: newQueue(hi), acquire: cfg.AcquireTimeout, about: aboutServer(pc.ConnConfig)}
	pc.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		conn.PgConn().CustomData()[sessionKey] = newSession(conn.PgConn(), &cfg, &db.statements)
		return nil
	}
	pc.BeforeClose = func(conn *pgx.Conn) { sessionOf(conn).forget() }

	if db.pool, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return nil, fmt.Errorf("open the pool: %w", redact(err))
	}
	return db, nil
}

// Reset makes all that comes run on new connections, which know the settings of
// the login and what else a session reads when it begins. Transactions under way
// go on.
func (db *DB) Reset() {
	db.readOnly.Store(false)
	db.pool.Reset()
}

// Close waits for the transactions under way and closes all connections.
func (db *DB) Close() { db.pool.Close() }

// Stat is how the pool is used, for metrics.
type Stat struct {
	Acquired, Idle, Max int32
	// Waiting are the transactions that wait for a connection now.
	Waiting int
	// GaveUp counts the transactions that got no connection in time, Shared those
	// that went along with another's.
	GaveUp, Shared int64
	Statements     StatementStat
}

// StatementStat is how the prepared statements are used, on all connections
// together. Bytes are those of their texts.
type StatementStat struct{ Hits, Misses, Evictions, Entries, Bytes int64 }

// Stat tells how the pool is used now.
func (db *DB) Stat() Stat {
	st := db.pool.Stat()
	return Stat{
		Acquired: st.AcquiredConns(), Idle: st.IdleConns(), Max: st.MaxConns(),
		Waiting: db.queue.length(), GaveUp: db.gaveUp.Load(), Shared: db.shared.Load(),
		Statements: StatementStat{
			Hits: db.statements.hits.Load(), Misses: db.statements.misses.Load(), Evictions: db.statements.evictions.Load(),
			Entries: db.statements.entries.Load(), Bytes: db.statements.bytes.Load(),
		},
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
	res, err := db.try(ctx, tx)
	if errors.As(err, new(repeatError)) {
		res, err = db.try(ctx, tx)
	}
	if err != nil {
		return nil, classify(ctx, err)
	}
	return res, nil
}

func (db *DB) try(ctx context.Context, tx *Tx) (_ *Result, err error) {
	span := db.begin(ctx, tx)
	defer func() { span.end(err) }()
	tx.readWrite = tx.Mode == ReadWrite && db.readOnly.Load()
	db.underWay.Add(1)
	defer db.underWay.Add(-1)
	b, err := db.queue.enter(ctx, tx, db.acquire)
	if err != nil {
		db.gaveUp.Add(1)
		return nil, err
	}
	if b == nil {
		var conn *pgxpool.Conn
		conn, err = db.pool.Acquire(ctx)
		if err != nil {
			db.queue.leave(false)
			return nil, redact(err)
		}
		b = db.lead(conn, tx)
	}
	span.sent()
	return b.run(ctx, tx)
}
