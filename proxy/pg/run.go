package pg

import (
	"context"
	"fmt"
	"strings"
	"unsafe"

	"github.com/jackc/pgx/v5/pgconn"
)

// always are the settings of every transaction. Read-only is a setting here and not a
// BEGIN of its own: it can be switched on at any time, and off no more.
var always = [...]string{
	"transaction_read_only", "search_path", "request.jwt.claims", "request.method", "request.path", "request.headers", "request.cookies", "request.id",
}

// nameSession has the id, the parameter before it, also in the name that Postgres's log
// and pg_stat_activity show of a session. A name has at most 63 bytes.
const nameSession = `, set_config('application_name', left(rtrim('fluxbase ' || $%d), 63), true)`

// becomeKey tells apart the statements that set who and what a request is.
type becomeKey struct {
	first string
	more  int // settings
}

// statement sets who and what the request is, local to the transaction, along with an
// expression, whose args parameters come first, and more settings. The role comes last,
// because the login may do what the role may not. The values, which Postgres gives back,
// are counted instead of sent: that is a twentieth of what a small read costs it.
func (k becomeKey) statement(args int, named bool) string {
	var b strings.Builder
	b.WriteString("select num_nulls(")
	n := args
	for i, name := range always {
		if i > 0 {
			b.WriteString(", ")
		}
		n++
		fmt.Fprintf(&b, "set_config('%s', $%d, true)", name, n)
	}
	if named {
		fmt.Fprintf(&b, nameSession, n)
	}
	b.WriteString("), ")
	if k.first != "" {
		b.WriteString(k.first + ", ")
	}
	for range k.more {
		fmt.Fprintf(&b, "set_config($%d, $%d, true), ", n+1, n+2)
		n += 2
	}
	fmt.Fprintf(&b, "set_config('role', $%d, true)", n+1)
	return b.String()
}

// named tells what only a transaction that is begun and ended by name can do.
func (tx *Tx) named() bool {
	return tx.Check != nil || tx.Work != nil || tx.Rollback || tx.Isolation != "" || tx.Begin || tx.readWrite
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
	main := stepMain
	if tx.After.SQL != "" && tx.Rows == FirstRow {
		main = stepCounted
	}
	s.send(p, tx.key(&tx.Main), tx.Main.Args, tx.Main.Formats, main)
	if tx.After.SQL != "" {
		s.send(p, tx.key(&tx.After), tx.After.Args, nil, stepAfter)
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
	args := append(s.settings[:0], tx.First.Args...)
	args = append(args, bytesOf(readOnly), bytesOf(tx.SearchPath), bytesOf(tx.Claims), bytesOf(tx.Method),
		bytesOf(tx.Path), bytesOf(tx.Headers), bytesOf(tx.Cookies), bytesOf(tx.RequestID))
	for _, st := range tx.Settings {
		args = append(args, bytesOf(st.Name), bytesOf(st.Value))
	}
	if tx.traceparent != "" {
		args = append(args, bytesOf("request.traceparent"), bytesOf(tx.traceparent))
	}
	s.settings = append(args, bytesOf(role))
	kind := stepDropped
	if tx.First.SQL != "" {
		kind = stepFirst
	}
	s.send(p, s.become(tx), s.settings, nil, kind)
	clear(s.settings)
}

// become is the statement that sends the settings of tx.
func (s *session) become(tx *Tx) stmtKey {
	key := becomeKey{tx.First.SQL, len(tx.Settings)}
	if tx.traceparent != "" {
		key.more++
	}
	sql, ok := s.becomes[key]
	if !ok {
		sql = key.statement(len(tx.First.Args), s.nameRequests)
		s.becomes[key] = sql
	}
	return stmtKey{sql: sql}
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
