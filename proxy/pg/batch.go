package pg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// batch is what one connection has been sent and not yet answered: a transaction
// and, when every connection is at work, further ones that waited for it. Each is
// a transaction of its own, ended by its own Sync; they share only the journey,
// so that neither side goes to sleep between them (docs/decisions/0003).
//
// Each reads its own answer and then hands the batch to the next; the last gives
// the connection back.
type batch struct {
	db        *DB
	conn      *pgxpool.Conn
	s         *session
	p         *pgconn.Pipeline
	followers []*waiter
	brief     bool // it counts among the brief trips
	began     time.Time
	answered  int
	step      int   // next of s.steps to be read
	lost      error // the connection broke: no answer comes any more
}

const (
	// quick is how long a statement may have taken of late to be sent with others: what
	// comes behind it waits for it, although another connection may be free before.
	quick = 10 * time.Millisecond
	// brief is one for which it is worth waiting although another is free: waking the
	// database and us costs about as much as such a statement.
	brief = 400 * time.Microsecond
)

// brief is below what the statements of a brief trip have taken of late. While more are
// under way than there are connections, some wait in any case, so that all count for
// brief that take no longer than who is held back may wait.
func (db *DB) brief() time.Duration {
	if db.underWay.Load() > int64(db.queue.size) {
		return heldBack
	}
	return brief
}

// lead sends tx, and behind it what waits and fits.
func (db *DB) lead(conn *pgxpool.Conn, tx *Tx) *batch {
	b := &batch{db: db, conn: conn, s: sessionOf(conn.Conn())}
	// Whose turn it is watches its own context.
	b.p = b.s.conn.StartPipeline(context.Background())
	b.s.canceller.used = false
	limit := db.brief()
	if b.brief = !tx.Inserts && b.s.within(limit, tx); !b.brief {
		limit = quick
	}
	share := b.brief || b.s.within(quick, tx)
	b.s.sendTx(b.p, tx)
	if share {
		b.followers = db.queue.join(b.brief, func(other *Tx) bool {
			return other.Inserts == tx.Inserts && b.s.within(limit, other)
		})
		for _, w := range b.followers {
			b.s.sendTx(b.p, w.tx)
		}
		db.shared.Add(int64(len(b.followers)))
	}
	b.began = time.Now()
	// A failed flush closes the pipeline; the first to read finds its error.
	_ = b.p.Flush()
	return b
}

// run reads the answer to tx, whose turn it is, and passes the batch on.
func (b *batch) run(ctx context.Context, tx *Tx) (*Result, error) {
	defer b.pass()
	b.s.watcher.Watch(ctx)
	read := false
	defer func() {
		if !read { // it panicked: nobody after it may take what is left for their own answer
			b.s.watcher.Unwatch()
			b.lost = errHalfRead
			_ = b.s.conn.Conn().Close()
		}
	}()
	res, err := b.read(tx.Rows)
	read = true
	b.s.watcher.Unwatch()
	// Its share of the trip: an answer that is read late may have come early.
	b.answered++
	b.s.took(tx, time.Since(b.began)/time.Duration(b.answered))
	if tx.named() {
		_ = b.p.Close() // its error is that of read
		res, err = b.s.decide(ctx, tx, res, err)
	}
	if err != nil && b.mayRepeat(ctx, tx, err) {
		err = repeatError{err}
	}
	return res, err
}

// errHalfRead is what those hear whose answers came behind one that nobody has read.
var errHalfRead = errors.New("an answer before this one was not read to its end")

// repeatError is a failure after which the transaction may run again.
type repeatError struct{ error }

func (e repeatError) Unwrap() error { return e.error }

