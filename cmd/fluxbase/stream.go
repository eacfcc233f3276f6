package main

import (
	"context"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"

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

// emitConnections are for broadcasts, who is present, the reading of that, who may
// connect, and the lease of all that.
const emitConnections = 5

// streamAway is for balancers that send clients of realtime: without a current stream
// those hear nothing.
var streamAway = web.New("stream_away", "changes of the database are not streamed now")

// stream follows the changes of the database until ctx ends. address is where this
// process listens, which tells it from the others of its host.
func stream(ctx context.Context, set *settings, address string, f *front, reg *prometheus.Registry, deps *proxy.Deps) error {
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
	name := host + " " + address
	handlers, changed, missed := map[string]func(*changes.Transaction, []byte){}, f.schemaChanged, func(*changes.Gap) {}
	var b *bus.Bus
	run := func() {}
	if set.Main.on("realtime") {
		hub, emit, err := channels(ctx, set, source, name, f, deps)
		if err != nil {
			return err
		}
		hub.Metrics = reg
		hub.Announced = func() bool { return b.AnnouncesDDL() }
		hub.Open = func(tx *changes.Transaction, e *changes.Event) ([]byte, error) { return b.Open(tx, e) }
		run = func() {
			defer emit.Close()
			hub.Lease = b.ID()
			hub.Run(ctx)
		}
		handlers["broadcast"] = hub.Broadcasts
		handlers["presence"] = func(_ *changes.Transaction, data []byte) { hub.Presences(data) }
		missed = hub.Missed
		changed = func() {
			f.schemaChanged()
			hub.ForgetPolicies()
		}
		deps.Realtime = hub.Serve
	}
	var versions *bus.Versions
	if r := set.Rest; set.Main.on("rest") && r.Extensions && r.ETags && r.ETagsKept > 0 {
		versions = bus.NewVersions()
		f.versions = versions
	}
	b = bus.New(bus.Deps{
		Source: source, DB: db, Name: name,
		Log: deps.Log, Reg: deps.Reg, Refused: source.Refused, SchemaChanged: changed,
		Missed: missed, Handlers: handlers, Versions: versions,
	})
	f.announced = b.AnnouncesDDL
	deps.Notes["changes"], deps.Notes["lease"] = source.Note, b.Note
	f.background.Go(run)
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

// channels makes what takes the clients of realtime, and the pool that it sends with.
func channels(ctx context.Context, set *settings, source changes.Source, name string, f *front, deps *proxy.Deps) (*realtime.Hub, *pg.DB, error) {
	tokens, err := token.New(set.JWT)
	if err != nil {
		return nil, nil, err
	}
	f.background.Go(func() { tokens.Follow(ctx, deps.Log) })
	proxies, err := web.ParseProxies(set.Server.TrustedProxies)
	if err != nil {
		return nil, nil, err
	}
	emit, err := pg.Open(ctx, set.DB, set.Stream.DatabaseURL, emitConnections, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("FLUXBASE_REPLICATION_DATABASE_URL: %w", err)
	}
	return realtime.New(set.Realtime, realtime.Deps{
		Anon: f.pools[requestPool], Service: f.pools[servicePool], Emit: emit, Source: source,
		Tokens: tokens, Origins: set.Server.CORSOrigins, Proxies: proxies, Name: name, Log: deps.Log, Reg: deps.Reg,
	}), emit, nil
}
