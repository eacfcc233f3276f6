package pg

import (
	"context"
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

// named tells what only a transaction that is begun and ended by name can do.
func (tx *Tx) named() bool {
	return tx.Check != nil || tx.Work != nil || tx.Rollback || tx.Isolation != "" || tx.readWrite
}

// sendTx adds tx to the pipeline, up to its Sync.
func (s *session) sendTx(p *pgconn.Pipeline, tx *Tx) {
	if tx.named() {
		s.send(p, stmtKey{sql: tx.begin()}, nil, nil, stepDropped)
	}
	s.sendSettings(p, tx)
	for i := range tx.Before {
		s.send(p, tx.key(&tx.Before[i]), tx.Before[i].Args, nil, stepDropped)
	}
	if tx.After.SQL == "" {
		s.send(p, tx.key(&tx.Main), tx.Main.Args, tx.Main.Formats, stepMain)
	} else {
		s.send(p, tx.key(&tx.Main), tx.Main.Args, tx.Main.Formats, stepCounted)
		s.send(p, tx.key(&tx.After), tx.After.Args, nil, stepMain)
	}
	if tx.named() && tx.Check == nil && tx.Work == nil {
		for _, end := range ends(tx.Rollback) {
			s.send(p, stmtKey{sql: end}, nil, nil, stepDropped)
		}
	}
	p.SendPipelineSync()
	s.steps = append(s.steps, step{kind: stepSync})
}

// ends are the statements that end a named transaction. A roll-back checks
// deferred constraints first: who asks for a dry run wants to see them fail.
func ends(rollback bool) []string {
	if rollback {
		return []string{"set constraints all immediate", "rollback"}
	}
	return []string{"commit"}
}

// decide asks the check of a named transaction, ends it accordingly, and never
// leaves it open.
func (s *session) decide(ctx context.Context, tx *Tx, res *Result, err error) (*Result, error) {
	if err == nil && (tx.Check != nil || tx.Work != nil) {
		if tx.Check != nil {
			err = tx.Check(res)
		} else {
			err = tx.Work(ctx, Conn{s.conn}, res)
		}
		if err != nil {
			err = checkError{err}
		} else {
			_, err = s.conn.Exec(ctx, strings.Join(ends(tx.Rollback), "; ")).ReadAll()
		}
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

func (tx *Tx) begin() string {
	sql := "begin"
	if tx.Isolation != "" {
		sql += " isolation level " + tx.Isolation
	}
	if tx.readWrite {
		sql += " read write"
	}
	return sql
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
	more := len(tx.Settings)
	first := role
	if more > 0 {
		first = "none" // the login may set what the role may not: the role comes last
	}
	s.settings = [...][]byte{
		bytesOf(readOnly), bytesOf(tx.SearchPath), bytesOf(first), bytesOf(tx.Claims), bytesOf(tx.Method),
		bytesOf(tx.Path), bytesOf(tx.Headers), bytesOf(tx.Cookies), bytesOf(tx.RequestID),
	}
	s.send(p, stmtKey{sql: become}, s.settings[:], nil, stepDropped)
	if more == 0 {
		return
	}
	args := make([][]byte, 0, 2*more+1)
	for _, st := range tx.Settings {
		args = append(args, bytesOf(st.Name), bytesOf(st.Value))
	}
	s.send(p, s.setMore(more), append(args, bytesOf(role)), nil, stepDropped)
}

// setMore is the statement that sets n further parameters, and then the role.
func (s *session) setMore(n int) stmtKey {
	for i := len(s.more); i <= n; i++ {
		var b strings.Builder
		b.WriteString("select ")
		for j := range i {
			fmt.Fprintf(&b, "set_config($%d, $%d, true), ", 2*j+1, 2*j+2)
		}
		fmt.Fprintf(&b, "set_config('role', $%d, true)", 2*i+1)
		s.more = append(s.more, b.String())
	}
	return stmtKey{sql: s.more[n]}
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
