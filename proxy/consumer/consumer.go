// Package consumer does work for committed changes that must not be forgotten, over
// the ends of processes and of the database. How far it has come stands in
// fluxbase.consumers; one process at a time does the work of a name, under a lease
// with a fence, and another goes on where it ends or dies.
//
// Each change is worked on at least once, and exactly once if its work runs the
// statement done in its own transaction.
package consumer

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/wait"
)

// Consumer is the work of one name.
type Consumer struct {
	Name   string
	Source changes.Source
	Want   changes.Want
	// DB runs the statements about its place, as Caller: fluxbase_replication's login
	// itself, or service_role.
	DB     Querier
	Caller pg.Caller
	// Work deals with a transaction. done is the statement that stores that it is
	// dealt with: last in the transaction of the work, or not at all; it is stored
	// once a second anyway. After an error the same transaction comes again. ctx ends
	// when another process may take over.
	Work func(ctx context.Context, tx *changes.Transaction, done pg.Statement) error
	// Lost is called where changes may be missing: after the restore of a backup or
	// the promotion of a standby, or too far behind for the database to keep its log.
	// What depends on them is read from the database. done is as for Work.
	Lost func(ctx context.Context, gap *changes.Gap, done pg.Statement) error
	Log  *slog.Logger
}

// Querier runs one transaction; *pg.DB is one.
type Querier interface {
	Do(ctx context.Context, tx *pg.Tx) (*pg.Result, error)
}

const (
	// Lease is how long after the death of a process another begins in its place.
	Lease = 5 * time.Second
	// renewEvery leaves two more tries within a lease.
	renewEvery = Lease / 3
	askTimeout = 3 * time.Second
	// storeEvery is how often the place is stored while there is work, and idleEvery
	// while there is none, so that the log isn't kept for nothing.
	storeEvery = time.Second
	idleEvery  = 10 * time.Second
)

var (
	// errHeld and errNoStream are no failures of ours: another process does the work, or
	// the stream, which says what it lacks, has not begun.
	errHeld     = errors.New("another process holds it")
	errNoStream = errors.New("there is no stream yet")
	errLost     = errors.New("the lease has run out")
)

// Run works until ctx ends. Whatever goes wrong is tried again.
func (c *Consumer) Run(ctx context.Context) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	h := &hold{Consumer: c, holder: hex.EncodeToString(id[:])}
	said := ""
	for ctx.Err() == nil {
		began := time.Now()
		err := h.session(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > Lease {
			said = ""
		}
		if text := err.Error(); !errors.Is(err, errHeld) && !errors.Is(err, errNoStream) && text != said {
			said = text
			c.Log.Warn("the work for changes stands still", "consumer", c.Name, "error", err)
		}
		wait.For(ctx, storeEvery)
	}
	h.release(context.WithoutCancel(ctx))
}

// hold is a consumer as one process has it.
type hold struct {
	*Consumer
	holder string
	fence  string
	// at is up to where all is dealt with, stored what the database knows of it.
	at, stored changes.Position
	storedAt   time.Time
	// worked is whether there was work since.
	worked bool
}

