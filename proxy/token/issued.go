package token

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/wait"
)

// The tables that Issued and Signer are kept current from.
var (
	SigningKeys   = changes.Table{Schema: "auth", Name: "signing_keys"}
	Settings      = changes.Table{Schema: "auth", Name: "settings"}
	EndedSessions = changes.Table{Schema: "auth", Name: "ended_sessions"}
)

const (
	// askDistance keeps tokens of made-up keys from hammering the database.
	askDistance = 100 * time.Millisecond
	// sessionPage is how many ended sessions are read at once.
	sessionPage = 10_000
	sweepEvery  = time.Minute
)

// Issued knows which of the access tokens that were issued here still hold: their keys,
// and which of their sessions have ended. While it may trust what it remembers it asks
// nobody; else it asks the database, once for all who wait.
type Issued struct {
	db func(context.Context) (*pg.DB, error)
	// trusted tells whether what is remembered is current.
	trusted func() bool
	ended   sessionSet
	loaded  atomic.Bool
	// ring is what the stream has told; asked what the database said last, whenever that
	// was: it is for finding a key, and decides nothing.
	ring, asked atomic.Pointer[Ring]
	onEnd       func(pg.SessionID)
	onReset     func()

	mu      sync.Mutex
	next    *issuedRead // has not begun yet; nil if none is due
	reading sync.Mutex  // held while the database is asked

	looking sync.Mutex // held while a key is looked for
	looked  time.Time
	lookErr error // of the last look
}

// issuedRead is one look at the database, for all who asked before it began.
type issuedRead struct {
	done     chan struct{}
	sessions map[pg.SessionID]struct{}
	ring     *Ring
	ended    map[pg.SessionID]struct{}
	err      error
}

// NewIssued makes one that asks the database that db gives; nil if nothing of ours is
// installed there.
func NewIssued(db func(context.Context) (*pg.DB, error)) *Issued {
	return &Issued{db: db, trusted: func() bool { return false }}
}

// UseIssued has v take the tokens that are signed here, and refuse those whose session has
// ended, of whoever signed them. Without an issuer, a URL, the claim iss of ours may be
// anything. To be called before the first use.
func (v *Verifier) UseIssued(i *Issued, issuer string) { v.issued, v.issuer = i, issuer }

// mayEnd tells callers whose token may end before its time.
func mayEnd(c *pg.Caller) bool { return c.Signer != "" || c.Session != pg.SessionID{} }

// Ended tells whether a token no longer holds, by what the stream has told of keys and
// sessions, whether or not that is current: for those whose token was good and who are
// still there when it tells something. It asks nobody.
func (v *Verifier) Ended(c *pg.Caller) error {
	if v.issued == nil || !mayEnd(c) {
		return nil
	}
	return v.issued.checkMemory(c.Signer, c.Session)
}

// Follow has i trust what SetRing, LoadSessions and SessionChanged have told while trusted
// says so; else it asks db. To be called before the first use.
func (i *Issued) Follow(db *pg.DB, trusted func() bool) {
	i.db, i.trusted = func(context.Context) (*pg.DB, error) { return db, nil }, trusted
}

// Watch has ended called with each session that ends, and reset when many may have, or a
// key. They must not wait for anything. To be called before the first use.
func (i *Issued) Watch(ended func(pg.SessionID), reset func()) { i.onEnd, i.onReset = ended, reset }

// check tells whether a token of ours still holds, by the key and the session that it
// names, if any. Its error is for the client.
func (i *Issued) check(ctx context.Context, kid string, session pg.SessionID) error {
	// In this order: what is looked at after trust was given is no older.
	if i.trusted() && i.loaded.Load() {
		ring := i.ring.Load()
		switch {
		case ring == nil:
		case i.ended.has(session):
			return ErrSessionEnded
		case kid == "" || ring.has(kid):
			return nil
		}
		// The key was revoked, unless it is so new that the stream has not brought it yet.
	}
	read, err := i.ask(ctx, session)
	if err != nil {
		return errTokenUnchecked.Because(err)
	}
	_, ended := read.ended[session]
	return verdict(read.ring, kid, ended)
}

