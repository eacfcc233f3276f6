package main

import (
	"context"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/functions"
	"github.com/fluxbase/fluxbase/proxy/limit"
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

// streamConnections are those of a process that streams beside FLUXBASE_DATABASE_MAX_CONNECTIONS;
// the stream itself is a WAL sender, which counts elsewhere.
const streamConnections = busConnections + emitConnections

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
	keys := bus.NewCopy("service keys", func(ctx context.Context) (*token.ServiceKeys, error) { return f.ring.Read(ctx, db) },
		changes.Table{Schema: "auth", Name: "service_keys"}, changes.Table{Schema: "auth", Name: "legacy_key_revocations"})
	if f.keys != nil {
		f.keys = keys.Get
	}
	var b *bus.Bus
	copies := []bus.AnyCopy{keys}
	if f.issued != nil {
		ring := bus.NewCopy("signing keys", f.issued.ReadRing, token.SigningKeys)
		ring.Then(f.issued.SetRing)
		f.issued.Follow(db, func() bool { return b.Trusted() })
		copies = append(copies, ring, bus.NewFeed("ended sessions", f.issued.LoadSessions, f.issued.SessionChanged, token.EndedSessions))
		f.background.Go(func() { f.issued.Sweep(ctx) })
	}
	if f.signer != nil {
		signer := bus.NewCopy("current signing key", f.signer.Read, token.SigningKeys, token.Settings)
		f.signer.Use(signer.Get)
		copies = append(copies, signer)
	}
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
		keys.Then(hub.Recheck)
		if f.issued != nil {
			f.issued.Watch(hub.EndSession, hub.RecheckTokens)
		}
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
	if f.limits != nil {
		copies = append(copies, bus.NewCopy("rate limits", f.limits.Changed, limit.RulesTable))
	}
	if f.catalog != nil {
		list := bus.NewCopy("functions", f.catalog.Read, functions.FunctionsTable, functions.SecretsTable)
		list.Then(func(set *functions.Set) {
			if h := f.functions.Load(); h != nil {
				h.Changed(set)
			}
		})
		f.catalog.Follow(list.Get)
		copies = append(copies, list)
	}
	hints := map[string]func([]byte){}
	if f.waker != nil {
		hints["fluxbase.jobs"] = f.waker.Hint
	}
	b = bus.New(bus.Deps{
		Source: source, DB: db, Name: name,
		Log: deps.Log, Reg: deps.Reg, Refused: source.Refused, SchemaChanged: changed,
		Missed: missed, Handlers: handlers, Hints: hints, Versions: versions, Copies: copies,
	})
	f.announced = b.AnnouncesDDL
	if f.limits != nil {
		f.limits.Follow(b.Trusted)
	}
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
	tokens, err := f.verifier(set.JWT)
	if err != nil {
		return nil, nil, err
	}
	f.background.Go(func() { tokens.Follow(ctx, deps.Log) })
	emit, err := pg.Open(ctx, set.DB, set.Stream.DatabaseURL, emitConnections, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("FLUXBASE_REPLICATION_DATABASE_URL: %w", err)
	}
	origins, err := web.ParseOrigins(set.Server.CORSOrigins)
	if err != nil {
		return nil, nil, err
	}
	made := realtime.Deps{
		Anon: f.pools[requestPool], Service: f.pools[servicePool], Emit: emit, Source: source,
		Tokens: tokens, Origins: origins, Name: name, Log: deps.Log, Reg: deps.Reg,
	}
	if f.limits != nil {
		made.Limit = f.limits.Caller
	}
	return realtime.New(set.Realtime, made), emit, nil
}
