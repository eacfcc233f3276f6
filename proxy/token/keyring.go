package token

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/wait"
)

const (
	minTime = math.MinInt64
	// readTimeout is for one look at the keys.
	readTimeout = 3 * time.Second
	// usesEvery bounds what it costs to know when keys were last used.
	usesEvery = time.Minute
	// partitionsEvery is far less than a month.
	partitionsEvery = time.Hour
)

// KeyRing reads the service keys of a database, and tells it when they were used.
type KeyRing struct {
	mu   sync.Mutex
	next *keysRead // has not begun yet; nil if none is due
	uses map[string]*keyUse

	reading sync.Mutex // held while the database is asked
}

// keysRead is one look at the keys, for all who asked before it began.
type keysRead struct {
	done chan struct{}
	keys *ServiceKeys
	err  error
}

// NewKeyRing makes an empty one.
func NewKeyRing() *KeyRing { return &KeyRing{uses: map[string]*keyUse{}} }

// Read gives what the database says after the call began; nil if nothing of ours is
// installed there. One statement runs at a time, for all who wait: however many guess
// at keys, the database is asked no faster than it answers.
func (r *KeyRing) Read(ctx context.Context, db *pg.DB) (*ServiceKeys, error) {
	r.mu.Lock()
	read := r.next
	if read == nil {
		read = &keysRead{done: make(chan struct{})}
		r.next = read
		go r.run(db, read)
	}
	r.mu.Unlock()
	select {
	case <-read.done:
		return read.keys, read.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *KeyRing) run(db *pg.DB, read *keysRead) {
	defer close(read.done)
	r.reading.Lock()
	defer r.reading.Unlock()
	r.mu.Lock()
	r.next = nil // who comes from here on waits for another
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	read.keys, read.err = r.ask(ctx, db)
}

func (r *KeyRing) ask(ctx context.Context, db *pg.DB) (*ServiceKeys, error) {
	res, err := db.Do(ctx, &pg.Tx{Main: pg.Statement{SQL: `select auth.read_service_keys()::text`}})
	if fault := (*pgconn.PgError)(nil); errors.As(err, &fault) && (fault.Code == "42883" || fault.Code == "3F000") {
		return nil, nil // not there, or of an older release
	}
	if err != nil {
		return nil, err
	}
	defer res.Free()
	r.mu.Lock()
	defer r.mu.Unlock()
	return parseServiceKeys(res.Values[0], r.useOf)
}

// useOf gives what is known of the use of a key, also when the keys are read again. The
// caller holds mu.
func (r *KeyRing) useOf(id string) *keyUse {
	u := r.uses[id]
	if u == nil {
		u = new(keyUse)
		r.uses[id] = u
	}
	return u
}

// keyUse is when a key was last used, to the second.
type keyUse struct {
	second atomic.Int64

	mu      sync.Mutex
	address netip.Addr
	told    int64 // what the database knows
}

// note costs next to nothing but once a second.
func (u *keyUse) note(second int64, from netip.Addr) {
	if u.second.Load() == second {
		return
	}
	u.mu.Lock()
	u.address = from
	u.mu.Unlock()
	u.second.Store(second)
}

// keyUseRow is a use as auth.note_service_key_uses takes it.
type keyUseRow struct {
	ID      string  `json:"id"`
	At      int64   `json:"at"`
	Address *string `json:"address"`
}

// untold are the uses that the database does not know of.
func (r *KeyRing) untold() (rows []keyUseRow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, u := range r.uses {
		at := u.second.Load()
		u.mu.Lock()
		if at > u.told {
			u.told = at
			row := keyUseRow{ID: id, At: at}
			if u.address.IsValid() {
				text := u.address.String()
				row.Address = &text
			}
			rows = append(rows, row)
		}
		u.mu.Unlock()
	}
	return rows
}

// Keep tells the database once a minute which keys were used, until ctx ends, and has it
// make the partitions of what is audited. installed tells whether there is anything of
// ours. What fails is only logged: the next minute has newer uses.
func (r *KeyRing) Keep(ctx context.Context, db *pg.DB, installed func() bool, log *slog.Logger) {
	var made time.Time
	for wait.For(ctx, usesEvery) {
		if !installed() {
			continue
		}
		r.tell(ctx, db, log)
		if time.Since(made) >= partitionsEvery {
			if err := run(ctx, db, pg.Statement{SQL: `select count(*) from audit.make_partitions()`}); err != nil {
				log.Warn("the partitions of audit.events could not be made; it is tried again", "error", err)
			} else {
				made = time.Now()
			}
		}
	}
	r.tell(context.WithoutCancel(ctx), db, log)
}

func (r *KeyRing) tell(ctx context.Context, db *pg.DB, log *slog.Logger) {
	rows := r.untold()
	if len(rows) == 0 {
		return
	}
	text, _ := json.Marshal(rows) // texts and numbers never fail
	err := run(ctx, db, pg.Statement{SQL: `select auth.note_service_key_uses($1)`, Args: [][]byte{text}})
	if err != nil {
		log.Warn("the last uses of service keys could not be noted", "keys", len(rows), "error", err)
	}
}

func run(ctx context.Context, db *pg.DB, st pg.Statement) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	res, err := db.Do(ctx, &pg.Tx{Main: st})
	if err == nil {
		res.Free()
	}
	return err
}
