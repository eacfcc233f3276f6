package bus

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/wait"
)

// Deps is what a Bus is made of.
type Deps struct {
	Source changes.Source
	// DB is the database as fluxbase_replication.
	DB *pg.DB
	// Name of this process, for people.
	Name string
	Log  *slog.Logger
	Reg  prometheus.Registerer
	// Refused counts a message that was dropped, by reason.
	Refused func(reason string)
	// SchemaChanged is called when tables, functions or settings of roles may have
	// changed, once new snapshots show it. It must not wait for anything.
	SchemaChanged func()
	// Missed is called when messages may have been missed, so that what was built from
	// them has to be read anew. It must not wait for anything.
	Missed func(*changes.Gap)
	// Handlers are called with the data of messages of further kinds, in the order of
	// their commits. They must not wait for anything.
	Handlers map[string]func(tx *changes.Transaction, data []byte)
	// Hints are called with the content of messages of a prefix that nobody signs, because
	// whoever is told looks for itself; nil is for messages that may have been missed. They
	// must not wait for anything.
	Hints map[string]func(content []byte)
	// Copies are current, of all that was committed before, when a mark is confirmed.
	Copies []AnyCopy
	// Versions, if not nil, counts the changes of all published tables.
	Versions *Versions
}

// Bus applies what the stream says of the product itself.
type Bus struct {
	Deps
	id       string // of the lease
	sub      changes.Subscription
	messages *prometheus.CounterVec

	loaded time.Time // of the goroutine that reads, which alone writes keys

	wake chan struct{} // asks for a renewal now

	mu        sync.Mutex
	keys      keys
	confirmed changes.Position
	renewed   time.Time // when the last renewal that succeeded was sent
	held      time.Time // when the first answer came since which the lease has not ended
	announces bool
	err       error // why the lease is not renewed
}

// keysTable steers the bus itself: its changes bring new keys.
var keysTable = changes.Table{Schema: "fluxbase", Name: "message_keys"}

// keysEvery bounds what messages under keys that nobody has cost.
const keysEvery = time.Second

// New makes a Bus that begins with Run.
func New(deps Deps) *Bus {
	b := &Bus{
		Deps: deps,
		id:   newID(),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluxbase_bus_messages_total",
			Help: "Messages of the database to all processes that were obeyed, by kind.",
		}, []string{"kind"}),
		wake: make(chan struct{}, 1),
	}
	want := changes.Want{Prefixes: []string{prefix}, Tables: []changes.Table{keysTable}}
	for _, c := range deps.Copies {
		want.Tables = append(want.Tables, c.follow(b)...)
	}
	if deps.Versions != nil {
		deps.Versions.bus, want.AllTables = b, true
	}
	b.sub = deps.Source.Subscribe(changes.Options{Want: want})
	deps.Reg.MustRegister(b.messages, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fluxbase_bus_trusted",
		Help: "1 while this process holds its lease and its stream is current, so that it may trust what it remembers.",
	}, func() float64 {
		if b.Trusted() {
			return 1
		}
		return 0
	}))
	return b
}

// ID is that of the lease, the row of this process in fluxbase.proxies.
func (b *Bus) ID() string { return b.id }

// Run works until ctx ends.
func (b *Bus) Run(ctx context.Context) {
	defer b.sub.Close()
	var lease sync.WaitGroup
	lease.Go(func() { b.keepLease(ctx) })
	defer lease.Wait()
	for {
		tx, err := b.sub.Next(ctx)
		var gap *changes.Gap
		switch {
		case errors.As(err, &gap):
			b.startOver(ctx, gap)
		case err != nil:
			return
		default:
			b.apply(ctx, tx)
		}
	}
}

// startOver reads anew what was built from the stream.
func (b *Bus) startOver(ctx context.Context, gap *changes.Gap) {
	b.insist(ctx, "read the message keys", b.loadKeys)
	for _, c := range b.Copies {
		c.load(ctx)
	}
	if b.Versions != nil {
		b.Versions.startOver()
	}
	b.SchemaChanged()
	b.Missed(gap)
	for _, hint := range b.Hints {
		hint(nil)
	}
	b.confirm(gap.From)
}

