package pg

import (
	"container/list"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// session is what we keep of one connection: the statements prepared on it.
type session struct {
	conn *pgconn.PgConn
	max  int // 0: never name a statement
	// maxAnswer is how long what is made of rows may be.
	maxAnswer int
	// nameRequests has requests named in application_name.
	nameRequests bool
	becomes      map[becomeKey]string
	named        map[stmtKey]*list.Element
	lru          *list.List // of *stmt, most recent first
	bytes        int        // of the statements' text
	next         uint64
	// stats counts for all connections of the pool.
	stats *statementStats
	// watcher cancels what runs when the context of whose turn it is ends.
	watcher   *ctxwatch.ContextWatcher
	canceller *canceller
	// Of the pipeline under way; kept to save the allocations.
	steps    []step
	settings [][]byte
}

// stmtKey tells prepared statements apart. Under row level security a plan
// belongs to a role, and names in it were looked up along a search_path: one
// shared by two roles would be planned anew each time it changes hands.
type stmtKey struct {
	role, path, sql string
	version         uint64
}

type stmt struct {
	key  stmtKey
	desc *pgconn.StatementDescription // nil until the server has described it
	name string
	took time.Duration // of late; 0 before the first time
	json []jsonColumn  // of what it gives; nil before the first time
}

// step is one answer to be read from the pipeline.
type step struct {
	kind stepKind
	stmt *stmt    // what was prepared, now or before; nil without
	of   stepKind // what it was prepared for
}

type stepKind uint8

const (
	stepPrepared stepKind = iota // ParseComplete and description of stmt
	stepClosed                   // CloseComplete of an evicted statement
	stepDropped                  // rows that nobody reads
	stepFirst                    // the same, and their error is a FirstError
	stepCounted                  // rows that are only counted
	stepMain                     // the rows of the answer
	stepAfter                    // the one row behind those
	stepSync                     // ReadyForQuery
)

const sessionKey = "fluxbase"

const (
	// maxStatement is the longest text that is worth a name: a longer one costs
	// Postgres as much to hold as to parse.
	maxStatement = 64 << 10
	// maxStatementBytes bounds the texts of a connection's statements; a backend
	// takes some ten times as much for their plans.
	maxStatementBytes = 1 << 20
)

// statementStats is how the prepared statements of a pool are used.
type statementStats struct{ hits, misses, evictions, entries, bytes atomic.Int64 }

func newSession(conn *pgconn.PgConn, cfg *Config, stats *statementStats) *session {
	s := &session{
		conn: conn, max: cfg.StatementCache, nameRequests: cfg.NameRequests, stats: stats,
		becomes: map[becomeKey]string{}, named: map[stmtKey]*list.Element{}, lru: list.New(),
		canceller: &canceller{conn: conn},
	}
	if !cfg.PreparedStatements {
		s.max = 0
	}
	if s.maxAnswer = cfg.MaxAnswer; s.maxAnswer == 0 {
		s.maxAnswer = maxAnswer
	}
	s.watcher = ctxwatch.NewContextWatcher(s.canceller)
	return s
}

func sessionOf(conn *pgx.Conn) *session { return conn.PgConn().CustomData()[sessionKey].(*session) }

// forget drops all that is known of prepared statements. Names go on counting,
// so that a statement which the server still has is never overwritten.
func (s *session) forget() {
	for s.lru.Len() > 0 {
		s.drop(s.lru.Back())
	}
}

func (s *session) keep(st *stmt) {
	s.named[st.key] = s.lru.PushFront(st)
	s.bytes += len(st.key.sql)
	s.stats.entries.Add(1)
	s.stats.bytes.Add(int64(len(st.key.sql)))
}

func (s *session) drop(e *list.Element) *stmt {
	st := s.lru.Remove(e).(*stmt)
	delete(s.named, st.key)
	s.bytes -= len(st.key.sql)
	s.stats.entries.Add(-1)
	s.stats.bytes.Add(-int64(len(st.key.sql)))
	return st
}

// send adds one statement to the pipeline: by name when it was prepared here
// before, else with a Parse that the same round trip carries.
func (s *session) send(p *pgconn.Pipeline, key stmtKey, args [][]byte, formats []int16, kind stepKind) {
	if s.max == 0 || len(key.sql) > maxStatement {
		p.SendQueryParams(key.sql, args, nil, nil, formats)
		s.steps = append(s.steps, step{kind: kind})
		return
	}
	if e, ok := s.named[key]; ok {
		s.stats.hits.Add(1)
		s.lru.MoveToFront(e)
		st := e.Value.(*stmt)
		if st.desc != nil {
			p.SendQueryStatement(st.desc, args, nil, formats)
		} else { // twice in one pipeline
			p.SendQueryPrepared(st.name, args, nil, formats)
		}
		s.steps = append(s.steps, step{kind: kind, stmt: st})
		return
	}

	s.stats.misses.Add(1)
	for s.lru.Len() >= s.max || s.bytes+len(key.sql) > maxStatementBytes {
		p.SendDeallocate(s.drop(s.lru.Back()).name)
		s.stats.evictions.Add(1)
		s.steps = append(s.steps, step{kind: stepClosed})
	}
	s.next++
	st := &stmt{key: key, name: "fx" + strconv.FormatUint(s.next, 36)}
	s.keep(st)
	p.SendPrepare(st.name, key.sql, nil)
	p.SendQueryPrepared(st.name, args, nil, formats)
	s.steps = append(s.steps, step{kind: stepPrepared, stmt: st, of: kind}, step{kind: kind, stmt: st})
}

// settle keeps only what the server has confirmed: a failed pipeline leaves out
// every Parse after the failure.
func (s *session) settle() {
	for _, st := range s.steps {
		if st.kind != stepPrepared || st.stmt.desc != nil {
			continue
		}
		if e, ok := s.named[st.stmt.key]; ok && e.Value.(*stmt) == st.stmt {
			s.drop(e)
		}
	}
	clear(s.steps)
	s.steps = s.steps[:0]
}

// stale tells whether a statement that we hold for prepared is not what the
// server has: behind a pooler, after DISCARD, or after a change of a type.
func (s *session) stale(err *pgconn.PgError) bool {
	const invalidSQLStatementName, featureNotSupported = "26000", "0A000"
	return s.max > 0 && (err.Code == invalidSQLStatementName ||
		err.Code == featureNotSupported && err.Routine == "RevalidateCachedQuery")
}

// took remembers how long tx kept the connection busy. Longer than before weighs a
// quarter, since the cause is often elsewhere: a busy machine, a neighbour, or the way
// there, of which each has a part of those who go together.
func (s *session) took(tx *Tx, d time.Duration) {
	if e, ok := s.named[tx.key(&tx.Main)]; ok {
		st := e.Value.(*stmt)
		if st.took > 0 && d > st.took {
			d = st.took + (d-st.took)/4
		}
		st.took = d
	}
}

// shareable tells a transaction that may be sent with others of its kind: one that only
// reads, which no row lock can hold up, or that only inserts, which hardly any does.
func (tx *Tx) shareable() bool {
	return (tx.Mode == ReadOnly || tx.Inserts) && tx.Main.SQL != "" && !tx.named() && tx.First.SQL == "" && len(tx.Before) == 0
}

// within tells whether tx may be sent with others here: its statements are prepared,
// and the main one took less than limit. All of them give columns, because after an
// error pgconn confuses the descriptions of those that it skips.
func (s *session) within(limit time.Duration, tx *Tx) bool {
	if !tx.shareable() {
		return false
	}
	e, ok := s.named[tx.key(&tx.Main)]
	if !ok {
		return false
	}
	if _, ok := s.named[s.become(tx)]; !ok {
		return false
	}
	if _, ok := s.named[tx.key(&tx.After)]; !ok && tx.After.SQL != "" {
		return false
	}
	st := e.Value.(*stmt)
	return st.took > 0 && st.took < limit && st.desc != nil && len(st.desc.Fields) > 0
}