// mayRepeat tells whether tx may run again on another connection: when nothing
// of it can have happened, or nothing of it can matter twice.
func (b *batch) mayRepeat(ctx context.Context, tx *Tx, err error) bool {
	const queryCanceled, adminShutdown, activeSQLTransaction = "57014", "57P01", "25001"
	if ctx.Err() != nil || errors.As(err, new(checkError)) {
		return false
	}
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return tx.Mode == ReadOnly || pgconn.SafeToRetry(err)
	}
	if pgErr.Code == activeSQLTransaction && pgErr.Routine == "call_bool_check_hook" && tx.Mode == ReadWrite && !tx.readWrite {
		b.db.readOnly.Store(true) // read-only can't be switched off by a query
		return true
	}
	if b.s.stale(pgErr) {
		b.s.forget() // the transaction was rolled back whole
		return true
	}
	// The cancellation of a neighbour came late and met this one, which was undone whole; a
	// statement_timeout of its own has the same code.
	if b.s.canceller.used && pgErr.Code == queryCanceled {
		return tx.shareable()
	}
	// The server went away before or while it read. A write may have been committed by then.
	return tx.Mode == ReadOnly && pgErr.Code == adminShutdown
}

// read takes the answers up to and with the next Sync, and returns the first
// error. One that Postgres raises at the end, such as a deferred constraint's,
// comes in place of the Sync, and the Sync after it.
func (b *batch) read(rows Rows) (res *Result, err error) {
	if b.lost != nil {
		return nil, b.lost
	}
	for {
		st := &b.s.steps[b.step]
		if err != nil && st.kind != stepSync {
			b.step++ // Postgres skips what comes after an error
			continue
		}
		r, stepErr := b.readStep(st, rows)
		if r != nil {
			if res != nil {
				r = res.before(r)
			}
			res = r
		}
		switch {
		case stepErr == nil:
			b.step++
		case errors.As(stepErr, new(*pgconn.PgError)):
			err = errors.Join(err, stepErr)
			if st.kind != stepSync {
				b.step++
			}
			continue
		default:
			b.lost = stepErr
			res.Free()
			return nil, errors.Join(err, stepErr)
		}
		if st.kind != stepSync {
			continue
		}
		if err == nil && res != nil {
			err = res.unfit
		}
		if err != nil {
			res.Free()
			return nil, err
		}
		return res, nil
	}
}

// FirstError is an error of Tx.First or of the settings that go with it.
type FirstError struct{ error }

func (e FirstError) Unwrap() error { return e.error }

func (b *batch) readStep(st *step, rows Rows) (*Result, error) {
	r, err := b.readAnswer(st, rows)
	if err != nil && (st.kind == stepFirst || st.of == stepFirst) {
		err = FirstError{err}
	}
	return r, err
}

func (b *batch) readAnswer(st *step, rows Rows) (*Result, error) {
	got, err := b.p.GetResults()
	if err != nil {
		return nil, err
	}
	switch st.kind {
	case stepPrepared:
		desc := got.(*pgconn.StatementDescription)
		desc.Name = st.stmt.name
		st.stmt.desc = desc
	case stepDropped, stepFirst:
		_, err = got.(*pgconn.ResultReader).Close()
	case stepCounted:
		tag, err := got.(*pgconn.ResultReader).Close()
		return &Result{RowsAffected: tag.RowsAffected()}, err
	case stepMain, stepAfter:
		if st.kind == stepAfter {
			rows = FirstRow
		}
		r := new(Result)
		if err = r.read(got.(*pgconn.ResultReader), rows, st.stmt, b.s.maxAnswer); err != nil {
			r.Free()
			return nil, err
		}
		return r, nil
	case stepClosed, stepSync:
	}
	return nil, err
}

// pass hands the batch to the next, or gives the connection back.
func (b *batch) pass() {
	if len(b.followers) > 0 {
		next := b.followers[0]
		b.followers = b.followers[1:]
		next.turn <- b
		return
	}
	_ = b.p.Close() // everything was read, or the connection is lost
	b.s.settle()
	b.conn.Release()
	b.db.queue.leave(b.brief)
}
