package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/replication/bus"
)

// tableSnapshot is what a table held when its channel was joined. The channel is told of what
// is not visible in it, wherever in the stream that stands: a commit is in the log
// before it is visible, so places in the log can't tell the two apart.
type tableSnapshot struct {
	text string // as pg_current_snapshot() prints it
	// until is a place before which all was committed that it shows.
	until   changes.LSN
	columns json.RawMessage
	rows    []json.RawMessage
}

// shows tells whether what a transaction has done is in the snapshot.
func (s *tableSnapshot) shows(tx *changes.Transaction) bool {
	if tx.Commit > s.until {
		return false
	}
	visible, err := bus.Sees(s.text, tx.XID)
	return visible && err == nil
}

const (
	snapshotSQL = `select s.snapshot, s.taken_at, s.columns, s.rows` +
		` from realtime.read_rows($1, $2, $3, $4, $5, $6, $7, $8) as s`
	maxSnapshotBytes = 32 << 20
	// retakeAfter is how long to wait for a commit that the snapshot should show.
	retakeAfter = 50 * time.Millisecond
)

// takeSnapshots reads what the channel's bindings ask for. Its error is for the client.
func (h *Hub) takeSnapshots(ctx context.Context, ch *channel) error {
	for {
		at := place{h.marks.before(time.Now()), whole}
		for _, b := range ch.bindings {
			if b.snapshot == nil {
				continue
			}
			s, err := h.takeSnapshot(ctx, ch, b)
			if err != nil {
				return err
			}
			b.snapshot = s
			ch.quiet = max(ch.quiet, s.until)
		}
		from, ok := h.reachesBack(ctx, ch, at)
		if ok {
			ch.since = from
			return h.flush(ctx, ch.quiet)
		}
		t := time.NewTimer(retakeAfter)
		select {
		case <-ctx.Done():
			t.Stop()
			return errors.New("PostgresChangesSubscribeTimeout: No snapshot shows what was committed long ago; try again")
		case <-t.C:
		}
	}
}

// flush waits until all that was committed before a place is on disk. What commits with
// synchronous_commit = off is seen before that, and a client must not keep what a crash
// may undo.
func (h *Hub) flush(ctx context.Context, until changes.LSN) error {
	res, err := h.Emit.Do(ctx, &pg.Tx{Main: pg.Statement{SQL: `select realtime.flush($1)`, Args: [][]byte{[]byte(until.String())}}})
	if err != nil {
		return errDatabase
	}
	res.Free()
	return nil
}

// reachesBack tells whether the ring has, from the place that it returns on, all that the
// snapshots of a channel don't show: so it is if they show the oldest of it.
func (h *Hub) reachesBack(ctx context.Context, ch *channel, at place) (from place, ok bool) {
	sub := h.Source.Subscribe(changes.Options{Want: ch.want(), From: at.from()})
	defer sub.Close()
	now, cancel := context.WithCancel(ctx)
	cancel()
	for {
		tx, err := sub.Next(now)
		var gap *changes.Gap
		switch {
		case errors.As(err, &gap):
			at = place{gap.From, whole}
			continue
		case err != nil:
			return at, at.LSN != 0
		}
		for _, b := range ch.bindings {
			if b.snapshot != nil && tx.Commit <= b.snapshot.until && !b.snapshot.shows(tx) {
				return place{}, false
			}
		}
		return at, at.LSN != 0
	}
}

func (h *Hub) takeSnapshot(ctx context.Context, ch *channel, b *binding) (*tableSnapshot, error) {
	who := ch.who.Load()
	var tree, values []byte // null is no filter
	if f := b.filter; f != nil {
		var err, errValues error
		tree, err = json.Marshal(f.root().Data())
		values, errValues = json.Marshal(f.operands())
		if err := errors.Join(err, errValues); err != nil {
			return nil, err
		}
	}
	res, err := h.pool(who.Caller).Do(ctx, &pg.Tx{SearchPath: searchPath, RequestID: ch.client.request, Mode: pg.ReadOnly, Main: pg.Statement{
		SQL: snapshotSQL,
		Args: [][]byte{
			[]byte(b.Schema), []byte(*b.Table), []byte(who.Role), []byte(who.Claims), tree, values,
			strconv.AppendInt(nil, int64(h.cfg.MaxSnapshotRows), 10), strconv.AppendInt(nil, maxSnapshotBytes, 10),
		},
	}})
	switch {
	case errors.As(err, new(*pgconn.PgError)):
		h.Log.Warn("a snapshot could not be read", "request_id", ch.client.request, "table", *b.Table, "role", who.Role, "error", err)
		return nil, denied("RealtimeDisabledForConfiguration: The snapshot of " + b.Schema + "." + *b.Table + " could not be read")
	case err != nil:
		return nil, errDatabase
	}
	defer res.Free()
	if len(res.Values) != 4 {
		return nil, errDatabase
	}
	if res.Values[3] == nil {
		return nil, fmt.Errorf("SnapshotTooLarge: More than %d rows or %d bytes of %s.%s; filter them, or read the table in pages and join without a snapshot before",
			h.cfg.MaxSnapshotRows, maxSnapshotBytes, b.Schema, *b.Table)
	}
	s := &tableSnapshot{text: string(res.Values[0]), columns: json.RawMessage(string(res.Values[2]))}
	if s.until, err = changes.ParseLSN(string(res.Values[1])); err != nil {
		return nil, errDatabase
	}
	if json.Unmarshal(res.Values[3], &s.rows) != nil {
		return nil, errDatabase
	}
	return s, nil
}

// eventSnapshot is known to clients alone that ask for it.
const eventSnapshot = "postgres_snapshot"

// maxPartRows and maxPartBytes bound the messages of a snapshot; a row may be larger.
const (
	maxPartRows  = 100
	maxPartBytes = 64 << 10
)

// sendSnapshots tells a channel of what its bindings' snapshots hold.
func (c *client) sendSnapshots(ctx context.Context, ch *channel) bool {
	for _, b := range ch.bindings {
		if b.snapshot == nil {
			continue
		}
		rows := b.snapshot.rows
		columns := selectColumns(b.snapshot.columns, b.selection)
		b.snapshot.rows = nil // so that they go as they are sent
		for last := false; !last; {
			n := 0
			for size := 0; n < len(rows) && n < maxPartRows && size < maxPartBytes; n++ {
				rows[n] = selectFields(rows[n], b.selection)
				size += len(rows[n])
			}
			last = n == len(rows)
			payload, err := json.Marshal(struct {
				ID      int64             `json:"id"`
				Schema  string            `json:"schema"`
				Table   string            `json:"table"`
				Columns json.RawMessage   `json:"columns"`
				Rows    []json.RawMessage `json:"rows"`
				Last    bool              `json:"last"`
			}{b.ID, b.Schema, *b.Table, columns, rows[:n:n], last})
			if err != nil || !c.out.wait(ctx) {
				return false
			}
			clear(rows[:n])
			rows = rows[n:]
			c.send(null, null, ch.wire, eventSnapshot, payload)
		}
	}
	return true
}
