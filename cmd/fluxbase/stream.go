package main

import (
	"context"
	"fmt"
	"os"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
	"github.com/fluxbase/fluxbase/replication"
	"github.com/fluxbase/fluxbase/replication/bus"
	"github.com/fluxbase/fluxbase/replication/realtime"
)

// busConnections is one for the lease and one for what the stream waits for.
const busConnections = 2

// emitConnections is one for the batch that is on its way, and one in reserve.
const emitConnections = 2

// streamAway is for balancers that send clients of realtime: without a current stream
// those hear nothing.
var streamAway = web.New("stream_away", "changes of the database are not streamed now")

// stream follows the changes of the database until ctx ends. address is where this
// process listens, which tells it from the others of its host.
func stream(ctx context.Context, set *settings, address string, f *front, deps *proxy.Deps) error {
	source, err := replication.New(set.Stream, address, deps.Log, deps.Reg)
	if err != nil {
		return err
	}
	db, err := pg.Open(ctx, set.DB, set.Stream.DatabaseURL, busConnections, 0)
	if err != nil {
		return fmt.Errorf("FLUXBASE_REPLICATION_DATABASE_URL: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("find a name for this process: %w", err)
	}
	busDeps := bus.Deps{
		Source: source, DB: db, Name: host + " " + address,
		Log: deps.Log, Reg: deps.Reg, Refused: source.Refused, SchemaChanged: f.schemaChanged,
	}
	var b *bus.Bus
	if set.Main.on("realtime") {
		// No client comes before there is a bus.
		open := func(tx *changes.Transaction, e *changes.Event) ([]byte, error) { return b.Open(tx, e) }
		hub, err := channels(ctx, set, source, open, f, deps)
		if err != nil {
			return err
		}
		busDeps.Handlers = map[string]func(*changes.Transaction, []byte){"broadcast": hub.Broadcasts}
		busDeps.Missed = hub.BroadcastsMissing
		deps.Realtime = hub.Serve
	}
	b = bus.New(busDeps)
	f.announced = b.AnnouncesDDL
	deps.Notes["changes"], deps.Notes["lease"] = source.Note, b.Note
	if deps.Realtime != nil {
		deps.ReadyFor["realtime"] = func() error {
			if b.Trusted() {
				return nil
			}
			return streamAway
		}
	}
	f.background.Go(func() { source.Run(ctx) })
	f.background.Go(func() {
		defer db.Close()
		b.Run(ctx)
	})
	return nil
}

// channels takes the clients of realtime until ctx ends.
func channels(ctx context.Context, set *settings, source changes.Source, open func(*changes.Transaction, *changes.Event) ([]byte, error), f *front, deps *proxy.Deps) (*realtime.Hub, error) {
	tokens, err := token.New(set.JWT)
	if err != nil {
		return nil, err
	}
	emit, err := pg.Open(ctx, set.DB, set.Stream.DatabaseURL, emitConnections, 0)
	if err != nil {
		return nil, fmt.Errorf("FLUXBASE_REPLICATION_DATABASE_URL: %w", err)
	}
	hub := realtime.New(set.Realtime, realtime.Deps{
		Anon: f.pools[requestPool], Service: f.pools[servicePool], Emit: emit, Source: source, Open: open,
		Tokens: tokens, Origins: set.Server.CORSOrigins, Log: deps.Log, Reg: deps.Reg,
	})
	f.background.Go(func() {
		defer emit.Close()
		hub.Run(ctx)
	})
	return hub, nil
}
