package pg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// cancelPatience is how long a statement that is cancelled may take to end before its
// connection is given up.
const cancelPatience = 5 * time.Second

// canceller cancels the statement of a request that was given up, and keeps the
// connection: closing it would leave the statement running and cost a log-in. pgconn's own handler hangs up the cancel request as soon as the
// statement has ended, of which PgBouncer 1.18 dies (pgbouncer issue 801); this one
// waits until the other side hangs up, as libpq does.
type canceller struct {
	conn *pgconn.PgConn
	done chan struct{}
	used bool // since the batch under way began
}

// HandleCancel is called when the request's context ends.
func (c *canceller) HandleCancel(context.Context) {
	deadline := time.Now().Add(cancelPatience)
	_ = c.conn.Conn().SetDeadline(deadline) // a closed connection says so when it is read
	c.done, c.used = make(chan struct{}), true
	go func() {
		defer close(c.done)
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		defer cancel()
		_ = c.conn.CancelRequest(ctx) // if it does not arrive, the deadline ends the wait
		// The server has taken it, but may deliver it a moment later; the next statement
		// on this connection must not be the one that it meets.
		time.Sleep(100 * time.Millisecond)
	}()
}

// HandleUnwatchAfterCancel is called when the connection is free again.
func (c *canceller) HandleUnwatchAfterCancel() {
	<-c.done
	_ = c.conn.Conn().SetDeadline(time.Time{})
}