// session claims the consumer and works until it fails or loses it.
func (h *hold) session(ctx context.Context) error {
	epoch := h.Source.State().Position.Epoch
	if epoch == (changes.Epoch{}) {
		return errNoStream
	}
	sent := time.Now()
	fence, text, err := h.claim(ctx, Lease, epoch)
	if err == nil && text == "" {
		fence, text, err = h.claim(ctx, Lease, epoch) // it begins now
	}
	if err != nil {
		return err
	}
	if h.at, err = changes.ParsePosition(text); err != nil {
		return err
	}
	h.fence, h.stored, h.storedAt, h.worked = fence, h.at, time.Now(), false
	ctx, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	defer renewing.Wait()
	defer cancel(nil)
	// Counted from before the claim was sent, and so shorter than the database does.
	lapse := time.AfterFunc(Lease-time.Since(sent), func() { cancel(errLost) })
	defer lapse.Stop()
	renewing.Go(func() { cancel(h.renew(ctx, epoch, lapse)) })
	for err == nil {
		err = h.follow(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case h.at != h.stored:
		return errors.Join(err, h.store(ctx)) // what went well need not be done again
	}
	return err
}

// follow subscribes and works until it fails, or with nil until another subscription
// is due.
func (h *hold) follow(ctx context.Context) error {
	sub := h.Source.Subscribe(changes.Options{Want: h.Want, From: h.at})
	defer sub.Close()
	for {
		err := h.next(ctx, sub)
		var gap *changes.Gap
		if !errors.As(err, &gap) {
			if err != nil {
				return err
			}
			continue
		}
		// What has left memory is read again from the log, at our own speed.
		if source, ok := h.Source.(changes.Replayer); ok {
			sub.Close()
			at, err := source.Replay(ctx, h.Want, h.at, func(tx *changes.Transaction) error { return h.deal(ctx, tx) })
			if err == nil {
				h.at = at
			}
			if !errors.Is(err, changes.ErrTooOld) {
				return err
			}
		}
		if err := h.Lost(ctx, gap, h.done(gap.From)); err != nil {
			return fmt.Errorf("after a gap: %w", err)
		}
		h.at = gap.From
		return h.store(ctx)
	}
}

// deal does the work of one transaction.
func (h *hold) deal(ctx context.Context, tx *changes.Transaction) error {
	if err := h.Work(ctx, tx, h.done(tx.Position())); err != nil {
		return fmt.Errorf("work on the transaction at %s: %w", tx.Position(), err)
	}
	h.at, h.worked = tx.Position(), true
	if time.Since(h.storedAt) < storeEvery {
		return nil
	}
	return h.store(ctx)
}

// next deals with what comes next, or with that nothing comes. A gap is its error.
func (h *hold) next(ctx context.Context, sub changes.Subscription) error {
	// All that is wanted up to here has been queued, and is gone if Next has nothing.
	received := h.Source.State().Position
	patient, cancel := context.WithTimeout(ctx, storeEvery)
	defer cancel()
	tx, err := sub.Next(patient)
	switch {
	case err == nil:
		return h.deal(ctx, tx)
	case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
		return err
	}
	if received.Epoch == h.at.Epoch {
		h.at.LSN = max(h.at.LSN, received.LSN)
	}
	every := storeEvery
	if !h.worked {
		every = idleEvery
	}
	if h.at == h.stored || time.Since(h.storedAt) < every {
		return nil
	}
	return h.store(ctx)
}

// done is the statement that stores a position.
func (h *hold) done(p changes.Position) pg.Statement {
	return pg.Statement{
		SQL:  `select fluxbase.store_position($1, $2, $3)`,
		Args: [][]byte{[]byte(h.Name), []byte(h.fence), []byte(p.String())},
	}
}

func (h *hold) store(ctx context.Context) error {
	if _, err := h.ask(ctx, h.done(h.at)); err != nil {
		return fmt.Errorf("store the position: %w", err)
	}
	h.stored, h.storedAt, h.worked = h.at, time.Now(), false
	return nil
}

// claim claims or renews. The position is empty before it begins.
func (h *hold) claim(ctx context.Context, lease time.Duration, epoch changes.Epoch) (fence, position string, err error) {
	values, err := h.ask(ctx, pg.Statement{
		SQL:  `select c.fence::text, coalesce(c.position, '') from fluxbase.claim_consumer($1, $2, $3, $4) as c`,
		Args: [][]byte{[]byte(h.Name), []byte(h.holder), []byte(strconv.FormatInt(lease.Milliseconds(), 10) + " ms"), []byte(epoch.String())},
	})
	if err != nil {
		return "", "", fmt.Errorf("claim the work: %w", err)
	}
	if values == nil {
		return "", "", errHeld
	}
	return values[0], values[1], nil
}

// renew keeps the lease from running out, until ctx ends or another process has it.
func (h *hold) renew(ctx context.Context, epoch changes.Epoch, lapse *time.Timer) error {
	for wait.For(ctx, renewEvery) {
		sent := time.Now()
		_, _, err := h.claim(ctx, Lease, epoch)
		switch {
		case err == nil:
			lapse.Reset(Lease - time.Since(sent))
		case errors.Is(err, errHeld):
			return err
		}
	}
	return ctx.Err()
}

// release stores how far it has come and lets the next process begin at once.
func (h *hold) release(ctx context.Context) {
	if h.fence == "" {
		return
	}
	if h.at != h.stored && h.store(ctx) != nil {
		return
	}
	_, _, _ = h.claim(ctx, 0, h.at.Epoch)
}

// ask runs a statement and returns its row as texts; nil is none.
func (h *hold) ask(ctx context.Context, s pg.Statement) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	res, err := h.DB.Do(ctx, &pg.Tx{Caller: h.Caller, Main: s})
	if err != nil {
		return nil, err
	}
	defer res.Free()
	if res.Values == nil {
		return nil, nil
	}
	row := make([]string, len(res.Values))
	for i, v := range res.Values {
		row[i] = string(v)
	}
	return row, nil
}