// apply obeys one transaction.
func (b *Bus) apply(ctx context.Context, tx *changes.Transaction) {
	if b.Versions != nil {
		b.Versions.count(tx)
	}
	if touches(tx, keysTable) {
		b.fence(ctx, tx.XID)
		b.insist(ctx, "read the message keys", b.loadKeys)
	}
	for _, c := range b.Copies {
		c.apply(ctx, b, tx)
	}
	for i := range tx.Touched {
		if t := &tx.Touched[i]; t.Relation == nil {
			for prefix, hint := range b.Hints {
				if t.Prefix == prefix || t.Prefix == "" {
					hint(nil)
				}
			}
		}
	}
	schema, mark := false, false
	for i := range tx.Events {
		e := &tx.Events[i]
		if e.Op != changes.Message {
			continue
		}
		if hint := b.Hints[e.Prefix]; hint != nil {
			hint(e.Content)
			continue
		}
		if err := b.verify(ctx, e, tx.XID); err != nil {
			b.Refused(err.Error())
			continue
		}
		kind := e.Prefix[len(prefix):]
		switch kind {
		case "ddl":
			schema = true
		case "mark":
			mark = true
		default:
			handle := b.Handlers[kind]
			if handle == nil {
				continue // of a newer release, or a capability that is off
			}
			handle(tx, data(e))
		}
		b.messages.WithLabelValues(kind).Inc()
	}
	if schema {
		b.fence(ctx, tx.XID)
		b.schemaChanged()
	}
	if mark {
		b.confirm(tx.Position())
	}
}

func (b *Bus) schemaChanged() {
	if b.Versions != nil {
		b.Versions.schemaChanged()
	}
	b.SchemaChanged()
}

// touches tells whether a transaction changed a table.
func touches(tx *changes.Transaction, table changes.Table) bool {
	for i := range tx.Events {
		if r := tx.Events[i].Relation; r != nil && r.Table == table {
			return true
		}
	}
	for i := range tx.Touched {
		if r := tx.Touched[i].Relation; r != nil && r.Table == table {
			return true
		}
	}
	return false
}

// verify checks a message. A key that is not known may have been made a moment
// before the stream began.
func (b *Bus) verify(ctx context.Context, e *changes.Event, xid uint32) error {
	err := b.keys.verify(e, xid)
	if errors.Is(err, errUnknownKey) && time.Since(b.loaded) > keysEvery {
		b.insist(ctx, "read the message keys", b.loadKeys)
		err = b.keys.verify(e, xid)
	}
	return err
}

func (b *Bus) loadKeys(ctx context.Context) error {
	text, err := b.ask(ctx, `select coalesce(json_object_agg(k.id, encode(k.key, 'hex')), '{}')::text from fluxbase.read_message_keys() as k`)
	if err != nil {
		return err
	}
	var coded map[int]string
	if err := json.Unmarshal([]byte(text), &coded); err != nil {
		return fmt.Errorf("read the message keys: %w", err)
	}
	found := make(keys, len(coded))
	for id, code := range coded {
		key, err := hex.DecodeString(code)
		if err != nil {
			return fmt.Errorf("read message key %d: %w", id, err)
		}
		found[id] = key
	}
	b.mu.Lock()
	b.keys = found
	b.mu.Unlock()
	b.loaded = time.Now()
	return nil
}

// Open verifies a message that the stream has brought before, and gives what it says.
func (b *Bus) Open(tx *changes.Transaction, e *changes.Event) ([]byte, error) {
	b.mu.Lock()
	known := b.keys
	b.mu.Unlock()
	if err := known.verify(e, tx.XID); err != nil {
		return nil, err
	}
	return data(e), nil
}

// fence waits until new snapshots show what a transaction has done.
func (b *Bus) fence(ctx context.Context, xid uint32) {
	b.insist(ctx, "wait until a commit is visible", func(ctx context.Context) error {
		for pause := 200 * time.Microsecond; ; pause = min(2*pause, 50*time.Millisecond) {
			snapshot, err := b.ask(ctx, `select pg_current_snapshot()::text`)
			if err != nil {
				return err
			}
			if visible, err := Sees(snapshot, xid); err != nil || visible {
				return err
			}
			if !wait.For(ctx, pause) {
				return ctx.Err()
			}
		}
	})
}

// insist does what must be done before the stream goes on, until it succeeds. The
// longer it takes, the older the stream; nothing is trusted then.
func (b *Bus) insist(ctx context.Context, what string, do func(context.Context) error) {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		b.Log.Warn("the bus waits for the database", "step", what, "error", err, "again_in", pause)
		if !wait.For(ctx, pause) {
			return
		}
	}
}

// ask runs a statement that gives one text.
func (b *Bus) ask(ctx context.Context, sql string, args ...[]byte) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	res, err := b.DB.Do(ctx, &pg.Tx{Main: pg.Statement{SQL: sql, Args: args}})
	if err != nil {
		return "", err
	}
	defer res.Free()
	if len(res.Values) == 0 {
		return "", errors.New("the database gave no row")
	}
	return string(res.Values[0]), nil
}
