package replication

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fluxbase/fluxbase/proxy/changes"
)

var _ changes.Replayer = (*Stream)(nil)

// replay is one reading of the log beside the stream, from a temporary copy of our
// slot. Nothing is kept: while work is done the server waits.
type replay struct {
	stream  *Stream
	want    changes.Want
	conn    *pgconn.PgConn
	decoder *decoder
	at      atomic.Uint64 // up to where all is dealt with
	epoch   changes.Epoch
}

// Replay is part of changes.Replayer. It takes one more slot and walsender while it
// runs.
func (s *Stream) Replay(ctx context.Context, want changes.Want, from changes.Position, work func(*changes.Transaction) error) (changes.Position, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &replay{stream: s, want: want, epoch: from.Epoch, decoder: newDecoder(s.cfg.MaxChanges, s.cfg.RingBytes/4)}
	r.at.Store(uint64(from.LSN))
	if err := r.begin(ctx); err != nil {
		return from, err
	}
	defer hangUp(r.conn)
	// As in session: the reader has no context.
	stop := context.AfterFunc(ctx, func() { _ = r.conn.Conn().SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var reporting sync.WaitGroup
	defer reporting.Wait()
	defer cancel(nil)
	reporting.Go(func() { cancel(r.report(ctx)) })
	for !s.ring.joins(r.position()) {
		if err := r.next(ctx, work); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return r.position(), err
		}
	}
	return r.position(), nil
}

func (r *replay) position() changes.Position {
	return changes.Position{Epoch: r.epoch, LSN: changes.LSN(r.at.Load())}
}

// begin copies the slot, which only the connection that did may read, and reads it.
func (r *replay) begin(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	s := r.stream
	ctl, err := s.control(ctx)
	if err != nil {
		return err
	}
	f, err := s.look(ctx, ctl)
	hangUp(ctl.PgConn())
	if err != nil {
		return err
	}
	if r.conn, err = s.dial(ctx); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			hangUp(r.conn)
		}
	}()
	epoch, _, err := identify(ctx, r.conn)
	if err != nil {
		return err
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	name := slotPrefix + "replay_" + hex.EncodeToString(random[:])
	// Both names are of letters, digits and _ alone.
	results, err := r.conn.Exec(ctx, fmt.Sprintf(`select lsn from pg_copy_logical_replication_slot('%s', '%s', true)`, s.slot, name)).ReadAll()
	if err != nil {
		return fmt.Errorf("copy slot %s: %w", s.slot, err)
	}
	confirmed, err := changes.ParseLSN(string(results[0].Rows[0][0]))
	if err != nil {
		return err
	}
	from := r.position()
	if epoch != from.Epoch || confirmed > from.LSN {
		return changes.ErrTooOld
	}
	if err := startReplication(ctx, r.conn, name, from.LSN, f.publications); err != nil {
		return err
	}
	r.decoder.restart(epoch, from.LSN)
	s.log.Info("reading the log again for a slow reader", "slot", name, "from", from)
	return nil
}

// next takes one message and does its work.
func (r *replay) next(ctx context.Context, work func(*changes.Transaction) error) error {
	// The server is asked for a sign of life, so silence is its end.
	_ = r.conn.Conn().SetReadDeadline(time.Now().Add(maxSilence * statusInterval))
	if ctx.Err() != nil { // which may have come between
		return ctx.Err()
	}
	msg, err := r.conn.ReceiveMessage(context.Background())
	if err != nil {
		return fmt.Errorf("read the log again: %w", err)
	}
	switch msg := msg.(type) {
	case *pgproto3.CopyData:
		return r.take(msg.Data, work)
	case *pgproto3.ErrorResponse:
		return pgconn.ErrorResponseToPgError(msg)
	case *pgproto3.NoticeResponse, *pgproto3.ParameterStatus:
		return nil
	}
	return fmt.Errorf("read the log again: the server has ended it with %T", msg)
}

func (r *replay) take(data []byte, work func(*changes.Transaction) error) error {
	if len(data) == 0 {
		return errMalformed
	}
	switch data[0] {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		k, err := pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
		if err == nil && !r.decoder.open {
			r.reach(changes.LSN(k.ServerWALEnd))
		}
		return err
	case pglogrepl.XLogDataByteID:
		x, err := pglogrepl.ParseXLogData(data[1:])
		if err != nil {
			return err
		}
		tx, _, err := r.decoder.decode(x.WALData)
		if err != nil {
			return fmt.Errorf("decode what stands at %s: %w", x.WALStart, err)
		}
		if tx == nil || tx.End <= r.position().LSN {
			return nil // a server may begin a little early
		}
		if !isHeartbeat(tx) && wanted(&r.want, tx) {
			if err := work(tx); err != nil {
				return err
			}
		}
		r.reach(tx.End)
		return nil
	}
	return fmt.Errorf("%w of unknown kind %q", errMalformed, data[0])
}

func (r *replay) reach(at changes.LSN) { r.at.Store(max(r.at.Load(), uint64(at))) }

// report keeps the server from taking slow work for a dead process.
func (r *replay) report(ctx context.Context) error {
	tick := time.NewTicker(statusInterval)
	defer tick.Stop()
	for {
		at := pglogrepl.LSN(r.at.Load())
		err := pglogrepl.SendStandbyStatusUpdate(ctx, r.conn, pglogrepl.StandbyStatusUpdate{
			WALWritePosition: at, WALFlushPosition: at, WALApplyPosition: at, ReplyRequested: true,
		})
		if err != nil {
			return fmt.Errorf("send the status: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
