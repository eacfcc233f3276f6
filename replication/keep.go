package replication

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/wait"
)

// heartbeatPrefix marks the messages by which a stream proves that it is current.
// No subscription sees them.
const heartbeatPrefix = "fluxbase.heartbeat"

// beat is a heartbeat under way.
type beat struct {
	// nonce keeps others from proving for us what isn't true.
	nonce string
	// sent is before the message was written, so all that was committed before it
	// comes before the message.
	sent time.Time
}

// heartbeat takes a message if it is a heartbeat, of whichever process.
func (s *Stream) heartbeat(tx *changes.Transaction) bool {
	if !isHeartbeat(tx) {
		return false
	}
	s.ring.advance(tx.End)
	if b := s.beat.Load(); b != nil && b.nonce == string(tx.Events[0].Content) {
		s.ring.prove(b.sent)
	}
	return true
}

func isHeartbeat(tx *changes.Transaction) bool {
	return tx.XID == 0 && len(tx.Events) == 1 && tx.Events[0].Prefix == heartbeatPrefix
}

// keeper does what needs a connection of its own beside the stream.
type keeper struct {
	stream *Stream
	conn   *pgx.Conn
	// oids are of the publications that are read, and changedAt is the place from which
	// on others are, 0 while they are the same.
	oids      []uint32
	changedAt changes.LSN
	looked    time.Time
	swept     time.Time
}

const (
	lookEvery  = 10 * time.Second
	sweepEvery = time.Minute
)

// run beats until the session must end. A lost connection is replaced: the stream
// itself may be well.
func (k *keeper) run(ctx context.Context) error {
	k.swept = time.Now()
	for {
		err := k.round(ctx)
		switch {
		case err == nil:
		case errors.As(err, new(*Failure)) || errors.Is(err, errAgain):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			k.stream.log.Warn("no heartbeat", "slot", k.stream.slot, "error", err)
			if err := k.reconnect(ctx); err != nil {
				return err
			}
		}
		if !wait.For(ctx, k.stream.cfg.HeartbeatInterval) {
			return ctx.Err()
		}
	}
}

// reconnect ends the session if the server is shutting down: it would wait until
// we confirm what the ring still holds.
func (k *keeper) reconnect(ctx context.Context) error {
	if !k.conn.IsClosed() {
		return nil
	}
	conn, err := k.stream.control(ctx)
	if hasCode(err, "57P03") {
		return diagnose(err)
	}
	if err == nil {
		k.conn = conn
	}
	return nil
}

func (k *keeper) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if err := k.needs(ctx); err != nil {
		return err
	}
	if err := k.beat(ctx); err != nil {
		return err
	}
	if time.Since(k.looked) >= lookEvery {
		if err := k.look(ctx); err != nil {
			return err
		}
		k.looked = time.Now()
	}
	if k.changedAt > 0 {
		if at, _ := k.stream.ring.state(); at.LSN >= k.changedAt {
			return errAgain
		}
	}
	if time.Since(k.swept) >= min(sweepEvery, k.stream.cfg.DeadSlotAfter/4) {
		k.swept = time.Now()
		return k.stream.sweep(ctx, k.conn)
	}
	return nil
}

// needs asks from where on consumers need the log, of this process or of others: it
// may have to take over from them.
func (k *keeper) needs(ctx context.Context) error {
	at, _ := k.stream.ring.state() // before the question
	oldest := changes.LSN(math.MaxUint64)
	var text *string
	err := k.conn.QueryRow(ctx, `select fluxbase.oldest_position($1)::text`, at.Epoch.String()).Scan(&text)
	switch {
	case hasCode(err, "42883", "3F000", "42501"): // a database without our functions has no consumers
	case err != nil:
		return fmt.Errorf("ask what consumers need: %w", err)
	case text != nil:
		if oldest, err = changes.ParseLSN(*text); err != nil {
			return err
		}
	}
	k.stream.ring.need(at.Epoch, at.LSN, oldest)
	return nil
}

