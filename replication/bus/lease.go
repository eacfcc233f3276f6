package bus

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

const (
	// Lease is how long a process may trust what it remembers after the last proof
	// that its stream was current. fluxbase.await waits no longer either: a process
	// that was out of touch all the while trusts nothing then.
	Lease = 5 * time.Second
	// renewEvery leaves four more tries within a lease.
	renewEvery = time.Second
	askTimeout = 3 * time.Second
)

// newID draws a random UUID (RFC 9562, version 4).
func newID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// Trusted tells whether everything that was committed a Lease ago is known here, so
// that decisions may be made with what is remembered. While it says no, the database
// must be asked: by Copy.Get, or by a statement in pg.Tx.Before, which costs no round
// trip of its own. Ask Trusted before each look at what is remembered.
func (b *Bus) Trusted() bool {
	b.mu.Lock()
	renewed, held := b.renewed, b.held
	b.mu.Unlock()
	fresh := b.sub.Fresh()
	// Counted from before the renewal was sent, and so shorter than the database does.
	return within(renewed) && time.Since(fresh) < Lease && fresh.After(held)
}

func (b *Bus) fresh() bool { return time.Since(b.sub.Fresh()) < Lease }

// within tells whether a lease that was asked for at a time has not ended: by the clock
// of the wall too, since the other stands still while a machine sleeps.
func within(sent time.Time) bool {
	now := time.Now()
	return now.Sub(sent) < Lease && now.Round(0).Sub(sent.Round(0)) < Lease
}

// AnnouncesDDL tells whether changes of the schema are certain to come to
// SchemaChanged, so that nobody need look for them.
func (b *Bus) AnnouncesDDL() bool {
	b.mu.Lock()
	announces := b.announces
	b.mu.Unlock()
	return announces && b.Trusted()
}

// Note says in a few words what is amiss, for whoever may ask, unless it is the
// stream itself; empty is nothing. The log says more.
func (b *Bus) Note() string {
	if b.Trusted() || b.Source.State().Phase != changes.Streaming {
		return ""
	}
	return "not held, so nothing that is remembered is trusted"
}

// confirm says that all that was committed before p has been dealt with.
func (b *Bus) confirm(p changes.Position) {
	b.mu.Lock()
	b.confirmed = p
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default: // the renewal that is asked for will say it
	}
}

// keepLease renews the lease while the stream is current, and gives it back.
func (b *Bus) keepLease(ctx context.Context) {
	var unannounced string
	for first := true; ; first = false {
		// Without proof of a current stream the lease must run out. The first is for the
		// proofs that follow: see take.
		if first || b.fresh() {
			now, err := b.renew(ctx, Lease)
			if ctx.Err() != nil {
				break
			}
			b.note(err)
			if err == nil && now != unannounced {
				if unannounced != "" {
					b.schemaChanged()
				}
				unannounced = now
			}
		}
		t := time.NewTimer(renewEvery)
		select {
		case <-ctx.Done():
		case <-b.wake:
		case <-t.C:
		}
		t.Stop()
		if ctx.Err() != nil {
			break
		}
	}
	b.mu.Lock()
	held := !b.renewed.IsZero()
	b.renewed = time.Time{}
	b.mu.Unlock()
	if held {
		// Nobody need wait for a process that has ended.
		_, _ = b.renew(context.WithoutCancel(ctx), 0)
	}
}

// note logs when renewals begin to fail, and when they succeed again.
func (b *Bus) note(err error) {
	b.mu.Lock()
	before := b.err
	b.err = err
	b.mu.Unlock()
	switch {
	case err != nil && before == nil:
		b.Log.Warn("the lease is not renewed, so nothing that is remembered is trusted", "error", err)
	case err == nil && before != nil:
		b.Log.Info("the lease is renewed again")
	}
}

// renew returns a text that changes with what no message announces.
func (b *Bus) renew(ctx context.Context, lease time.Duration) (unannounced string, err error) {
	b.mu.Lock()
	at := b.confirmed
	b.mu.Unlock()
	sent := time.Now()
	text, err := b.ask(ctx,
		`select json_build_array(r.announces_ddl, r.unannounced)::text from fluxbase.renew($1, $2, $3, $4, $5) as r`,
		[]byte(b.id), []byte(b.Name), strconv.AppendUint(nil, uint64(at.Timeline), 10), []byte(at.LSN.String()),
		[]byte(strconv.FormatInt(lease.Milliseconds(), 10)+" ms"))
	if err != nil {
		return "", err
	}
	var answer [2]json.RawMessage
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return "", errors.New("fluxbase.renew is not that of this release")
	}
	if lease > 0 {
		b.take(sent, string(answer[0]) == "true")
	}
	return string(answer[1]), nil
}

// take notes a renewal whose answer has come. If the lease had ended before, those who
// asked fluxbase.await meanwhile did not wait for this process: it has to be proven of
// the stream first that what they did has come.
func (b *Bus) take(sent time.Time, announces bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !within(b.renewed) {
		b.held = time.Now()
	}
	b.renewed, b.announces = sent, announces
}
