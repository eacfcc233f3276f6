package pg

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"github.com/jackc/pgx/v5/pgconn"
)

// become sets who and what the request is, local to the transaction. Read-only
// is a setting here and not a BEGIN of its own: it can be switched on at any
// time, and off no more.
const become = `select set_config('transaction_read_only', $1, true),` +
	` set_config('search_path', $2, true), set_config('role', $3, true),` +
	` set_config('request.jwt.claims', $4, true), set_config('request.method', $5, true),` +
	` set_config('request.path', $6, true), set_config('request.headers', $7, true),` +
	` set_config('request.cookies', $8, true), set_config('request.id', $9, true)`

// run sends tx as one pipeline and reads its answer. Whatever happens, the
// connection is left without a transaction, or closed.
func (s *session) run(ctx context.Context, tx *Tx) (*Result, error) {
	defer s.settle()
	p := s.conn.StartPipeline(ctx)
	// Only what a plain pipeline can't do needs a transaction that is begun and
	// ended by name.
	named := tx.Check != nil || tx.Rollback || tx.Isolation != ""
	if named {
		s.send(p, stmtKey{sql: begin(tx.Isolation)}, nil, stepDropped)
	}
	s.sendSettings(p, tx)
	for i := range tx.Before {
		s.send(p, tx.key(&tx.Before[i]), tx.Before[i].Args, stepDropped)
	}
	s.send(p, tx.key(&tx.Main), tx.Main.Args, stepMain)
	if named && tx.Check == nil {
		s.sendEnd(p, tx.Rollback)
	}
	s.sync(p)

	res, err := s.read(p, tx.Lines)
	if !named {
		return res, err
	}
	if err == nil && tx.Check != nil {
		if err = tx.Check(res); err != nil {
			err = checkError{err}
		}
		err = errors.Join(err, s.end(ctx, tx.Rollback || err != nil))
	}
	if err != nil {
		res.Free()
		s.rollback(ctx)
		return nil, err
	}
	return res, nil
}

// checkError is the verdict of Tx.Check; it is no reason to try again.
type checkError struct{ error }

func (e checkError) Unwrap() error { return e.error }

func begin(isolation string) string {
	if isolation == "" {
		return "begin"
	}
	return "begin isolation level " + isolation
}

func (tx *Tx) key(st *Statement) stmtKey {
	return stmtKey{role: tx.Role, path: tx.SearchPath, sql: st.SQL, version: st.Version}
}

// bytesOf lends the bytes of s to the wire, which only reads them, without a
// copy. An empty string must not become nil, which is NULL.
func bytesOf(s string) []byte {
	if s == "" {
		return empty
	}
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

var empty = []byte{}

func (s *session) sendSettings(p *pgconn.Pipeline, tx *Tx) {
	readOnly, role := "off", tx.Role
	if tx.Mode == ReadOnly {
		readOnly = "on"
	}
	if role == "" {
		role = "none"
	}
	s.settings = [...][]byte{
		bytesOf(readOnly), bytesOf(tx.SearchPath), bytesOf(role), bytesOf(tx.Claims), bytesOf(tx.Method),
		bytesOf(tx.Path), bytesOf(tx.Headers), bytesOf(tx.Cookies), bytesOf(tx.RequestID),
	}
	s.send(p, stmtKey{sql: become}, s.settings[:], stepDropped)
	if len(tx.Settings) == 0 {
		return
	}
	var b strings.Builder
	more := make([][]byte, 0, 2*len(tx.Settings))
	for i, st := range tx.Settings {
		if i == 0 {
			b.WriteString("select ")
		} else {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "set_config($%d, $%d, true)", 2*i+1, 2*i+2)
		more = append(more, bytesOf(st.Name), bytesOf(st.Value))
	}
	s.send(p, stmtKey{sql: b.String()}, more, stepDropped)
}

// sendEnd ends a named transaction. A roll-back checks deferred constraints
// first: who asks for a dry run wants to see them fail.
func (s *session) sendEnd(p *pgconn.Pipeline, rollback bool) {
	if !rollback {
		s.send(p, stmtKey{sql: "commit"}, nil, stepDropped)
		return
	}
	s.send(p, stmtKey{sql: "set constraints all immediate"}, nil, stepDropped)
	s.send(p, stmtKey{sql: "rollback"}, nil, stepDropped)
}

func (s *session) sync(p *pgconn.Pipeline) {
	p.SendPipelineSync()
	s.steps = append(s.steps, step{kind: stepSync})
	// A failed flush closes the pipeline; read finds its error there.
	_ = p.Flush()
}

// end runs sendEnd in a round trip of its own.
func (s *session) end(ctx context.Context, rollback bool) error {
	s.settle()
	p := s.conn.StartPipeline(ctx)
	s.sendEnd(p, rollback)
	s.sync(p)
	_, err := s.read(p, false)
	return err
}

// rollback frees the connection from a transaction that failed under way. The
// request may be gone by now, so it has its own short deadline.
func (s *session) rollback(ctx context.Context) {
	if s.conn.IsClosed() || s.conn.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	// If this fails too, the pool sees the open transaction and drops the connection.
	_, _ = s.conn.Exec(ctx, "rollback").ReadAll()
}

// read takes every answer of the pipeline, in order, and returns the first
// error. An error that Postgres raises at the end, such as a deferred
// constraint's, comes in place of the sync.
func (s *session) read(p *pgconn.Pipeline, lines bool) (*Result, error) {
	var res *Result
	err := func() error {
		for i := range s.steps {
			got, err := p.GetResults()
			if err != nil {
				return err
			}
			switch st := &s.steps[i]; st.kind {
			case stepPrepared:
				desc := got.(*pgconn.StatementDescription)
				desc.Name = st.stmt.name
				st.stmt.desc = desc
			case stepDropped:
				if _, err := got.(*pgconn.ResultReader).Close(); err != nil {
					return err
				}
			case stepMain:
				r := new(Result)
				if err := r.read(got.(*pgconn.ResultReader), lines); err != nil {
					r.Free()
					return err
				}
				res = r
			case stepClosed, stepSync:
			}
		}
		return nil
	}()
	if closeErr := p.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		res.Free()
		return nil, err
	}
	return res, nil
}