// beat sends a heartbeat and measures how far behind the stream is.
func (k *keeper) beat(ctx context.Context) error {
	s := k.stream
	b := &beat{nonce: rand.Text(), sent: time.Now()}
	s.beat.Store(b)
	var text string
	err := k.conn.QueryRow(ctx, `select pg_logical_emit_message(false, $1, $2::text)::text`, heartbeatPrefix, b.nonce).Scan(&text)
	if err != nil {
		return fmt.Errorf("send a heartbeat: %w", err)
	}
	at, err := changes.ParseLSN(text)
	if err != nil {
		return err
	}
	received, _ := s.ring.state()
	s.metrics.behind.Store(max(0, int64(at)-int64(received.LSN)))
	return nil
}

// look notices what an operator has changed meanwhile.
func (k *keeper) look(ctx context.Context) error {
	f, err := k.stream.look(ctx, k.conn)
	if err != nil {
		return err
	}
	if slices.Equal(f.oids, k.oids) {
		k.changedAt = 0
		return nil
	}
	// In the log before this place the new publication is unknown.
	if k.changedAt == 0 {
		var text string
		if err := k.conn.QueryRow(ctx, `select pg_current_wal_insert_lsn()::text`).Scan(&text); err != nil {
			return fmt.Errorf("ask for the end of the log: %w", err)
		}
		if k.changedAt, err = changes.ParseLSN(text); err != nil {
			return err
		}
	}
	return nil
}

// dead is a slot that nobody reads, since when and at which place.
type dead struct {
	since     time.Time
	confirmed string
}

// sweepLock lets one process at a time drop slots of a database. Without it one
// could drop what another has just dropped and its owner made again.
const sweepLock = 0x666c7578736c6f74 // "fluxslot"

// sweep drops the slots of processes that are gone: nobody has read them for long,
// or they keep more of the log than is good. A slot that is read is never dropped;
// Postgres itself sees to that.
func (s *Stream) sweep(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `
		select slot_name::text, coalesce(confirmed_flush_lsn::text, ''), coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint, coalesce(wal_status = 'lost', false)
		from pg_catalog.pg_replication_slots
		where starts_with(slot_name::text, $1) and slot_name <> $2 and plugin = 'pgoutput'
		and database = current_database() and not active and not temporary`, slotPrefix, s.slot)
	if err != nil {
		return fmt.Errorf("look for dead slots: %w", err)
	}
	type found struct {
		name, confirmed string
		behind          int64
		lost            bool
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f found, err error) {
		err = row.Scan(&f.name, &f.confirmed, &f.behind, &f.lost)
		return f, err
	})
	if err != nil {
		return fmt.Errorf("look for dead slots: %w", err)
	}
	seen := map[string]dead{}
	for _, f := range all {
		d := s.dead[f.name]
		if d.confirmed != f.confirmed || d.since.IsZero() {
			d = dead{time.Now(), f.confirmed}
		}
		seen[f.name] = d
		idle := time.Since(d.since)
		// A process that restarts while much is written comes back within a minute.
		harmful := (f.lost || f.behind > s.hold.Load()) && idle >= min(sweepEvery, s.cfg.DeadSlotAfter)
		if idle < s.cfg.DeadSlotAfter && !harmful {
			continue
		}
		if err := s.drop(ctx, conn, f.name, f.confirmed); err != nil {
			return err
		}
		s.log.Warn("dropped a replication slot that nobody reads", "slot", f.name, "unread_for", idle.Round(time.Second), "bytes_behind", f.behind)
	}
	s.dead = seen
	return nil
}

func (s *Stream) drop(ctx context.Context, conn *pgx.Conn, name, confirmed string) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var alone bool
		if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, int64(sweepLock)).Scan(&alone); err != nil || !alone {
			return err
		}
		_, err := tx.Exec(ctx, `
			select pg_drop_replication_slot(slot_name) from pg_catalog.pg_replication_slots
			where slot_name = $1 and not active and confirmed_flush_lsn is not distinct from nullif($2, '')::pg_lsn`, name, confirmed)
		return err
	})
	if hasCode(err, "55006", "42704") {
		return nil // its process is back, or it is gone
	}
	if err != nil {
		return fmt.Errorf("drop slot %s: %w", name, err)
	}
	return nil
}
