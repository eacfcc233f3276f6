package pg

import (
	"context"
	"errors"
)

// Steps is a transaction under way whose statements are sent one by one and
// answered in their order. What is sent travels when the next answer is wanted, so
// that statements which need none of the answers before them share a round trip.
type Steps struct {
	b    *batch
	tx   *Tx
	sent bool  // since the last flush
	err  error // of the database or of the way to it
}

// Run runs tx with the statements that do sends, in place of Main; it commits if do
// returns no error, and rolls back else. Where Do would try again, do is called again
// from the start. Its own errors come back as they are, others as those of Do.
func (db *DB) Run(ctx context.Context, tx *Tx, do func(*Steps) error) error {
	err := db.tryRun(ctx, tx, do)
	if errors.As(err, new(repeatError)) {
		err = db.tryRun(ctx, tx, do)
	}
	if err != nil {
		return classify(ctx, err)
	}
	return nil
}

func (db *DB) tryRun(ctx context.Context, tx *Tx, do func(*Steps) error) (err error) {
	span := db.begin(ctx, tx)
	defer func() { span.end(err) }()
	tx.readWrite = tx.Mode == ReadWrite && db.readOnly.Load()
	// Without a main statement it is never sent along with another.
	if _, err := db.queue.enter(ctx, tx, db.acquire); err != nil {
		db.gaveUp.Add(1)
		return err
	}
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		db.queue.leave(false)
		return redact(err)
	}
	span.sent()
	b := &batch{db: db, conn: conn, s: sessionOf(conn.Conn())}
	defer b.pass()
	b.p = b.s.conn.StartPipeline(context.Background())
	b.s.canceller.used = false
	b.s.watcher.Watch(ctx)
	if tx.named() {
		b.s.send(b.p, stmtKey{sql: tx.begin()}, nil, nil, stepDropped)
	}
	b.s.sendSettings(b.p, tx)
	for i := range tx.Before {
		b.s.send(b.p, tx.key(&tx.Before[i]), tx.Before[i].Args, nil, stepDropped)
	}
	s := &Steps{b: b, tx: tx, sent: true}
	switch err = do(s); {
	case err == nil:
		err = s.commit()
	case s.err == nil:
		err = checkError{err}
	}
	if err != nil {
		if !tx.named() { // what has happened becomes part of what begins, and is undone
			b.p.SendQueryParams("begin", nil, nil, nil, nil)
			b.p.SendQueryParams("rollback", nil, nil, nil, nil)
		}
		b.p.SendPipelineSync()
		_ = b.p.Flush() // a failed flush closes the pipeline
	}
	_ = b.p.Close() // reads what is left; its error is one that was read before
	b.s.watcher.Unwatch()
	if err == nil {
		return nil
	}
	b.s.rollback(ctx)
	if b.mayRepeat(ctx, tx, err) {
		err = repeatError{err}
	}
	return err
}

// Set sends a statement whose rows nobody reads.
func (s *Steps) Set(sql string, args ...string) {
	values := make([][]byte, len(args))
	for i, a := range args {
		values[i] = bytesOf(a)
	}
	s.b.s.send(s.b.p, stmtKey{sql: sql}, values, nil, stepDropped)
	s.sent = true
}

// Send sends a statement that was planned for names along searchPath; Next reads its
// answer. With after, which may be empty, that is the first row of the statement after
// it, and st's number of rows.
func (s *Steps) Send(searchPath string, st *Statement, after string) {
	key := stmtKey{role: s.tx.Role, path: searchPath, sql: st.SQL, version: st.Version}
	kind := stepMain
	if after != "" {
		kind = stepCounted
	}
	s.b.s.send(s.b.p, key, st.Args, st.Formats, kind)
	if after != "" {
		key.sql = after
		s.b.s.send(s.b.p, key, nil, nil, stepMain)
	}
	s.sent = true
}

// Drop sends a statement like Send, whose rows nobody reads.
func (s *Steps) Drop(searchPath string, st *Statement) {
	key := stmtKey{role: s.tx.Role, path: searchPath, sql: st.SQL, version: st.Version}
	s.b.s.send(s.b.p, key, st.Args, nil, stepDropped)
	s.sent = true
}

// Next gives the answer to the oldest statement of Send that was not read yet; the
// caller must Free it.
func (s *Steps) Next() (*Result, error) {
	if s.sent {
		s.b.p.SendFlushRequest()
		_ = s.b.p.Flush() // a failed flush closes the pipeline; reading finds its error
		s.sent = false
	}
	counted := int64(-1)
	for {
		st := &s.b.s.steps[s.b.step]
		r, err := s.b.readStep(st, s.tx.Rows)
		if err != nil {
			s.err = err
			return nil, err
		}
		s.b.step++
		switch st.kind {
		case stepCounted:
			counted = r.RowsAffected
		case stepMain:
			if counted >= 0 {
				r.RowsAffected = counted
			}
			return r, nil
		}
	}
}

func (s *Steps) commit() error {
	if s.tx.named() {
		for _, end := range ends(s.tx.Rollback) {
			s.Set(end)
		}
	}
	s.b.p.SendPipelineSync()
	s.b.s.steps = append(s.b.s.steps, step{kind: stepSync})
	_ = s.b.p.Flush()
	res, err := s.b.read(FirstRow)
	res.Free()
	return err
}