// checkMemory does so by what the stream has told, whether or not that is current. A key
// that it has not told of yet is a new one.
func (i *Issued) checkMemory(kid string, session pg.SessionID) error {
	if i.ended.has(session) {
		return ErrSessionEnded
	}
	if ring := i.ring.Load(); ring != nil {
		if _, gone := ring.gone[kid]; gone {
			return errSignerRevoked
		}
	}
	return nil
}

func verdict(ring *Ring, kid string, ended bool) error {
	switch {
	case ended:
		return ErrSessionEnded
	case kid != "" && !ring.has(kid):
		return errSignerRevoked
	}
	return nil
}

// find gives the key that a token names, if it is known.
func (i *Issued) find(h header) (key, bool) {
	if k, ok := i.ring.Load().find(h); ok {
		return k, ok
	}
	return i.asked.Load().find(h)
}

// signs tells whether there are keys, as far as is known.
func (i *Issued) signs() bool {
	for _, ring := range []*Ring{i.ring.Load(), i.asked.Load()} {
		if ring != nil && len(ring.keys) > 0 {
			return true
		}
	}
	return false
}

// lookFor gives the key that a token names, which may be new. Of an unknown key the
// database is asked no more often than askDistance.
func (i *Issued) lookFor(ctx context.Context, h header) (key, bool, error) {
	if ctx.Err() != nil {
		return key{}, false, ctx.Err()
	}
	asked := time.Now()
	i.looking.Lock()
	defer i.looking.Unlock()
	if !i.looked.After(asked) {
		if !wait.For(ctx, time.Until(i.looked.Add(askDistance))) {
			return key{}, false, ctx.Err()
		}
		i.looked = time.Now()
		_, i.lookErr = i.ask(context.WithoutCancel(ctx), pg.SessionID{}) // for all who wait
	}
	if i.lookErr != nil {
		return key{}, false, i.lookErr
	}
	k, ok := i.asked.Load().find(h)
	return k, ok, nil
}

// Ring gives the keys that hold.
func (i *Issued) Ring(ctx context.Context) (*Ring, error) {
	if i.trusted() {
		if ring := i.ring.Load(); ring != nil {
			return ring, nil
		}
	}
	read, err := i.ask(ctx, pg.SessionID{})
	return read.ring, err
}

// ask gives what the database says after the call began. One statement runs at a time,
// for all who wait.
func (i *Issued) ask(ctx context.Context, session pg.SessionID) (*issuedRead, error) {
	i.mu.Lock()
	read := i.next
	if read == nil {
		read = &issuedRead{done: make(chan struct{}), sessions: map[pg.SessionID]struct{}{}}
		i.next = read
		go i.run(read)
	}
	if session != (pg.SessionID{}) {
		read.sessions[session] = struct{}{}
	}
	i.mu.Unlock()
	select {
	case <-read.done:
		return read, read.err
	case <-ctx.Done():
		return &issuedRead{}, ctx.Err()
	}
}

func (i *Issued) run(read *issuedRead) {
	defer close(read.done)
	i.reading.Lock()
	defer i.reading.Unlock()
	i.mu.Lock()
	i.next = nil // who comes from here on waits for another
	i.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	read.err = i.fill(ctx, read)
}

func (i *Issued) fill(ctx context.Context, read *issuedRead) error {
	var list []byte
	for id := range read.sessions {
		list = append(append(list, ','), id.String()...)
	}
	list = append(append([]byte("{"), bytes.TrimPrefix(list, []byte(","))...), '}')
	document, err := i.query(ctx, `select r ->> 'ended', (r - 'ended')::text from auth.check_sessions($1) as r`, list)
	if err != nil {
		return err
	}
	if document == nil {
		read.ring = noKeys
		i.asked.Store(read.ring)
		return nil
	}
	var ended []string
	if err := json.Unmarshal(document[0], &ended); err != nil {
		return errors.New("auth.check_sessions is not that of this release")
	}
	read.ended = make(map[pg.SessionID]struct{}, len(ended))
	for _, text := range ended {
		id, ok := parseSession(text)
		if !ok {
			return errors.New("auth.check_sessions is not that of this release")
		}
		read.ended[id] = struct{}{}
	}
	if read.ring = i.asked.Load(); read.ring == nil || !bytes.Equal(read.ring.set, document[1]) {
		if read.ring, err = parseRing(document[1]); err != nil {
			return err
		}
		i.asked.Store(read.ring)
	}
	return nil
}

