package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// statusInterval is how often Postgres hears from us at least; it hangs up after
	// wal_sender_timeout, a minute by default.
	statusInterval = 10 * time.Second
	// maxSilence is how many statuses may go by without a word of the server, which
	// each of them asks for.
	maxSilence = 3
)

// report tells the server how far we are: every while, and when it asks. It has a
// goroutine of its own so that nothing can keep it from that.
func (s *Stream) report(ctx context.Context, conn *pgconn.PgConn, replies <-chan struct{}) error {
	// More often where the ring is short, so that the log is freed in time.
	tick := time.NewTicker(min(statusInterval, s.cfg.RingTime/2))
	defer tick.Stop()
	var heard int64
	for silent, ask := 0, true; ; {
		received, flush := s.ring.safe()
		s.flushed = max(s.flushed, flush)
		err := pglogrepl.SendStandbyStatusUpdate(ctx, conn, pglogrepl.StandbyStatusUpdate{
			WALWritePosition: pglogrepl.LSN(received),
			WALFlushPosition: pglogrepl.LSN(s.flushed),
			WALApplyPosition: pglogrepl.LSN(s.flushed),
			ReplyRequested:   ask,
		})
		if err != nil {
			return fmt.Errorf("send the status: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-replies:
			ask = false
		case <-tick.C:
			ask = true
			if n := s.heard.Load(); n != heard {
				heard, silent = n, 0
			} else if silent++; silent == maxSilence {
				return &Failure{Kind: "unreachable", Err: errors.New("the server has gone silent")}
			}
		}
	}
}