// noKeys is the ring of a database without ours.
var noKeys = &Ring{set: []byte(`{"keys":[]}`)}

// query gives the first row of a statement, in memory of its own; nil if what it calls is
// not installed.
func (i *Issued) query(ctx context.Context, sql string, args ...[]byte) ([][]byte, error) {
	db, err := i.db(ctx)
	if db == nil || err != nil {
		return nil, err
	}
	res, err := db.Do(ctx, &pg.Tx{Main: pg.Statement{SQL: sql, Args: args}})
	if fault := (*pgconn.PgError)(nil); errors.As(err, &fault) && (fault.Code == "42883" || fault.Code == "3F000") {
		return nil, nil // not there, or of an older release
	}
	if err != nil {
		return nil, err
	}
	defer res.Free()
	row := make([][]byte, len(res.Values))
	for n, v := range res.Values {
		row[n] = bytes.Clone(v)
	}
	return row, nil
}

// ReadRing asks the database for the keys.
func (i *Issued) ReadRing(ctx context.Context) (*Ring, error) {
	row, err := i.query(ctx, `select auth.jwks()::text`)
	switch {
	case err != nil:
		return nil, err
	case row == nil:
		return noKeys, nil
	}
	return parseRing(row[0])
}

// SetRing is told the keys at each change.
func (i *Issued) SetRing(ring *Ring) {
	i.ring.Store(ring.after(i.ring.Load(), i.asked.Load()))
	if i.onReset != nil {
		i.onReset()
	}
}

// LoadSessions reads all sessions that have ended. What was told of before stays: a
// snapshot may be older.
func (i *Issued) LoadSessions(ctx context.Context) error {
	for after := (pg.SessionID{}); ; {
		row, err := i.query(ctx, `select auth.read_ended_sessions($1, $2)`, []byte(after.String()), strconv.AppendInt(nil, sessionPage, 10))
		if err != nil {
			return err
		}
		n := 0
		if row != nil {
			for line := range strings.Lines(string(row[0])) {
				id, forget, ok := parseEnded(line)
				if !ok {
					return errors.New("auth.read_ended_sessions is not that of this release")
				}
				i.ended.add(id, forget)
				after = id
				n++
			}
		}
		if n < sessionPage {
			break
		}
	}
	i.loaded.Store(true)
	if i.onReset != nil {
		i.onReset()
	}
	return nil
}

// parseEnded reads a session and a second.
func parseEnded(line string) (pg.SessionID, int64, bool) {
	text, second, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	id, ok := parseSession(text)
	forget, err := strconv.ParseInt(second, 10, 64)
	return id, forget, ok && err == nil
}

// SessionChanged is told of a row of auth.ended_sessions that came or went.
func (i *Issued) SessionChanged(e *changes.Event) error {
	row := e.New
	if e.Op == changes.Delete {
		row = e.Old
	}
	id, ok := parseSession(row.Value(e.Relation.Index("session_id")).Text)
	if !ok {
		return fmt.Errorf("a row of %s.%s has no session", e.Relation.Schema, e.Relation.Name)
	}
	if e.Op == changes.Delete {
		i.ended.remove(id)
		return nil
	}
	if i.ended.add(id, seconds(row.Value(e.Relation.Index("forget_at")).Text)) && i.onEnd != nil {
		i.onEnd(id)
	}
	return nil
}

// seconds reads a timestamptz as Postgres writes it; what it can't read is never over.
func seconds(text []byte) int64 {
	for _, layout := range []string{"2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05.999999-07:00"} {
		if at, err := time.Parse(layout, string(text)); err == nil {
			return at.Unix() + 1
		}
	}
	return math.MaxInt64 - skew
}

// Sweep forgets the sessions of which no token is valid any more, until ctx ends.
func (i *Issued) Sweep(ctx context.Context) {
	for wait.For(ctx, sweepEvery) {
		i.ended.sweep(time.Now())
	}
}
